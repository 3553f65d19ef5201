"""What tests of connections that send have in common."""

import sys

from threadchat.net.sendqueue import SendQueue

SETTLING = 0.5 if sys.platform == "win32" else 0.05
"""Seconds after which what is still queued stays so, as nobody reads."""


class Sending:
    """A connection with a send queue, whose client reads nothing by itself."""

    send_queue: SendQueue

    def fill(self) -> bytes:
        """Send until something stays queued; return all that was sent.

        Windows has TCP here: what was sent may take a moment to make room for more.
        """
        sent = b""
        while self.send_queue.reason is None and self.send_queue.drain(SETTLING):
            while self.send_queue.reason is None and not self.send_queue._queue:
                sent += b"x" * 1000
                self.send_queue.send(b"x" * 1000)
        return sent
