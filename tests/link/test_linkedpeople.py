"""People on several servers that are one: names, lists, private messages, ignoring."""

import random
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from functools import partial
from itertools import count
from threading import Event, Thread

import pytest

from tests.support.chats import make_person
from tests.support.linkedservers import LinkedServer, link_to, linked_servers
from tests.support.pages import Page
from tests.support.redisserver import RedisServer, cut_all, running_broker
from tests.support.waiting import run_concurrently, wait_until
from threadchat import ChatServer, ServerConfig
from threadchat.chat import names
from threadchat.chat.farperson import FarPerson
from threadchat.chat.person import Person
from threadchat.console.operator import Operator
from threadchat.link import linkedchat, linkedpeople
from threadchat.link.core import LinkLimits
from threadchat.link.deliveries import Claimed, Delivery
from threadchat.messages.kinds import Say
from threadchat.net.disconnect import Reason
from threadchat.net.peers import PeerState
from threadchat.testing import DEADLINE, UNLIMITED, Client
from threadchat.text.names import BadName, fold_name, skeleton

CLUSTERS = count(1)
"""Each test has servers of its own, and they have a name of their own."""


def wait_for_name(server: LinkedServer, name: str) -> None:
    """Wait until `server` knows somebody called `name`."""
    wait_until(lambda: server.server.chat.names.is_here(name), f"{name} is known")


def wait_until_free(server: LinkedServer, name: str) -> None:
    """Wait until nobody is called `name`, as far as `server` knows."""
    wait_until(lambda: not server.server.chat.names.is_here(name), f"{name} is free")


@pytest.fixture(scope="module")
def broker() -> Iterator[RedisServer]:
    with running_broker() as broker:
        yield broker


@pytest.fixture
def pair(broker: RedisServer) -> Iterator[list[LinkedServer]]:
    with linked_servers(broker, cluster=f"c{next(CLUSTERS)}") as servers:
        yield servers


def test_nobody_gets_a_name_that_somebody_has_on_another_server(pair: list[LinkedServer]) -> None:
    one, two = pair
    with ExitStack() as opened:
        opened.enter_context(Client(one.server, "al"))
        # That somebody has a name is known a moment before it is known where they are.
        wait_until(lambda: bool(two.server.chat.people()), "it is known where al is")
        bo = opened.enter_context(Client(two.server))
        bo.expect("1 person is here: al.")
        bo.type("AL")
        bo.expect("!!! AL is taken, from your own address by another server, since ")
        bo.type("a1")
        bo.expect("!!! a1 looks too much like al, who is here already.")
        bo.type("bo")
        bo.expect("Welcome, bo.")
        bo.type("/nick al")
        bo.expect("You are still bo.")


def test_the_broker_refuses_a_name_that_somebody_has(pair: list[LinkedServer]) -> None:
    one, two = pair
    people = two.linked._people
    assert people is not None
    with Client(one.server, "al"):
        wait_for_name(two, "al")
        assert not people.claim(make_person(99), "a1")
        assert people.find_here("99") is None


def test_whatever_becomes_of_a_person_is_told_within_a_round(pair: list[LinkedServer]) -> None:
    one, two = pair
    with Client(one.server, "al"):
        wait_for_name(two, "al")
        one.server.chat.names.find("al").is_operator = True
        wait_until(lambda: two.server.chat.names.find("al").is_operator, "it is known there")


def test_a_name_is_free_on_all_servers_when_its_owner_has_another_or_is_gone(
    pair: list[LinkedServer],
) -> None:
    one, two = pair
    with Client(one.server, "al") as al, Client(two.server, "bo") as bo:
        al.expect("--> bo joined (2 here)")
        al.type("/nick cy")
        bo.expect("--- al is now cy")
        wait_until_free(two, "al")
        bo.type("/nick al")
        al.expect("--- bo is now al")
        al.type("/quit")
        bo.expect("<-- cy left")
        wait_until_free(two, "cy")
        bo.type("/nick cy")
        bo.expect("You are now cy.")


