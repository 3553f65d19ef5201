"""Private messages that wait for the owners of protected names."""

import re
from collections import OrderedDict
from collections.abc import Generator
from functools import partial
from typing import Any

import pytest

from tests.support.chats import RIGHT, Lobby, Somebody, protect
from tests.support.waiting import Section, enter_one_by_one
from threadchat.access.passphrase import make
from threadchat.chat import mail
from threadchat.chat.identity import Identity
from threadchat.chat.interfaces import Portion
from threadchat.chat.mail import Mail
from threadchat.chat.person import Person
from threadchat.messages.fitting import MAX_ANSWER
from threadchat.messages.kinds import Private
from threadchat.monitoring.events import Trouble
from threadchat.storage.records import MAX_FROM_ONE, KeptMessage, Records, RecordsFailed


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

    @pytest.mark.parametrize(("others", "is_known"), [(1, True), (2, False)])
    def test_the_writers_of_so_many_messages_are_known(
        self,
        kept: Lobby,
        bo: Somebody,
        monkeypatch: pytest.MonkeyPatch,
        others: int,
        is_known: bool,
    ) -> None:
        monkeypatch.setattr(mail, "MAX_WRITERS", 2)
        records = kept.records
        records.protect("ed", make(RIGHT))
        kept.types(bo, "/msg al hi")
        for number in range(others):
            kept.types(bo, f"/msg ed letter {number}")
        kept.types(bo, "/nick bob")
        (al,) = kept.enter("cy")
        al.secrets.append(RIGHT)
        kept.types(al, "/nick al")
        bo.lines()
        kept.types(al, "/r secret")
        assert bo.lines() == ["[al -> you] secret"] * is_known

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

    def come_in(self, kept: Lobby, records: Records) -> Somebody:
        """Let the owner of the name come in, and return them."""
        al = Somebody(99)
        kept.chat.names.claim(al, "al", proven=records.protected("al"))
        kept.chat.enter(al)
        al.lines()
        return al

    def test_nothing_waits_for_an_owner_who_is_here(
        self, kept: Lobby, bo: Somebody, records: Records
    ) -> None:
        al = self.come_in(kept, records)
        kept.types(bo, "/msg al hi")
        assert bo.lines()[-1] == "[you -> al] hi"
        assert al.lines() == ["[bo -> you] hi"]
        assert not kept.chat.mail.keep(bo, "al", "hi again")
        assert records.waiting("al") == []

    def test_an_owner_who_comes_in_meanwhile_is_handed_it_at_once(
        self, kept: Lobby, bo: Somebody, records: Records, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        keep = Records.keep
        come: list[Somebody] = []

        def come_in(self: Records, *letter: Any) -> int:
            come.append(TestLetters.come_in(it, kept, records))
            return keep(self, *letter)

        it = self
        monkeypatch.setattr(Records, "keep", come_in)
        kept.types(bo, "/msg al hi")
        (al,) = come
        assert al.lines() == ["[bo -> you] hi"]
        assert bo.lines()[-1] == "[you -> al] hi"
        assert records.waiting("al") == []
        assert al.answers_to is not None

    def test_a_name_that_is_freed_meanwhile_gets_none(
        self, kept: Lobby, bo: Somebody, records: Records, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        keep = Records.keep

        def free(self: Records, *letter: Any) -> int:
            self.unprotect("al")
            return keep(self, *letter)

        monkeypatch.setattr(Records, "keep", free)
        assert not kept.chat.mail.keep(bo, "al", "hi")
        assert kept.chat.mail._writers == {}


class TestHandingOver:
    """What is deleted, and when; what comes again."""

    @pytest.fixture
    def al(self, kept: Lobby, records: Records) -> Somebody:
        """The owner of the name, under another one, with what they will type as passphrase."""
        records.protect("al", make(RIGHT))
        (al,) = kept.enter("cy")
        al.secrets.append(RIGHT)
        return al

    def keep(self, records: Records, number: int, size: int = 10) -> None:
        for at in range(number):
            assert records.keep(Private(f"bo{at // 20}", "al", f"letter {at} ".ljust(size, "x")))

    def shown(self, person: Somebody) -> list[str]:
        """Return the letters that `person` was shown, with what stands before the time."""
        lines = [line for line in person.lines() if " -> you] " in line]
        return [re.sub(r"=== (.*?)20.*letter (\d+) .*", r"\1\2", line) for line in lines]

    def test_nothing_is_deleted_before_it_is_taken(
        self, kept: Lobby, al: Somebody, records: Records
    ) -> None:
        self.keep(records, 2)
        al.takes = False
        kept.types(al, "/nick al")
        assert self.shown(al) == ["0", "1"]
        assert len(records.waiting("al")) == 2
        (portion,) = al.untaken
        portion.taken()
        assert records.waiting("al") == []

    def test_what_was_not_taken_comes_again_marked_so(
        self, kept: Lobby, al: Somebody, records: Records
    ) -> None:
        self.keep(records, 1)
        al.takes = False
        kept.types(al, "/nick al")
        kept.chat.leave(al, "reset")
        al.lines()
        assert records.keep(Private("ed", "al", "letter 9 "))
        later = Lobby(records)  # the server was started again meanwhile
        (again,) = later.enter("cy")
        again.secrets.append(RIGHT)
        later.types(again, "/nick al")
        title = "=== 2 messages came for you while you were not here; you may have seen what is"
        assert f"{title} marked 'again':" in again.received.decode()
        assert self.shown(again) == ["again: 0", "9"]
        assert records.waiting("al") == []
        later.chat.close()

    def test_it_comes_in_portions_that_each_are_deleted_when_taken(
        self, kept: Lobby, al: Somebody, records: Records
    ) -> None:
        self.keep(records, 100, size=4000)
        al.takes = False
        kept.types(al, "/nick al")
        assert self.shown(al) == [str(at) for at in range(100)]
        assert len(al.untaken) > 5
        for portion in al.untaken:
            assert sum(len(it.line.encode()) for it in portion.messages) < MAX_ANSWER + 1000
        al.untaken[1].taken()
        first, second = (len(portion.messages) for portion in al.untaken[:2])
        left = [it.message.text.split()[1] for it in records.waiting("al")]
        first -= 1  # its title
        assert left == [str(at) for at in range(100) if not first <= at < first + second]

    def test_where_it_cannot_be_noted_that_it_is_shown_it_is_shown_and_the_operator_is_told(
        self, kept: Lobby, al: Somebody, records: Records, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def note_shown(some: object) -> None:
            raise RecordsFailed("no", "why")

        self.keep(records, 1)
        monkeypatch.setattr(records, "note_shown", note_shown)
        kept.types(al, "/nick al")
        assert self.shown(al) == ["0"]
        assert [event.words for event in kept.events if isinstance(event, Trouble)] == ["why"]

    def test_where_it_cannot_be_deleted_the_operator_is_told(
        self, kept: Lobby, al: Somebody, records: Records, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def handed_over(some: object) -> None:
            raise RecordsFailed("no", "why")

        self.keep(records, 1)
        monkeypatch.setattr(records, "handed_over", handed_over)
        kept.types(al, "/nick al")
        assert al.lines()[-1] == "!!! no"
        assert [event.words for event in kept.events if isinstance(event, Trouble)] == ["why"]

    def test_where_it_cannot_be_read_the_operator_is_told(
        self, kept: Lobby, al: Somebody, records: Records, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def waiting(name: str) -> list[KeptMessage]:
            raise RecordsFailed("no", "why")

        monkeypatch.setattr(records, "waiting", waiting)
        kept.types(al, "/nick al")
        assert al.lines()[-1] == "!!! no"
        assert [event.words for event in kept.events if isinstance(event, Trouble)] == ["why"]

    def test_what_is_kept_meanwhile_comes_with_the_rest(
        self, kept: Lobby, al: Somebody, records: Records, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.keep(records, 1)
        (bo,) = kept.enter("bo")
        hand_over = Somebody.hand_over

        def hand_over_late(person: Somebody, portions: Generator[Portion, None, None]) -> None:
            next(portions).taken()
            with monkeypatch.context() as patch:  # bo has looked before al came in
                patch.setattr(kept.chat.names, "is_here", lambda name: False)
                kept.types(bo, "/msg al letter 8 .")
            hand_over(person, portions)

        monkeypatch.setattr(Somebody, "hand_over", hand_over_late)
        kept.types(al, "/nick al")
        assert self.shown(al) == ["8"]
        assert records.waiting("al") == []

    def test_a_person_that_leaves_before_anything_is_handed_over_is_not_kept(
        self, kept: Lobby, al: Somebody, records: Records, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.keep(records, 1)
        with monkeypatch.context() as patch:
            patch.setattr(Somebody, "hand_over", lambda _, portions: portions.close())
            kept.types(al, "/nick al")
        assert self.shown(al) == []
        assert not kept.chat.mail._under_way
        kept.chat.mail.hand_over(al)
        assert self.shown(al) == ["0"]

    def test_what_is_kept_once_the_rest_is_handed_over_comes_at_once(
        self, kept: Lobby, al: Somebody, records: Records, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.keep(records, 1)
        (bo,) = kept.enter("bo")
        waiting_after = Mail._waiting_after

        def look_and_write(mail: Mail, last: int, person: Person) -> list[KeptMessage]:
            waiting = waiting_after(mail, last, person)
            if not waiting:
                with monkeypatch.context() as patch:  # bo has looked before al came in
                    patch.setattr(kept.chat.names, "is_here", lambda name: False)
                    kept.types(bo, "/msg al letter 8 .")
            return waiting

        monkeypatch.setattr(Mail, "_waiting_after", look_and_write)
        kept.types(al, "/nick al")
        assert self.shown(al) == ["0", "[bo -> you] letter 8 ."]
        assert records.waiting("al") == []

    @pytest.mark.parametrize("fails", [False, True])
    def test_the_owner_who_came_in_meanwhile_is_told_at_once(
        self,
        kept: Lobby,
        al: Somebody,
        records: Records,
        monkeypatch: pytest.MonkeyPatch,
        fails: bool,
    ) -> None:
        (bo,) = kept.enter("bo")
        kept.types(al, "/nick al")
        al.lines()
        bo.lines()
        monkeypatch.setattr(kept.chat.names, "is_here", lambda name: False)
        if fails:  # then it waits like any other

            def drop(key: str) -> None:
                raise RecordsFailed("no", "why")

            monkeypatch.setattr(records.mail, "drop", drop)
        kept.types(bo, "/msg al letter 8 ")
        assert al.lines() == ([] if fails else ["[bo -> you] letter 8"])
        told = ["[you -> al] letter 8"]
        if fails:
            told.append("=== al is not here and will be handed it on coming back.")
        assert bo.lines() == told
        assert len(records.waiting("al")) == fails

    def test_where_it_cannot_be_deleted_the_owner_is_told_that_it_comes_again(
        self, kept: Lobby, al: Somebody, records: Records
    ) -> None:
        self.keep(records, 1)
        records._connection.execute("PRAGMA query_only = ON")
        kept.types(al, "/nick al")
        lines = al.lines()
        assert [line for line in lines if line.startswith("!!!")] == [
            "!!! You will be shown those messages again: that you were cannot be written."
        ]
        assert any("letter 0" in line for line in lines)
        records._connection.execute("PRAGMA query_only = OFF")
        assert len(records.waiting("al")) == 1

    def test_where_it_cannot_be_read_the_owner_is_told_and_can_try_again(
        self, kept: Lobby, al: Somebody, records: Records
    ) -> None:
        self.keep(records, 1)
        records._connection.execute("ALTER TABLE letters RENAME TO elsewhere")
        kept.types(al, "/nick al")
        assert "cannot be read just now" in al.lines()[-1]
        records._connection.execute("ALTER TABLE elsewhere RENAME TO letters")
        kept.chat.mail.hand_over(al)
        assert self.shown(al) == ["0"]


def test_mail_is_not_deleted_while_it_is_counted(
    kept: Lobby, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    section = Section()

    class SlowWriters(OrderedDict[int, Identity]):
        def items(self) -> Any:
            section.visit()
            return super().items()

        def pop(self, *key: Any) -> Any:
            section.visit()
            return super().pop(*key)

    records.protect("al", make(RIGHT))
    (bo,) = kept.enter("bo")
    box = kept.chat.mail
    assert box.keep(bo, "al", "hi")
    waiting = records.waiting("al")
    monkeypatch.setattr(box, "_looking", section)
    monkeypatch.setattr(box, "_writers", SlowWriters())

    def keep() -> None:
        assert box.keep(bo, "al", "ho")

    enter_one_by_one(section, [keep, lambda: box._delete(bo, waiting)])
    assert [it.message.text for it in records.waiting("al")] == ["ho"]


class TestFromAnotherServer:
    """A message that was kept on another server, and is known here by now."""

    @pytest.fixture(autouse=True)
    def owned(self, records: Records) -> None:
        records.protect("al", make(RIGHT))

    @staticmethod
    def put(records: Records, text: str = "hi") -> KeptMessage:
        kept = records.mail.put(Private("bo", "al", text, at=5.0), "", was_shown=False)
        assert kept is not None
        return kept

    @staticmethod
    def al(kept: Lobby) -> Somebody:
        al = Somebody(7)
        al.secrets.append(RIGHT)
        kept.chat.names.claim(al, "al", proven=kept.records.protected("al"))
        kept.chat.enter(al)
        al.lines()
        return al

    def test_its_owner_is_told_it_at_once_and_can_answer(
        self, kept: Lobby, records: Records
    ) -> None:
        (bo,), al = kept.enter("bo"), self.al(kept)
        al.lines()
        bo.lines()
        kept.chat.mail.take(self.put(records), bo.identity)
        assert al.lines() == ["[bo -> you] hi"]
        assert records.waiting("al") == []
        kept.types(al, "/reply ho")
        assert bo.lines() == ["[al -> you] ho"]

    def test_of_somebody_that_the_owner_ignores_nothing_is_shown(
        self, kept: Lobby, records: Records
    ) -> None:
        (bo,), al = kept.enter("bo"), self.al(kept)
        kept.types(al, "/ignore bo")
        al.lines()
        kept.chat.mail.take(self.put(records), bo.identity)
        assert al.lines() == []
        assert records.waiting("al") == []
        kept.chat.mail.take(self.put(records), None)  # nobody knows who that was
        assert al.lines() == ["[bo -> you] hi"]

    def test_it_waits_for_an_owner_that_is_not_here(self, kept: Lobby, records: Records) -> None:
        (bo,) = kept.enter("bo")
        kept.chat.mail.take(self.put(records), bo.identity)
        assert [it.message.text for it in records.waiting("al")] == ["hi"]
        assert kept.chat.mail._writers[records.waiting("al")[0].id] is bo.identity

    def test_it_comes_with_the_rest_while_that_is_handed_over(
        self, kept: Lobby, records: Records
    ) -> None:
        (bo,), al = kept.enter("bo"), self.al(kept)
        kept.chat.mail._under_way.add(al)
        al.lines()
        kept.chat.mail.take(self.put(records), bo.identity)
        assert al.lines() == []
        assert len(records.waiting("al")) == 1

    def test_nobody_else_looks_meanwhile(
        self, kept: Lobby, records: Records, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (bo,) = kept.enter("bo")
        messages, section = [self.put(records), self.put(records, "ho")], Section()
        monkeypatch.setattr(kept.chat.mail, "_looking", section)
        monkeypatch.setattr(kept.chat.mail, "_note_writer", section.visit)
        enter_one_by_one(
            section, [partial(kept.chat.mail.take, it, bo.identity) for it in messages]
        )
