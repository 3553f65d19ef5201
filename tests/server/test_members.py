"""The table of a server's programs: who is in it, and how it ends."""

from typing import Any

import pytest

from tests.support.observer import Recorder
from tests.support.waiting import Section, enter_one_by_one
from threadchat.monitoring.events import Watch
from threadchat.server import members as module
from threadchat.server.members import ProgramMembers


class Program:
    """What the table knows of a program."""

    name = "bot"

    def __init__(self) -> None:
        self.reason: str | None = None
        self.thread: Any = None
        self.done: list[str] = []

    def start(self) -> None:
        self.done.append("start")

    def enter(self) -> None:
        self.done.append("enter")

    def end(self, reason: str) -> None:
        self.reason = self.reason or reason
        self.done.append(f"end: {reason}")

    def take_out(self) -> None:
        self.done.append("take out")

    def log_end(self) -> None:
        self.done.append("log end")


@pytest.fixture
def watcher() -> Recorder:
    return Recorder()


@pytest.fixture
def members(watcher: Recorder) -> Any:
    return ProgramMembers(Watch(watcher))


def test_one_that_is_added_is_started_and_let_in(members: Any) -> None:
    program = Program()
    members.add(program)
    members.look_after()
    assert program.done == ["start", "enter"]
    members.end()
    members.join(0.0)
    assert program.done[2:] == ["end: server stopping", "log end"]


def test_one_that_comes_after_the_end_is_ended_at_once(members: Any) -> None:
    members.end()
    members.add(late := Program())
    assert late.done == ["end: server stopping", "start", "enter"]


def test_one_that_has_ended_is_taken_out_and_forgotten(members: Any) -> None:
    gone, here = Program(), Program()
    for program in (gone, here):
        members.add(program)
    gone.reason = "quit"
    for _ in range(3):
        members.look_after()
    assert gone.done == ["start", "enter", "take out"]
    assert here.done == ["start", "enter"]
    assert members._members == [here]


def test_one_whose_function_has_not_returned_is_kept(members: Any) -> None:
    class Running:
        def is_alive(self) -> bool:
            return True

    program = Program()
    members.add(program)
    program.reason, program.thread = "kicked", Running()
    for _ in range(2):
        members.look_after()
    assert program.done.count("take out") == 2
    assert members._members == [program]


def test_one_that_fails_costs_the_others_nothing(members: Any, watcher: Recorder) -> None:
    # Promise 8.
    class Failing(Program):
        def take_out(self) -> None:
            raise RuntimeError("a bug")

    for program in (Failing(), after := Program()):
        members.add(program)
        program.reason = "quit"
    members.look_after()
    assert after.done[-1] == "take out"
    (told,) = watcher.failures or [str(event) for event in watcher.events]
    assert "looking after the member bot" in told


def test_two_that_come_at_once_come_one_after_the_other(members: Any) -> None:
    section = Section()

    class Slow(Program):
        def start(self) -> None:
            super().start()
            section.visit()

    members._lock = section
    enter_one_by_one(section, [lambda: members.add(Slow()), lambda: members.add(Slow())])
    assert [it.done for it in members._members] == [["start", "enter"]] * 2


def test_one_that_is_over_is_forgotten(members: Any) -> None:
    class Over:
        def is_alive(self) -> bool:
            return False

    program = Program()
    members.add(program)
    program.reason, program.thread = "quit", Over()
    members.look_after()
    assert members._members == []


def test_each_is_waited_for_until_the_deadline(
    members: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[tuple[object, float]] = []
    monkeypatch.setattr(module, "join_by", lambda *joined: waited.append(joined))
    programs = [Program() for _ in range(3)]
    for number, program in enumerate(programs):
        program.thread = number
        members.add(program)
    members.join(103.0)
    assert waited == [(0, 103.0), (1, 103.0), (2, 103.0)]
    assert all(program.done[-1] == "log end" for program in programs)