def test_lists_tell_of_people_on_all_servers(pair: list[LinkedServer]) -> None:
    one = pair[0]
    with ExitStack() as opened:
        al, bo = (
            opened.enter_context(Client(it.server, name))
            for it, name in zip(pair, ("al", "bo"), strict=True)
        )
        al.expect("--> bo joined (2 here)")
        bo.type("/join games")
        al.expect("<-- bo left")
        wait_until(lambda: one.server.chat.has_room("games"), "the room is known")
        al.type("/rooms")
        al.expect("=== 2 rooms are open. You are in lobby.")
        al.expect("=== games    1")
        al.type("/who games")
        al.expect("=== 1 person is in games: bo.")
        bo.type("/away lunch")
        wait_until(lambda: one.server.chat.names.find("bo").away == "lunch", "it is known")
        al.type("/who games")
        al.expect("=== 1 person is in games: bo (away).")
        al.expect("=== bo is away: lunch")
        al.type("/whois bo")
        al.expect("=== bo (away) is in games on ")
        al.type("/join games")
        bo.expect("--> al joined (2 here)")
        al.expect("You are in games.")
        cy = opened.enter_context(Client(one.server))
        cy.expect("2 people are here: ")
        al.type("/who")
        al.expect("=== 2 people are here: al, bo (away).")


def test_a_page_shows_the_people_and_rooms_of_all_servers(broker: RedisServer) -> None:
    web = ("127.0.0.1", 0)
    with ExitStack() as opened:
        servers = linked_servers(broker, cluster="page", web_address=web)
        one, two = opened.enter_context(servers)
        al = opened.enter_context(Client(one.server, "al"))
        bo = opened.enter_context(Client(one.server, "bo"))
        bo.type("/join games")
        al.expect("<-- bo left")
        wait_until(lambda: two.server.chat.has_room("games"), "the room is known")
        page = opened.enter_context(Page(two.server, "cy"))
        al.expect("--> cy joined (2 here)")
        here = next(it for it in page.objects if it["kind"] == "room")
        assert {it["name"] for it in here["people"]} == {"al", "cy"}
        numbers: dict[str, int] = {}
        while numbers != {"lobby": 2, "games": 1}:
            told = page.expect("rooms_now")["rooms"]
            numbers = {it["room"]: it["people"] for it in told}


def test_a_hook_has_a_name_that_nobody_else_has_on_any_server(pair: list[LinkedServer]) -> None:
    one, two = pair
    one.server.chat.hooks.add("ci", "lobby")
    wait_for_name(two, "ci")
    with Client(two.server, "bo") as bo:
        bo.type("/nick ci")
        bo.expect("!!! ci is taken, from a hook, since")
        bo.type("/msg ci hi")
        bo.expect("!!! ci is a hook: programs speak by it, nobody listens.")
        bo.type("/whois ci")
        bo.expect("=== ci is a hook, by which a program speaks on ")
        one.server.chat.hooks.remove("ci")
        wait_until_free(two, "ci")
        bo.type("/nick ci")
        bo.expect("You are now ci.")


def test_a_program_is_a_member_on_all_servers_before_its_own_one_is_started(
    broker: RedisServer,
) -> None:
    cluster = f"c{next(CLUSTERS)}"
    config = ServerConfig(link=link_to(broker, cluster), limits=UNLIMITED)
    with (
        linked_servers(broker, 1, cluster) as (one,),
        Client(one.server, "al") as al,
        ChatServer(("127.0.0.1", 0), config) as other,
    ):
        with pytest.raises(BadName, match="al is taken, from 127"):
            other.add_member("al", lambda member, message: None)
        bot = other.add_member("bot", lambda member, message: member.say(message.line))
        al.expect("--> bot joined (2 here)")
        other.start()
        al.type("hi")
        al.expect("bot: al: hi")
        bot.leave()
        al.expect("<-- bot left")


