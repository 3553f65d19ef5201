"""A linked chat, step by step without a broker: what people, operators and the history are told."""

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import cast

import pytest

from tests.support.chats import Lobby, Somebody, deeds
from tests.support.farpeople import Others, know
from tests.support.noticebus import NoticeBus
from threadchat.errors import PersonError
from threadchat.link import linkedchat
from threadchat.link.absence import ReadUpTo
from threadchat.link.address import parse_link
from threadchat.link.asking import Asking
from threadchat.link.deliveries import (
    CameTogether,
    Delivery,
    EntriesMissed,
    LinkChanged,
    Missed,
    PeopleCame,
    PeopleGone,
    Unreadable,
    WentApart,
)
from threadchat.link.link import Link
from threadchat.link.linkedchat import LinkedChat
from threadchat.link.linkedrules import LATE_SECONDS, LinkedRules
from threadchat.link.wire import Holding
from threadchat.messages.kinds import Announcement, TopicSet
from threadchat.monitoring.events import Linked, Trouble, Unlinked, Watch
from threadchat.storage.history import History
from threadchat.storage.linkedhistory import LinkedHistory
from threadchat.storage.stretches import RememberedStretches
from threadchat.testing import DEADLINE
from threadchat.text.phrases import minute


class Rules:
    """What is asked of the rules."""

    def __init__(self) -> None:
        self.asked = self.looked = 0
        self.gone_now = ""
        self.seen: list[str] = []
        self.state = self

    def ask(self) -> None:
        self.asked += 1

    def look(self) -> None:
        self.looked += 1

    def gone(self) -> str:
        gone, self.gone_now = self.gone_now, ""
        return gone

    def saw_topic(self, room: str, message: TopicSet) -> None:
        self.seen.append(f"{room}: {message.text}")


class World:
    """A linked chat whose link is never begun."""

    def __init__(self, lobby: Lobby) -> None:
        self.lobby = lobby
        self.history = LinkedHistory(History(), RememberedStretches())
        self.watcher = lobby.watcher
        self.chat = LinkedChat(
            parse_link("redis://127.0.0.1:1/0#office"), "box:1", self.history, Watch(self.watcher)
        )
        self.chat.attach(lobby.chat)
        self.rules = Rules()

    def replace_rules(self) -> Rules:
        self.chat._rules = cast(LinkedRules, self.rules)
        return self.rules


@pytest.fixture
def world(lobby: Lobby) -> Iterator[World]:
    world = World(lobby)
    yield world
    lobby.chat.names.elsewhere = None
    world.chat.close(0.0)


GONE = [Holding("cy", "cy", "m", "7", json.dumps({"name": "cy", "room": "lobby"}))]


@pytest.fixture
def al(lobby: Lobby) -> Somebody:
    """Somebody that came in before the link."""
    (al,) = lobby.enter("al")
    return al


def test_people_read_of_the_link_and_of_those_that_are_gone_with_their_server(
    al: Somebody, world: World
) -> None:
    for delivery, words in (
        (WentApart(), "--- There is no link to the other servers"),
        (CameTogether(), "--- The link to the other servers is back"),
        (Missed("m", 3), "--- 3 lines were missed"),
        (PeopleGone("m", GONE), "<-- cy left (their server is gone)"),
        (PeopleCame("m", GONE), "--> cy joined ("),
    ):
        al.lines()
        world.chat.take(cast(Delivery, delivery))
        assert al.lines()[0].startswith(words)


def test_the_operator_reads_of_servers_and_of_what_cannot_be_read(world: World) -> None:
    world.chat.take(LinkChanged(True, frozenset({"attic:2/00"}), ""))
    world.chat.take(LinkChanged(False, frozenset(), "gone"))
    world.chat.take(WentApart())
    world.chat.take(Unreadable(7, "nonsense"))
    assert world.watcher.events == [
        Linked("office", ["attic:2"]),
        Unlinked("office", "gone"),
        Trouble("entry 7 of the link is left out: nonsense"),
    ]


def test_what_all_are_to_know_is_asked_for_when_something_may_have_been_missed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = world.replace_rules()
    for delivery, asked in ((WentApart(), 0), (CameTogether(), 1), (EntriesMissed("m"), 2)):
        world.chat.take(cast(Delivery, delivery))
        assert rules.asked == asked
    monkeypatch.setattr(Link, "start", lambda link: None)
    world.chat.start()
    assert rules.asked == 3
    world.chat.saw_topic("lobby", TopicSet("al", "tea"))
    assert rules.seen == ["lobby: tea"]


def test_rooms_that_are_kept_open_are_closed_when_they_are_given_up(world: World) -> None:
    room = world.chat.keep_open("den")
    assert world.lobby.chat.has_room("den")
    world.chat.give_up(room)
    assert not world.lobby.chat.has_room("den")


