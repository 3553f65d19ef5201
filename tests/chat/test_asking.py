"""Asking speakers that wait for more, as is done with a global interpreter lock, and without."""

import time
from collections.abc import Iterator

import pytest

from tests.support.members import FakeMember
from threadchat.chat.asking import PATIENCE, PATIENCE_WITH_ONE, Waiting
from threadchat.chat.entries import Post, held_lock
from threadchat.messages.kinds import Say, Spoken
from threadchat.net.threads import threads_take_turns


def post_of(*answers: str | Exception) -> Post:
    """Return a post whose sender says these one after another: nothing for "", and at the end."""
    rest: Iterator[str | Exception] = iter(answers)

    def more() -> list[Spoken]:
        answer = next(rest, "")
        if isinstance(answer, Exception):
            raise answer
        return [Say("al", answer, 0.0)] if answer else []

    return Post([], FakeMember("al"), False, more, held_lock())


def waits(post: Post) -> bool:
    assert post.served is not None
    return post.served.locked()


def ask(waiting: Waiting) -> list[str]:
    """Return what is said by those that wait."""
    going_on = waiting.ask(Post.goes_on)
    for post in going_on:
        waiting.add(post)
    return [message.text for post in going_on for message in post.said]


@pytest.mark.parametrize("patience", [0, 3])
def test_those_that_go_on_are_asked_for_ever(patience: int) -> None:
    waiting, post = Waiting(patience), post_of(*"123456")
    waiting.add(post)
    assert [ask(waiting) for _ in range(6)] == [[number] for number in "123456"]
    assert waits(post)


@pytest.mark.parametrize("patience", [0, 1, 3])
def test_one_that_is_silent_is_let_go_once_patience_is_over(patience: int) -> None:
    waiting, post = Waiting(patience), post_of("hi", "", "there" if patience else "")
    waiting.add(post)
    assert ask(waiting) == ["hi"]
    if patience:
        assert (ask(waiting), ask(waiting)) == ([], ["there"])
    for _ in range(patience):
        assert ask(waiting) == []
        assert waits(post)
    assert ask(waiting) == []
    assert not waits(post)
    assert not waiting


@pytest.mark.parametrize("patience", [0, 3])
def test_one_is_let_go_before_the_next_is_asked(patience: int) -> None:
    waiting, first = Waiting(patience), post_of()
    first.silent = patience
    seen: list[bool] = []

    def goes_on(post: Post) -> bool:
        seen.append(waits(first))
        return post.goes_on()

    waiting.add(first)
    waiting.add(post_of("hi"))
    waiting.ask(goes_on)
    assert seen == [True, False]


@pytest.mark.parametrize("patience", [0, 3])
def test_one_that_fails_is_let_go_at_once(patience: int) -> None:
    waiting, post = Waiting(patience), post_of(RuntimeError("no ears"))
    waiting.add(post)
    assert ask(waiting) == []
    assert not waits(post)
    assert str(post.error) == "no ears"


def test_others_run_before_all_are_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    for patience, answers in ((0, [""]), (3, ["hi", ""])):
        waiting = Waiting(patience)
        for answer in answers:
            waiting.add(post_of(answer))
        ask(waiting)
    assert pauses == []  # nobody is asked again, or somebody went on
    ask(waiting)
    assert pauses == [0]


@pytest.mark.parametrize("patience", [0, 3])
def test_a_room_is_busy_until_one_has_spoken_alone_for_a_while(patience: int) -> None:
    waiting = Waiting(patience)
    assert not waiting.is_busy(1)
    for _ in range(2):
        assert waiting.is_busy(2)
        assert all(waiting.is_busy(1) for _ in range(PATIENCE_WITH_ONE))
        assert not waiting.is_busy(1)


def test_with_those_that_wait_one_that_speaks_is_not_alone() -> None:
    waiting = Waiting(0)
    waiting.add(post_of())
    assert waiting.is_busy(1)


def test_all_can_be_let_go() -> None:
    waiting, posts = Waiting(3), [post_of("hi"), post_of()]
    for post in posts:
        waiting.add(post)
    waiting.let_go()
    assert not any(map(waits, posts))
    assert not waiting


def test_speakers_are_asked_again_only_where_threads_run_at_once() -> None:
    assert (PATIENCE == 0) == threads_take_turns()
