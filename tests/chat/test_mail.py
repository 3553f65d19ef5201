"""Private messages that wait for the owners of protected names."""

import pytest

from tests.support.chats import RIGHT, Lobby, Somebody, protect
from threadchat.access.passphrase import make
from threadchat.messages.kinds import Private
from threadchat.net.sendqueue import MAX_QUEUED
from threadchat.storage.records import MAX_FROM_ONE, MAX_MAIL, Records


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

    def test_it_is_handed_over_once(self, kept: Lobby, bo: Somebody, records: Records) -> None:
        kept.types(bo, "/msg al hi")
        bo.secrets.append(RIGHT)
        kept.types(bo, "/nick al")
        assert records.waiting("al") == []

    def test_much_mail_comes_in_parts_of_which_each_waits_for_the_one_before(
        self, kept: Lobby, bo: Somebody, records: Records, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for number in range(MAX_MAIL):
            assert records.keep(Private(f"p{number}", "al", f"{number} " + "漢" * 4000))
        taken: list[int] = []

        def catch_up(person: Somebody, seconds: float) -> bool:
            taken.append(len(person.received))
            return len(taken) < 10

        monkeypatch.setattr(Somebody, "catch_up", catch_up)
        bo.secrets.append(RIGHT)
        kept.types(bo, "/nick al")
        sizes = [after - before for before, after in zip([0, *taken], taken, strict=False)]
        assert len(taken) == 10
        assert max(sizes) < MAX_QUEUED / 2
        lines = [line for line in bo.lines() if "-> you]" in line]
        assert [int(line.split("] ")[1].split()[0]) for line in lines] == list(range(len(lines)))
        # It has gone: what it was not handed waits on.
        assert len(records.waiting("al")) == MAX_MAIL - len(lines)

    def test_nothing_waits_for_a_name_that_nobody_owns(self, kept: Lobby, bo: Somebody) -> None:
        kept.types(bo, "/msg cy hi")
        assert bo.lines() == ["!!! Nobody here is called cy. /who lists everyone."]

    def test_who_is_muted_leaves_none(self, kept: Lobby, bo: Somebody, records: Records) -> None:
        kept.chat.moderation.mute("bo", 60)
        kept.types(bo, "/msg al hi")
        (line,) = bo.lines()
        assert line.startswith("!!! You are muted for 1 min, until ")
        assert records.waiting("al") == []

    def test_a_reply_follows_who_wrote_it(self, kept: Lobby, bo: Somebody) -> None:
        kept.types(bo, "/msg al hi")
        kept.types(bo, "/nick bob")
        eve, al = kept.enter("bo", "cy")
        al.secrets.append(RIGHT)
        kept.types(al, "/nick al")
        bo.lines()
        kept.types(al, "/r secret")
        assert bo.lines() == ["[al -> you] secret"]
        kept.chat.leave(bo, "quit")
        al.lines()
        kept.types(al, "/r secret")
        assert al.lines() == [
            "!!! The bo that wrote to you is gone, and somebody else is called that now."
            " /msg bo WORDS writes to that one."
        ]
        assert "secret" not in "".join(eve.lines())

    def test_over_a_restart_it_is_known_who_had_proven_a_name(
        self, kept: Lobby, bo: Somebody, records: Records
    ) -> None:
        protect(kept, bo, RIGHT, RIGHT)
        kept.types(bo, "/nick bob")
        kept.types(bo, "/msg al hi")
        later = Lobby(records)
        al, eve = later.enter("cy", "bob")
        al.secrets.append(RIGHT)
        later.types(al, "/nick al")
        al.lines()
        eve.lines()
        later.types(al, "/r secret")
        assert al.lines() == [
            "[you -> bo] secret",
            "=== bo is not here and will be handed it on coming back.",
        ]
        assert eve.lines() == []
        eve.secrets.append(RIGHT)
        later.types(eve, "/nick bo")
        later.types(al, "/r once more")
        assert eve.lines()[-1] == "[al -> you] once more"
        later.chat.close()

    def test_over_a_restart_nobody_knows_who_anybody_else_was(
        self, kept: Lobby, bo: Somebody, records: Records
    ) -> None:
        kept.types(bo, "/msg al hi")
        later = Lobby(records)
        al, eve = later.enter("cy", "bo")
        al.secrets.append(RIGHT)
        later.types(al, "/nick al")
        al.lines()
        eve.lines()
        later.types(al, "/r secret")
        assert al.lines() == [
            "!!! bo wrote that before the server was last started, so nobody knows who that was."
            " /msg bo WORDS writes to the person that has the name."
        ]
        assert eve.lines() == []
        later.chat.close()

    def test_another_name_is_no_other_sender(self, kept: Lobby, bo: Somebody) -> None:
        for number in range(MAX_FROM_ONE + 1):
            kept.types(bo, f"/nick bo{number}x")
            bo.lines()
            kept.types(bo, "/msg al hi")
        assert bo.lines()[0].startswith(f"!!! {MAX_FROM_ONE} messages from you wait for al")

    def test_one_sender_cannot_fill_the_box(
        self, kept: Lobby, bo: Somebody, records: Records
    ) -> None:
        for number in range(MAX_FROM_ONE):
            assert records.keep(Private("bo", "al", f"m{number}"))
        kept.types(bo, "/msg al one more")
        (line,) = bo.lines()
        assert line.startswith(f"!!! {MAX_FROM_ONE} messages from you wait for al")
