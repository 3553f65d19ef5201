"""Define what a server asks the broker and is answered, and the entries of the log.

The scripts that serve this are in `threadchat.link.scripts`. Nothing here knows how it is sent.

An *entry* is what the broker has put in order at once. Its author is a *node*: one run of a server,
so that a server that starts again is another node. A node numbers its own entries from 1 on. The
broker gives each entry a *position*; positions are consecutive within an epoch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

FORMAT = 2
"""The version of the keys, of the entries, and of what they contain."""


@dataclass(frozen=True, slots=True)
class Holding:
    """A name that somebody has: who it is, by a text that is unique on their node, and where.

    `fold` and `look` are what `fold_name` and `skeleton` of `threadchat.text.names` make of the
    name. `data` is what else is to be known of the person, and means nothing here.
    """

    fold: str
    look: str
    node: str
    person: str
    data: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A person is to have a name, if nobody has it or one that looks like it."""

    fold: str
    look: str
    person: str
    data: str


@dataclass(frozen=True, slots=True)
class Update:
    """Something else is to be known of the person that has the name."""

    fold: str
    person: str
    data: str


@dataclass(frozen=True, slots=True)
class Release:
    """The person gives the name up."""

    fold: str
    person: str


@dataclass(frozen=True, slots=True)
class Sync:
    """These are all the names of the node: it claims those it does not have, and no others stay."""

    claims: tuple[Claim, ...]


NameStep = Claim | Update | Release | Sync


class Kind(StrEnum):
    """What an entry of the log is."""

    POST = "post"
    """What a node has put there."""
    GONE = "gone"
    """The node is gone: its lease has expired, or it has left."""
    EPOCH = "epoch"
    """A new epoch begins here."""


POST, GONE, EPOCH = Kind  # Python 3.11 takes five times as long to find a member of `Kind`


# A tuple, as is `Post`: one is made of each line that anybody says, and a dataclass takes five
# times as long.
class LogEntry(NamedTuple):
    """An entry as it stands in the log, in an epoch. With `EPOCH`, that is the one that begins.

    `firsts` are the numbers of the first line that was said, for each batch that has any, within
    its room and epoch. `granted` says for each claim in `steps`, in their order, whether the name
    was free.
    """

    position: int
    kind: Kind
    epoch: str
    node: str = ""
    number: int = 0
    payload: str = ""
    steps: tuple[NameStep, ...] = ()
    firsts: tuple[int, ...] = ()
    granted: tuple[bool, ...] = ()

    @property
    def tail(self) -> str:
        """The entry, as a text to tell it from others at the same position, of any epoch."""
        return f"{self.epoch}:{self.kind}:{self.node}:{self.number}"

    def grants(self) -> Sequence[tuple[NameStep, Sequence[bool]]]:
        """Return the steps, each with what was granted of the claims in it."""
        if not self.steps:
            return ()  # as nearly always
        granted: list[tuple[NameStep, Sequence[bool]]] = []
        begin = 0
        for step in self.steps:
            end = begin
            if isinstance(step, Claim | Sync):
                end += 1 if isinstance(step, Claim) else len(step.claims)
            granted.append((step, self.granted[begin:end]))
            begin = end
        return granted


@dataclass(frozen=True, slots=True)
class Enter:
    """Ask to be linked, or linked again.

    `epoch`, `position` and `tail` are those of the last entry that the node has read; an empty
    epoch means none yet, and an empty tail that it has not read the one at the position. `base` is
    the number before its first own entry that it still keeps. `candidate` names the new epoch if
    one has to begin. `known` are the nodes it takes to be linked. `table` is what it knows of all
    names, to be restored in a new epoch; without it no new epoch begins, and the answer is
    `NeedsTable`. `distrusts` tells that the log lacks what it should have.
    """

    node: str
    epoch: str
    position: int
    tail: str
    base: int
    candidate: str
    known: tuple[str, ...] = ()
    table: tuple[Holding, ...] | None = None
    distrusts: bool = False


@dataclass(frozen=True, slots=True)
class KnownNode:
    """A node, the number of its last entry, and how many lines it has said; None: not known."""

    node: str
    number: int
    said: int | None


@dataclass(frozen=True, slots=True)
class State:
    """What the broker keeps, at the time of an answer."""

    holdings: tuple[Holding, ...]
    linked: tuple[str, ...]
    """The nodes that are linked."""
    known: tuple[KnownNode, ...]
    """All nodes of the epoch, also those that are gone."""


@dataclass(frozen=True, slots=True)
class Entered:
    """The answer to `Enter`: read on behind the position `start`; the log ends at `head`.

    `epoch` is that of the broker now. `is_new` says whether the node has to make itself known
    again: it is new, the epoch is another one, or it was taken to be gone. `last` is the number of
    the last entry of its own that the broker knows of. `state` is given where the entries behind
    `start` do not tell everything. Without it, they come right behind the last one that the node
    has read, and those of the epoch before are the first of them, if there are any.
    """

    epoch: str
    start: int
    head: int
    last: int
    is_new: bool
    state: State | None = None


@dataclass(frozen=True, slots=True)
class NeedsTable:
    """The answer to `Enter` if a new epoch has to begin: ask again with the table."""


@dataclass(frozen=True, slots=True)
class OtherFormat:
    """The answer to `Enter` where the keys are those of another version."""

    format: str


class Post(NamedTuple):
    """Put an entry of one's own into the log.

    `counts` are the lines said, with their room; `said` is how many the node has said by then.
    """

    node: str
    epoch: str
    number: int
    payload: str
    counts: tuple[tuple[str, int], ...] = ()
    steps: tuple[NameStep, ...] = ()
    said: int = 0


@dataclass(frozen=True, slots=True)
class Renew:
    """Stay linked; tell that all entries up to `position` have been read."""

    node: str
    epoch: str
    position: int


@dataclass(frozen=True, slots=True)
class Posted:
    """The answer to `Post`: the entry stands in the log, be it for longer."""


@dataclass(frozen=True, slots=True)
class Done:
    """The answer to `Renew` and `Leave`: the log ends at `head`.

    All linked nodes have read it up to `read_by_all`, as far as that is known.
    """

    head: int
    read_by_all: int


@dataclass(frozen=True, slots=True)
class MustEnter:
    """The answer to `Post` and `Renew` if the node is not linked, or not in this epoch; `why`."""

    why: str


@dataclass(frozen=True, slots=True)
class Leave:
    """Leave for good: the names of the node are free. The answer is `Done`."""

    node: str
    epoch: str


Request = Enter | Post | Renew | Leave

Answer = Entered | NeedsTable | OtherFormat | Posted | Done | MustEnter