def test_how_far_the_log_was_read_is_kept_when_the_rooms_are_that_far(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules, now, up_to = world.replace_rules(), [1000.0], [ReadUpTo("e1" * 8, 1, "t")]
    monkeypatch.setattr(linkedchat, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(Link, "read_up_to", property(lambda link: up_to[0]))
    world.chat._noted_at = now[0]

    def look(seconds: float, position: int) -> str:
        now[0] += seconds
        up_to[0] = ReadUpTo("e1" * 8, position, "t")
        world.chat.look_after()
        return world.history.read_up_to("office")

    every = linkedchat.NOTE_EVERY
    up_to[0] = ReadUpTo("", 0, "")  # there is no link yet
    world.chat.look_after()
    assert look(0.5, 2) == ""
    assert look(0.5, 3) == ReadUpTo("e1" * 8, 2, "t").text  # 3 is to be kept the next time
    assert look(every - 0.5, 4) == ReadUpTo("e1" * 8, 2, "t").text
    assert look(0.5, 5) == ReadUpTo("e1" * 8, 3, "t").text
    assert look(0.0, 6) == ReadUpTo("e1" * 8, 3, "t").text
    assert look(every, 7) == ReadUpTo("e1" * 8, 5, "t").text
    assert rules.looked == 7
    world.chat.close(0.0)
    assert world.history.read_up_to("office") == ReadUpTo("e1" * 8, 7, "t").text


def test_what_is_gone_is_kept_as_it_goes_and_at_the_end(world: World) -> None:
    rules = world.replace_rules()
    for gone, action in (("[1]", world.chat.look_after), ("[2]", lambda: world.chat.close(0.0))):
        rules.gone_now = gone
        action()
        assert world.history.read_up_to("office gone") == gone
        action()
        assert world.history.read_up_to("office gone") == gone


def test_people_are_looked_after_until_the_end(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    people, did = world.chat._people, list[str]()
    assert people is not None
    monkeypatch.setattr(people, "look_after", lambda: did.append("look"))
    monkeypatch.setattr(people, "close", lambda timeout: did.append(f"close {timeout}"))
    world.chat.look_after()
    world.chat.close(2.0)
    assert did == ["look", "close 0.2"]


def test_how_it_is_doing_counts_people(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    know(world.lobby, Others(), "bo")
    nodes = frozenset({"n", "m:2/00"})
    monkeypatch.setattr(Link, "_state", lambda link: LinkChanged(True, nodes, ""))
    state = world.chat.state()
    assert state.cluster == "office"
    assert sorted(number for _, number in state.servers) == [0, 1]


class TestRules:
    """What is decided on another server."""

    @pytest.fixture
    def now(self) -> list[float]:
        return [1000.0]

    @pytest.fixture
    def bus(self) -> NoticeBus:
        return NoticeBus()

    @pytest.fixture
    def asking(self, lobby: Lobby, bus: NoticeBus, now: list[float]) -> Iterator[Asking]:
        """The other server, which asks."""

        def find(key: str) -> Somebody | None:
            return next((it for it in lobby.people.values() if str(it.id) == key), None)

        notices = bus.join("n")
        LinkedRules(lobby.chat, "n", notices, lambda: ["m"], find, lambda: now[0])
        yield Asking("attic:2/00", bus.join("attic:2/00"), {}, bus.fail, DEADLINE)
        lobby.chat.sharing = None

    def ask(self, asking: Asking, deed: str, person: Somebody, words: str = "") -> None:
        data = {"person": str(person.id), "name": "al", "by": "op", "words": words}
        assert asking.ask("n", deed, data) == ""

    def test_it_is_done_told_and_logged(self, lobby: Lobby, asking: Asking) -> None:
        (al,) = lobby.enter("al")
        self.ask(asking, "op", al)
        assert al.is_operator
        self.ask(asking, "deop", al)
        assert not al.is_operator
        self.ask(asking, "freed", al)
        self.ask(asking, "kick", al, ": noise")
        assert al.lines() == [
            "=== op made you an operator. /help lists what you can do.",
            "=== op made you an operator no longer.",
            "=== op freed your name: it asks for no passphrase any more.",
        ]
        assert al.ended == ["kicked by op: noise | You were kicked by op: noise"]
        assert deeds(lobby) == [
            "op made al an operator, from attic:2",
            "op made al an operator no longer, from attic:2",
            "op kicked al: noise, from attic:2",
        ]
        al.connection = None
        self.ask(asking, "kick", al)
        assert deeds(lobby) == []

    @pytest.mark.parametrize("deed", ["kick", "op", "deop", "freed"])
    def test_of_somebody_that_is_gone_it_is_said_so(self, asking: Asking, deed: str) -> None:
        with pytest.raises(PersonError, match=r"al is gone by now\. /who lists everyone\."):
            self.ask(asking, deed, Somebody(99))

    def test_only_an_announcement_of_others_that_is_late_has_its_time(
        self, lobby: Lobby, asking: Asking, bus: NoticeBus, now: list[float]
    ) -> None:
        (al,) = lobby.enter("al")
        sharing = lobby.chat.sharing
        assert sharing is not None
        late = f"(at {minute(1000.0)}) lunch"
        for later, words in ((LATE_SECONDS - 0.1, "lunch"), (LATE_SECONDS, late)):
            now[0] = 1000.0 + later
            told = {"by": "op", "text": "lunch", "at": 1000.0}
            asking._notices.tell("announcement", told)
            assert al.lines() == [f"--- Announcement by op: {words}"]
        sharing.announce(Announcement("al", "mine", at=1000.0))
        assert al.lines() == ["--- Announcement by al: mine"]
        assert bus.failures == []
