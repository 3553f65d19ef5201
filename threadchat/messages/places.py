"""Define the place of a line among all that was said in its room.

The history gives the places; see `threadchat.storage.history`.
"""

import re
import secrets
from typing import NamedTuple


class Place(NamedTuple):
    """The place of a line in its room, from which a member can resume.

    Within one epoch the numbers `seq` of a room are consecutive and begin with 1. A number that is
    missing is a line that is not remembered. Another epoch is another order, and a new beginning.
    """

    epoch: str
    seq: int

    @property
    def position(self) -> str:
        """The place as a text for clients. They hand it back as it is, and do not look into it."""
        return f"{self.epoch}.{self.seq}"


def place_at(position: str) -> Place | None:
    """Return the place that has the text `position`; None if no place has."""
    found = _POSITION.fullmatch(position)
    return Place(found[1], int(found[2])) if found else None


_POSITION = re.compile(r"([0-9a-f]{1,64})\.([0-9]{1,18})", re.ASCII)


def new_epoch() -> str:
    """Return an epoch that no other order has: 16 random hexadecimal digits."""
    return secrets.token_hex(8)
