"""Make the arguments of the scripts, and read their answers and the entries of the log.

Only texts go to the broker. What it hands back may be anything: what is no answer or no entry is a
`BadRecord`.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from threadchat.link.records import BadRecord
from threadchat.link.wire import (
    FORMAT,
    Answer,
    Claim,
    Done,
    Enter,
    Entered,
    Holding,
    Kind,
    KnownNode,
    Leave,
    LogEntry,
    MustEnter,
    NameStep,
    NeedsTable,
    OtherFormat,
    Post,
    Posted,
    Release,
    Renew,
    Request,
    State,
    Sync,
    Update,
)

Read = TypeVar("Read")

LEASE_SECONDS = 15.0
"""How long a server that is silent is still linked."""

MOST_ENTRIES = 100_000
"""About how many entries of the log are kept for servers that were away."""


class Keys:
    """The keys of the servers that are called `cluster` together."""

    def __init__(self, cluster: str) -> None:
        # In braces: a Redis cluster keeps all of them on one machine then.
        prefix = f"tc:{{{cluster}}}:"
        self.log = f"{prefix}log"
        self.lease = f"{prefix}lease:"
        names = ("meta", "log", "names", "looks", "said")
        self.all = tuple(prefix + name for name in names)

    def channel(self, database: int) -> str:
        """Return by which channel entries are told: all databases of a broker share these."""
        return f"{self.log}@{database}"


def arguments(
    request: Request,
    keys: Keys,
    channel: str,
    lease_seconds: float = LEASE_SECONDS,
    most_entries: int = MOST_ENTRIES,
) -> tuple[str, list[str]]:
    """Return the name of the script for `request`, and its arguments.

    Whatever is put into the log is told by `channel`, too.
    """
    if isinstance(request, Post):
        steps = _json([_step_fields(it) for it in request.steps]) if request.steps else ""
        number, said = str(request.number), str(request.said)
        words = [channel, request.node, request.epoch, number, request.payload, steps, said]
        for room, lines in request.counts:
            words += (room, str(lines))
        return "post", words
    lease_ms = str(round(lease_seconds * 1000))
    common = [channel, request.node, keys.lease, lease_ms, str(most_entries)]
    match request:
        case Enter():
            table = request.table
            return "enter", [
                *common,
                str(FORMAT),
                request.epoch,
                str(request.position),
                request.tail,
                str(request.base),
                request.candidate,
                _json(request.known),
                "" if table is None else _json([_fields(it) for it in table]),
                "1" if request.distrusts else "0",
            ]
        case Renew():
            return "renew", [*common, request.epoch, str(request.position)]
        case Leave():
            return "leave", [*common, request.epoch]


def answer_of(raw: Any) -> Answer:
    """Return the answer of a script; raise `BadRecord` if it is none."""
    if raw == 1:
        return _POSTED

    def read() -> Answer:
        match raw:
            case ["table"]:
                return NeedsTable()
            case ["format", str(format)]:
                return OtherFormat(format)
            case ["enter", str(why)]:
                return MustEnter(why)
            case ["done", head, read_by_all]:
                return Done(int(head), int(read_by_all))
            case ["entered", str(epoch), start, head, last, is_new, *state]:
                return Entered(
                    epoch, int(start), int(head), int(last), is_new == "1", _state_of(*state)
                )
        raise ValueError(raw)

    return _read("an answer of the broker", read)


_POSTED = Posted()


def entry_from(id: str, fields: Mapping[str, str]) -> LogEntry:
    """Return an entry of the log, given as a stream has it; raise `BadRecord` if it is none."""
    if (entry := fields.get("e")) is None:
        raise BadRecord("an entry of the log cannot be read: another program has put it there")
    return told_entry(f"{id.partition('-')[0]}\n{entry}")


def told_entry(text: str) -> LogEntry:
    """Return an entry as the scripts tell it; raise `BadRecord` if it is none."""
    try:
        position, kind, epoch, node, number, firsts, granted, steps, payload = text.split("\n", 8)
        return LogEntry(
            int(position),
            _KINDS[kind],
            epoch,
            node,
            int(number),
            payload,
            _steps_of(steps) if steps else (),
            tuple(map(int, firsts.split(","))) if firsts else (),
            tuple([it == "1" for it in granted]) if granted else (),
        )
    except (ValueError, TypeError, KeyError, IndexError, RecursionError) as error:
        raise BadRecord(f"an entry of the log cannot be read: {error!r:.80}") from error


_KINDS = {str(it): it for it in Kind}


def _steps_of(text: str) -> tuple[NameStep, ...]:
    return tuple(_step_of(*it) for it in json.loads(text))


def _read(what: str, read: Callable[[], Read]) -> Read:
    try:
        return read()
    except (ValueError, TypeError, KeyError, IndexError, RecursionError) as error:
        raise BadRecord(f"{what} cannot be read: {error!r:.80}") from error


def _state_of(
    names: Sequence[str] = (), linked: Sequence[str] | None = None, known: Sequence[Any] = ()
) -> State | None:
    if linked is None:
        return None
    pairs = zip(names[::2], names[1::2], strict=True)
    holdings = tuple(_holding_of(fold, *json.loads(value)) for fold, value in pairs)
    return State(holdings, tuple(linked), tuple(_known_of(*it) for it in known))


def _known_of(node: str, number: str, said: str) -> KnownNode:
    return KnownNode(node, int(number), int(said) if said else None)


def _holding_of(fold: str, node: str, look: str, person: str, data: str) -> Holding:
    return Holding(fold, look, node, person, data)


def _fields(holding: Holding) -> list[str]:
    return [holding.fold, holding.node, holding.look, holding.person, holding.data]


def _step_fields(step: NameStep) -> list[Any]:
    match step:
        case Claim():
            return ["claim", *_claim_fields(step)]
        case Update():
            return ["update", step.fold, step.person, step.data]
        case Release():
            return ["release", step.fold, step.person]
        case Sync():
            return ["sync", [_claim_fields(it) for it in step.claims]]


def _claim_fields(claim: Claim) -> list[str]:
    return [claim.fold, claim.look, claim.person, claim.data]


def _step_of(kind: str, *fields: Any) -> NameStep:
    match kind, fields:
        case "claim", (str(fold), str(look), str(person), str(data)):
            return Claim(fold, look, person, data)
        case "update", (str(fold), str(person), str(data)):
            return Update(fold, person, data)
        case "release", (str(fold), str(person)):
            return Release(fold, person)
        case "sync", (list(claims),):
            return Sync(tuple(Claim(*claim) for claim in claims))
    raise ValueError(kind)


_json = json.JSONEncoder(separators=(",", ":")).encode
