"""Names: who may have one, and that one that was lost with its connection is kept."""

import contextlib
import math
import re
from collections.abc import Iterator, Mapping

import pytest

from tests.support.chats import RIGHT, Lobby, Somebody, make_chat, make_person, protect
from tests.support.observer import Recorder
from threadchat.access.bans import parse_target
from threadchat.access.passphrase import make
from threadchat.chat.chat import Chat
from threadchat.chat.keptnames import LONG_SECONDS, MAX_KEPT_AT_ADDRESS, MIN_SECONDS_IN_USE
from threadchat.chat.leftpeople import LeftPeople
from threadchat.chat.names import NameBanned, NameProtected
from threadchat.net.disconnect import Reason
from threadchat.net.peers import PeerState
from threadchat.storage.records import Records
from threadchat.text.names import BadName


class TestNamesOfCharge:
    """Nobody can be taken for whoever runs the server."""

    @pytest.mark.parametrize("name", ["Operator.", "operator_", "0perator", "Server.", "r00t"])
    def test_they_cannot_be_had(self, lobby: Lobby, name: str) -> None:
        with pytest.raises(BadName, match=r"nobody can be called that here|meaning of its own"):
            lobby.chat.names.claim(Somebody(1), name)
        (al,) = lobby.enter("al")
        lobby.types(al, f"/nick {name}")
        assert al.name == "al"

    def test_whoever_has_protected_one_keeps_it(self, kept: Lobby) -> None:
        kept.records.protect("admin", b"kept")
        protected = kept.records.protected("admin")
        owner = Somebody(1)
        with pytest.raises(NameProtected):
            kept.chat.names.claim(owner, "Admin")
        kept.chat.names.claim(owner, "Admin", proven=protected)
        assert owner.name == "Admin"

    def test_a_room_may_be_called_so(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        lobby.types(al, "/join admin")
        assert al.lines()[0] == "=== You are in admin."


class TestBans:
    @pytest.mark.parametrize("target", ["mallory", "192.0.2.0/24"])
    def test_one_that_is_set_while_somebody_comes_in_counts(
        self, lobby: Lobby, monkeypatch: pytest.MonkeyPatch, target: str
    ) -> None:
        """Such a person is not among those whose connections the ban ends."""

        def lookalike(name: str) -> None:
            lobby.records.ban(parse_target(target), "al")

        monkeypatch.setattr(lobby.records, "lookalike", lookalike)
        with pytest.raises(NameBanned):
            lobby.chat.names.claim(Somebody(1), "mallory")
        assert not lobby.chat.names.is_here("mallory")


class TestLostNames:
    """A name lost with its connection is kept for two minutes for the same address."""

    @pytest.fixture
    def now(self) -> list[float]:
        return [1000.0]

    @pytest.fixture
    def chat(self, now: list[float], unkept: Records) -> Iterator[Chat]:
        chat = make_chat(unkept, Recorder(), clock=lambda: now[0])
        yield chat
        chat.close()

    def lose(self, chat: Chat, now: list[float], why: str) -> None:
        al = make_person(1, "10.0.0.1:5000")
        chat.names.claim(al, "al")
        chat.enter(al)
        now[0] += MIN_SECONDS_IN_USE
        chat.leave(al, why)

    @pytest.mark.parametrize("why", [Reason.RESET, Reason.TIMED_OUT, Reason.TOO_SLOW])
    def test_another_address_does_not_get_it(self, chat: Chat, now: list[float], why: str) -> None:
        self.lose(chat, now, why)
        with pytest.raises(BadName, match="AL is kept for 120 s for somebody"):
            chat.names.claim(make_person(2, "10.0.0.2:5000"), "AL")

    def test_the_same_address_does(self, chat: Chat, now: list[float]) -> None:
        self.lose(chat, now, Reason.RESET)
        back = make_person(2, "10.0.0.1:5001")
        chat.names.claim(back, "al")
        assert back.name == "al"

    def test_so_does_who_came_back_under_another_name_first(
        self, chat: Chat, now: list[float]
    ) -> None:
        self.lose(chat, now, Reason.RESET)
        for number, address in ((2, "10.0.0.1:5001"), (3, "10.0.0.2:5001")):
            person = make_person(number, address)
            chat.names.claim(person, f"al{number}")
            chat.enter(person)
            if number == 2:
                chat.rename(person, "al")
                chat.rename(person, "alan")
                self.lose(chat, now, Reason.RESET)
            else:
                with pytest.raises(
                    BadName, match=r"al is kept for 120 s for somebody whose connection broke\."
                ):
                    chat.rename(person, "al")

    @pytest.mark.parametrize(
        ("why", "seconds"), [(Reason.QUIT, 0), (Reason.CLOSED, 0), (Reason.RESET, 120)]
    )
    def test_others_get_it_when_it_was_given_up_or_time_is_up(
        self, chat: Chat, now: list[float], why: str, seconds: float
    ) -> None:
        self.lose(chat, now, why)
        now[0] += seconds
        other = make_person(2, "10.0.0.2:5000")
        chat.names.claim(other, "al")
        assert other.name == "al"

    def test_what_is_kept_is_forgotten_in_time(self, chat: Chat, now: list[float]) -> None:
        for number in range(100):
            person = make_person(number, "10.0.0.1:5000")
            chat.names.claim(person, f"n{number}")
            chat.enter(person)
            chat.leave(person, Reason.RESET)
            now[0] += 30
        assert len(chat.names._kept) <= MAX_KEPT_AT_ADDRESS

    def test_nobody_gets_one_that_looks_like_it(self, chat: Chat, now: list[float]) -> None:
        self.lose(chat, now, Reason.RESET)
        with pytest.raises(BadName, match="aI looks like al, which is kept for 120 s for"):
            chat.names.claim(make_person(2, "10.0.0.2:5000"), "aI")

    def test_a_name_of_a_moment_is_not_kept(self, chat: Chat, now: list[float]) -> None:
        for number in range(100):
            eve = make_person(number, "10.0.0.1:5000")
            chat.names.claim(eve, f"n{number}")
            chat.enter(eve)
            now[0] += MIN_SECONDS_IN_USE - 1
            chat.rename(eve, f"m{number}")  # what counts is the time since it has this name
            now[0] += MIN_SECONDS_IN_USE - 1
            chat.leave(eve, Reason.RESET)
        assert len(chat.names._kept) == 0

    def test_an_address_keeps_only_a_few(self, chat: Chat, now: list[float]) -> None:
        crowd = [make_person(number, f"10.0.0.1:{number}") for number in range(16)]
        for number, person in enumerate(crowd):
            chat.names.claim(person, f"n{number}")
            chat.enter(person)
        now[0] += MIN_SECONDS_IN_USE
        for person in crowd:
            chat.leave(person, Reason.RESET)
        other = make_person(99, "10.0.0.2:5000")
        free = 0
        for number in range(16):
            with contextlib.suppress(BadName):
                chat.names.claim(other, f"n{number}")
                free += 1
        assert 16 - free == len(chat.names._kept) == MAX_KEPT_AT_ADDRESS

    def test_all_are_kept_that_people_behind_a_router_had_for_long(
        self, chat: Chat, now: list[float]
    ) -> None:
        crowd = [make_person(number, f"10.0.0.1:{number}") for number in range(60)]
        for number, person in enumerate(crowd):
            chat.names.claim(person, f"n{number}")
            chat.enter(person)
        now[0] += LONG_SECONDS
        for person in crowd:
            chat.leave(person, Reason.RESET)
        for number, person in enumerate(crowd):
            with pytest.raises(BadName, match="is kept for"):
                chat.names.claim(make_person(99, "10.0.0.2:5000"), f"n{number}")
            back = make_person(100 + number, "10.0.0.1:5000")
            chat.names.claim(back, f"n{number}")
            assert back.identity is person.identity

    def test_a_network_of_the_internet_counts_as_one_address(
        self, chat: Chat, now: list[float]
    ) -> None:
        crowd = [make_person(number, f"[2001:db8::{number:x}]:5000") for number in range(1, 9)]
        for number, person in enumerate(crowd):
            chat.names.claim(person, f"n{number}")
            chat.enter(person)
        now[0] += MIN_SECONDS_IN_USE
        for person in crowd:
            chat.leave(person, Reason.RESET)
        assert len(chat.names._kept) == MAX_KEPT_AT_ADDRESS


def come(lobby: Lobby, name: str, address: str) -> Somebody:
    """Let somebody come in from `address`; once they are ended they are gone."""
    person = Somebody(len(lobby.people) + 50)
    person.address = address
    lobby.chat.names.claim(person, name)
    lobby.chat.enter(person)
    return person


class TestNamesThatAreTaken:
    """The refusal says from where and since when, and how to have one's own name back."""

    HOME, ELSEWHERE = "10.0.0.1:5000", "10.0.0.2:5000"

    def refusal(self, lobby: Lobby, name: str, address: str) -> str:
        with pytest.raises(BadName) as raised:
            come(lobby, name, address)
        return str(raised.value)

    def test_from_another_address(self, lobby: Lobby) -> None:
        come(lobby, "al", self.HOME)
        assert re.fullmatch(
            r"AL is taken, from 10\.0\.0\.1, since \d{4}-\d\d-\d\d \d\d:\d\d \(\d s\)\.",
            self.refusal(lobby, "AL", self.ELSEWHERE),
        )

    def test_since_when_the_name_is_in_use(self, kept: Lobby) -> None:
        now = 1e9
        kept.records.now = lambda: now
        al = come(kept, "al", self.HOME)
        now += 3600
        kept.chat.rename(al, "alan")
        now += 120
        assert self.refusal(kept, "alan", self.ELSEWHERE).endswith(" (2 min).")

    @pytest.mark.parametrize(
        ("peer", "within"),
        [
            (None, "85 s"),
            (PeerState(False, 0, 0.2), "85 s"),
            (PeerState(False, 0, 39.0), "46 s"),
            (PeerState(False, 1, 84.9), "1 s"),
            (PeerState(False, 2, 5.0), "80 s"),
        ],
    )
    def test_from_ones_own_address(self, lobby: Lobby, peer: PeerState | None, within: str) -> None:
        al = come(lobby, "al", self.HOME)
        al.peer = peer
        told = self.refusal(lobby, "al", "10.0.0.1:5001")
        assert told.startswith("al is taken, from your own address, since ")
        assert f"the server notices within {within} and keeps the name for you" in told
        assert al.ended == []

    def test_a_connection_that_is_dead_makes_way_at_the_same_address(self, lobby: Lobby) -> None:
        al = come(lobby, "al", self.HOME)
        identity = al.identity
        al.peer = PeerState(False, 3, 12.0)
        assert "taken, from 10.0.0.1" in self.refusal(lobby, "al", self.ELSEWHERE)
        assert al.ended == []
        al.leaves = lambda: lobby.chat.leave(al, Reason.REPLACED)
        again = come(lobby, "al", "10.0.0.1:5001")
        assert al.ended == ["came in again | al has come in again, from 10.0.0.1. Goodbye."]
        assert again.identity is identity


class TestWhoIsHere:
    def test_the_operator_is_found_by_name_and_counts_as_nobody(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        operator = make_person(0)
        operator.name, operator.folded_name = "Operator", "operator"
        lobby.chat.names.seat(operator, "operator")
        assert lobby.chat.names.find("OPERATOR") is operator
        assert lobby.chat.names.is_here("operator")
        assert lobby.chat.names.everybody() == [al]


def test_one_that_is_gone_is_not_found_again_though_others_are_here(lobby: Lobby) -> None:
    al, bo, _ = lobby.enter("al", "bo", "cy")
    assert lobby.chat.names.find_again(bo.identity) is bo
    assert lobby.chat.names.find_again(bo.identity, "cy") is bo
    lobby.chat.leave(al, Reason.QUIT)
    assert lobby.chat.names.find_again(al.identity) is None


class TestRecords:
    """What is known of the owners of protected names."""

    def test_a_record_counts_only_since_it_was_made(self, kept: Lobby) -> None:
        (al,) = kept.enter("al")
        protect(kept, al, RIGHT, RIGHT)
        (record,) = kept.chat.names.records_of(al.identity)
        assert record.name == "al"
        kept.records.unprotect("al")
        kept.records.protect("al", make(RIGHT))
        assert kept.chat.names.records_of(al.identity) == []

    def test_names_beside_the_protected_one_up_to_its_record(self, kept: Lobby) -> None:
        (al,) = kept.enter("al")
        protect(kept, al, RIGHT, RIGHT)
        kept.types(al, "/nick ed")
        (record,) = kept.chat.names.records_of(al.identity)
        had = kept.chat.names.had_beside(al.identity, record)
        assert [name for name, _, _ in had] == ["al", "ed"]
        (_, begin, end), (_, _, later) = had
        assert begin <= end == record.since
        assert later == math.inf

    def test_a_name_taken_at_the_moment_of_its_record_is_not_told_beside_that(
        self, kept: Lobby
    ) -> None:
        (al,) = kept.enter("al")
        protect(kept, al, RIGHT, RIGHT)
        (record,) = kept.chat.names.records_of(al.identity)
        (period,) = al.identity.current.periods
        al.identity.current.periods = (period._replace(begin=record.since),)
        assert kept.chat.names.had_beside(al.identity, record) == []

    def test_an_owner_that_is_banned_does_not_come_in_under_another_name(self, kept: Lobby) -> None:
        al, bo = kept.enter("al", "bo")
        al.is_operator = True
        kept.types(al, "/ban bo")
        with pytest.raises(BadName, match="That is banned here: bo"):
            kept.chat.rename(bo, "robert")
        kept.chat.leave(bo, Reason.KICKED)
        again = Somebody(2)
        with pytest.raises(BadName, match="That is banned here: bo"):
            kept.chat.names.claim(again, "bo")


def test_who_had_a_name_is_not_known_where_two_had_it(lobby: Lobby) -> None:
    al, bo = lobby.enter("al", "bo")
    now = lobby.records.now()
    assert lobby.chat.names.who_had("AL", now) is al.identity
    assert lobby.chat.names.who_had("al", now - 9.0) not in (al.identity, bo.identity)
    assert lobby.chat.names.who_had("cy", now) not in (al.identity, bo.identity)


def test_a_mute_is_not_shortened_by_another_name(lobby: Lobby) -> None:
    (al,) = lobby.enter("al")
    al.muted_until = lobby.now[0] + 60.0  # that of an address where they were before
    lobby.chat.names.claim(al, "ed")
    assert al.mute_left(lobby.now[0]) == 60.0


def test_nobody_takes_a_name_that_would_mute_them(lobby: Lobby) -> None:
    al, bo = lobby.enter("al", "bo")
    lobby.chat.moderation.mute("bo", 60.0)
    lobby.chat.leave(bo, Reason.QUIT)
    with pytest.raises(BadName, match="bo is muted, and would mute you, too"):
        lobby.chat.rename(al, "bo")
    newcomer = Somebody(9)
    lobby.chat.names.claim(newcomer, "b.o")  # and is muted from now on
    assert newcomer.mute_left(lobby.now[0]) == 60.0
    lobby.chat.rename(newcomer, "bo")
    lobby.chat.rename(newcomer, "ed")
    lobby.now[0] += 60
    lobby.chat.rename(al, "bo")
    assert al.mute_left(lobby.now[0]) == 0.0


def test_how_long_a_name_was_in_use_counts_from_this_visit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    used: list[Mapping[str, float]] = []
    now = [100.0]
    lobby = Lobby(Records(None, lambda: now[0]))
    (al,) = lobby.enter("al")
    al.came_at = 150.0  # for the second time; the name was theirs before
    now[0] = 180.0
    lobby.chat.rename(al, "ed")
    now[0] = 200.0
    monkeypatch.setattr(
        LeftPeople, "remember", lambda _, identity, names, *rest: used.append(names)
    )
    lobby.chat.leave(al, Reason.QUIT)
    assert used == [{"al": 30.0, "ed": 20.0}]
    lobby.close()
