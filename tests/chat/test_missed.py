"""What a member is shown that comes back, as much of it as fits."""

import pytest

from threadchat.chat import missed as missed_module
from threadchat.chat.missed import missed_since
from threadchat.messages.format import render
from threadchat.messages.jsonlines import JSON_LINES
from threadchat.messages.kinds import Gap, Say
from threadchat.messages.places import Place
from threadchat.net.sendqueue import MAX_QUEUED
from threadchat.storage.history import History
from threadchat.terminal.view import PLAIN_VIEW


def test_it_is_told_how_much_it_missed_besides(monkeypatch: pytest.MonkeyPatch) -> None:
    history = History()
    epoch = history.last_place("lobby").epoch
    history.append("lobby", [Say("al", f"{number}", 1.0) for number in range(9)])

    def missed() -> list[str]:
        return [it.line for it in missed_since(history, "lobby", Place(epoch, 0)) or ()]

    monkeypatch.setattr(missed_module, "MAX_MISSED", 3)
    assert missed() == [Gap(6).line, "al: 6", "al: 7", "al: 8"]
    monkeypatch.setattr(missed_module, "MAX_MISSED_BYTES", 200)
    assert missed() == [Gap(8).line, "al: 8"]


@pytest.mark.parametrize("letter", ["x", "é", "漢", "😀"])
def test_a_send_queue_takes_all_of_it_in_every_format(letter: str) -> None:
    history = History()
    epoch = history.last_place("lobby").epoch
    history.append("lobby", [Say("al", letter * 200, 1.0) for _ in range(1000)])
    missed = missed_since(history, "lobby", Place(epoch, 0))
    assert missed is not None
    assert len(missed) > 60
    for format in (JSON_LINES, PLAIN_VIEW):
        shown = b"".join(render(it, format, room="lobby") for it in missed)
        assert len(shown) <= 0.9 * MAX_QUEUED


def test_another_epoch_is_a_new_beginning() -> None:
    assert missed_since(History(), "lobby", Place("ab", 0)) is None


def test_one_line_fits_however_long_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(missed_module, "MAX_MISSED_BYTES", 10)
    history = History()
    epoch = history.last_place("lobby").epoch
    history.append("lobby", [Say("al", "x" * 100, 1.0) for _ in range(3)])
    missed = missed_since(history, "lobby", Place(epoch, 0))
    assert [type(it) for it in missed or ()] == [Gap, Say]
    assert missed_since(history, "lobby", Place(epoch, 3)) == []
