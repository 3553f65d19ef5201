"""Define why connections end (promise 7), and find the reason for a system error."""

import errno
from enum import StrEnum


class Reason(StrEnum):
    """Why a connection ended (promise 7). People and logs are shown the values."""

    QUIT = "quit"
    CLOSED = "closed"
    RESET = "reset"
    TIMED_OUT = "timed out"
    TOO_SLOW = "too slow"
    NO_MEMORY = "no memory for its queue"
    NO_NAME = "gave no name"
    WRONG_PASSWORD = "wrong password"
    IDLE = "idle"
    NO_TLS = "no TLS"
    REPLACED = "came in again"
    KICKED = "kicked"
    BANNED = "banned"
    NOT_A_CHAT_CLIENT = "not a chat client"
    REFUSED = "refused"
    BROKE_PROTOCOL = "broke the protocol"
    SERVER_STOPPING = "server stopping"
    SERVER_ERROR = "server error"


def show_reason(why: str) -> str:
    """Return `why`, a `Reason` with more words behind it if any, as the end of a line.

    The words stand behind the bracket. They are people's own, and whatever they are, they cannot
    look like the end of the bracket and a second event behind it (promise 4).
    """
    reason, colon, words = why.partition(": ")
    return f"({reason}){colon}{words}"


BROKEN: frozenset[str] = frozenset({Reason.RESET, Reason.TIMED_OUT})
"""The reasons for which a connection breaks by itself. Input that arrived before may be read."""


def reason_of(error: OSError) -> Reason:
    """Return the reason for an end that the system reports as `error`."""
    if isinstance(error, TimeoutError) or error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH):
        return Reason.TIMED_OUT
    return Reason.RESET
