"""What a member is shown that comes back, as much of it as fits."""

import pytest

from threadchat.chat import missed as missed_module
from threadchat.chat.missed import missed_since
from threadchat.messages.kinds import Gap, Say
from threadchat.messages.places import Place
from threadchat.storage.history import History


def test_it_is_told_how_much_it_missed_besides(monkeypatch: pytest.MonkeyPatch) -> None:
    history = History()
    epoch = history.last_place("lobby").epoch
    history.append("lobby", [Say("al", f"{number}", 1.0) for number in range(9)])

    def missed() -> list[str]:
        return [it.line for it in missed_since(history, "lobby", Place(epoch, 0)) or ()]

    monkeypatch.setattr(missed_module, "MAX_MISSED", 3)
    assert missed() == [Gap(6).line, "al: 6", "al: 7", "al: 8"]
    monkeypatch.setattr(missed_module, "MAX_MISSED_CHARACTERS", 20)
    assert missed() == [Gap(8).line, "al: 8"]


def test_another_epoch_is_a_new_beginning() -> None:
    assert missed_since(History(), "lobby", Place("ab", 0)) is None
