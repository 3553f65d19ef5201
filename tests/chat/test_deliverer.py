"""The thread that delivers for rooms in which several people speak at once."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from tests.support.waiting import wait_until
from threadchat.chat.deliverer import Deliverer
from threadchat.testing import DEADLINE


@pytest.fixture
def deliverer() -> Iterator[Deliverer]:
    with closing(Deliverer(most=1)) as deliverer:
        yield deliverer


class Gate:
    """Work that waits until it is let through."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()

    def __call__(self) -> bool:
        self.reached.set()
        assert self.opened.wait(DEADLINE)
        return False


def pieces(name: str, number: int, done: list[str]) -> Callable[[], bool]:
    """Return work of so many pieces."""
    left = iter(range(number - 1, -1, -1))

    def work() -> bool:
        done.append(name)
        return next(left) > 0

    return work


def test_work_is_done_until_there_is_no_more(deliverer: Deliverer) -> None:
    done: list[str] = []
    assert deliverer.take_over(pieces("a", 3, done))
    wait_until(lambda: done == ["a"] * 3, "it is done")


def test_those_with_more_to_do_take_turns(deliverer: Deliverer) -> None:
    gate, done = Gate(), list[str]()
    deliverer.take_over(gate)
    assert gate.reached.wait(DEADLINE)
    for name, number in (("a", 3), ("b", 1), ("c", 2)):
        deliverer.take_over(pieces(name, number, done))
    gate.opened.set()
    wait_until(lambda: len(done) == 6, "all is done")
    assert "".join(done) == "abcaca"


def test_there_is_a_line_while_work_waits_for_a_thread(deliverer: Deliverer) -> None:
    gate, done = Gate(), list[str]()
    deliverer.take_over(gate)
    assert gate.reached.wait(DEADLINE)
    assert not deliverer.has_line  # that is being done
    deliverer.take_over(pieces("a", 1, done))
    assert deliverer.has_line
    gate.opened.set()
    wait_until(lambda: done == ["a"], "it is done")
    assert not deliverer.has_line


def test_the_end_comes_when_all_is_done_that_was_taken_over(deliverer: Deliverer) -> None:
    gate, done = Gate(), list[str]()
    deliverer.take_over(gate)
    assert gate.reached.wait(DEADLINE)
    for name in "ab":
        deliverer.take_over(pieces(name, 2, done))
    deliverer.close(timeout=0)
    assert not deliverer.take_over(pieces("late", 1, done))
    gate.opened.set()
    deliverer.close(DEADLINE)
    # Once it is closed, work no longer gets in line: a room with more to do goes on at once.
    assert "".join(done) == "aabb"


def test_there_are_no_more_threads_than_wanted() -> None:
    gates = [Gate() for _ in range(3)]
    with closing(Deliverer(most=2)) as deliverer:
        for gate in gates:
            deliverer.take_over(gate)
        for gate in gates[:2]:
            assert gate.reached.wait(DEADLINE)
        assert not gates[2].reached.is_set()
        for gate in gates:
            gate.opened.set()


@pytest.mark.parametrize("has_one", [False, True])
def test_without_another_thread_to_be_had(has_one: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def cannot_start(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    done: list[str] = []
    with closing(Deliverer(most=2)) as deliverer:
        if has_one:
            assert deliverer.take_over(pieces("a", 1, done))
        monkeypatch.setattr(threading.Thread, "start", cannot_start)
        assert deliverer.take_over(pieces("b", 1, done)) is has_one
    assert done == (["a", "b"] if has_one else [])


def test_they_can_all_be_started_ahead() -> None:
    before = threading.active_count()
    with closing(Deliverer(most=3)) as deliverer:
        deliverer.start()
        deliverer.start()
        assert threading.active_count() == before + 3
    deliverer.start()
    assert threading.active_count() == before


def test_a_start_without_a_thread_to_be_had_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[str] = []

    def cannot_start(self: threading.Thread) -> None:
        tries.append(self.name)
        assert len(tries) < 9
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", cannot_start)
    with closing(Deliverer(most=2)) as deliverer:
        deliverer.start()
    assert len(tries) == 1


def test_once_it_is_closed_none_is_started() -> None:
    before = threading.active_count()
    deliverer = Deliverer(most=3)
    deliverer.close()
    deliverer.start()
    assert threading.active_count() == before
    assert not deliverer.take_over(lambda: False)
