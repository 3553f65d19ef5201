"""A proxy between a client and a server that cuts all connections at a byte that a test names."""

import contextlib
import selectors
import socket
import threading
from typing import Literal

Direction = Literal["to the server", "from the server"]


class CuttingProxy:
    """Passes on what comes at `port` to a port of this machine, and back, on a thread of its own.

    `cut_after` has it cut all connections once so many further bytes have gone that way.
    """

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.cuts = 0
        """How often it has cut."""
        self._left: dict[Direction, int | None] = {}
        self._peers: dict[socket.socket, tuple[socket.socket, Direction]] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._waker, self._woken = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._lock = threading.Lock()  # guards `_left`
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def cut_after(self, number: int, direction: Direction) -> None:
        """Cut once so many bytes have gone that way from now on."""
        with self._lock:
            self._left[direction] = number

    def close(self) -> None:
        """Cut everything, and end."""
        self._waker.send(b"x")
        self._thread.join()
        self._cut()
        self._selector.close()
        for it in (self._listener, self._waker, self._woken):
            it.close()

    def _run(self) -> None:
        while True:
            for key, _ in self._selector.select():
                one = key.fileobj
                if one is self._woken:
                    return
                if one is self._listener:
                    self._accept()
                elif isinstance(one, socket.socket) and one in self._peers:
                    self._pass_on(one)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        try:
            server = socket.create_connection(("127.0.0.1", self._server_port))
        except OSError:
            client.close()
            return
        self._peers[client] = server, "to the server"
        self._peers[server] = client, "from the server"
        for it in (client, server):
            self._selector.register(it, selectors.EVENT_READ)

    def _pass_on(self, one: socket.socket) -> None:
        other, direction = self._peers[one]
        try:
            data = one.recv(65536)
        except OSError:
            data = b""
        with self._lock:
            left = self._left.get(direction)
            is_over = left is not None and left <= len(data)
            if left is not None:
                data = data[:left]
                self._left[direction] = None if is_over else left - len(data)
        with contextlib.suppress(OSError):
            other.sendall(data)
        if is_over:
            self.cuts += 1
            self._cut()
        elif not data:
            self._end(one, other)

    def _cut(self) -> None:
        while self._peers:
            one = next(iter(self._peers))
            self._end(one, self._peers[one][0])

    def _end(self, *sockets: socket.socket) -> None:
        for it in sockets:
            del self._peers[it]
            self._selector.unregister(it)
            it.close()
