"""Ask the system whether the other end of a connection is still there, and what it has taken.

Nothing is sent to it.
"""

import socket
import struct
import sys
from dataclasses import dataclass

DEAD_SECONDS = 10.0
"""A peer that was asked more than once and has answered nothing for so long is taken for dead.

A network that drops a packet or two is no reason: those come again within this time.
"""

NOTICED_SECONDS = 85.0
"""After so many seconds in which nothing came, the system itself has given up a dead peer."""

_ESTABLISHED = 1

# The beginning of Linux's `struct tcp_info` (include/uapi/linux/tcp.h): eight bytes, of which
# these are the state, the retransmissions and the probes without an answer, then numbers.
_FIELDS = struct.Struct("=BxBBxxxx13I")
_LAST_DATA, _LAST_ACK = 11, 12


@dataclass(frozen=True, slots=True)
class PeerState:
    """What the system knows of the other end of a connection."""

    is_ended: bool
    """Whether the connection is over, or the peer has closed its side."""
    unanswered: int
    """How often the system has sent something, or asked, again and had no answer so far."""
    silent_for: float
    """Seconds since anything came from the peer."""

    @property
    def is_dead(self) -> bool:
        """Whether nobody is there any more, beyond reasonable doubt."""
        # One probe without an answer may be one that is just under way.
        return self.is_ended or (self.unanswered > 1 and self.silent_for >= DEAD_SECONDS)


def look_at_peer(sock: socket.socket) -> PeerState | None:
    """Return the state of the peer of `sock`; None if the system does not tell. Only Linux does."""
    if sys.platform != "linux":
        return None
    try:
        data = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _FIELDS.size)
        state, retransmits, probes, *numbers = _FIELDS.unpack(data)
    except (OSError, struct.error):
        return None  # not a TCP connection, or closed already
    silent = min(numbers[_LAST_DATA], numbers[_LAST_ACK]) / 1000
    return PeerState(state != _ESTABLISHED, max(retransmits, probes), silent)


if sys.platform == "linux":
    import array
    import fcntl
    import termios

    def count_unacknowledged(sock: socket.socket) -> int | None:
        """Return how many bytes that were sent the peer's system has not acknowledged.

        Return None if the system does not tell. A broken connection acknowledges none of them.
        """
        # tcp(7): SIOCOUTQ, which has the number of TIOCOUTQ, counts what is not acknowledged.
        count = array.array("i", [0])
        try:
            fcntl.ioctl(sock, termios.TIOCOUTQ, count)
        except OSError:
            return None
        return count[0]

elif sys.platform == "darwin":
    _SO_NWRITE = 0x1024
    """The bytes in the send buffer, not sent or not acknowledged (sys/socket.h)."""

    def count_unacknowledged(sock: socket.socket) -> int | None:
        """See above."""
        try:
            return sock.getsockopt(socket.SOL_SOCKET, _SO_NWRITE)
        except OSError:
            return None

else:

    def count_unacknowledged(sock: socket.socket) -> int | None:
        """See above."""
        return None
