"""What is decided on one server holds on all that are linked, as people at them see it."""

import random
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.support.linkedservers import LinkedServer, link_to, linked_server, linked_servers
from tests.support.redisserver import RedisServer, cut_all, running_broker
from tests.support.waiting import wait_until
from threadchat.chat.identity import Identity
from threadchat.chat.person import Person
from threadchat.commands.registry import Call
from threadchat.link import linkedchat
from threadchat.link.core import LinkLimits
from threadchat.messages.kinds import TopicSet
from threadchat.storage.history import History
from threadchat.storage.records import Records
from threadchat.storage.sqlitehistory import StoredHistory
from threadchat.terminal.view import PLAIN_VIEW
from threadchat.testing import Client


@pytest.fixture(scope="module")
def broker() -> Iterator[RedisServer]:
    with running_broker() as broker:
        yield broker


@contextmanager
def talking(
    broker: RedisServer, cluster: str = "office"
) -> Iterator[tuple[LinkedServer, LinkedServer, Client, Client]]:
    """Run two servers, and let al be at the first, and bo at the second."""
    with (
        linked_servers(broker, cluster=cluster) as (one, two),
        Client(one.server, "al") as al,
        Client(two.server, "bo") as bo,
    ):
        al.expect("bo joined")
        yield one, two, al, bo


def make_operator(server: LinkedServer, client: Client) -> None:
    server.server.chat.names.find(client.name).is_operator = True


def topic_of(server: LinkedServer, room: str = "lobby") -> str:
    return server.server.chat._history.topic(room)


def wait_for_topic(server: LinkedServer, topic: str, room: str = "lobby") -> None:
    wait_until(lambda: topic_of(server, room) == topic, f"the topic is {topic}")


class TestTopics:
    def test_a_topic_is_that_of_the_room_on_all_servers(self, broker: RedisServer) -> None:
        with talking(broker, "topic") as (_, two, al, bo):
            al.type("/topic lunch")
            al.expect("=== Topic: lunch")
            bo.expect("--- al set the topic: lunch")
            bo.type("/topic")
            bo.expect("=== Topic: lunch")
            bo.type("/topic -")
            al.expect("--- bo cleared the topic")
            al.type("/topic")
            al.expect("=== This room has no topic.")
            al.type("/join tea")
            al.type("/topic green")
            al.expect("=== Topic: green")
            wait_for_topic(two, "green", "tea")
            bo.type("/join tea")
            bo.expect("=== Topic: green")

    def test_one_set_before_a_server_came_is_told_to_it(self, broker: RedisServer) -> None:
        with linked_servers(broker, 1, "early") as (one,):
            with Client(one.server, "al") as al:
                al.type("/topic lunch")
                al.expect("=== Topic: lunch")
            old = History()
            old.set_topic("tea", "green")
            with linked_server(link_to(broker, "early"), history=old) as two:
                wait_for_topic(two, "lunch")
                wait_for_topic(one, "green", "tea")
                with Client(two.server, "bo") as bo:
                    bo.expect("=== Topic: lunch")

    def test_after_an_island_the_one_set_last_counts_and_is_shown(self) -> None:
        with running_broker() as broker, talking(broker) as (one, two, al, bo):
            broker.kill()
            for server in (one, two):
                server.go_apart()
            al.type("/topic by al")
            al.expect("=== Topic: by al")
            bo.type("/topic by bo")
            bo.expect("=== Topic: by bo")
            broker.start()
            for server in (one, two):
                server.wait_for_servers(1)
            al.type("after al's")
            bo.expect("al: after al's")
            bo.type("after both")
            al.expect("bo: after both")
            for server in (one, two):
                wait_for_topic(server, "by bo")
            for client in (al, bo):
                client.type("/topic")
                client.expect("=== Topic: by bo")


