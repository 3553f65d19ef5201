"""That people in all rooms are told when a new day begins."""

import time

import pytest

from tests.support.chats import Lobby
from threadchat.chat.midnight import Midnight
from threadchat.messages.jsonlines import JSON_LINES
from threadchat.messages.kinds import NewDay

LATE = time.mktime((2026, 11, 24, 23, 59, 59, 0, 0, -1))


def test_a_new_day_is_told_once() -> None:
    now = [LATE]
    told: list[NewDay] = []
    midnight = Midnight(told.append, lambda: now[0])
    midnight.look()
    assert told == []
    for seconds in (0.5, 1, 2, 3, 3600):
        now[0] = LATE + seconds
        midnight.look()
    assert told == [NewDay(LATE + 1)]
    now[0] += 86400
    midnight.look()
    assert len(told) == 2


def test_everybody_at_a_terminal_is_told_in_whatever_room(lobby: Lobby) -> None:
    al, bo, cy = lobby.enter("al", "bo", "cy")
    lobby.types(bo, "/join games")
    for person in (al, bo, cy):
        person.lines()
    cy.format = JSON_LINES
    lobby.chat.begin_day(NewDay(LATE + 2))
    assert al.lines() == bo.lines() == [NewDay(LATE + 2).line]
    assert al.received == cy.received == b""


def test_an_error_of_one_costs_the_others_nothing(
    lobby: Lobby, monkeypatch: pytest.MonkeyPatch
) -> None:
    al, bo = lobby.enter("al", "bo")

    def fail(data: bytes) -> None:
        raise OSError("gone")

    al.deliver = fail
    lobby.chat.begin_day(NewDay(LATE))
    assert bo.lines() == [NewDay(LATE).line]
    assert lobby.watcher.failures == ["telling al of a new day: gone"]
    lobby.watcher.failures.clear()