def test_a_reply_goes_to_the_operator_that_wrote(pair: list[LinkedServer]) -> None:
    """Each server has an operator at its own terminal, and all of them have one name."""
    one, two = pair
    shown: list[str] = []
    operator = Operator(one.server.chat, one.server.commands, lambda it: shown.append(str(it)))
    other = Operator(two.server.chat, two.server.commands, lambda it: shown.append(f"wrong {it}"))
    with Client(two.server, "bo") as bo:
        wait_for_name(one, "bo")
        operator.obey("msg bo who are you?")
        bo.expect("[operator -> you] who are you?")
        bo.type("/reply bo")
        bo.expect("[you -> operator] bo")
        wait_until(lambda: "[bo -> you] bo" in shown, "the operator reads it")
        assert not [it for it in shown if it.startswith("wrong")]
        assert two.server.chat.names.find("operator") is other


def test_private_messages_and_replies_go_to_people_on_other_servers(
    pair: list[LinkedServer],
) -> None:
    one, two = pair
    with Client(one.server, "al") as al, Client(two.server, "bo") as bo:
        al.expect("--> bo joined")
        al.type("/msg bo hi there")
        al.expect("[you -> bo] hi there")
        bo.expect("[al -> you] hi there")
        al.type("/nick cy")
        bo.expect("--- al is now cy")
        bo.type("/reply hi cy")
        bo.expect("[you -> cy] hi cy")
        al.expect("[bo -> you] hi cy")
        al.type("/quit")
        bo.expect("<-- cy left")
        wait_until_free(two, "cy")
        bo.type("/reply bye")
        bo.expect("!!! al, who wrote to you, is not here any more.")


def test_what_does_not_reach_somebody_on_another_server_any_more_is_told_to_the_sender(
    pair: list[LinkedServer],
) -> None:
    one, two = pair
    with Client(one.server, "al") as al, Client(two.server, "bo") as bo:
        al.expect("--> bo joined")
        recipient = one.server.chat.names.find("bo")
        sender = one.server.chat.names.find("al")
        bo.type("/quit")
        al.expect("<-- bo left")
        one.server.chat.whisper(sender, recipient, "too late")
        al.expect("!!! bo left before that came, and was not shown it: too late")


def test_whoever_is_ignored_is_so_on_all_servers_and_under_any_name(
    pair: list[LinkedServer],
) -> None:
    one, two = pair
    with Client(one.server, "al") as al, Client(two.server, "bo") as bo:
        al.expect("--> bo joined")
        al.type("/ignore bo")
        al.expect("You are shown nothing more of bo.")
        bo.type("hi")
        bo.type("/away")
        bo.type("/msg al psst")
        bo.expect("[you -> al] psst")
        bo.type("/nick cy")
        bo.type("hi again")
        bo.type("/quit")
        bo.expect("Goodbye")
        wait_until_free(one, "cy")
        with Client(one.server, "dy") as dy:
            before = al.expect("--> dy joined")
            dy.type("fence")
            before += al.expect("dy: fence")
            assert "bo" not in before
            assert "cy" not in before
            dy.expect("cy: hi again")
        # The same person by the other door, within two minutes.
        with Client(one.server, "cy") as cy, Client(two.server, "ed") as ed:
            before = al.expect("--> ed joined")
            cy.expect("--> ed joined")
            cy.type("here I am")
            ed.expect("cy: here I am")
            ed.type("fence")
            before += al.expect("ed: fence")
            assert "cy" not in before


