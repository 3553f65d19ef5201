"""Test when a history is made to forget: at the start and once a day."""

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.clients import Client
from tests.support.servers import run_server
from tests.support.waiting import wait_until
from threadchat.messages.kinds import Say
from threadchat.storage.forgetting import INTERVAL, RETRY_SECONDS, Forgetter
from threadchat.storage.history import History
from threadchat.storage.sqlitehistory import StoredHistory

DAY = 86400.0


def test_it_forgets_what_is_older_and_nothing_else() -> None:
    history = History()
    history.append("lobby", [Say("al", f"{day}", day * DAY) for day in range(10)])
    forgetter = Forgetter(history, 3 * DAY, print, now=lambda: 10 * DAY)
    assert forgetter._forget() == INTERVAL
    assert [it.text for it in history.recent("lobby", 99)] == ["7", "8", "9"]


def test_where_it_fails_the_operator_is_told_and_it_is_tried_again_sooner() -> None:
    class Failing(History):
        def forget(self, before: float) -> None:
            raise OSError("disk gone")

    told: list[str] = []
    assert Forgetter(Failing(), DAY, told.append)._forget() == RETRY_SECONDS < INTERVAL
    assert told == ["the history cannot forget what is too old: disk gone"]


def test_out_of_threads_the_operator_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    told: list[str] = []
    monkeypatch.setattr(threading.Thread, "start", refuse)
    forgetter = Forgetter(History(), DAY, told.append)
    forgetter.start()
    forgetter.close()
    assert "out of threads" in told[0]


@pytest.fixture(params=["memory", "file"])
def history(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[History]:
    history = History() if request.param == "memory" else StoredHistory(tmp_path / "chat.db", print)
    with closing(history):
        yield history


def test_a_server_forgets_at_its_start(history: History) -> None:
    history.append("lobby", [Say("al", "long ago", 1000.0)])
    with run_server(history=history, keep=DAY) as (server, _), Client(server, "bo") as bo:
        wait_until(lambda: history.recent("lobby", 9) == [], "it is forgotten")
        bo.type("hi")
        bo.sync()
        assert [it.text for it in history.recent("lobby", 9)] == ["hi"]
