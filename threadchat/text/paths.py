"""Find the one name of a file."""

import os
from pathlib import Path


def resolve(path: str | Path) -> Path:
    """Return the absolute path of a file with its links resolved, so that two names become one.

    Where the system fails to resolve them, the path is only made absolute. So it is for a path of
    more than 260 letters under Wine.
    """
    try:
        return Path(os.path.realpath(path))
    except OSError:
        return Path(os.path.abspath(path))
