"""Private messages that wait for the owners of protected names."""

import pytest

from tests.support.chats import RIGHT, Lobby, Somebody
from threadchat.access.passphrase import make
from threadchat.messages.kinds import Private
from threadchat.storage.records import MAX_FROM_ONE, Records


class TestLetters:
    @pytest.fixture
    def bo(self, kept: Lobby, records: Records) -> Somebody:
        records.protect("al", make(RIGHT))
        (bo,) = kept.enter("bo")
        return bo

    def test_a_private_message_waits_for_its_owner(self, kept: Lobby, bo: Somebody) -> None:
        kept.types(bo, "/msg AL come to lunch")
        assert bo.lines() == [
            "[you -> al] come to lunch",
            "=== al is not here and will be handed it on coming back.",
        ]
        bo.secrets.append(RIGHT)
        kept.types(bo, "/nick al")
        *_, count, letter = bo.lines()
        assert count == "=== A message came for you while you were not here:"
        assert letter.startswith("=== 20")
        assert letter.endswith(" [bo -> you] come to lunch")
        assert bo.answers_to == "bo"

    def test_it_is_handed_over_once(self, kept: Lobby, bo: Somebody, records: Records) -> None:
        kept.types(bo, "/msg al hi")
        bo.secrets.append(RIGHT)
        kept.types(bo, "/nick al")
        assert records.waiting("al") == []

    def test_nothing_waits_for_a_name_that_nobody_owns(self, kept: Lobby, bo: Somebody) -> None:
        kept.types(bo, "/msg cy hi")
        assert bo.lines() == ["!!! Nobody here is called cy. /who lists everyone."]

    def test_who_is_muted_leaves_none(self, kept: Lobby, bo: Somebody, records: Records) -> None:
        kept.chat.names.mute("bo", 60)
        kept.types(bo, "/msg al hi")
        assert bo.lines() == ["!!! You are muted for 1 min more: nobody was shown that."]
        assert records.waiting("al") == []

    def test_one_sender_cannot_fill_the_box(
        self, kept: Lobby, bo: Somebody, records: Records
    ) -> None:
        for number in range(MAX_FROM_ONE):
            assert records.keep(Private("bo", "al", f"m{number}"))
        kept.types(bo, "/msg al one more")
        (line,) = bo.lines()
        assert line.startswith(f"!!! {MAX_FROM_ONE} messages from you wait for al")
