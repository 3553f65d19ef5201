"""A WebSocket of a page that a test writes the input of, and that keeps what is sent on it."""

import json
from typing import Any, cast

from threadchat.web.link import Link


class FakeLink:
    """Receives what stands in `incoming`, in this order; then the link is over.

    It is its own framer, send queue and transport, and frames nothing.
    """

    def __init__(self, address: str = "192.0.2.1:1000") -> None:
        self.incoming: list[list[str]] = []
        self.arrived: list[str] = []
        """What `receive_now` returns, once."""
        self.sent = b""
        self.closed: list[tuple[str, int, bytes]] = []
        self.abandoned: list[str] = []
        self.calls: list[str] = []
        """What else was asked of it, such as to drain, and to ping."""
        self.address, self.reached = address, "192.0.2.100"
        self.heard_at = self.sent_at = 0.0
        self.bytes_received = self.bytes_sent = self.bytes_queued = 0
        self.frames = 0
        """How many frames that ended no message have come in with what is received."""
        self.is_behind = self.is_final = False
        self.breaks = False
        """Whether it breaks at the end; else the page ends it for good."""
        self.takes = True
        """Whether the page takes all that is sent when it is waited for."""
        self.reason: str | None = None
        self.why = "closed"
        self.peer = object()
        self.told: object = "nothing"
        self.last = b"", b""
        self.framer = self.send_queue = self.transport = self
        self.gathered: list[bytes] | None = None

    @property
    def it(self) -> Link:
        return cast(Link, self)

    def arrive(self, kind: str, **values: object) -> None:
        """Let an object arrive, by itself."""
        self.incoming.append([json.dumps({"kind": kind, **values})])

    def objects(self) -> list[dict[str, Any]]:
        """Return what was sent since the last call."""
        lines, self.sent = self.sent.splitlines(), b""
        return [json.loads(line) for line in lines]

    def kinds(self) -> list[str]:
        """Return the kinds of what was sent since the last call."""
        return [it["kind"] for it in self.objects()]

    # As a link

    def receive(self, now: float) -> list[str] | None:
        if not self.incoming:
            self.is_final = self.is_final or not self.breaks
            return None
        return self.incoming.pop(0)

    def receive_now(self, now: float) -> list[str]:
        arrived, self.arrived = self.arrived, []
        return arrived

    def take_frames(self) -> int:
        frames, self.frames = self.frames, 0
        return frames

    def gather(self, data: bytes) -> None:
        self.gathered = [*(self.gathered or ()), data]

    def send_gathered(self, data: bytes = b"") -> None:
        self.sent += b"".join([*(self.gathered or ()), data])
        self.gathered = None

    def ping(self, now: float) -> None:
        self.sent_at = now
        self.calls.append("ping")

    # As a framer and a send queue

    def frame(self, data: bytes) -> bytes:
        return data

    def send(self, data: bytes) -> None:
        self.sent += data

    def abandon(self, reason: str) -> None:
        self.abandoned.append(reason)

    def catch_up(self, seconds: float) -> bool:
        self.calls.append("catch up")
        if self.takes:
            self.is_behind = False
        return True

    def drain(self, seconds: float) -> bool:
        self.calls.append("drain")
        return self.takes

    def look_at_peer(self) -> Any:
        return self.peer

    # As a transport

    def linger(self, seconds: float) -> None:
        self.calls.append("linger")

    def close(self, reason: str = "", code: int = 0, text: bytes = b"") -> None:
        if reason:
            self.closed.append((reason, code, text))
        else:
            self.calls.append("close")