class TestAnnouncements:
    def test_everybody_reads_them_once_in_whatever_room(self, broker: RedisServer) -> None:
        with linked_servers(broker, 3, "announce") as servers:
            one, two, three = servers
            with (
                Client(one.server, "al") as al,
                Client(two.server, "bo") as bo,
                Client(three.server, "cy") as cy,
                Client(two.server, "ed") as ed,
            ):
                for client in (bo, cy):  # a room that is not open where it is announced
                    client.type("/join tea")
                    client.expect("You are in tea.")
                make_operator(one, al)
                al.type("/say lunch is ready")
                for client in (al, bo, cy, ed):
                    client.expect("--- Announcement by al: lunch is ready\r\n")
                cy.type("thanks")
                bo.expect("cy: thanks")
                al.type("thank you")
                ed.expect("al: thank you")
                for client in (al, bo, cy, ed):
                    assert client.received.count(b"Announcement") == 1

    def test_of_an_island_they_are_read_there_at_once_and_elsewhere_later(self) -> None:
        with running_broker() as broker, talking(broker) as (one, _, al, bo):
            make_operator(one, al)
            broker.kill()
            one.go_apart()
            al.type("/say alone")
            al.expect("--- Announcement by al: alone")
            assert b"Announcement" not in bo.received
            broker.start()
            bo.expect("--- Announcement by al: alone")
            bo.type("read")
            al.expect("bo: read")
            assert al.received.count(b"Announcement") == 1

    def test_those_of_long_ago_have_their_time(self, broker: RedisServer) -> None:
        with linked_servers(broker, cluster="late") as (one, two), Client(two.server, "bo") as bo:
            one.linked.tell("announcement", {"by": "al", "text": "hi", "at": 86400.0})
            bo.expect("--- Announcement by al: (at 1970-01-0")
            bo.expect(") hi\r\n")


def test_a_stop_is_told_to_the_people_of_its_own_server_alone(broker: RedisServer) -> None:
    with talking(broker, "stop") as (one, _, al, bo):
        make_operator(one, al)
        al.type("/stop 1h")
        al.expect("--- The server stops in 1 h")
        al.type("/stop off")
        al.expect("--- The server does not stop after all")
        al.type("hi")
        bo.expect("al: hi")
        assert b"stop" not in bo.received


def wait_until_gone(server: LinkedServer, name: str) -> None:
    wait_until(lambda: not server.server.chat.names.is_here(name), f"{name} is gone")


class TestMutes:
    def test_somebody_elsewhere_is_muted_and_freed(self, broker: RedisServer) -> None:
        with talking(broker, "mute") as (one, _, al, bo):
            make_operator(one, al)
            al.type("/mute bo 10m")
            al.expect("=== bo is muted for 10 min, until ")
            al.expect("=== /mute 127.0.0.1 would mute their address as well.")
            bo.expect("=== al muted you for 10 min, until ")
            bo.type("hi")
            bo.expect("!!! You are muted for ")
            al.type("/mute")
            al.expect("=== bo by al for ")
            al.type("/unmute bo")
            al.expect("=== bo may speak again.")
            bo.expect("=== al lets you speak again.")
            bo.type("hello")
            al.expect("bo: hello")

    def test_it_follows_them_to_another_server(self, broker: RedisServer) -> None:
        with talking(broker, "follow") as (one, _, al, bo):
            make_operator(one, al)
            bo.type("/nick ed")
            al.expect("bo is now ed")
            al.type("/mute ed")
            bo.expect("=== al muted you: nobody")
            bo.type("/quit")
            bo.expect_end()
            wait_until_gone(one, "ed")
            with Client(one.server, "bo") as again:  # a name that they had before
                again.type("hi")
                again.expect("!!! You are muted: nobody was shown that.")

    def test_an_operator_anywhere_lists_and_ends_it(self, broker: RedisServer) -> None:
        with talking(broker, "list") as (one, two, al, bo):
            make_operator(one, al)
            make_operator(two, bo)
            al.type("/mute 10.0.0.0/8 1h")
            al.expect("muted by that")
            wait_until(lambda: bool(two.server.chat.moderation.mutes()), "it is known there")
            bo.type("/mute")
            bo.expect("=== 10.0.0.0/8 by al for ")
            bo.type("/unmute 10.0.0.0/8")
            bo.expect("=== 10.0.0.0/8 may speak again.")
            wait_until(lambda: not one.server.chat.moderation.mutes(), "it is over there")

    def test_a_server_that_comes_learns_of_it(self, broker: RedisServer) -> None:
        with linked_servers(broker, 1, "learns") as (one,):
            one.server.chat.moderation.mute("bo", 600.0, "al")
            with linked_server(link_to(broker, "learns")) as two:
                wait_until(lambda: bool(two.server.chat.moderation.mutes()), "it is known there")
                with Client(two.server, "bo") as bo:
                    bo.type("hi")
                    bo.expect("!!! You are muted for ")


