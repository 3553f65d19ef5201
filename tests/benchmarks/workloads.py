"""Say what is measured, and what threadchat must reach.

The letters are those of the goals: (a) everybody talks, (b) one talks and a crowd listens, (c) two
people, (d) a crowd arrives at once, (e) as (a) with what terminals need, (f) as (a) with a history
in a file, (g) rooms, (h) browsers, (i) terminals with browsers in their room; and `scale`, which
shows how the cost grows.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tests.benchmarks.generator import Phase, Result
from tests.benchmarks.peers import LIMIT, TERMINALS, Peer
from tests.benchmarks.protocol import BROADCAST, BROWSER, IN_ROOMS, IRC, MIXED, PLAIN, Kind


@dataclass(frozen=True)
class Figure:
    """Something that is read off a run."""

    title: str
    read: Callable[[Result], float | None]
    """Return the number; None if it is unknown on this system."""
    decimals: int = 0
    more_is_better: bool = False
    phase: Phase | None = Phase.TALK
    """When it is measured; None if a load generator that is too slow would not change it."""


RATE = Figure("deliveries a second", lambda it: it.rate, more_is_better=True)
FRAMES = Figure("frames a second", lambda it: it.frame_rate, more_is_better=True)
CPU = Figure("server CPU a delivery, us", lambda it: it.cpu_us, decimals=3)
P50 = Figure("p50, us", lambda it: it.p50_us)
P99 = Figure("p99, us", lambda it: it.p99_us)
SLOWEST = Figure("slowest, us", lambda it: it.slowest_us)
ENTRY = Figure(
    "seconds until all are in", lambda it: it.entry_seconds, decimals=2, phase=Phase.ENTRY
)
SENT = Figure("bytes sent to each by then", lambda it: it.bytes_each, phase=Phase.ENTRY)
MEMORY = Figure("KB of memory a client", lambda it: it.kilobytes_each, decimals=1, phase=None)

TALK = (RATE, CPU, P50, P99, SLOWEST)


@dataclass(frozen=True)
class Goal:
    """A bound for threadchat's figure, or for its ratio to that of what it is held against."""

    bound: float
    is_ratio: bool = True


@dataclass(frozen=True)
class Workload:
    """What the clients do, and what is looked at."""

    letter: str
    title: str
    options: Mapping[str, float]
    """Of the load generator; see `load/plan.h`."""
    figures: Sequence[Figure] = TALK
    goals: Mapping[Figure, Goal] = field(default_factory=dict)
    kinds: Sequence[Kind] = (PLAIN,)
    """Of threadchat's clients. Those of other servers are plain."""
    has_history: bool = False
    for_all: bool = False
    """Whether every peer takes part, not threadchat and C alone."""
    against: Mapping[str, float] = field(default_factory=dict)
    """How many times another peer's rate threadchat's must be at least."""
    x: tuple[str, float] | None = None
    """For `scale`: what grows, and how far it has."""
    at_terminals: Sequence[Kind] = ()
    """The kinds of the same people at threadchat's terminals; such workloads are for browsers."""

    @property
    def is_for_browsers(self) -> bool:
        return bool(self.at_terminals)

    @property
    def limit(self) -> str:
        """The peer that threadchat is held against."""
        return TERMINALS.name if self.is_for_browsers else LIMIT

    @property
    def clients(self) -> int:
        return int(self.options["clients"])

    @property
    def needs_rooms(self) -> bool:
        return self.options.get("rooms", 1) > 1

    def suits(self, peer: Peer) -> bool:
        """Return whether `peer` takes part."""
        if self.needs_rooms and not peer.has_rooms:
            return False
        if self.is_for_browsers:
            is_asked = peer.is_threadchat or self.for_all
            return peer is TERMINALS or (peer.serves_browsers and is_asked)
        if peer is TERMINALS or peer.kind is BROADCAST:
            return False
        return self.for_all or peer.is_threadchat or peer.name == LIMIT

    def kinds_for(self, peer: Peer) -> Sequence[Kind]:
        """Return the kinds of clients that `peer` is given."""
        if peer is TERMINALS:
            return self.at_terminals or self.kinds
        if peer.is_threadchat:
            return self.kinds
        if peer.kind is BROADCAST:
            return (BROADCAST,)
        if peer.kind is IRC:
            return (IRC,)
        return (IN_ROOMS,) if self.needs_rooms else (PLAIN,)


def _window(clients: int) -> dict[str, float]:
    """Return the options with which everybody talks."""
    return {"clients": clients, "window": 1 if clients >= 1000 else 4}


def _everybody_talks(clients: int) -> Workload:
    goals = {
        20: {RATE: Goal(0.6), SLOWEST: Goal(2.0)},
        100: {RATE: Goal(0.9), SLOWEST: Goal(2.0)},
        1000: {RATE: Goal(0.9), SLOWEST: Goal(2.0)},
    }
    against = {
        100: {"inspircd": 1.0, "node": 20.0, "asyncio": 20.0, "go": 5.0},
        1000: {"inspircd": 1.0},
    }
    return Workload(
        "a",
        f"everybody talks: {clients:,}",
        _window(clients),
        goals=goals[clients],
        for_all=True,
        against=against.get(clients, {}),
    )


def _one_talks(clients: int, rate: float) -> Workload:
    return Workload(
        "b",
        f"one talks, {clients:,} listen",
        {"clients": clients, "talkers": 1, "rate": rate, "watchers": clients},
        figures=(P50, P99, CPU),
        goals={P99: Goal(1.3), CPU: Goal(1.2)},
    )


