"""Who somebody is, over renames and reconnects."""

import pytest

from tests.support.chats import RIGHT, Lobby, Somebody, make_chat, make_person, protect
from tests.support.clock import Clock
from tests.support.observer import Recorder
from threadchat.chat.chat import Chat
from threadchat.chat.identity import (
    MAX_PERIODS,
    NOBODY,
    Identities,
    Identity,
    not_said_by,
)
from threadchat.chat.keptnames import MIN_SECONDS_IN_USE
from threadchat.chat.leftpeople import REMEMBERED_FOR, LeftPeople
from threadchat.messages.kinds import Say, TakenBack
from threadchat.net.disconnect import Reason
from threadchat.storage.records import Records
from threadchat.text.names import BadName

HOME, ELSEWHERE = "10.0.0.1:5000", "10.0.0.2:5000"


@pytest.fixture
def chat(unkept: Records, clock: Clock) -> Chat:
    return make_chat(unkept, Recorder(), clock=clock)


def come(chat: Chat, name: str, address: str = HOME) -> Identity:
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

    def test_every_name_of_the_session_is_known(self, chat: Chat) -> None:
        al = make_person(1, HOME)
        chat.names.claim(al, "al")
        chat.enter(al)
        chat.rename(al, "alan")
        chat.leave(al, Reason.QUIT)
        assert come(chat, "al") is come(chat, "alan") is al.identity

    def test_for_two_minutes(self, chat: Chat, clock: Clock) -> None:
        before = come(chat, "al")
        clock.now += REMEMBERED_FOR - 1
        assert come(chat, "al") == before
        clock.now += REMEMBERED_FOR
        assert come(chat, "al") != before

    def test_so_is_each_of_many_behind_a_router(self, chat: Chat) -> None:
        people = {f"n{number}": come(chat, f"n{number}") for number in range(60)}
        for name, identity in people.items():
            assert come(chat, name) is identity

    def test_a_name_that_somebody_had_for_long_is_known_after_many_short_ones(
        self, chat: Chat, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(chat.records, "now", clock)
        al = make_person(1, HOME)
        chat.names.claim(al, "al")
        chat.enter(al)
        clock.now += 60
        chat.leave(al, Reason.QUIT)
        for number in range(1000):
            come(chat, f"n{number}")
        assert come(chat, "al") is al.identity

    def test_a_rename_does_not_change_into_who_left(self, chat: Chat) -> None:
        before = come(chat, "al")
        bo = make_person(2, HOME)
        chat.names.claim(bo, "bo")
        chat.enter(bo)
        own = bo.identity
        chat.rename(bo, "al")
        assert bo.identity == own != before

    def test_a_kept_name_is_for_that_person(self, chat: Chat, clock: Clock) -> None:
        al = make_person(1, HOME)
        chat.names.claim(al, "al")
        chat.enter(al)
        clock.now += MIN_SECONDS_IN_USE
        chat.leave(al, Reason.RESET)
        with pytest.raises(BadName, match="is kept for 120 s for somebody"):
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

    def test_who_protects_a_name_or_proves_one_stays_the_same_person(self, kept: Lobby) -> None:
        (al,) = kept.enter("al")
        before = al.identity
        protect(kept, al, RIGHT, RIGHT)
        record = kept.records.protected("al")
        assert record is not None
        assert kept.chat.names.owner_of(record) is before
        kept.chat.leave(al, Reason.QUIT)
        (bo,) = kept.enter("bo")
        other = bo.identity
        bo.secrets.append(RIGHT)
        kept.types(bo, "/nick al")
        assert bo.identity is before
        assert other.current is before
        assert (before.was_called("al"), before.was_called("bo")) == (True, True)

    def test_who_has_proven_one_has_not_had_others(self) -> None:
        identity = Identity()
        identity.records = (("al", 5.0),)
        assert [identity.had("al", at) for at in (4.0, 5.0, 9.0)] == [False, True, True]
        assert not identity.had("bo", 9.0)
        assert (identity.was_called("al"), identity.was_called("bo")) == (True, False)

    def test_who_frees_a_name_is_no_longer_known_by_it(self, kept: Lobby) -> None:
        (al,) = kept.enter("al")
        protect(kept, al, RIGHT, RIGHT)
        kept.types(al, "/unprotect")
        kept.chat.leave(al, Reason.QUIT)
        (eve,) = kept.enter("al")
        protect(kept, eve, RIGHT, RIGHT)
        assert eve.identity is not al.identity
        assert not al.identity.had("al", eve.came_at + 1)


def test_the_text_that_stands_for_a_person_stands_for_them_when_two_are_one() -> None:
    identities = Identities()
    one, other, third = identities.with_uid("u1"), identities.with_uid("u2"), Identity()
    identities.merge(one, other)
    identities.merge(third, other)  # nobody was told of this one
    assert identities.with_uid("u1") is identities.with_uid("u2") is other
    assert one.current is third.current is other
    assert identities.uid_of(one) == "u2"
    assert identities.with_uid("") is not other


def test_that_a_line_was_taken_back_is_shown_whoever_it_was() -> None:
    bo = Identity()
    bo.begin("bo", "bo", 1.0)
    gone = TakenBack("bo", "epoch", 1, 1, at=2.0)
    said, other = Say("bo", "hi", 2.0), Say("al", "hi", 2.0)
    messages: list[Say | TakenBack] = [gone, said, other]
    assert not_said_by([bo], messages) == [gone, other]


def test_an_owner_that_was_never_here_has_the_name_that_is_shown() -> None:
    identities = Identities()
    assert identities.of_record("al", 5.0, "Al").name == "Al"
    assert identities.of_record("bo", 5.0).name == "bo"


class TestNamesThatWereHad:
    def test_each_for_its_time(self) -> None:
        identity = Identity()
        identity.begin("al", "al", 1.0)
        identity.begin("bo", "bo", 5.0)
        identity.end("al", 5.0)
        assert [identity.had("al", at) for at in (0.0, 1.0, 5.0, 6.0)] == [False, True, True, False]
        assert identity.had("bo", 1e9)
        assert identity.name == "bo"

    def test_a_protected_name_since_it_is_protected(self) -> None:
        identity = Identities().of_record("al", 5.0)
        assert [identity.had("al", at) for at in (4.0, 5.0, 1e9)] == [False, True, True]
        assert identity.was_called("al")
        assert not identity.had("bo", 9.0)
        assert not identity.was_called("bo")

    def test_so_many_are_remembered(self) -> None:
        identity = Identity()
        for number in range(MAX_PERIODS + 5):
            identity.begin(f"n{number}", f"n{number}", float(number))
            identity.end(f"n{number}", number + 0.5)
        assert len(identity.periods) == MAX_PERIODS
        assert identity.was_called("n5")


class TestTwoThatAreOne:
    def test_what_was_known_of_each_is_known_of_both(self) -> None:
        identities = Identities()
        session, owner, eve = Identity(), identities.of_record("al", 1.0), Identity()
        session.begin("bo", "bo", 2.0)
        session.ignored = frozenset({eve, owner})
        left = LeftPeople()
        left.remember(session, {"bo": 9.0}, "host", 0.0)
        assert identities.bind("al", 1.0, session) is owner
        assert session.current is owner
        assert left.find("bo", "host", 1.0) is left.last("bo", 1.0) is owner
        assert owner.had("bo", 3.0)
        assert owner.ignored == {eve}
        assert owner.name == "bo"

    def test_two_protected_names_may_be_one_persons(self) -> None:
        identities = Identities()
        al, bo = identities.of_record("al", 1.0), identities.of_record("bo", 1.0)
        assert identities.bind("bo", 1.0, al) is bo
        assert identities.of_record("al", 1.0) is bo
        assert set(bo.records) == {("al", 1.0), ("bo", 1.0)}


class TestBounds:
    def test_an_owner_is_forgotten_with_the_record(self) -> None:
        identities = Identities()
        first = identities.of_record("al", 0.0)
        assert identities.of_record("al", 0.0) is first
        identities.unbind("al", 9.0)
        assert identities._of_record == {}
        assert identities.of_record("al", 9.0) is not first

    def test_what_was_said_under_a_name_that_was_freed_stays_its_owners(self) -> None:
        identities = Identities()
        owner = identities.of_record("al", 1.0)
        identities.unbind("al", 9.0)
        assert [owner.had("al", at) for at in (0.0, 1.0, 9.0, 10.0)] == [False, True, True, False]
