"""Compare what people on linked servers saw, what these servers showed, and what they kept.

A line is known by its *tag*: the serial number of the person that says it, and how many they have
said by then.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

Tag = tuple[int, int]

_TAG = re.compile(r"\b(\d+)\.(\d+) ")

MOST_TOLD = 5
"""How many tags are named with something that was found."""


def tag_of(text: str) -> Tag | None:
    """Return the tag in a line; None if it has none."""
    found = _TAG.search(text)
    return (int(found[1]), int(found[2])) if found else None


@dataclass(slots=True)
class Line:
    """A line as a server has shown it, or as it has kept it."""

    tag: Tag
    epoch: str
    seq: int


@dataclass(slots=True)
class Transcript:
    """What one person saw: `live`, and before that as `replay`, each in its order.

    `server` is the number of the server that they were on, in its run `run`, counted from 1.
    `stayed` says whether they were
    there from before the first line until after the last.
    """

    serial: int
    server: int
    live: list[Tag] = field(default_factory=list)
    replay: list[Tag] = field(default_factory=list)
    stayed: bool = False
    hears_itself: bool = False
    run: int = 1


@dataclass(slots=True)
class Evidence:
    """All that is to be compared, by the numbers of the servers.

    `shown` has what each run of a server has logged, in its order. `kept` has what is in its
    history at the end. `said` has for each server what people there have said, and `excused` what
    a server was killed with: that need be nowhere, unless another server has it. `kept_at_kill` has
    what was in the history of a server when a run of it, counted from 1, had been killed.
    """

    shown: dict[int, list[list[Line]]]
    kept: dict[int, list[Line]]
    said: dict[int, list[Tag]]
    excused: dict[Tag, int]
    transcripts: list[Transcript]
    kept_at_kill: dict[tuple[int, int], list[Line]] = field(default_factory=dict)


def judge(evidence: Evidence) -> list[str]:
    """Return what is wrong, a line each."""
    return [
        *_judge_kept(evidence),
        *_judge_orders(evidence),
        *_judge_transcripts(evidence),
    ]


def _judge_kept(evidence: Evidence) -> Iterable[str]:
    kept = {number: {line.tag for line in lines} for number, lines in evidence.kept.items()}
    every = set().union(*kept.values())
    said = {tag for tags in evidence.said.values() for tag in tags}
    yield from _tell("nobody said, and is kept", every - said)
    lost = {
        tag
        for tag, server in evidence.excused.items()
        if not any(tag in tags for number, tags in kept.items() if number != server)
    }
    yield from _tell("was said, and is kept nowhere", said - every - lost)
    for number, lines in evidence.kept.items():
        tags = [it.tag for it in lines]
        where = f"in the history of server {number}"
        yield from _tell(f"is twice {where}", _repeated(tags))
        yield from _tell(f"is not {where}", every - kept[number] - lost)
        yield from _tell(f"is before an earlier one of its speaker {where}", _misplaced(tags))


def _judge_orders(evidence: Evidence) -> Iterable[str]:
    """In one epoch, all servers have shown and kept one order."""
    shown = [(number, log) for number, logs in evidence.shown.items() for log in logs]
    for what, logs in (("shown", shown), ("kept", list(evidence.kept.items()))):
        at: dict[tuple[str, int], tuple[Tag, int]] = {}
        for number, log in logs:
            lasts: dict[str, int] = defaultdict(int)
            for line in log:
                place = (line.epoch, line.seq)
                tag, other = at.setdefault(place, (line.tag, number))
                if tag != line.tag:
                    yield (
                        f"at {place} server {number} has {what} {line.tag},"
                        f" and server {other} {tag}"
                    )
                if what == "shown" and line.seq <= lasts[line.epoch]:
                    yield f"server {number} has {what} {line.tag} at {place} out of order"
                lasts[line.epoch] = line.seq
            if what == "shown":
                repeated = _repeated([it.tag for it in log])
                yield from _tell(f"was shown twice by server {number}", repeated)


def _judge_transcripts(evidence: Evidence) -> Iterable[str]:
    every = {line.tag for lines in evidence.kept.values() for line in lines}
    for one in evidence.transcripts:
        who = f"person {one.serial} on server {one.server}"
        yield from _tell(f"was seen twice by {who}", _repeated(one.live))
        yield from _tell(f"was seen live and as replay by {who}", set(one.live) & set(one.replay))
        kept = {line.tag for line in evidence.kept[one.server]}
        yield from _tell(f"was seen by {who}, and is not kept there", set(one.live) - kept)
        if not _is_in_order(one.live, _order_of(evidence, one)):
            yield f"{who} has seen another order than that server has shown"
        if one.stayed:
            seen = set(one.live)
            own = set() if one.hears_itself else {tag for tag in every if tag[0] == one.serial}
            yield from _tell(f"was never seen by {who}", every - seen - own)


def _order_of(evidence: Evidence, one: Transcript) -> Mapping[Tag, int]:
    """Return the order in which the run of a server has shown lines to the people on it.

    A server that is killed has not written the end of its log. But what it had shown by then stands
    in its history (promise 2).
    """
    shown = [line.tag for line in evidence.shown[one.server][one.run - 1]]
    known = set(shown)
    kept = evidence.kept_at_kill.get((one.server, one.run), [])
    shown += [line.tag for line in kept if line.tag not in known]
    return {tag: place for place, tag in enumerate(shown)}


def _is_in_order(tags: Sequence[Tag], order: Mapping[Tag, int]) -> bool:
    places = [order.get(tag, -1) for tag in tags]
    return -1 not in places and places == sorted(places)


def _repeated(tags: Iterable[Tag]) -> set[Tag]:
    return {tag for tag, times in Counter(tags).items() if times > 1}


def _misplaced(tags: Iterable[Tag]) -> set[Tag]:
    """Return those that come behind a later one of the same person."""
    last: dict[int, int] = defaultdict(int)
    found = set()
    for serial, number in tags:
        if number < last[serial]:
            found.add((serial, number))
        last[serial] = max(last[serial], number)
    return found


def _tell(what: str, tags: Iterable[Tag]) -> Iterable[str]:
    if found := sorted(tags):
        some = ", ".join(f"{serial}.{number}" for serial, number in found[:MOST_TOLD])
        yield f"{len(found)} lines: {some}: each {what}"