def test_of_two_that_took_one_name_without_a_link_one_is_renamed_and_told() -> None:
    with running_broker() as broker, linked_servers(broker) as (one, two), ExitStack() as opened:
        broker.kill()
        for server in (one, two):
            server.go_apart()
        people = [opened.enter_context(Client(it.server, "al")) for it in (one, two)]
        watcher = opened.enter_context(Client(one.server, "bo"))
        broker.start()
        for server in (one, two):
            server.wait_for_servers(1)
        names = [one.server.chat.names, two.server.chat.names]
        wait_until(lambda: all(it.is_here("al-2") for it in names), "one is called al-2")
        wait_until(lambda: all(it.is_here("al") for it in names), "the other one is al")
        watcher.expect("--- al is now al-2")
        (loser,) = [at for at in (0, 1) if not isinstance(names[at].find("al-2"), FarPerson)]
        people[loser].expect("You are now al-2. /nick NAME changes that.")
        people[1 - loser].type("/msg al-2 hi")
        people[loser].expect("[al -> you] hi")


def test_people_elsewhere_keep_their_names_while_there_is_no_link() -> None:
    with running_broker() as broker, linked_servers(broker) as (one, two), ExitStack() as opened:
        al = opened.enter_context(Client(one.server, "al"))
        bo = opened.enter_context(Client(two.server, "bo"))
        al.expect("--> bo joined")
        broker.kill()
        for server in (one, two):
            server.go_apart()
        al.type("/nick bo")
        al.expect("!!! bo is taken, from your own address by another server")
        al.type("/who")
        al.expect("=== 2 people are here: al, bo (out of reach).")
        al.type("/msg bo later")
        al.expect("=== There is no link to the server of bo now.")
        al.type("/nick cy")
        al.expect("You are now cy.")
        broker.start()
        bo.expect("[al -> you] later")
        two.wait_for_servers(1)
        wait_for_name(two, "cy")
        bo.type("/who")
        bo.expect("=== 2 people are here: bo, cy.")
        bo.type("/nick al")
        bo.expect("You are now al.")


