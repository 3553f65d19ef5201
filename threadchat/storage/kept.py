"""Define what the records keep, as data, and the errors of those that keep it."""

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from threadchat.errors import PersonError
from threadchat.messages.kinds import Private
from threadchat.storage.patientfile import PatientFile
from threadchat.text.names import fold_name

CANNOT_KEEP = "That cannot be kept just now, and nothing has changed. Try again in a while."
"""The line for a person whose name or message cannot be written down."""

Turn = Callable[[str], AbstractContextManager[PatientFile]]
"""Holds the lock of the records, with the file; what fails becomes `RecordsFailed` with a line."""

Follow = Callable[[str, str, str], None]
"""Called with what has changed: a kind, such as `ban`, a key, such as that of its target, by whom.

The last one is empty where it does not matter.
"""


class RecordsFailed(PersonError):
    """The file fails. The text is one line for the person who asked for something.

    `why` is the line for the operator.
    """

    def __init__(self, line: str, why: str) -> None:
        super().__init__(line)
        self.why = why


class RecordsFull(PersonError):
    """No more can be kept. The text is one line: why, and the way out."""


@dataclass(frozen=True, slots=True)
class Protected:
    """A name as its owner writes it, what `passphrase.make` returned, and since when.

    `since` is in seconds since the epoch. `address` is the address, or network, for which the name
    counts; empty if it counts for none.
    """

    name: str
    kept: bytes = field(repr=False)
    since: float
    address: str = ""


@dataclass(frozen=True, slots=True)
class KeptMessage:
    """A private message that waits for its recipient.

    `writer` is the record of a protected name that its sender had proven; None if there is none.
    """

    id: int
    message: Private
    writer: Protected | None = None
    was_shown: bool = False
    """Whether it was shown before, and may not have arrived."""

    @property
    def key(self) -> str:
        """A text that stands for this message alone, in any file: its recipient and a hash."""
        it = self.message
        text = "\0".join((fold_name(it.sender), repr(it.at), it.text))
        hashed = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:24]
        return f"{fold_name(it.recipient)} {hashed}"
