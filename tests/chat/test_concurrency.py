"""Test what many threads do at once, here and on a free-threaded build: luck must not help."""

import contextlib
import random
import socket
import sys
import threading
from collections.abc import Iterator
from functools import partial
from itertools import islice

import pytest

from tests.chat.test_room import deliverer as deliverer
from tests.support.chats import make_chat, make_person
from tests.support.clients import Client, said_by
from tests.support.members import FakeMember, GatedMember
from tests.support.observer import Recorder
from tests.support.servers import run_server
from tests.support.waiting import run_concurrently
from threadchat import ChatServer
from threadchat.chat.deliverer import Deliverer
from threadchat.chat.person import Person
from threadchat.chat.room import Room
from threadchat.messages.kinds import Left, Say, Spoken
from threadchat.storage.history import History
from threadchat.storage.records import Records
from threadchat.testing import DEADLINE
from threadchat.text.names import BadName


@pytest.fixture(autouse=True)
def eager_switching() -> Iterator[None]:
    """Switch between threads as often as the interpreter can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def lines(member: FakeMember) -> list[str]:
    return [line for line in member.screen.split("\r\n") if ": " in line and line[0] == "n"]


@pytest.mark.parametrize("asked_for_more", [False, True])
def test_each_sees_each_message_once_and_all_in_one_order(
    asked_for_more: bool, deliverer: Deliverer
) -> None:
    # Promise 1.
    senders, messages = 8, 200
    history, observer = History(limit=senders * messages), Recorder()
    room = Room("lobby", history, observer, deliverer)
    members = [FakeMember(f"n{number}") for number in range(senders)]
    watcher = FakeMember("watcher")
    for member in (watcher, *members):
        room.join(member)

    def talk(member: FakeMember) -> None:
        numbers, chance = iter(range(messages)), random.Random(member.name)

        def more() -> list[Spoken]:
            # Now and then there is nothing more to say for a moment, as with a person.
            taken = islice(numbers, chance.randrange(4))
            return [Say(member.name, str(number), 0.0) for number in taken]

        for number in numbers:
            said = Say(member.name, str(number), 0.0)
            room.post([said], member, more if asked_for_more else None)

    run_concurrently([partial(talk, member) for member in members])
    for member in members:
        room.leave(member, Left(member.name, 0.0, "quit"))
    deliverer.close()
    order = lines(watcher)
    assert sorted(order) == sorted(
        f"{member.name}: {number}" for member in members for number in range(messages)
    )
    for member in members:
        own = f"{member.name}: "
        assert lines(member) == [line for line in order if not line.startswith(own)]
        assert [line for line in order if line.startswith(own)] == [
            f"{own}{number}" for number in range(messages)
        ]
    assert [message.line for message in history.recent("lobby", 10**6)] == order
    assert [m.line for m in observer.messages if isinstance(m, Say)] == order


def test_coming_and_going_during_broadcast_misses_nothing_in_between(deliverer: Deliverer) -> None:
    # Promise 1: replay and live are one gapless piece of the room's order.
    rounds = 12
    room = Room("lobby", History(limit=10**6), Recorder(), deliverer, replay=10**6)
    watcher = FakeMember("watcher")
    room.join(watcher)
    visits: list[FakeMember] = []
    is_over = threading.Event()

    def talk(name: str) -> None:
        member = FakeMember(name)
        room.join(member)
        number = 0
        while not is_over.is_set():
            room.post([Say(name, str(number), 0.0)], member)
            number += 1

    def come_and_go() -> None:
        try:
            for number in range(rounds):
                visitor = FakeMember(f"v{number}")
                room.join(visitor)
                room.leave(visitor, Left(visitor.name, 0.0, "quit"))
                visits.append(visitor)
        finally:
            is_over.set()

    run_concurrently([partial(talk, "n1"), partial(talk, "n2"), come_and_go])
    deliverer.close()
    order = lines(watcher)
    for visitor in visits:
        seen = lines(visitor)
        # A long replay is shortened, at its beginning.
        begin = order.index(seen[0]) if seen else 0
        assert seen == order[begin : begin + len(seen)]


def test_one_of_many_who_claim_a_name_gets_it(unkept: Records) -> None:
    chat = make_chat(unkept, Recorder())
    people = [make_person(number) for number in range(16)]
    winners: list[Person] = []

    def claim(person: Person) -> None:
        with contextlib.suppress(BadName):
            chat.names.claim(person, "al")
            winners.append(person)

    run_concurrently([partial(claim, person) for person in people])
    assert len(winners) == 1
    assert [person.name for person in people if person.name] == ["al"]


def test_names_swapped_back_and_forth_are_never_held_twice(unkept: Records) -> None:
    chat = make_chat(unkept, Recorder())
    people = [make_person(number) for number in range(4)]
    for number, person in enumerate(people):
        chat.names.claim(person, f"n{number}")
        chat.enter(person)

    def swap(person: Person) -> None:
        for number in range(100):
            with contextlib.suppress(BadName):
                chat.rename(person, f"n{number % 5}")

    run_concurrently([partial(swap, person) for person in people])
    assert len({person.name for person in people}) == len(people)
    for person in people:
        chat.leave(person, "quit")
    chat.close()
    names = chat.names
    assert names._by_fold == names._by_skeleton == {}


def test_talkers_on_real_connections_agree_on_one_order(server: ChatServer) -> None:
    count, messages = 12, 40
    clients = [Client(server, f"n{number}") for number in range(count)]
    for client in clients:
        client.sync()

    def talk(client: Client) -> None:
        for number in range(messages):
            client.type(f"m{number}")

    transcripts: dict[str, str] = {}

    def listen(client: Client) -> None:
        # Everybody else's last words, in whatever order they come.
        while not all(
            f"{other.name}: m{messages - 1}\r\n".encode() in client.received
            for other in clients
            if other is not client
        ):
            client._receive_more("the others' last words")
        transcripts[client.name] = client.received.decode()

    run_concurrently(
        [partial(talk, client) for client in clients]
        + [partial(listen, client) for client in clients]
    )
    orders = {
        name: [line for line in text.split("\r\n") if ": m" in line and line[0] == "n"]
        for name, text in transcripts.items()
    }
    for name, order in orders.items():
        assert len(order) == len(set(order)) == (count - 1) * messages
        for other in orders:
            if other != name:
                assert said_by(other, transcripts[name]) == [f"m{n}" for n in range(messages)]
        mine = [line for line in orders["n0"] if not line.startswith(f"{name}: ")]
        assert [line for line in order if not line.startswith("n0: ")] == mine
    for client in clients:
        client.close()


def test_a_stop_in_the_middle_of_everything() -> None:
    for _ in range(3):
        with run_server() as (server, console):
            clients = [Client(server, f"n{number}") for number in range(8)]

            def talk(client: Client) -> None:
                with contextlib.suppress(OSError):
                    for number in range(10**6):
                        client.type(f"m{number}")

            def listen(client: Client) -> None:
                client.expect_end()
                with contextlib.suppress(OSError):
                    client.socket.shutdown(socket.SHUT_RDWR)  # frees the talker, too

            run_concurrently(
                [partial(talk, client) for client in clients]
                + [partial(listen, client) for client in clients]
                + [server.stop]
            )
            for client in clients:
                client.close()
            reasons = {console.next_disconnect().why for _ in clients}
            assert reasons <= {"server stopping", "too slow", "reset"}
            assert not server.clients.threads()


def test_rooms_that_come_and_go_lose_nobody(unkept: Records) -> None:
    chat = make_chat(unkept, Recorder())
    people = [make_person(number) for number in range(6)]
    for number, person in enumerate(people):
        chat.names.claim(person, f"n{number}")
        chat.enter(person)

    def wander(person: Person) -> None:
        for number in range(60):
            with contextlib.suppress(BadName):
                chat.move(person, ("games", "books", "lobby")[(number + person.id) % 3])

    run_concurrently([partial(wander, person) for person in people])
    for person in people:
        assert person.room is not None
        assert person.room in chat.rooms()
        assert person in person.room.members
    assert sorted(member.name for member in chat.people()) == [f"n{n}" for n in range(6)]
    for person in people:
        chat.leave(person, "quit")
    assert chat.rooms() == [chat.lobby]
    chat.close()


def test_a_room_whose_turn_is_held_up_slows_down_no_other(unkept: Records) -> None:
    # Promises 1 to 3 hold for each room by itself.
    chat = make_chat(unkept, Recorder())
    quiet, busy = (chat._take_place(name) for name in ("quiet", "busy"))
    stuck, al, bo = GatedMember("stuck"), FakeMember("al"), FakeMember("bo")
    speaker = FakeMember("speaker")
    busy.join(speaker)
    quiet.join(al)
    quiet.join(bo)
    busy.join(stuck)
    talking = threading.Thread(target=busy.post, args=([Say("speaker", "hi", 0.0)], speaker))
    talking.start()
    assert stuck.is_held.wait(DEADLINE)
    for number in range(10):
        busy.post([Say("speaker", f"m{number}", 0.0)], speaker)
        quiet.post([Say("al", f"m{number}", 0.0)], al)
        assert bo.screen.endswith(f"al: m{number}\r\n")
    stuck.gate.set()
    talking.join(DEADLINE)
    chat.close()