class TestBans:
    def test_somebody_elsewhere_is_ended_and_kept_out_everywhere(self, broker: RedisServer) -> None:
        with talking(broker, "ban") as (one, two, al, bo):
            make_operator(one, al)
            al.type("/ban bo 2h shouting")
            al.expect("=== Banned bo for 2 h 0 min, until ")
            al.expect("=== /ban 127.0.0.1 would keep out their address as well.")
            bo.expect("=== You were banned by al for 2 h 0 min, until ")
            bo.expect(": shouting\r\n")
            bo.expect_end()
            wait_until_gone(one, "bo")
            for server in (one, two):
                with Client(server.server) as again:
                    again.expect("Your name: ")
                    again.type("bo")
                    again.expect("!!! That is banned here: bo by al since ")
            al.type("/unban bo")
            al.expect("=== bo is banned no longer.")
            wait_until(lambda: not two.server.chat.records.bans(), "it is over there")

    def test_it_follows_them_under_a_name_that_they_had(self, broker: RedisServer) -> None:
        with talking(broker, "had") as (one, two, al, bo):
            bo.type("/nick ed")
            al.expect("bo is now ed")
            make_operator(one, al)
            al.type("/ban ed")
            bo.expect("You were banned by al")
            bo.expect_end()
            wait_until_gone(one, "ed")
            for server in (one, two):
                with Client(server.server) as again:
                    again.expect("Your name: ")
                    again.type("bo")
                    again.expect("!!! That is banned here: ed by al since ")

    def test_addresses_and_networks_are_kept_out_everywhere(self, broker: RedisServer) -> None:
        with linked_servers(broker, 2, "network") as (one, two), Client(two.server, "bo") as bo:
            chat = one.server.chat
            operator = Person(0, "the terminal", lambda data: None, PLAIN_VIEW)
            operator.name, operator.identity = "boss", Identity()
            operator.is_operator = True
            one.server.commands.dispatch(chat, operator, Call("ban", "127.0.0.0/8 1h"))
            bo.expect("=== You were banned by boss for 1 h 0 min, until ")
            bo.expect_end()
            with Client(two.server) as again:
                again.expect("banned")
            one.server.commands.dispatch(chat, operator, Call("unban", "127.0.0.0/8"))
            wait_until(lambda: not two.server.chat.records.bans(), "it is over there")
            with Client(two.server, "bo"):
                pass

    def test_one_in_the_file_of_a_server_that_comes_counts_for_all(
        self, broker: RedisServer
    ) -> None:
        records = Records(None)
        records.ban("bo", "op", "why")
        with talking(broker, "file") as (one, two, _, bo):
            with linked_server(link_to(broker, "file"), records=records):
                bo.expect("=== You were banned by op: why")
                bo.expect_end()
                wait_until_gone(one, "bo")
            for server in (one, two):
                assert [it.target for it in server.server.chat.records.bans()] == ["bo"]

    def test_names_of_people_elsewhere_that_look_like_it_are_spared(
        self, broker: RedisServer
    ) -> None:
        with talking(broker, "spared") as (one, _, al, bo):
            make_operator(one, al)
            al.type("/ban b_o")
            al.expect("=== bo: somebody else's, and left alone.")
            bo.type("still here")
            al.expect("bo: still here")


class TestKicks:
    def test_somebody_elsewhere_is_kicked(self, broker: RedisServer) -> None:
        with talking(broker, "kick") as (one, two, al, bo):
            make_operator(one, al)
            al.type("/kick bo mind your language")
            al.expect("=== bo is kicked.")
            bo.expect("=== You were kicked by al: mind your language")
            bo.expect_end()
            wait_until_gone(one, "bo")
            assert two.console.next_disconnect().why.startswith("kicked by al")
            al.type("/kick bo")
            al.expect("/who lists everyone.")

    def test_without_a_link_nobody_elsewhere_is(self) -> None:
        with running_broker() as broker, talking(broker) as (one, _, al, bo):
            make_operator(one, al)
            broker.kill()
            one.go_apart()
            al.type("/kick bo")
            al.expect("!!! There is no link to the server of bo now. Try again when it is back.")
            bo.type("hi")
            broker.start()
            al.expect("bo: hi")


