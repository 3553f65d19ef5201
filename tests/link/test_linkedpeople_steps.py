"""People on linked servers, step by step: what the link is asked, and what follows from the log."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, cast

import pytest

from tests.support.chats import Lobby, Somebody
from tests.support.facts import NOTHING
from tests.support.noticebus import NoticeBus
from tests.support.waiting import wait_until
from threadchat.chat.farperson import FarPerson
from threadchat.chat.person import Person
from threadchat.link import farnotices, linkedpeople
from threadchat.link.deliveries import CameTogether, Claimed, NameLost, WentApart
from threadchat.link.facts import facts_in
from threadchat.link.farnotices import FarNotices
from threadchat.link.linkedpeople import LinkedPeople, key_of
from threadchat.monitoring.events import Trouble
from threadchat.net.disconnect import Reason
from threadchat.net.peers import PeerState
from threadchat.testing import DEADLINE
from threadchat.text.names import BadName, fold_name, skeleton


class FakeLink:
    """Keeps what is asked of a link, and answers as it is told."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.facts: list[dict[str, Any]] = []
        self.answer: Callable[[str, str], None] = lambda fold, key: None

    def claim(self, fold: str, look: str, key: str, text: str) -> None:
        self.asked.append(("claim", fold, key))
        self.answer(fold, key)

    def update(self, fold: str, key: str, text: str) -> None:
        self.asked.append(("update", fold, key, facts_in(text).name))

    def release(self, fold: str, key: str) -> None:
        self.asked.append(("release", fold, key))

    def take(self) -> list[tuple[str, ...]]:
        asked, self.asked = self.asked, []
        return asked


class World:
    """The people of one server, and what tells them of others."""

    def __init__(self, lobby: Lobby) -> None:
        self.lobby, self.link, self.bus = lobby, FakeLink(), NoticeBus()
        self.people = LinkedPeople("n", cast(Any, self.link), self.bus.join("n"), lobby.chat)

    def grant(self, *, is_theirs: bool = True) -> None:
        """Have each claim decided at once."""
        self.link.answer = lambda fold, key: self.people.take(Claimed(key, fold, is_theirs))

    def enter(self, name: str) -> Somebody:
        self.grant()
        (person,) = self.lobby.enter(name)
        self.link.take()
        return person


@pytest.fixture
def world(lobby: Lobby) -> Iterator[World]:
    world = World(lobby)
    yield world
    world.people.close(DEADLINE)


def test_whoever_is_here_before_the_link_is_told_to_the_others(lobby: Lobby) -> None:
    (al,) = lobby.enter("al")
    world = World(lobby)
    assert world.link.take() == [("claim", "al", str(al.id))]
    assert world.people.find_here(str(al.id)) is al
    al.has_left = True
    assert world.people.find_here(str(al.id)) is None
    world.people.close(DEADLINE)


def test_what_has_changed_is_told_once(world: World) -> None:
    al = world.enter("al")
    key = str(al.id)
    world.people.look_after()
    assert world.link.take() == []
    al.is_operator = True
    for _ in range(2):
        world.people.look_after()
    assert world.link.take() == [("update", "al", key, "al")]
    world.lobby.chat.set_away(al, "lunch")
    world.people.look_after()
    assert world.link.take() == [("update", "al", key, "al")]
    world.lobby.types(al, "/join den")
    assert set(world.link.take()) == {("update", "al", key, "al")}
    world.people.look_after()
    assert world.link.take() == []
    world.people.changed(Somebody(99))  # of somebody that has no name nothing is told
    assert world.link.take() == []


def test_a_name_that_is_given_up_is_free_and_the_other_one_is_told(world: World) -> None:
    al = world.enter("al")
    key = str(al.id)
    world.lobby.types(al, "/nick bo")
    told = world.link.take()
    assert told[0] == ("claim", "bo", key)
    assert told[-2:] == [("release", "al", key), ("update", "bo", key, "bo")]
    world.lobby.chat.leave(al, Reason.QUIT)
    assert world.link.take()[-1] == ("release", "bo", key)
    assert world.people.find_here(key) is None
    world.people.release(al, "bo")  # as if it was theirs
    assert world.link.take() == [("release", "bo", key)]


def test_who_is_given_a_name_that_they_did_not_wait_for_frees_it(world: World) -> None:
    world.people.take(Claimed("7", "al", True))
    assert world.link.take() == [("release", "al", "7")]
    world.people.take(Claimed("7", "al", False))
    assert world.link.take() == []


