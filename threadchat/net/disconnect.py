"""Say why connections end (promise 7), and which errors of the system stand for which end."""

import errno
from enum import StrEnum


class Reason(StrEnum):
    """Why a connection ended (promise 7). The values are shown to people and written to logs."""

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
    SERVER_STOPPING = "server stopping"
    SERVER_ERROR = "server error"


BROKEN: frozenset[str] = frozenset({Reason.RESET, Reason.TIMED_OUT})
"""Ends that the connection came to by itself. What arrived before may still be read."""


def reason_of(error: OSError) -> Reason:
    """Say which end of a connection `error` stands for."""
    if isinstance(error, TimeoutError) or error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH):
        return Reason.TIMED_OUT
    return Reason.RESET