class TestOperators:
    def test_somebody_elsewhere_becomes_one_and_is_one_no_longer(self, broker: RedisServer) -> None:
        with talking(broker, "op") as (one, two, al, bo):
            make_operator(one, al)
            al.type("/op bo")
            al.expect("=== bo is an operator until they leave.")
            bo.expect("=== al made you an operator. /help lists what you can do.")
            bo.type("/say hear")
            al.expect("--- Announcement by bo: hear")
            wait_until(lambda: one.server.chat.names.find("bo").is_operator, "it is known")
            al.type("/op bo")
            al.expect("!!! bo is an operator already.")
            al.type("/deop bo")
            al.expect("=== bo is an operator no longer.")
            bo.expect("=== al made you an operator no longer.")
            assert not two.server.chat.names.find("bo").is_operator
            wait_until(lambda: not one.server.chat.names.find("bo").is_operator, "it is known")
            al.type("/deop bo")
            al.expect("!!! bo is no operator.")


@contextmanager
def lasting(
    broker: RedisServer, folder: Path, cluster: str, number: int = 2
) -> Iterator[list[LinkedServer]]:
    """Run linked servers that each have a history file."""
    with ExitStack() as opened:
        servers = []
        for index in range(number):
            path = folder / f"{index}.db"
            history = StoredHistory(path, pytest.fail)
            link = link_to(broker, cluster)
            running = linked_server(link, history=history, records=Records(path))
            servers.append(opened.enter_context(running))
        for server in servers:
            server.wait_for_servers(number - 1)
        yield servers


def protect(client: Client) -> None:
    client.type("/protect")
    client.expect("New passphrase")
    client.type("open sesame")
    client.expect("The same again")
    client.type("open sesame")
    client.expect("is yours: from now on")


def come_in(server: LinkedServer, name: str) -> Client:
    client = Client(server.server)
    client.expect("Your name: ")
    client.type(name)
    client.expect(f"Passphrase of {name}")
    client.type("open sesame")
    client.expect(f"Welcome, {name}.")
    return client


def is_protected(server: LinkedServer, name: str) -> bool:
    return server.server.chat.records.protected(name) is not None


def has_mail(server: LinkedServer, name: str) -> bool:
    return bool(server.server.chat.records.waiting(name))


class TestProtectedNames:
    def test_a_name_asks_for_its_passphrase_on_all_servers(
        self, broker: RedisServer, tmp_path: Path
    ) -> None:
        with lasting(broker, tmp_path, "protect") as (one, two):
            with Client(one.server, "al") as al:
                protect(al)
                wait_until(lambda: is_protected(two, "al"), "it is known there")
                al.type("/quit")
                al.expect_end()
            with come_in(two, "al") as al:
                al.type("/unprotect")
                al.expect("no longer protected")
                wait_until(lambda: not is_protected(one, "al"), "it is free there")

    def test_mail_is_handed_over_once_wherever_its_owner_comes_in(
        self, broker: RedisServer, tmp_path: Path
    ) -> None:
        with lasting(broker, tmp_path, "mail", 3) as (one, two, three):
            with Client(one.server, "al") as al:
                protect(al)
                wait_until(lambda: is_protected(two, "al"), "it is known there")
                al.type("/quit")
                al.expect_end()
            with Client(two.server, "bo") as bo:
                bo.type("/msg al lunch?")
                bo.expect("=== al is not here and will be handed it on coming back.")
                wait_until(lambda: has_mail(three, "al"), "it waits there, too")
                with come_in(three, "al") as al:
                    al.expect("=== A message came for you while you were not here:")
                    al.expect("[bo -> you] lunch?")
                    al.type("/reply yes")
                    bo.expect("[al -> you] yes")
                    al.type("/quit")
                    al.expect_end()
                for server in (one, two, three):
                    wait_until(partial(lacks_mail, server, "al"), "it is gone there")
                with come_in(one, "al") as al:
                    al.type("hi")
                    bo.expect("al: hi")
                    assert b"came for you" not in al.received

    def test_an_operator_anywhere_frees_a_name(self, broker: RedisServer, tmp_path: Path) -> None:
        with (
            lasting(broker, tmp_path, "free") as (one, two),
            Client(one.server, "al") as al,
            Client(two.server, "bo") as bo,
        ):
            protect(al)
            wait_until(lambda: is_protected(two, "al"), "it is known there")
            make_operator(two, bo)
            bo.type("/protected")
            bo.expect("=== al since ")
            bo.type("/free al")
            bo.expect("=== al is free: anybody may have it.")
            al.expect("=== bo freed your name")
            wait_until(lambda: not is_protected(one, "al"), "it is free there")

    def test_it_is_known_to_servers_that_come_later(
        self, broker: RedisServer, tmp_path: Path
    ) -> None:
        with lasting(broker, tmp_path, "later", 1) as (one,), Client(one.server, "al") as al:
            protect(al)
            with linked_server(link_to(broker, "later")) as two:
                wait_until(lambda: is_protected(two, "al"), "it is known there")