class TestSeats:
    """People that have a name here, whatever speaks against that."""

    def test_one_that_gets_it_keeps_it(self, world: World) -> None:
        al = world.enter("al")
        world.link.answer = lambda fold, key: None
        world.people.seat(al)
        world.link.take()
        world.people.take(Claimed(str(al.id), "al", True))
        assert world.link.take() == []
        assert al.name == "al"

    def test_one_that_does_not_get_it_is_called_something_else(self, world: World) -> None:
        al = world.enter("al")
        world.link.answer = lambda fold, key: None
        world.people.seat(al)
        world.link.take()
        world.grant()
        world.people.take(Claimed(str(al.id), "al", False))
        wait_until(lambda: al.name == "al-2", "they have another name")

    def test_of_a_hook_the_operator_is_told(self, world: World) -> None:
        world.grant()
        world.lobby.chat.hooks.add("ci", "lobby")
        hook = world.lobby.chat.names.find("ci")
        world.people.take(NameLost(key_of(hook), "ci"))
        words = "the hook ci has the name of somebody on another server: unhook ci ends it"
        (trouble,) = (it for it in world.lobby.events if isinstance(it, Trouble))
        assert trouble.words.startswith(words)
        assert hook.name == "ci"

    def test_of_somebody_that_is_gone_nothing_is_done(self, world: World) -> None:
        world.people.take(NameLost("7", "al"))
        assert world.lobby.events == []


class TestStop:
    """At the stop nobody waits."""

    def test_for_a_name(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(linkedpeople, "CLAIM_SECONDS", 10 * DEADLINE)
        world.link.answer = lambda fold, key: world.people.hush()
        began_at = time.monotonic()
        assert not world.people.claim(Somebody(5), "al")
        assert time.monotonic() - began_at < DEADLINE
        world.link.take()
        assert not world.people.claim(Somebody(5), "bo")
        assert world.link.take() == []

    def test_for_a_person_that_is_to_make_way(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(farnotices, "ANSWER_SECONDS", 10 * DEADLINE)
        other = world.bus.join("m")
        other.on("make_way", lambda data, node, is_own: world.people.hush())
        far = far_person(world)
        began_at = time.monotonic()
        assert world.people.make_way(far, Somebody(5), is_proven=True) is None
        assert time.monotonic() - began_at < DEADLINE
        assert world.people.make_way(far, Somebody(5), is_proven=True) is False


def test_a_claim_that_is_not_answered_is_forgotten(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linkedpeople, "CLAIM_SECONDS", 0.0)
    person = Somebody(5)
    with pytest.raises(BadName, match="have not answered yet whether al is free"):
        world.people.claim(person, "al")
    world.link.take()
    world.people.take(Claimed("5", "al", True))  # too late
    assert world.link.take() == [("release", "al", "5")]
    assert world.people.find_here("5") is None


def far_person(world: World, name: str = "bo") -> FarPerson:
    facts = replace(NOTHING, name=name)
    far = world.lobby.chat.far
    far.know("m", "7", fold_name(name), skeleton(name), facts, world.people)
    person = far.find("m", "7")
    assert person is not None
    return person


class TestMakingWay:
    """One server asks another that a connection is ended."""

    @pytest.fixture
    def al(self, world: World) -> Somebody:
        return world.enter("al")

    @pytest.fixture
    def asking(self, world: World, al: Somebody, lobby: Lobby) -> FarNotices:
        """The server that asks."""
        return FarNotices(
            "m", world.bus.join("m"), lobby.chat, lambda key: None, key_of, lambda job: job()
        )

    def ask(
        self, world: World, asking: FarNotices, al: Person, host: str, *, is_proven: bool
    ) -> bool | None:
        facts = replace(NOTHING, name="al")
        holder = FarPerson("n", str(al.id), facts, world.people)
        holder.name = "al"
        person = Somebody(5)
        person.address = f"{host}:1"
        answer = asking.make_way(holder, person, is_proven=is_proven)
        assert asking._questions == {}
        return answer

    DEAD = PeerState(is_ended=True, unanswered=0, silent_for=20.0)
    WELL = PeerState(is_ended=False, unanswered=0, silent_for=0.0)

    @pytest.mark.parametrize(
        ("peer", "is_same_host", "is_proven", "is_ended"),
        [
            (None, True, True, True),
            (WELL, False, True, True),
            (DEAD, True, False, True),
            (DEAD, False, False, False),
            (WELL, True, False, False),
            (None, True, False, False),
        ],
    )
    def test_it_is_ended_if_it_is_dead_or_the_name_is_proven(
        self,
        world: World,
        asking: FarNotices,
        al: Somebody,
        peer: PeerState | None,
        is_same_host: bool,
        is_proven: bool,
        is_ended: bool,
    ) -> None:
        al.peer = peer
        host = al.host if is_same_host else "192.0.2.99"
        assert self.ask(world, asking, al, host, is_proven=is_proven) is is_ended
        words = f"{Reason.REPLACED} | al has come in again, from {host}. Goodbye."
        assert al.ended == ([words] if is_ended else [])
        assert world.bus.failures == []

    def test_somebody_that_is_gone_makes_no_way(
        self, world: World, asking: FarNotices, al: Somebody
    ) -> None:
        al.has_left = True
        assert self.ask(world, asking, al, al.host, is_proven=True) is False
        al.has_left, al.connection = False, None
        assert self.ask(world, asking, al, al.host, is_proven=True) is False
        assert world.bus.failures == []


def test_without_a_link_nobody_is_asked_to_make_way(world: World) -> None:
    world.people.take(WentApart())
    assert world.people.is_out_of_reach
    assert world.people.make_way(far_person(world), Somebody(5), is_proven=True) is None
    world.people.take(CameTogether())
    assert not world.people.is_out_of_reach
