"""Speak with a Redis or Valkey server: one connection for requests, and one for reading the log.

Nothing is repeated here, and no connection is made anew in silence, as the client by itself would
do: after any error, whoever holds these connections drops both, and enters again by new ones.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from redis.backoff import NoBackoff
from redis.connection import ConnectionPool
from redis.exceptions import (
    AuthenticationError,
    InvalidResponse,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from redis.exceptions import ConnectionError as NoConnection
from redis.exceptions import TimeoutError as Timeout
from redis.retry import Retry

from threadchat.errors import OperatorError
from threadchat.link.lua import SCRIPTS
from threadchat.link.records import BadRecord
from threadchat.link.scripts import Keys, answer_of, arguments, entry_from
from threadchat.link.wire import Answer, LogEntry, Request

Result = TypeVar("Result")

BLOCK_SECONDS = 0.5
"""How long a reader waits for new entries at once."""

ENTRIES_AT_ONCE = 200
"""How many entries are read at once, at most."""


OLDEST = (6, 2)
"""The oldest version of Redis that will do; every Valkey is newer."""

_WAYS_OUT: tuple[tuple[type[RedisError], str], ...] = (
    (
        AuthenticationError,
        "the broker's password is missing or wrong: name a file with it, --link-password-file",
    ),
    (NoPermissionError, "the broker lets that user do too little: it needs all of ~tc:*, +@all"),
    (OutOfMemoryError, "the broker has no memory left: raise its maxmemory"),
    (ReadOnlyError, "the broker is a replica: name the one that it follows"),
    (InvalidResponse, "what answers there is no Redis and no Valkey server: see to --link"),
    (Timeout, "the broker does not answer in time"),
)


class UnfitBroker(OperatorError):
    """The broker is not fit for a link. The text is one line: why, and the way out."""


class BrokerFailed(OperatorError):
    """A connection is gone, or the broker refuses. The text is one line: what went wrong."""


class BrokerConnection:
    """One connection to the broker at `url`, for one thread; `close` may be called on any.

    An answer is waited for `patience` seconds. Raise `BrokerFailed` if there is no connection.
    """

    def __init__(self, url: str, keys: Keys, patience: float = 2.0) -> None:
        self._keys = keys
        pool: Any = ConnectionPool.from_url(
            url,
            decode_responses=True,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=patience + BLOCK_SECONDS,
            socket_connect_timeout=patience,
            socket_keepalive=True,
        )
        self._connection = pool.make_connection()
        self._digests: dict[str, str] = {}
        try:
            _guarded(self._connection.connect)
        except BrokerFailed as error:
            if isinstance(error.__cause__, NoConnection) and _way_out_of(error.__cause__) is None:
                words = str(error).rstrip(".")
                raise BrokerFailed(f"{words}. Start the broker there, or see to --link") from None
            raise
        # The client would connect again by itself where it has something to send.
        self._connection.connect = self._connection.connect_check_health = _refuse

    def load(self) -> None:
        """Hand the scripts to the broker."""
        loads = [("SCRIPT", "LOAD", text) for text in SCRIPTS.values()]
        self._digests = dict(zip(SCRIPTS, self._ask(loads), strict=True))

    def check(self) -> None:
        """Raise `UnfitBroker` if the broker is too old, or may drop what it keeps."""
        server, memory = self._ask([("INFO", "server"), ("INFO", "memory")])
        if (why := unfit(_info_of(server) | _info_of(memory))) is not None:
            raise UnfitBroker(why)

    def serve(self, requests: Sequence[Request]) -> list[Answer]:
        """Ask all of `requests`, at once and in their order; return the answers."""
        commands = []
        for request in requests:
            name, args = arguments(request, self._keys)
            keys = self._keys.all
            commands.append(("EVALSHA", self._digests[name], str(len(keys)), *keys, *args))
        answers = self._ask(commands)
        return _guarded(lambda: [answer_of(raw) for raw in answers])

    def read(self, after: int) -> list[LogEntry]:
        """Return the entries of the log behind a position; wait for the first a moment."""
        block, number = str(round(BLOCK_SECONDS * 1000)), str(ENTRIES_AT_ONCE)
        options = ("COUNT", number, "BLOCK", block, "STREAMS", self._keys.log, f"{after}-0")
        (found,) = self._ask([("XREAD", *options)])
        return [] if found is None else _entries_in(found[0][1])

    def between(self, after: int, up_to: int | None) -> list[LogEntry]:
        """Return the next entries of the log behind a position, some at once; none at the end."""
        end = "+" if up_to is None else f"{up_to}-0"
        # Of a log that is another one by now, this may be beyond the end.
        options = (f"{after + 1}-0", end, "COUNT", str(ENTRIES_AT_ONCE))
        (found,) = self._ask([("XRANGE", self._keys.log, *options)])
        return _entries_in(found)

    def _ask(self, commands: Sequence[tuple[str, ...]]) -> list[Any]:
        connection = self._connection

        def ask() -> list[Any]:
            connection.send_packed_command([pack(commands)])
            # An error of one leaves the others unread: the connection is dropped then.
            return [connection.read_response() for _ in commands]

        return _guarded(ask)

    def close(self) -> None:
        """End the connection. A thread that waits for an answer has `BrokerFailed` then."""
        self._connection.disconnect()


def _entries_in(found: Any) -> list[LogEntry]:
    def read() -> list[LogEntry]:
        return [
            entry_from(id, dict(zip(fields[::2], fields[1::2], strict=True)))
            for id, fields in found
        ]

    return _guarded(read)


def pack(commands: Sequence[Sequence[str]]) -> bytes:
    """Return `commands` as the broker reads them: arrays of strings (RESP2).

    The client's own way takes several times as long, which every line would wait for.
    """
    parts = []
    for command in commands:
        parts.append(b"*%d\r\n" % len(command))
        for word in command:
            data = word.encode(errors="replace")
            parts.append(b"$%d\r\n%b\r\n" % (len(data), data))
    return b"".join(parts)


def unfit(info: Mapping[str, str]) -> str | None:
    """Return why a broker that tells this of itself is not fit for a link; None if it is fit."""
    version = info.get("redis_version", "0")
    numbers = tuple(int(it) for it in version.split(".")[:2] if it.isdecimal())
    if numbers < OLDEST:
        return f"the broker is Redis {version:.20}: a link needs 6.2 or newer, or Valkey"
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        return (
            f"the broker drops what it keeps where memory is short (maxmemory-policy {policy:.20}):"
            " set maxmemory-policy to noeviction"
        )
    return None


def _info_of(text: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in text.splitlines() if ":" in line)
    return {name: value for name, _, value in pairs}


def _refuse(*_: object, **__: object) -> None:
    raise BrokerFailed("the connection is gone")


def _guarded(do: Callable[[], Result]) -> Result:
    try:
        return do()
    except ResponseError as error:
        raise BrokerFailed(_way_out_of(error) or f"the broker refuses: {error}") from error
    except (RedisError, OSError, BadRecord, ValueError, AttributeError) as error:
        raise BrokerFailed(_way_out_of(error) or str(error) or type(error).__name__) from error


def _way_out_of(error: Exception) -> str | None:
    return next((way for kind, way in _WAYS_OUT if isinstance(error, kind)), None)