def test_a_name_that_was_lost_with_its_connection_is_kept_on_all_servers(
    pair: list[LinkedServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names, "MIN_SECONDS_IN_USE", 0.0)
    one, two = pair
    with Client(two.server, "bo") as bo:
        al = Client(one.server, "al")
        bo.expect("--> al joined")
        connection = one.server.chat.names.find("al").connection
        assert connection is not None
        connection.end(Reason.TIMED_OUT, "Goodbye.")
        bo.expect("<-- al left")
        wait_until_free(two, "al")
        al.close()
        with pytest.raises(BadName, match="al is kept for 120 s for somebody whose connection"):
            two.server.chat.names.claim(make_person(99, "10.0.0.9:1"), "al")
        # From the same address it may be that person.
        bo.type("/nick al")
        bo.expect("You are now al.")


def test_a_dead_connection_makes_way_on_another_server(
    pair: list[LinkedServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = pair
    with ExitStack() as opened:
        al = opened.enter_context(Client(one.server, "al"))
        wait_for_name(two, "al")
        again = opened.enter_context(Client(two.server))
        again.type("al")
        again.expect("!!! al is taken, from your own address by another server")
        dead = PeerState(is_ended=True, unanswered=0, silent_for=20.0)
        connection = one.server.chat.names.find("al").connection
        assert connection is not None
        monkeypatch.setattr(type(connection), "look_at_peer", lambda _: dead)
        again.type("al")
        again.expect("Welcome, al.")
        al.expect("al has come in again, from 127.0.0.1. Goodbye.")


def test_a_claim_that_is_not_answered_is_given_up_politely(
    pair: list[LinkedServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = pair
    people, hold, is_given_up = one.linked._people, Event(), Event()
    assert people is not None
    take = people.take

    def take_late(delivery: Delivery) -> None:
        assert not isinstance(delivery, Claimed) or hold.wait(DEADLINE)
        take(delivery)
        if isinstance(delivery, Claimed):
            is_given_up.set()

    with monkeypatch.context() as patch, Client(one.server) as al:
        patch.setattr(people, "take", take_late)
        patch.setattr(linkedpeople, "CLAIM_SECONDS", 0.0)
        al.type("al")
        al.expect("!!! The other servers have not answered yet whether al is free.")
        hold.set()
        # It was, and is free again as soon as that is known.
        assert is_given_up.wait(DEADLINE)
        wait_until(lambda: not one.linked._core.roster.of_node(one.linked.node), "it is free")
    with Client(two.server, "al"):
        pass


NAMES = ("al", "a1", "bo", "b0", "cy", "dy", "ed", "fay")
"""Few names for many people; some look alike."""


def come_and_go(server: LinkedServer, chance: random.Random, rounds: int) -> None:
    """Let one person after the other come in, take other names, move, and mostly leave."""
    chat = server.server.chat
    for _ in range(rounds):
        person = make_person(server.server.next_id(), f"10.0.0.{chance.randrange(1, 9)}:1000")
        with suppress(BadName):
            chat.names.claim(person, chance.choice(NAMES))
            chat.enter(person)
            for _ in range(chance.randrange(4)):
                match chance.randrange(4):
                    case 0:
                        with suppress(BadName):
                            chat.rename(person, chance.choice(NAMES))
                    case 1:
                        with suppress(BadName):
                            chat.move(person, chance.choice(["lobby", "games"]))
                    case 2:
                        chat.set_away(person, "lunch")
                    case _:
                        chat.say(person, [Say(person.name, "hi", time.time())])
            if chance.random() < 0.9:
                chat.leave(person, Reason.QUIT)


def everybody(server: LinkedServer) -> list[tuple[str, str, str | None]]:
    """Return who is where, and away, as a server shows it."""
    chat = server.server.chat
    rooms = chat.open_rooms.all()
    people = [(room.name, it) for room in rooms for it in chat.open_rooms.people_in(room)]
    return sorted((it.name, room, it.away) for room, it in people if isinstance(it, Person))


def check_people(servers: list[LinkedServer]) -> None:
    """Check that all servers and the broker come to know the same people, each with one name."""
    wait_until(
        lambda: everybody(servers[0]) == everybody(servers[1]) == everybody(servers[2]),
        "all know the same people",
    )
    shown = [name for name, _, _ in everybody(servers[0])]
    assert len({skeleton(name) for name in shown}) == len(shown), shown
    held = {fold_name(name) for name in shown}
    for it in servers:
        tables = it.linked._core.roster
        wait_until(lambda: {h.fold for h in tables} == held, "no other names are held")  # noqa: B023


@pytest.mark.parametrize("seed", range(2))
def test_many_that_come_and_go_at_once_have_names_of_their_own(
    broker: RedisServer, seed: int
) -> None:
    with linked_servers(broker, 3, f"many{seed}") as servers:
        run_concurrently(
            [
                partial(come_and_go, server, random.Random(f"{seed} {at} {one}"), 8)
                for at, server in enumerate(servers)
                for one in range(4)
            ]
        )
        check_people(servers)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_so_they_have_whatever_befalls_the_broker(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linkedchat, "LIMITS", LinkLimits(patience=0.2))
    with running_broker(keeps=bool(seed % 2)) as broker, linked_servers(broker, 3) as servers:
        over = Event()

        def harm() -> None:
            chance = random.Random(seed)
            with closing(broker.client()) as client:
                while not over.wait(chance.uniform(0.1, 0.8)):
                    match chance.randrange(4):
                        case 0:
                            broker.kill()
                            over.wait(chance.uniform(0.0, 0.6))
                            broker.start()
                        case 1:
                            client.flushall()
                        case 2:
                            cut_all(client)
                        case _:
                            client.client_pause(chance.choice([50, 500]))

        harming = Thread(target=harm)
        harming.start()
        try:
            run_concurrently(
                [
                    partial(come_and_go, server, random.Random(f"{seed} {at} {one}"), 150)
                    for at, server in enumerate(servers)
                    for one in range(4)
                ]
            )
        finally:
            over.set()
            harming.join()
        for server in servers:
            server.wait_for_servers(2)
        check_people(servers)
