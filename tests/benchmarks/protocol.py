r"""Say how the clients of the load generator get in and talk: what they wait for, what they send.

In these words %n stands for a client's name, %r for the number of its room and %i for the number
of its message, from 1 on; \r, \n and \xHH are left for the load generator to take for what they
mean, so that they go on a command line.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """A kind of client: the steps of its way in, and what goes around each of its messages."""

    steps: tuple[tuple[str, str], ...]
    """Pairs of what to wait for and what to send then."""
    before: str = ""
    after: str = r"\r\n"
    is_websocket: bool = False
    """Whether it sends and gets frames once its HTTP request is answered."""

    def arguments(self) -> list[str]:
        """Return this kind as the load generator takes it."""
        option = "--websocket" if self.is_websocket else "--kind"
        return [option, self.before, self.after, *(word for step in self.steps for word in step)]


_NAME = ("Your name: ", r"%n\r\n")

PLAIN = Kind((_NAME, ("Welcome", "")))

IN_ROOMS = Kind((_NAME, ("Welcome", r"/join room%r\r\n"), ("You are in ", "")))

IRC = Kind(
    (
        ("", r"NICK %n\r\nUSER %n 0 * :%n\r\n"),
        (" 422 ", r"JOIN #room%r\r\n"),  # no message of the day: the welcome is over
        (" 366 ", ""),  # the end of the names in the room
    ),
    before="PRIVMSG #room%r :",
)


def _after_command(command: str, answer: str) -> Kind:
    return Kind((_NAME, ("Welcome", rf"{command}\r\n"), (answer, "")))


_UPGRADE = (
    "",
    r"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    r"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    # As browsers offer it.
    r"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n",
)
_UPGRADED = r"\r\n\r\n"

BROADCAST = Kind((_UPGRADE, (_UPGRADED, "")), after="", is_websocket=True)
"""A client of a server that passes each message on to all others."""

BROWSER = Kind(
    (
        _UPGRADE,
        (_UPGRADED, ""),
        ('"ask"', '{"kind": "name", "text": "%n"}'),
        ('"room"', ""),
    ),
    before='{"kind": "line", "n": %i, "text": "',
    after='"}',
    is_websocket=True,
)
"""A page of threadchat's own."""

_HALF_TYPED = "and while I am at it, "

MIXED: Sequence[Kind] = (
    # As PuTTY does: DO ECHO, DO SGA. There is always a line half typed.
    Kind(
        (("Your name: ", r"\xff\xfd\x01\xff\xfd\x03%n\r"), ("lobby> ", _HALF_TYPED)),
        after=rf"\r{_HALF_TYPED}",
    ),
    *(_after_command("/charset cp850", "charset is cp850"),) * 2,
    *(_after_command("/charset latin-1", "charset is iso8859-1"),) * 2,
    *(_after_command("/color on", "Colours are on"),) * 2,
    *(PLAIN,) * 3,
)
"""A tenth in character mode with a line half typed, and three encodings and two colour settings."""
