"""Find the one name of a file."""

import os
from pathlib import Path

from threadchat.errors import OperatorError


class NoCurrentFolder(OperatorError):
    """A path goes from the current folder, which was removed. The text is one line."""


def resolve(path: str | Path) -> Path:
    """Return the absolute path of a file with its links resolved, so that two names become one.

    Where the system fails to resolve them, the path is only made absolute. So it is for a path of
    more than 260 letters under Wine. Raise `NoCurrentFolder`.
    """
    try:
        return Path(os.path.realpath(path))
    except OSError:
        try:
            return Path(os.path.abspath(path))
        except OSError:
            raise NoCurrentFolder(
                f"{path} is nowhere: the folder in which this was started has been removed."
                " Go to another folder, or give the whole path."
            ) from None