def _crowd_arrives(clients: int) -> Workload:
    return Workload(
        "d",
        f"{clients:,} arrive at once",
        {"clients": clients, "seconds": 0},
        figures=(ENTRY, SENT, MEMORY),
        goals={ENTRY: Goal(6.0, is_ratio=False), MEMORY: Goal(25.0, is_ratio=False)},
    )


def _with_terminals(clients: int) -> Workload:
    return Workload(
        "e",
        f"character mode, encodings, colours: {clients:,}",
        _window(clients),
        goals={RATE: Goal(0.5)},
        kinds=MIXED,
    )


def _with_history(clients: int) -> Workload:
    goals = {100: {RATE: Goal(0.6)}, 1000: {RATE: Goal(0.7)}}
    return Workload(
        "f",
        f"history in a file: {clients:,}",
        _window(clients),
        goals=goals.get(clients, {}),
        has_history=True,
    )


def _browsers_talk(clients: int, against: Mapping[str, float]) -> Workload:
    return Workload(
        "h",
        f"everybody talks: {clients:,} browsers",
        _window(clients),
        figures=(RATE, FRAMES, CPU, MEMORY),
        kinds=(BROWSER,),
        at_terminals=(PLAIN,),
        for_all=True,
        against=against,
    )


def _at_one_rate(clients: int, rate: float) -> Workload:
    return Workload(
        "h",
        f"{clients:,} browsers, {rate:g} messages a second",
        {"clients": clients, "rate": rate, "watchers": clients},
        figures=(P50, P99, CPU),
        kinds=(BROWSER,),
        at_terminals=(PLAIN,),
        for_all=True,
    )


def _one_talks_to_browsers(clients: int, rate: float) -> Workload:
    return Workload(
        "h",
        f"one talks, {clients:,} browsers listen",
        {"clients": clients, "talkers": 1, "rate": rate, "watchers": clients},
        figures=(P50, P99, CPU, MEMORY),
        goals={P99: Goal(1.3), MEMORY: Goal(45.0, is_ratio=False)},
        kinds=(BROWSER,),
        at_terminals=(PLAIN,),
        for_all=True,
    )


def _guests_at_browsers(clients: int, rate: float) -> Workload:
    """Return how people at terminals fare while as many at browsers listen, or at terminals."""
    options: Mapping[str, float] = {"clients": 2 * clients, "guests": clients}
    if rate:
        options = {**options, "rate": rate, "watchers": clients}
    return Workload(
        "i",
        f"{clients} talk at terminals, as many others listen"
        + (f", {rate:g} messages a second" if rate else ""),
        options if rate else {**_window(clients), **options},
        figures=(P50, P99, CPU) if rate else (RATE, CPU),
        goals={P99: Goal(1.1)} if rate else {RATE: Goal(0.9)},
        kinds=(PLAIN, BROWSER),
        at_terminals=(PLAIN, PLAIN),
    )


def _scale(what: str, x: float, options: Mapping[str, float]) -> Workload:
    return Workload(
        "scale",
        f"scale: {x:g} {what}",
        options,
        figures=(RATE, CPU),
        kinds=(IN_ROOMS,) if options.get("rooms", 1) > 1 else (PLAIN,),
        x=(what, x),
    )


TWO_PEOPLE = Workload(
    "c",
    "two people, ping and pong",
    {"clients": 2, "watchers": 2, "pingpong": 1},
    figures=(P50, P99, CPU),
    goals={P50: Goal(1.7)},
    for_all=True,
)

BROWSERS = (
    _browsers_talk(100, {"ws": 10.0, "websockets": 20.0, "nchan": 1.0}),
    _browsers_talk(1000, {"ws": 1.0, "websockets": 1.0, "nchan": 1.0}),
    _at_one_rate(100, rate=500),
    _one_talks_to_browsers(1000, rate=20),
    _guests_at_browsers(100, rate=0),
    _guests_at_browsers(100, rate=500),
)

ROOMS = Workload(
    "g",
    "1,000 in 50 rooms, all talk",
    {"clients": 1000, "rooms": 50, "window": 1},
    kinds=(IN_ROOMS,),
    for_all=True,
)

SCALE = (
    *(_scale("people", n, {"clients": n, "window": 1}) for n in (10, 30, 100, 300, 1000)),
    *(_scale("rooms", n, {"clients": 1000, "rooms": n, "window": 1}) for n in (1, 4, 20, 100, 500)),
    *(
        _scale("messages a second", n, {"clients": 100, "rate": n, "window": 4})
        for n in (10, 100, 1000, 10_000, 100_000)
    ),
)

WORKLOADS = (
    *(_everybody_talks(clients) for clients in (20, 100, 1000)),
    _one_talks(1000, rate=20),
    _one_talks(10_000, rate=4),
    TWO_PEOPLE,
    _crowd_arrives(10_000),
    *(_with_terminals(clients) for clients in (20, 100, 1000)),
    *(_with_history(clients) for clients in (20, 100, 1000)),
    ROOMS,
    *BROWSERS,
    *SCALE,
)

QUICK = (
    replace(_everybody_talks(20), for_all=False),
    _everybody_talks(100),
    _one_talks(1000, rate=20),
    replace(TWO_PEOPLE, for_all=False),
    _crowd_arrives(1000),
    _with_terminals(100),
    _with_history(100),
    replace(ROOMS, for_all=False),
    replace(_browsers_talk(100, {}), for_all=False),
    replace(_one_talks_to_browsers(1000, rate=20), for_all=False),
)
"""A short version, which ends within a minute."""

LETTERS = tuple(dict.fromkeys(workload.letter for workload in WORKLOADS))
