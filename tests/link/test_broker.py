"""A connection to a real broker: what goes wrong is one line, and is never tried again."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.redisserver import RedisServer, cut_all, running_broker
from tests.support.waiting import wait_until
from threadchat import ChatServer
from threadchat.link.broker import BrokerConnection, unfit
from threadchat.link.failures import BrokerFailed, UnfitBroker
from threadchat.link.live import Answered, Arrival, LiveConnection
from threadchat.link.scripts import Keys
from threadchat.link.wire import Answer, Enter, Entered, LogEntry, Post, Posted, Request
from threadchat.testing import DEADLINE


@pytest.fixture(scope="module")
def broker() -> Iterator[RedisServer]:
    with running_broker() as broker:
        yield broker


@pytest.fixture
def connection(broker: RedisServer) -> Iterator[BrokerConnection]:
    with closing(broker.client()) as client:
        client.flushall()
    with closing(BrokerConnection(broker.url, Keys("b"))) as connection:
        connection.load()
        yield connection


NO_PASSWORD = "the broker's password is missing or wrong: name a file with it, --link-password-file"

ENTER = Enter("n", "", 0, "", 0, "e1", (), ())


def failure(do: Callable[[], object]) -> str:
    with pytest.raises(BrokerFailed) as found:
        do()
    assert "\n" not in str(found.value)
    return str(found.value)


def exchange(live: LiveConnection, *requests: Request) -> list[Arrival]:
    """Ask, and return what comes up to the last answer."""
    for request in requests:
        live.put(request)
    live.flush()
    found: list[Arrival] = []
    while sum(isinstance(it, Answered) for it in found) < len(requests):
        found += live.receive()
    return found


def answers(arrivals: list[Arrival]) -> list[Answer]:
    return [it.answer for it in arrivals if isinstance(it, Answered)]


def payloads(arrivals: list[Arrival]) -> list[str]:
    return [it.payload for it in arrivals if isinstance(it, LogEntry)]


@pytest.fixture
def live(connection: BrokerConnection) -> Iterator[LiveConnection]:
    with closing(connection.go_live()) as live:
        yield live


def test_requests_are_answered_in_their_order_and_entries_told(
    broker: RedisServer, live: LiveConnection
) -> None:
    (entered,) = answers(exchange(live, ENTER))
    assert isinstance(entered, Entered)
    posts = [Post("n", "e1", number, f"p{number}") for number in (1, 2, 3)]
    found = exchange(live, *posts)
    assert answers(found) == [Posted()] * 3
    assert payloads(found) == ["p1", "p2", "p3"]
    with closing(BrokerConnection(broker.url, Keys("b"))) as other:
        assert [it.payload for it in other.between(1, None)] == ["p1", "p2", "p3"]
        assert [it.payload for it in other.between(1, 3)] == ["p1", "p2"]
        assert other.between(4, None) == []


def test_another_database_of_the_broker_is_told_nothing(
    broker: RedisServer, live: LiveConnection
) -> None:
    with closing(BrokerConnection(broker.url.replace("/0", "/1"), Keys("b"))) as connection:
        connection.load()
        with closing(connection.go_live()) as elsewhere:
            exchange(elsewhere, ENTER, Post("n", "e1", 1, "elsewhere"))
            found = exchange(live, ENTER, Post("n", "e1", 1, "here"))
            assert payloads(found) == ["", "here"]


@pytest.mark.slow
def test_a_user_that_may_not_be_told_anything_is_told_so(broker: RedisServer) -> None:
    client: Any = broker.client()
    with closing(client):
        client.execute_command("ACL", "SETUSER", "u", "on", ">p", "~tc:*", "+@all", "resetchannels")
    with closing(BrokerConnection(broker.url.replace("//", "//u:p@"), Keys("b"))) as connection:
        connection.load()
        with closing(connection.go_live()) as live:
            assert "&tc:*" in failure(lambda: exchange(live, ENTER))


def test_a_broker_can_be_reached_by_a_socket_of_the_same_machine(tmp_path: Path) -> None:
    path = tmp_path / "redis.sock"
    with running_broker("--unixsocket", str(path)):
        wait_until(path.exists, "the socket is there")
        with closing(BrokerConnection(f"unix://{path}", Keys("b"))) as connection:
            connection.check()
            connection.load()
            with closing(connection.go_live()) as live:
                found = exchange(live, ENTER, Post("n", "e1", 1, "here"))
                assert payloads(found) == ["", "here"]


def test_such_a_socket_that_is_not_there_is_told(broker: RedisServer, tmp_path: Path) -> None:
    told = failure(lambda: BrokerConnection(f"unix://{tmp_path}/none.sock", Keys("b")))
    assert "none.sock" in told
    assert told.endswith(". Start the broker there, or see to --link")


def test_a_broker_that_is_not_there_is_told(broker: RedisServer) -> None:
    url = "redis://127.0.0.1:1/0"
    told = failure(lambda: BrokerConnection(url, Keys("b")))
    assert "127.0.0.1:1" in told
    assert told.endswith(". Start the broker there, or see to --link")


def test_what_is_no_broker_is_told(server: ChatServer) -> None:
    url = f"redis://127.0.0.1:{server.server_address[1]}/0"

    def connect() -> None:
        with closing(BrokerConnection(url, Keys("b"))) as connection:
            connection.check()

    assert failure(connect) == "what answers there is no Redis and no Valkey server: see to --link"


@pytest.mark.slow
def test_a_password_that_is_missing_is_told() -> None:
    with running_broker("--requirepass", "secret") as broker:
        wrong = broker.url.replace("//", "//:wrong@")
        assert failure(lambda: BrokerConnection(wrong, Keys("b"))) == NO_PASSWORD
        with closing(BrokerConnection(broker.url, Keys("b"))) as connection:
            assert failure(connection.load) == NO_PASSWORD
        right = broker.url.replace("//", "//:secret@")
        with closing(BrokerConnection(right, Keys("b"))) as connection:
            connection.load()


def test_a_password_that_is_wrong_is_told_in_no_other_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:

        def refuse() -> None:
            client, _ = door.accept()
            with client:
                client.recv(1000)
                client.sendall(b"-WRONGPASS invalid username-password pair\r\n")
                while client.recv(1000):
                    pass

        thread = threading.Thread(target=refuse)
        thread.start()
        url = f"redis://:wrong@127.0.0.1:{door.getsockname()[1]}/0"
        assert failure(lambda: BrokerConnection(url, Keys("b"))) == NO_PASSWORD
        thread.join(DEADLINE)


def test_scripts_that_the_broker_has_forgotten_end_the_connection(
    broker: RedisServer, live: LiveConnection
) -> None:
    with closing(broker.client()) as client:
        client.script_flush()
    assert failure(lambda: exchange(live, ENTER)).startswith("the broker refuses: ")


def test_what_is_no_entry_is_told(broker: RedisServer, connection: BrokerConnection) -> None:
    with closing(broker.client()) as client:
        client.xadd(Keys("b").log, {"some": "thing"})
    assert "cannot be read" in failure(lambda: connection.between(0, None))


def test_a_thread_that_waits_is_let_go_when_the_connection_is_dropped(
    live: LiveConnection,
) -> None:
    exchange(live, ENTER)
    errors: list[str] = []

    def wait() -> None:
        errors.append(failure(live.receive))

    thread = threading.Thread(target=wait)
    thread.start()
    live.wake()
    thread.join(DEADLINE)
    assert len(errors) == 1


def test_a_connection_that_was_lost_is_not_made_anew(
    broker: RedisServer, connection: BrokerConnection
) -> None:
    live = connection.go_live()
    with closing(live):
        assert failure(connection.load) == "the connection is gone"
        exchange(live, ENTER)
        with closing(broker.client()) as client:
            cut_all(client)
        failure(lambda: exchange(live, ENTER))
        failure(lambda: exchange(live, ENTER))


def test_a_broker_that_is_fit_passes(connection: BrokerConnection) -> None:
    connection.check()


def test_a_broker_that_drops_what_it_keeps_is_not_fit() -> None:
    with (
        running_broker("--maxmemory-policy", "allkeys-lru") as broker,
        closing(BrokerConnection(broker.url, Keys("b"))) as connection,
        pytest.raises(UnfitBroker, match=r"allkeys-lru.*set maxmemory-policy to noeviction$"),
    ):
        connection.check()


@pytest.mark.parametrize(
    ("version", "is_fit"),
    [("7.2.4", True), ("6.2.0", True), ("10.0.1", True), ("6.0.16", False), ("5.0", False)],
)
def test_a_broker_that_is_too_old_is_not_fit(version: str, is_fit: bool) -> None:
    assert (unfit({"redis_version": version}) is None) is is_fit
    assert unfit({}) is not None


def test_a_replica_is_told(broker: RedisServer) -> None:
    with (
        running_broker("--replicaof", f"127.0.0.1 {broker.port}") as replica,
        closing(BrokerConnection(replica.url, Keys("b"))) as connection,
    ):
        connection.load()
        with closing(connection.go_live()) as live:
            assert failure(lambda: exchange(live, ENTER)).startswith("the broker is a replica")
