"""What waits for a room's turn: what people say, joins, leaves, and other changes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock

from threadchat.chat.interfaces import Member
from threadchat.messages.kinds import Left, RoomMessage, Spoken, TakenBack
from threadchat.messages.places import Place

NOWHERE = Place("", 0)
"""The place of no line."""

More = Callable[[], Sequence[Spoken]]
"""A function that returns what the sender has said since, without waiting.

It returns nothing if no message has come, or if something else came first, such as a command.
"""


def held_lock() -> Lock:
    """Return a lock that a thread can wait for until it is released."""
    lock = Lock()
    lock.acquire()
    return lock


@dataclass(slots=True)
class Post:
    """What a member says. `more` and `served` are for a sender that waits."""

    said: Sequence[Spoken]
    sender: Member
    is_echoed: bool
    more: More | None = None
    served: "Lock | None" = None  # held while the sender waits
    error: Exception | None = None  # what `more` raised
    silent: int = 0  # how many times in a row `more` returned nothing

    def goes_on(self) -> bool:
        """Take what the sender, which waits, has said since; return whether that is something.

        What it said before has been shown.
        """
        said: Sequence[Spoken] = ()
        if self.more is not None:
            try:
                said = self.more()
            except Exception as error:
                self.error = error  # `Room.post` raises it on the sender's thread
        if not said:
            self.silent += 1
            return False
        self.said, self.is_echoed, self.silent = said, self.sender.hears_itself, 0
        return True

    def let_go(self) -> None:
        """Let the sender's thread go on, if it waits."""
        if self.served is not None:
            self.served.release()


@dataclass(slots=True)
class Announce:
    """What a room is to be shown about somebody, or by an operator."""

    message: RoomMessage
    sender: Member | None
    done: Lock = field(default_factory=held_lock)  # let go of when it has been shown


@dataclass(slots=True)
class Join:
    """A member that joins, or that comes back to where it was, `since`."""

    member: Member
    welcome: bytes
    since: Place | None
    place: Place = NOWHERE  # of the last line before
    done: Lock = field(default_factory=held_lock)


@dataclass(slots=True)
class Leave:
    """A member that leaves."""

    member: Member
    left: Left
    done: Lock = field(default_factory=held_lock)


@dataclass(slots=True)
class Resume:
    """A member that goes on through another connection, from where it was, `since`."""

    member: Member
    attach: Callable[[], None]
    since: Place | None
    error: Exception | None = None  # what `attach` raised
    done: Lock = field(default_factory=held_lock)


@dataclass(slots=True)
class TakeBack:
    """A line that is to be taken back."""

    line: Spoken | Place
    taken_back: TakenBack | None = None
    error: Exception | None = None  # what the history raised
    done: Lock = field(default_factory=held_lock)

    @property
    def place(self) -> Place:
        """The place of the line."""
        return self.line if isinstance(self.line, Place) else Place(self.line.epoch, self.line.seq)


Change = Announce | Join | Leave | Resume | TakeBack
"""An entry that a thread waits for until it has been shown."""

Entry = Post | Change
"""What is laid out in batches."""


def raise_error(entry: Post | Resume | TakeBack) -> None:
    """Raise what went wrong with `entry`, if anything did.

    The frames in its traceback hold `entry`. So nothing here may hold the error in turn: such a
    cycle of references would keep all of it in memory.
    """
    error, entry.error = entry.error, None
    if error is not None:
        try:
            raise error
        finally:
            del error