def test_a_ban_that_was_ended_does_not_come_back_with_an_old_file(
    broker: RedisServer, tmp_path: Path
) -> None:
    old = Records(None)
    old.ban("bo", "op")
    with lasting(broker, tmp_path, "old", 1) as (one,):
        one.server.chat.records.ban("bo", "op")
        one.server.chat.records.unban("bo", "op")
    with lasting(broker, tmp_path, "old", 1) as (one,):
        with linked_server(link_to(broker, "old"), records=old) as two:
            wait_until(lambda: not two.server.chat.records.bans(), "it is over there")
        assert one.server.chat.records.bans() == []


def lacks_mail(server: LinkedServer, name: str) -> bool:
    return not has_mail(server, name)


def known_to(server: LinkedServer) -> dict[str, object]:
    """Return what a server knows of what all are to know."""
    chat = server.server.chat
    return {
        "bans": sorted((str(it.target), it.by, it.why) for it in chat.records.bans()),
        "mutes": sorted(it.partition(" ")[0] for it in chat.moderation.mutes()),
        "names": sorted((it.name, it.kept) for it in chat.records.all_protected()),
        "mail": sorted(it.message.text for it in chat.records.mail.all()),
        "topics": {room: it for room, it in chat._history.topics().items() if it},
        "shown": {room.name: room.topic for room in chat.rooms() if room.topic},
    }


def decide(server: LinkedServer, chance: random.Random, number: int) -> None:
    """Decide something on a server, as operators and people do."""
    chat, name = server.server.chat, chance.choice("abc")
    operator = Person(0, "", lambda data: None, PLAIN_VIEW)
    operator.name, operator.identity = f"op{number}", Identity()
    match chance.choice(["ban", "unban", "mute", "unmute", "protect", "free", "mail", "topic"]):
        case "ban":
            chat.records.ban(name, operator.name, str(number))
        case "unban":
            chat.records.unban(name, operator.name)
        case "mute":
            chat.moderation.mute(name, 3600.0, operator.name)
        case "unmute":
            chat.moderation.unmute(name, operator.name)
        case "protect":
            chat.records.protect(name, str(number).encode())
        case "free":
            if (known := chat.records.protected(name)) is not None:
                chat.passwords.free(known)
        case "mail":
            chat.mail.keep(operator, name, f"mail {number}")
        case _:
            chat.announcements.set_topic(chat.lobby, TopicSet(operator.name, str(number)))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_through_all_that_befalls_a_broker_all_servers_come_to_know_the_same(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linkedchat, "LIMITS", LinkLimits(patience=0.3, renew_every=0.2))
    chance = random.Random(seed)
    with (
        running_broker(keeps=bool(seed % 2)) as broker,
        linked_servers(broker, 3) as servers,
        ExitStack() as people,
    ):
        for index, server in enumerate(servers):
            people.enter_context(Client(server.server, f"p{index}"))
        for number in range(150):
            decide(chance.choice(servers), chance, number)
            if number % 10 == 0:
                befall(broker, chance)
        for server in servers:
            server.wait_for_servers(2)
        wait_until(
            lambda: known_to(servers[0]) == known_to(servers[1]) == known_to(servers[2]),
            "all know the same",
        )
        for server in servers:  # of names that two had protected where they could not know
            assert all("it is theirs" in it for it in server.console.troubles)
            server.console.troubles.clear()


def befall(broker: RedisServer, chance: random.Random) -> None:
    with closing(broker.client()) as client:
        match chance.choice(["restart", "flush", "cut", "nothing"]):
            case "restart":
                broker.kill()
                broker.start()
            case "flush":
                client.flushall()
            case "cut":
                cut_all(client)
            case _:
                pass
