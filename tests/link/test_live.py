"""A live connection: requests go out at once, and what comes is told in its order."""

import re
from collections import deque

import pytest

from threadchat.link.failures import NO_RIGHT, BrokerFailed
from threadchat.link.live import ENTRIES_AT_ONCE, Answered, Fetched, LiveConnection
from threadchat.link.resp import RespReader, pack
from threadchat.link.scripts import Keys, arguments
from threadchat.link.wire import Claim, Done, Kind, LogEntry, Post, Posted, Renew, Request

DIGESTS = {"post": "d1", "renew": "d2"}
KEYS = Keys("c")
CHANNEL = "tc:{c}:log@3"
GREETING = b"%1\r\n+proto\r\n:3\r\n>3\r\n+subscribe\r\n+c\r\n:1\r\n"


class FakeDuplex:
    """Takes so many bytes as there is room, and gives what is put there."""

    def __init__(self) -> None:
        self.sent = bytearray()
        self.room = 1 << 20
        self.error: OSError | None = None
        self.arrived = deque[bytes]()
        self.calls: list[str] = []

    def send(self, data: bytes | bytearray) -> int:
        if self.error is not None:
            raise self.error
        if not self.room:
            raise BlockingIOError
        taken = bytes(data[: self.room])
        self.sent += taken
        self.room -= len(taken)
        return len(taken)

    def receive(self, size: int) -> bytes:
        if self.error is not None:
            raise self.error
        return self.arrived.popleft() if self.arrived else b""

    def wait_for_room(self, timeout: float) -> bool:
        if self.error is not None:
            raise self.error
        return bool(self.room)

    def wake(self) -> None:
        self.calls.append("wake")

    def close(self) -> None:
        self.calls.append("close")

    def commands(self) -> list[list[str]]:
        data, self.sent = bytes(self.sent), bytearray()
        return RespReader().feed(data)


@pytest.fixture
def duplex() -> FakeDuplex:
    return FakeDuplex()


@pytest.fixture
def live(duplex: FakeDuplex) -> LiveConnection:
    live = LiveConnection(duplex, KEYS, DIGESTS, 3)
    live.flush()
    assert duplex.commands() == [["HELLO", "3"], ["SUBSCRIBE", CHANNEL]]
    duplex.arrived.append(GREETING)
    assert live.receive() == []
    return live


def test_requests_are_calls_of_the_scripts(live: LiveConnection, duplex: FakeDuplex) -> None:
    requests: list[Request] = [Post("n", "e", 1, "{\u00e9}", (("r", 1),)), Renew("n", "e", 7)]
    for request in requests:
        live.put(request)
    assert duplex.sent == b""
    live.flush()
    for request, command in zip(requests, duplex.commands(), strict=True):
        name, words = arguments(request, KEYS, CHANNEL)
        assert command == ["EVALSHA", DIGESTS[name], str(len(KEYS.all)), *KEYS.all, *words]


def test_answers_come_to_what_was_asked_and_entries_in_between(
    live: LiveConnection, duplex: FakeDuplex
) -> None:
    requests = [Post("n", "e", number, "{}") for number in (1, 2)]
    live.put(requests[0])
    live.put_fetch(5)
    live.put(requests[1])
    told = "\n".join(
        ["6", "post", "e", "n", "1", "4,9", "10", '[["claim","f","l","p","d"]]', "{\n}"]
    )
    data = b"".join(
        [
            pack(("message", CHANNEL, told)).replace(b"*", b">", 1),
            b":1\r\n",
            b"*1\r\n*2\r\n$3\r\n6-0\r\n",
            pack(("e", "gone\ne\no\n3\n\n\n\n")),
            b":1\r\n",
        ]
    )
    duplex.arrived += [data[:150], data[150:]]
    assert live.receive() + live.receive() == [
        LogEntry(
            6,
            Kind.POST,
            "e",
            "n",
            1,
            "{\n}",
            (Claim("f", "l", "p", "d"),),
            (4, 9),
            (True, False),
        ),
        Answered(requests[0], Posted()),
        Fetched([LogEntry(6, Kind.GONE, "e", "o", 3)], is_end=True),
        Answered(requests[1], Posted()),
    ]


def test_entries_are_fetched_from_behind_a_position(
    live: LiveConnection, duplex: FakeDuplex
) -> None:
    live.put_fetch(41)
    live.flush()
    (command,) = duplex.commands()
    assert command == ["XRANGE", KEYS.log, "42-0", "+", "COUNT", str(ENTRIES_AT_ONCE)]


def test_what_the_system_does_not_take_is_sent_later(
    live: LiveConnection, duplex: FakeDuplex
) -> None:
    duplex.room = 10
    live.put_fetch(1)
    live.flush()
    assert live.is_behind
    live.put_fetch(2)
    duplex.room = 1 << 20
    live.wait_for_room(0)
    live.flush()
    assert not live.is_behind
    assert [it[2] for it in duplex.commands()] == ["2-0", "3-0"]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "the broker has ended the connection"),
        (b"-NOPERM no channel\r\n", NO_RIGHT),
        (b"HTTP/1.1 400 Bad Request\r\n", "what comes is no RESP3"),
        (pack(("done",)), "an answer of the broker cannot be read"),
        (b"+OK\r\n+OK\r\n", "an answer of the broker cannot be read"),
    ],
)
def test_what_is_not_to_be_understood_ends_it(
    live: LiveConnection, duplex: FakeDuplex, data: bytes, why: str
) -> None:
    live.put(Renew("n", "e", 1))
    duplex.arrived.append(data)
    with pytest.raises(BrokerFailed, match=re.escape(why)):
        live.receive()


@pytest.mark.parametrize("told", ["hello", "5\nnothing", "x\npost\ne\nn\n1\n\n\n\n{}"])
def test_what_another_program_tells_is_passed_over(
    live: LiveConnection, duplex: FakeDuplex, told: str
) -> None:
    request = Renew("n", "e", 1)
    live.put(request)
    duplex.arrived.append(pack(("message", CHANNEL, told)).replace(b"*", b">", 1))
    duplex.arrived.append(pack(("done", "7", "5")))
    assert live.receive() == []
    assert live.receive() == [Answered(request, Done(7, 5))]


def test_an_answer_that_nobody_has_asked_for_ends_it(
    live: LiveConnection, duplex: FakeDuplex
) -> None:
    duplex.arrived.append(b"+OK\r\n")
    with pytest.raises(BrokerFailed, match="nobody has asked"):
        live.receive()


def test_a_connection_that_is_gone_is_told(live: LiveConnection, duplex: FakeDuplex) -> None:
    duplex.error = ConnectionResetError("it is gone")
    live.put_fetch(1)
    for use in (live.flush, live.receive, lambda: live.wait_for_room(0)):
        with pytest.raises(BrokerFailed, match="it is gone"):
            use()


def test_it_is_woken_and_closed(live: LiveConnection, duplex: FakeDuplex) -> None:
    live.wake()
    live.close()
    assert duplex.calls == ["wake", "close"]
