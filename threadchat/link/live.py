"""The connection by which all goes that is said: requests out, answers and the log in.

The broker tells of each entry as it puts it into the log (`PUBLISH`), so that nobody has to ask for
the next one. The log remains what counts: what comes behind a gap is fetched from there.

Nobody waits to send: whoever has something sends what the system takes at once. Nobody waits for an
answer: one thread receives whatever comes.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from threadchat.link.failures import BrokerFailed, refused
from threadchat.link.records import BadRecord
from threadchat.link.resp import BadReply, Message, Refusal, RespReader, Told, pack, pack_texts
from threadchat.link.scripts import Keys, answer_of, arguments, entry_from, told_entry
from threadchat.link.wire import Answer, LogEntry, Request
from threadchat.net.duplex import Duplex

ENTRIES_AT_ONCE = 200
"""How many entries are read at once, at most."""

_RECEIVE_SIZE = 256 * 1024

_SAME = 3
"""How many words of a request, the first ones, are nearly always those of the one before."""


class Answered(NamedTuple):
    """The broker has answered to a request; answers come in the order of the requests."""

    request: Request
    answer: Answer


@dataclass(frozen=True, slots=True)
class Fetched:
    """These are the entries that were fetched. `is_end` says that there were no more just then."""

    entries: Sequence[LogEntry]
    is_end: bool


Arrival = Answered | LogEntry | Fetched
"""What comes. An entry is told as it is put into the log, before what is asked for later."""


class LiveConnection:
    """A connection to the broker: for one thread that receives, and one at a time that sends.

    `digests` are those of the scripts, by their names, and `database` is the number of the one that
    the keys are in. All but `is_behind` and `wake` raise `BrokerFailed` if the connection is gone,
    or what comes is not to be understood.
    """

    def __init__(
        self, duplex: Duplex, keys: Keys, digests: Mapping[str, str], database: int = 0
    ) -> None:
        self._duplex = duplex
        self._keys = keys
        self._channel = keys.channel(database)
        self._reader = RespReader(self._channel)
        self._to_send = bytearray()
        # What answers come to, in their order; None: to what was fetched.
        self._asked: deque[Request | None] = deque()
        # What requests begin with is laid out once, with those words that hardly ever change.
        names = (str(len(keys.all)), *keys.all)
        self._heads = {name: ("EVALSHA", digest, *names) for name, digest in digests.items()}
        self._head_words = 2 + len(names)
        self._packed_heads: dict[tuple[str, ...], bytes] = {}
        # From RESP3 on, one connection may ask and be told of what is published.
        self._to_send += pack(("HELLO", "3")) + pack(("SUBSCRIBE", self._channel))
        self._greets = True

    # For one thread at a time: sending

    def put(self, request: Request) -> None:
        """Have `flush` send a request."""
        name, words = arguments(request, self._keys, self._channel)
        self._asked.append(request)
        known = name, *words[:_SAME]
        head = self._packed_heads.get(known)
        if head is None:
            head = self._packed_heads[known] = pack_texts((*self._heads[name], *known[1:]))
        rest = pack_texts(words[_SAME:])
        self._to_send += b"*%d\r\n%b%b" % (self._head_words + len(words), head, rest)

    def put_fetch(self, after: int) -> None:
        """Have `flush` ask for entries of the log behind a position."""
        self._asked.append(None)
        options = (f"{after + 1}-0", "+", "COUNT", str(ENTRIES_AT_ONCE))
        self._to_send += pack(("XRANGE", self._keys.log, *options))

    @property
    def is_behind(self) -> bool:
        """Whether something waits until the system takes more."""
        return bool(self._to_send)

    def flush(self) -> None:
        """Send what the system takes at once."""
        try:
            while self._to_send:
                del self._to_send[: self._duplex.send(self._to_send)]
        except BlockingIOError:
            pass
        except OSError as error:
            raise BrokerFailed(_words_of(error)) from error

    def wait_for_room(self, timeout: float) -> None:
        """Wait until the system takes more, up to `timeout` seconds."""
        try:
            self._duplex.wait_for_room(timeout)
        except (OSError, ValueError) as error:
            raise BrokerFailed(_words_of(error)) from error

    # For one thread: receiving

    def receive(self) -> list[Arrival]:
        """Wait for the next that comes, and return all of it."""
        try:
            data = self._duplex.receive(_RECEIVE_SIZE)
            if not data:
                raise BrokerFailed("the broker has ended the connection")
            return [it for value in self._reader.feed(data) if (it := self._arrival(value))]
        except OSError as error:
            raise BrokerFailed(_words_of(error)) from error
        except (BadReply, BadRecord, ValueError, TypeError, IndexError) as error:
            raise BrokerFailed(str(error)) from error

    def _arrival(self, value: Any) -> Arrival | None:
        if isinstance(value, Message):
            try:
                return told_entry(value)
            except BadRecord:
                return None  # of another program; a real entry is missed, and fetched
        if isinstance(value, Told):
            return None
        if isinstance(value, Refusal):
            raise refused(value.text)
        if self._greets:
            self._greets = False  # that was the answer to HELLO
            return None
        if not self._asked:
            raise BrokerFailed("the broker answers what nobody has asked")
        request = self._asked.popleft()
        if request is not None:
            return Answered(request, answer_of(value))
        entries = entries_in(value)
        return Fetched(entries, len(entries) < ENTRIES_AT_ONCE)

    def wake(self) -> None:
        """End it: the thread that receives has `BrokerFailed`. Any thread may call this."""
        self._duplex.wake()

    def close(self) -> None:
        """Close it, when no other thread can use it."""
        self._duplex.close()


def entries_in(found: Any) -> list[LogEntry]:
    """Return entries as the broker hands out a range of the log; raise `BadRecord`."""
    try:
        pairs = [
            (str(id), dict(zip(fields[::2], fields[1::2], strict=True))) for id, fields in found
        ]
    except (ValueError, TypeError) as error:
        raise BadRecord(f"the log cannot be read: {error!r:.80}") from error
    return [entry_from(*it) for it in pairs]


def _words_of(error: Exception) -> str:
    return str(error) or type(error).__name__
