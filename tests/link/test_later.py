"""Jobs that have to wait for the log, on a thread of their own."""

from threading import Event, Thread

import pytest

from tests.support.chats import Lobby
from threadchat.link import later
from threadchat.link.later import Later, rename_anew
from threadchat.monitoring.events import Named, Trouble
from threadchat.testing import DEADLINE


@pytest.fixture
def failures() -> list[str]:
    return []


@pytest.fixture
def jobs(failures: list[str]) -> Later:
    return Later(lambda doing, error: failures.append(f"{doing}: {error}"))


def test_jobs_are_done_one_after_the_other_whatever_one_raises(
    jobs: Later, failures: list[str]
) -> None:
    done: list[int] = []
    last = Event()
    jobs.add(lambda: done.append(1))
    jobs.add(lambda: done.append(int("one")))
    jobs.add(lambda: done.append(2))
    jobs.add(last.set)
    assert last.wait(DEADLINE)
    assert done == [1, 2]
    assert failures == [
        "doing what the link has brought: invalid literal for int() with base 10: 'one'",
    ]
    jobs.close(DEADLINE)


def test_what_found_no_thread_is_done_later(jobs: Later, monkeypatch: pytest.MonkeyPatch) -> None:
    done = Event()
    with monkeypatch.context() as patch:
        patch.setattr(later, "start_thread", lambda *_: None)
        jobs.add(done.set)
        assert not done.is_set()
    jobs.go_on()
    assert done.wait(DEADLINE)
    jobs.close(DEADLINE)


def test_at_the_end_no_more_are_begun(jobs: Later) -> None:
    begun, goes_on = Event(), Event()

    def wait() -> None:
        begun.set()
        goes_on.wait(DEADLINE)

    second = Event()
    jobs.add(wait)
    jobs.add(second.set)
    assert begun.wait(DEADLINE)
    jobs.close(0)
    goes_on.set()
    jobs.close(DEADLINE)
    jobs.go_on()
    jobs.add(second.set)
    jobs.close(DEADLINE)
    assert not second.is_set()


def test_the_end_waits_for_the_job_that_is_being_done(
    jobs: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, waited_for = Event(), list[float]()

    def join(thread: Thread, timeout: float) -> None:
        waited_for.append(timeout)

    monkeypatch.setattr(later, "join", join)
    goes_on = Event()

    def wait() -> None:
        begun.set()
        goes_on.wait(DEADLINE)

    jobs.close(1.0)  # there is none
    assert waited_for == []
    monkeypatch.setattr(jobs, "_is_closed", False)
    jobs.add(wait)
    assert begun.wait(DEADLINE)
    jobs.close(2.0)
    goes_on.set()
    assert waited_for == [2.0]


def test_somebody_that_lost_a_name_gets_one_like_it(lobby: Lobby) -> None:
    al, _, bo = lobby.enter("al", "al-2", "bo")
    rename_anew(lobby.chat, al, "al")
    assert al.name == "al-3"
    assert al.lines() == [
        "=== al is somebody else's: that one came in on another server while there was no link to"
        " it. You are now al-3. /nick NAME changes that."
    ]
    assert bo.lines() == ["--- al is now al-3"]
    assert not lobby.chat.names.is_here("al")
    assert [it for it in lobby.events if isinstance(it, Named)] == [Named(al.id, "al-3", "al")]
    rename_anew(lobby.chat, al, "al")  # they have another one by now
    assert al.name == "al-3"


def test_somebody_that_has_left_meanwhile_is_left_alone(lobby: Lobby) -> None:
    (al,) = lobby.enter("al")
    al.has_left = True
    rename_anew(lobby.chat, al, "al")
    assert al.name == "al"
    assert al.lines() == []


def test_a_long_name_is_cut_so_that_the_number_has_room(lobby: Lobby) -> None:
    name = "a" * 20
    (al,) = lobby.enter(name)
    rename_anew(lobby.chat, al, name)
    assert al.name == "a" * 18 + "-2"


def test_so_is_one_of_a_single_letter(lobby: Lobby) -> None:
    (al,) = lobby.enter("a")
    rename_anew(lobby.chat, al, "a")
    assert al.name == "a-2"


def test_where_no_name_is_free_the_operator_is_told(
    lobby: Lobby, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(later, "MOST_TRIES", 1)
    al, _ = lobby.enter("al", "al-2")
    rename_anew(lobby.chat, al, "al")
    assert al.name == "al"
    assert al.lines() == []
    assert not [it for it in lobby.events if isinstance(it, Named)]
    assert Trouble("two people are called al: no name like that is free") in lobby.events
