"""Connect to a Redis or Valkey server by its client: see whether it is fit, and load the scripts.

Nothing is repeated here, and no connection is made anew in silence, as the client by itself would
do: after any error, whoever holds a connection drops it, and enters again by a new one. What is
said goes by `threadchat.link.live`, which takes such a connection over.
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

from threadchat.link.failures import (
    IS_REPLICA,
    NO_MEMORY,
    NO_RIGHT,
    BrokerFailed,
    UnfitBroker,
    refused,
)
from threadchat.link.live import ENTRIES_AT_ONCE, LiveConnection, entries_in
from threadchat.link.lua import SCRIPTS
from threadchat.link.records import BadRecord
from threadchat.link.resp import pack
from threadchat.link.scripts import Keys
from threadchat.link.wire import LogEntry
from threadchat.net.duplex import open_duplex

Result = TypeVar("Result")

OLDEST = (6, 2)
"""The oldest version of Redis that will do; every Valkey is newer."""

_WAYS_OUT: tuple[tuple[type[RedisError], str], ...] = (
    (
        AuthenticationError,
        "the broker's password is missing or wrong: name a file with it, --link-password-file",
    ),
    (NoPermissionError, NO_RIGHT),
    (OutOfMemoryError, NO_MEMORY),
    (ReadOnlyError, IS_REPLICA),
    (InvalidResponse, "what answers there is no Redis and no Valkey server: see to --link"),
    (Timeout, "the broker does not answer in time"),
)


class BrokerConnection:
    """One connection to the broker at `url`, for one thread; `close` may be called on any.

    An answer is waited for `patience` seconds. Raise `BrokerFailed` if there is no connection.
    """

    def __init__(self, url: str, keys: Keys, patience: float = 2.0) -> None:
        self._keys = keys
        # The client takes no such option for a socket of the same machine, and it needs none.
        options = {} if url.startswith("unix:") else {"socket_keepalive": True}
        pool: Any = ConnectionPool.from_url(
            url,
            decode_responses=True,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=patience,
            socket_connect_timeout=patience,
            **options,
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

    def go_live(self) -> LiveConnection:
        """Return what this connection goes on as, with the scripts loaded; it is gone from here."""
        connection, database = self._connection, int(self._connection.db or 0)
        sock, connection._sock = connection._sock, None
        if sock is None:
            raise BrokerFailed("the connection is gone")
        return LiveConnection(open_duplex(sock), self._keys, self._digests, database)

    def between(self, after: int, up_to: int | None) -> list[LogEntry]:
        """Return the next entries of the log behind a position, some at once; none at the end."""
        end = "+" if up_to is None else f"{up_to}-0"
        # Of a log that is another one by now, this may be beyond the end.
        options = (f"{after + 1}-0", end, "COUNT", str(ENTRIES_AT_ONCE))
        (found,) = self._ask([("XRANGE", self._keys.log, *options)])
        return _guarded(lambda: entries_in(found))

    def _ask(self, commands: Sequence[tuple[str, ...]]) -> list[Any]:
        connection = self._connection

        def ask() -> list[Any]:
            connection.send_packed_command([b"".join(map(pack, commands))])
            # An error of one leaves the others unread: the connection is dropped then.
            return [connection.read_response() for _ in commands]

        return _guarded(ask)

    def close(self) -> None:
        """End the connection. A thread that waits for an answer has `BrokerFailed` then."""
        self._connection.disconnect()


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
        if (way_out := _way_out_of(error)) is None:
            raise refused(str(error)) from error
        raise BrokerFailed(way_out) from error
    except (RedisError, OSError, BadRecord, ValueError, AttributeError) as error:
        raise BrokerFailed(_way_out_of(error) or str(error) or type(error).__name__) from error


def _way_out_of(error: Exception) -> str | None:
    return next((way for kind, way in _WAYS_OUT if isinstance(error, kind)), None)
