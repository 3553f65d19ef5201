"""A short soak; and that its judge finds what it is there to find."""

import io
import socket
import sys
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from rich.console import Console

from tests.soak.__main__ import Plan, run
from tests.soak.judge import Judge
from tests.soak.participant import Kind, Participant
from tests.support.process import Record

pytestmark = pytest.mark.slow

SAID = [f"bo: 2.{number} hi" for number in range(1, 5)]


@pytest.mark.skipif(sys.platform != "linux", reason="what a process uses stands in /proc")
def test_a_crowd_finds_every_promise_kept() -> None:
    screen = io.StringIO()
    plan = Plan(seed=1, rests=2, people=15, pace=1500, acts=300, checks=2, fills=False)
    assert run(plan, Console(file=screen)) == []
    assert "0 violations" in screen.getvalue()


class Stage:
    """A server that is nothing but a script: what it sends, and what it logs."""

    address_family: int = socket.AF_INET

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.server_address: Any = self.listener.getsockname()
        self.one = Participant(self, 1, "al", Kind.PLAIN, Random(1))
        self.connection, _ = self.listener.accept()
        self.judge = Judge()

    def close(self) -> None:
        for each in (self.one, self.connection, self.listener):
            each.close()

    def log(self, *records: Record) -> None:
        first = {"event": "connected", "id": 7, "address": self.one.address}
        self.judge.read([first, *records])

    def show(self, *lines: str) -> None:
        self.connection.sendall("".join(f"{line}\r\n" for line in lines).encode())
        self.one.socket.setblocking(True)
        self.one.receive()

    def violations(self) -> list[str]:
        connection = self.judge.connection_of(self.one.address)
        assert connection is not None
        self.judge.judge(self.one, connection)
        return self.judge.violations


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.close()


def joined(name: str, here: int) -> Record:
    return {"event": "joined", "room": "lobby", "names": [name], "here": here}


def said(line: str) -> Record:
    name, _, text = line.partition(": ")
    return {"event": "say", "room": "lobby", "name": name, "text": text}


NAMED = {"event": "named", "id": 7, "name": "al"}
FENCE = {"event": "announcement", "room": "lobby", "name": "op", "text": "fence-1"}
FENCE_LINE = "--- Announcement by op: fence-1"
WELCOME = ["Welcome, al. Type and press Enter to talk; /help shows more."]
REPLAY = ["=== What was said before you came:", SAID[0], "=== From here on it is live."]


@pytest.mark.parametrize(
    ("shown", "found"),
    [
        ([*REPLAY, *SAID[1:]], ""),
        (SAID[1:], "was told nothing of what had been said in lobby"),
        ([*REPLAY, SAID[1], SAID[3]], "was to see in lobby 'bo: 2.3 hi'"),
        ([*REPLAY, SAID[1], SAID[1], *SAID[2:]], "was to see in lobby 'bo: 2.3 hi'"),
        ([*REPLAY, SAID[2], SAID[1], SAID[3]], "was to see in lobby 'bo: 2.2 hi'"),
        ([*REPLAY, *SAID[1:3]], "was to see in lobby 'bo: 2.4 hi'"),
        ([*REPLAY, *SAID], "was to see in lobby 'bo: 2.2 hi'"),
        ([REPLAY[0], SAID[1], REPLAY[2], *SAID[1:]], "was told another past of lobby"),
        ([*REPLAY, *SAID[1:], "no line at all"], "was sent a line of no kind"),
    ],
    ids=["right", "no replay", "gap", "twice", "order", "end missing", "own past", "past", "kind"],
)
def test_the_judge_compares_what_was_seen(stage: Stage, shown: list[str], found: str) -> None:
    stage.log(joined("bo", 1), said(SAID[0]), joined("al", 2), NAMED, *map(said, SAID[1:]), FENCE)
    stage.show(*WELCOME, *shown, FENCE_LINE)
    violations = stage.violations()
    assert (found in violations[0]) if found else violations == []


@pytest.mark.parametrize(
    ("record", "found"),
    [
        (joined("cy", 4), "4 are said to be in lobby, not 3"),
        (joined("al", 3), "al came into lobby while in lobby"),
        (said("di: 4.1 hi"), "somebody who is not in lobby said 'di: 4.1 hi'"),
        (said("bo: 2.1 hi"), "behind number 1 of 2 came 'bo: 2.1 hi'"),
        (
            {"event": "left", "room": "lobby", "name": "di", "seconds": 1.0, "why": "quit"},
            "di left lobby without being there",
        ),
        (
            {"event": "disconnected", "id": 7, "why": "quit"},
            "al is gone without having left lobby",
        ),
        ({"event": "renamed", "room": "lobby", "before": "al", "now": "bo"}, "al became bo"),
        ({"event": "trouble", "words": "serving client #1"}, "trouble in the log"),
    ],
    ids=["count", "twice", "stranger", "number", "no leaver", "no leaving", "taken", "trouble"],
)
def test_the_judge_finds_what_cannot_be(stage: Stage, record: Record, found: str) -> None:
    stage.log(joined("bo", 1), said(SAID[0]), joined("al", 2), NAMED)
    assert stage.judge.violations == []
    stage.judge.read([record])
    assert found in stage.judge.violations[0]


def test_the_judge_misses_what_was_said_and_not_shown(stage: Stage) -> None:
    stage.log(joined("al", 1), NAMED, FENCE)
    stage.show(*WELCOME, FENCE_LINE)
    stage.one.say("hi")
    assert "1 were shown to nobody" in stage.violations()[0]
