"""Helpers for the tests of programs that embed a chat server, or that talk to one.

`run_server` serves on a free port while a block runs. A `Client` types lines and waits for what it
expects::

    with run_server() as server, Client(server, "al") as al, Client(server, "bo") as bo:
        al.type("hi")
        bo.expect("al: hi")

Nothing here sleeps. If something does not come within `DEADLINE` seconds, an `AssertionError` fails
the test.
"""

import contextlib
import socket
from collections.abc import Iterator
from typing import Any, Protocol

from threadchat import ChatServer, Limits, ServerConfig

DEADLINE = 20.0
"""How many seconds a test waits for something before it fails."""

UNLIMITED = Limits(max_per_address=0, max_connects=0, flood=None)
"""The limits for tests, where all clients come from one address and send as fast as they can."""


@contextlib.contextmanager
def run_server(config: ServerConfig | None = None, **options: Any) -> Iterator[ChatServer]:
    """Serve on a free port of 127.0.0.1 while the block runs, and stop at its end.

    Without a `config` the limits are `UNLIMITED`. `options` are further arguments of `ChatServer`.
    """
    config = config or ServerConfig(limits=UNLIMITED)
    with ChatServer(("127.0.0.1", 0), config, **options) as server:
        server.start()
        yield server


class Reachable(Protocol):
    """A `ChatServer`, or any other object that has the address at which it listens."""

    address_family: int
    server_address: Any


class Client:
    """A plain client like netcat. It can wait for what the server should send.

    With a `name`, the constructor gives that name and returns once the client is in the lobby. A
    small `receive_buffer`, in bytes, makes a client that takes little at once. Use the client as a
    context manager, or close it.
    """

    def __init__(self, server: Reachable, name: str = "", receive_buffer: int = 0) -> None:
        self.socket = socket.socket(server.address_family)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(DEADLINE)
        # Without this, a second small write waits for the acknowledgement of the first.
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self.socket.connect(server.server_address[:2])
        except OSError:
            self.socket.close()
            raise
        self._received = bytearray()
        self._read_up_to = 0
        self.name = name
        if name:
            self.enter(name)

    @property
    def received(self) -> bytes:
        """Everything that has come so far, except what `forget` has dropped."""
        return bytes(self._received)

    def enter(self, name: str) -> None:
        """Give `name` at the prompt, and wait until the client is in the lobby."""
        self.name = name
        self.expect("Your name: ")
        self.type(name)
        self.expect(f"Welcome, {name}.")
        self.expect("\r\n")

    def type(self, line: str) -> None:
        """Send a line, in UTF-8, as Enter would."""
        self.send(line.encode() + b"\n")

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.socket.sendall(data)

    def expect(self, wanted: str) -> str:
        """Wait for `wanted` after what was read before; return everything up to its end.

        Raise `AssertionError` if nothing more comes for `DEADLINE` seconds, or if the connection
        ends first.
        """
        encoded = wanted.encode()
        while (at := self._received.find(encoded, self._read_up_to)) < 0:
            self._receive_more(wanted)
        begin, self._read_up_to = self._read_up_to, at + len(encoded)
        return self._received[begin : self._read_up_to].decode(errors="replace")

    def _receive_more(self, wanted: str) -> None:
        try:
            data = self.socket.recv(65536)
        except TimeoutError:
            raise AssertionError(f"{wanted!r} did not come, but {self._unread()!r}") from None
        assert data, f"{wanted!r} did not come before the end, but {self._unread()!r}"
        self._received += data

    def _unread(self) -> bytes:
        return bytes(self._received[self._read_up_to :])

    def expect_end(self) -> str:
        """Wait until the server closes the connection; return what was still unread.

        Then this side is closed for sending, as netcat does: the server waits a while for that.
        """
        with contextlib.suppress(ConnectionResetError):
            while data := self.socket.recv(65536):
                self._received += data
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)
        unread = self._unread()
        self._read_up_to = len(self._received)
        return unread.decode(errors="replace")

    def forget(self) -> None:
        """Drop what has been read. For a client that stays for long, so that it does not grow."""
        del self._received[: self._read_up_to]
        self._read_up_to = 0

    def close(self) -> None:
        """Close the connection."""
        self.socket.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
