"""Define what the core of a link tells the chat: what was put in order, and what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from threadchat.link.ownentries import Item
from threadchat.link.records import BatchRecord, NoticeRecord
from threadchat.link.wire import Holding
from threadchat.messages.places import Place


class Applied(NamedTuple):
    """A batch has its place in the order: it is to be remembered there, and shown if it was not.

    `first` is the place of the first line that was said in it; the number is 0 if there is none.
    `line` is the number of that line among all that the node has said.
    `record` is the batch of another node, and `item` one of this node. `is_shown` says that it was
    shown here before: while there was no link, or in an epoch before. `apart` tells from when to
    when its own node had no link, if it was said then.
    """

    position: int
    first: Place
    node: str
    line: int
    record: BatchRecord | None = None
    item: Item | None = None
    is_shown: bool = False
    apart: tuple[float, float] | None = None
    here: int | None = None
    """How many are in the room behind it, on all servers; None if nobody comes or goes in it."""


@dataclass(frozen=True, slots=True)
class Provisional:
    """There is no link: a batch of this node is to be shown here at once. Its place comes later."""

    item: Item


@dataclass(frozen=True, slots=True)
class Noticed:
    """A notice has come, each once: in the order, or at once if it is own and there is no link.

    `apart` is as in `Applied`.
    """

    node: str
    notice: NoticeRecord
    is_own: bool
    apart: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Claimed:
    """A person may have the name that was claimed for them, or not."""

    person: str
    fold: str
    is_theirs: bool


@dataclass(frozen=True, slots=True)
class NameLost:
    """A name that a person got while there was no link is somebody else's: they need another."""

    person: str
    fold: str


@dataclass(frozen=True, slots=True)
class PersonKnown:
    """Somebody on another node has a name, or something else is known of them now."""

    holding: Holding


@dataclass(frozen=True, slots=True)
class PersonForgotten:
    """Somebody on another node does not have that name any more."""

    holding: Holding


@dataclass(frozen=True, slots=True)
class PeopleGone:
    """A node is gone, and the people on it with it."""

    node: str
    people: Sequence[Holding]


@dataclass(frozen=True, slots=True)
class PeopleCame:
    """A node has come, or come back, with these people on it."""

    node: str
    people: Sequence[Holding]


@dataclass(frozen=True, slots=True)
class Missed:
    """So many lines of another node are in the log no more, and were never seen here."""

    node: str
    lines: int


@dataclass(frozen=True, slots=True)
class EntriesMissed:
    """Entries of another node are in the log no more: notices in them were never seen here."""

    node: str


@dataclass(frozen=True, slots=True)
class WentApart:
    """There is no link any more: this server goes on by itself."""


@dataclass(frozen=True, slots=True)
class CameTogether:
    """There is a link again, and everything that the others said meanwhile has been told."""


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """The link works or not, the other nodes that are linked, and `failure`: why it does not."""

    is_linked: bool
    nodes: frozenset[str]
    failure: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An entry of the log could not be read; `why` is one line for the operator."""

    position: int
    why: str


Delivery = (
    Applied
    | Provisional
    | Noticed
    | Claimed
    | NameLost
    | PersonKnown
    | PersonForgotten
    | PeopleGone
    | PeopleCame
    | Missed
    | EntriesMissed
    | WentApart
    | CameTogether
    | LinkChanged
    | Unreadable
)
