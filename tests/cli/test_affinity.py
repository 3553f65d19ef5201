"""Where threads run: on one processor, if they take turns anyway."""

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from threadchat.cli import affinity
from threadchat.net import processors
from threadchat.net.threads import threads_take_turns

linux = pytest.mark.skipif(sys.platform != "linux", reason="only there is it known where we run")


@pytest.fixture(autouse=True)
def _others_stay_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processors, "_all", ())


def on_a_thread(act: Callable[[], Any]) -> Any:
    """Run `act` on a thread of its own, so that it binds only that thread; return its result."""
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(act()))
    thread.start()
    thread.join()
    (result,) = results
    return result


def four_processors(monkeypatch: pytest.MonkeyPatch, turns: bool = True) -> list[set[int]]:
    """Pretend that there are processors 0 to 3; return the list of bindings, which grows."""
    bound: list[set[int]] = []
    monkeypatch.setattr(affinity, "threads_take_turns", lambda: turns)
    allowed = {0: {0, 1, 2, 3}}  # of this process, which 0 stands for
    monkeypatch.setattr(os, "sched_getaffinity", allowed.__getitem__, raising=False)
    monkeypatch.setattr(affinity, "_PROCESSES", "/nowhere")
    monkeypatch.setattr(
        os, "sched_setaffinity", lambda _, numbers: bound.append(numbers), raising=False
    )
    return bound


@linux
def test_who_stays_on_one_takes_those_it_starts_along() -> None:
    before = os.sched_getaffinity(0)

    def stay() -> tuple[int | None, set[int]]:
        return affinity.stay_on_one(), on_a_thread(lambda: os.sched_getaffinity(0))

    chosen, inherited = on_a_thread(stay)
    if threads_take_turns() and len(before) > 1:
        assert chosen in before
        assert inherited == {chosen}
    else:
        assert chosen is None
        assert inherited == before
    assert os.sched_getaffinity(0) == before


def test_the_first_processor_is_left_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    bound = four_processors(monkeypatch)
    chosen = {affinity.stay_on_one() for _ in range(200)}
    assert chosen == {1, 2, 3}
    assert {number for numbers in bound for number in numbers} == chosen


def test_a_fast_one_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    four_processors(monkeypatch)
    monkeypatch.setattr(affinity, "_speed", {0: 3000, 1: 3000, 2: 3000, 3: 1800}.__getitem__)
    assert {affinity.stay_on_one() for _ in range(200)} == {1, 2}


def other_programs(
    monkeypatch: pytest.MonkeyPatch, folder: Path, *allowed: set[int], are_kernels: bool = False
) -> None:
    """Pretend that there are four processors, and other processes with these."""
    four_processors(monkeypatch)
    known = {0: {0, 1, 2, 3}}
    for number, its in enumerate(allowed, 1_000_000_000):
        known[number] = its
        (folder / str(number)).mkdir()
        (folder / str(number) / "cmdline").write_bytes(b"" if are_kernels else b"python\0")

    def get(id: int) -> set[int]:
        if id not in known:
            raise ProcessLookupError
        return known[id]

    (folder / "1999999999").mkdir()  # it has ended
    (folder / "version").write_text("")
    monkeypatch.setattr(os, "sched_getaffinity", get, raising=False)
    monkeypatch.setattr(affinity, "_PROCESSES", str(folder))


@pytest.mark.parametrize(
    ("allowed", "chosen"),
    [
        ([{1}], {2, 3}),
        ([{1}, {3}], {2}),
        ([{1}, {2}, {3}], {0}),
        ([{1}, {2}, {3}, {0}], {1, 2, 3}),
        ([{1}, {2}, {3}, {2}, {0}], {1, 3}),
        ([{1, 2}, {0, 1, 2, 3}], {1, 2, 3}),
    ],
)
def test_one_is_taken_that_no_other_program_stays_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, allowed: list[set[int]], chosen: set[int]
) -> None:
    other_programs(monkeypatch, tmp_path, *allowed)
    assert {affinity.stay_on_one() for _ in range(200)} == chosen


def test_threads_of_the_system_take_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    other_programs(monkeypatch, tmp_path, {1}, {2}, are_kernels=True)
    assert {affinity.stay_on_one() for _ in range(200)} == {1, 2, 3}


def test_threads_that_run_side_by_side_stay_where_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bound = four_processors(monkeypatch, turns=False)
    assert affinity.stay_on_one() is None
    assert bound == []


def test_with_one_processor_there_is_no_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    bound = four_processors(monkeypatch)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {2}, raising=False)
    assert affinity.stay_on_one() is None
    assert bound == []


def test_a_system_that_refuses_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    four_processors(monkeypatch)

    def refuse(_: int, numbers: set[int]) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setaffinity", refuse, raising=False)
    assert affinity.stay_on_one() is None


def test_a_system_that_cannot_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(affinity, "threads_take_turns", lambda: True)
    monkeypatch.delattr(os, "sched_setaffinity", raising=False)
    assert affinity.stay_on_one() is None
