"""Who somebody is, over renames and reconnects."""

import pytest

from tests.support.chats import Lobby, Somebody, make_chat, make_person
from tests.support.clock import Clock
from tests.support.observer import Recorder
from threadchat.chat.chat import Chat
from threadchat.chat.identity import MAX_REMEMBERED, NOBODY, REMEMBERED_FOR, Identities
from threadchat.net.disconnect import Reason
from threadchat.storage.records import Records
from threadchat.text.names import BadName

HOME, ELSEWHERE = "10.0.0.1:5000", "10.0.0.2:5000"


@pytest.fixture
def chat(unkept: Records, clock: Clock) -> Chat:
    return make_chat(unkept, Recorder(), clock=clock)


def come(chat: Chat, name: str, address: str = HOME) -> int:
    """Let somebody come in and leave again; return their identity."""
    person = make_person(1, address)
    chat.names.claim(person, name)
    chat.enter(person)
    chat.leave(person, Reason.QUIT)
    return person.identity


class TestOfASession:
    def test_nobody_has_one_before_a_name(self) -> None:
        assert make_person(1).identity == NOBODY

    def test_two_people_have_two(self, chat: Chat) -> None:
        al, bo = make_person(1, HOME), make_person(2, HOME)
        chat.names.claim(al, "al")
        chat.names.claim(bo, "bo")
        assert NOBODY != al.identity != bo.identity != NOBODY

    def test_it_stays_over_renames(self, chat: Chat) -> None:
        al = make_person(1, HOME)
        chat.names.claim(al, "al")
        chat.enter(al)
        before = al.identity
        chat.rename(al, "alan")
        chat.rename(al, "al")
        assert al.identity == before

    def test_a_name_that_was_given_up_is_not_the_person(self, chat: Chat) -> None:
        al, eve = make_person(1, HOME), make_person(2, HOME)
        chat.names.claim(al, "al")
        chat.enter(al)
        chat.rename(al, "alan")
        chat.names.claim(eve, "al")
        assert eve.identity != al.identity


class TestAfterLeaving:
    def test_name_and_address_together_are_the_same_person(self, chat: Chat) -> None:
        assert come(chat, "al") == come(chat, "AL")

    def test_neither_alone_is(self, chat: Chat) -> None:
        assert len({come(chat, "al"), come(chat, "bo"), come(chat, "al", ELSEWHERE)}) == 3

    def test_for_two_minutes(self, chat: Chat, clock: Clock) -> None:
        before = come(chat, "al")
        clock.now += REMEMBERED_FOR - 1
        assert come(chat, "al") == before
        clock.now += REMEMBERED_FOR
        assert come(chat, "al") != before

    def test_a_rename_does_not_change_into_who_left(self, chat: Chat) -> None:
        before = come(chat, "al")
        bo = make_person(2, HOME)
        chat.names.claim(bo, "bo")
        chat.enter(bo)
        own = bo.identity
        chat.rename(bo, "al")
        assert bo.identity == own != before

    def test_a_kept_name_is_for_that_person(self, chat: Chat) -> None:
        al = make_person(1, HOME)
        chat.names.claim(al, "al")
        chat.enter(al)
        chat.leave(al, Reason.RESET)
        with pytest.raises(BadName, match="is kept for somebody whose connection broke"):
            chat.names.claim(make_person(2, ELSEWHERE), "al")
        back = make_person(3, HOME)
        chat.names.claim(back, "al")
        assert back.identity == al.identity


class TestOfARecord:
    def test_the_passphrase_gives_it_at_any_address(self, kept: Lobby) -> None:
        (al,) = kept.enter("al")
        kept.records.protect("al", b"kept")
        protected = kept.records.protected("al")
        kept.chat.leave(al, Reason.QUIT)
        identities = set()
        for number in (2, 3):
            back = Somebody(number)
            kept.chat.names.claim(back, "al", proven=protected)
            identities.add(back.identity)
            kept.chat.enter(back)
            kept.chat.leave(back, Reason.QUIT)
        assert len(identities) == 1
        assert NOBODY not in identities


class TestBounds:
    def test_so_many_that_left_are_remembered(self) -> None:
        identities = Identities()
        for number in range(MAX_REMEMBERED + 5):
            identities.remember(number + 1, f"n{number}", "host", 0.0)
        assert identities.recognize("n4", "host", 1.0) == NOBODY
        assert identities.recognize("n5", "host", 1.0) == 6
        assert len(identities._left) == MAX_REMEMBERED

    def test_so_many_owners_of_names(self) -> None:
        identities = Identities()
        first = identities.of_record("n0", 0.0)
        for number in range(MAX_REMEMBERED):
            identities.of_record(f"n{number}", 0.0)
        assert identities.of_record("n0", 0.0) == first
        assert identities.of_record("n0", 1.0) != first
        assert len(identities._of_record) == MAX_REMEMBERED
