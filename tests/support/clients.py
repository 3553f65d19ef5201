"""A plain client for the tests: `threadchat.testing.Client` and what only these tests need."""

import re
import socket
import struct
import sys

from threadchat import testing
from threadchat.testing import Reachable as Reachable


class Client(testing.Client):
    """A client that can also fence, reset, and wait until the server has served what it typed."""

    def sync(self) -> None:
        """Wait until the server has served everything that was typed."""
        self.type("/sync")
        self.expect("!!! There is no /sync.")
        self.expect("\r\n")

    def read_to_fence(self, other: testing.Client) -> str:
        """Have `other` say a fence, and return everything unread that came before it."""
        fence = f"fence-{next(_fences)}"
        other.type(fence)
        return self.expect(f"{other.name}: {fence}\r\n").rpartition(f"{other.name}: ")[0]

    def reset(self) -> None:
        """Reset the connection, like a machine that is switched off and on again."""
        reset(self.socket)

    def __enter__(self) -> "Client":
        return self


def reset(sock: socket.socket) -> None:
    """Close `sock` in such a way that its connection is reset."""
    # The two numbers are short ones on Windows.
    linger = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    sock.close()


_fences = iter(range(10**9))


def said_by(name: str, transcript: str) -> list[str]:
    """Return what `name` said, in the order of the transcript."""
    return re.findall(rf"^{re.escape(name)}: (.*?)\r?$", transcript, re.MULTILINE)


def escape_words(text: str) -> str:
    """Return the line that a person types to say `text`, even if `text` begins with a slash."""
    return f"/{text}" if text.startswith("/") else text
