"""Let all servers know the same bans, mutes, topics, protected names and so on.

Each value has a kind and a key. Whatever a server changes it tells at once, with a stamp: the time,
or a moment after the stamp from before, so that whoever changes what they know of comes later,
however the clocks go. Of two values the later counts. So all servers come to the same, in whatever
order they hear of it. Of what is gone the stamp is kept, so that it does not come back with a
server that was away.

A server that comes, or comes back, asks the others for what they have, and tells what they lack.
"""

import contextlib
import hashlib
import json
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, Protocol

from threadchat.link.notices import Data, Notices

MAX_GONE = 10_000
"""Of how much that is gone it is remembered; the oldest is forgotten first."""

MAX_GONE_KEPT = 2_000
"""Of how much of that it is remembered over a restart: of the newest."""

PORTION_BYTES = 64 * 1024
"""About how much is told at once to a server that asks."""

PATIENCE_SECONDS = 5.0
"""After how long a server asks again, if nobody has answered."""

_MOMENT = 0.001

Value = Mapping[str, Any]
"""What JSON can hold."""


@dataclass(frozen=True, slots=True)
class Change:
    """A value that another server has set, or that is gone there, which None stands for.

    `by` is who has done that, and `node` where. `is_late` tells that it is not being done just now.
    """

    value: Value | None
    by: str = ""
    is_late: bool = False
    node: str = ""


class SharedKind(Protocol):
    """A kind of what is shared, as this server keeps it. Safe on any thread."""

    def items(self) -> Iterable[tuple[str, float]]:
        """Yield the key of each value there is, and since when, in seconds since the epoch."""

    def value(self, key: str) -> Value | None:
        """Return the value with that key; None if there is none."""

    def put(self, key: str, change: Change) -> None:
        """Have a value of another server count here. It must not wait."""

    def keeps(self, own: Value, other: Value) -> bool:
        """Return whether a value stays, though another one is later; the same on all servers."""

    def stays(self, key: str) -> None:
        """Take note that the own value counts, now that all servers have heard of another or it."""


@dataclass(frozen=True, slots=True, order=True)
class Stamp:
    """When a value was set, in seconds since the epoch, and on which node."""

    at: float
    node: str = ""


_BEFORE_ALL = Stamp(-1.0)

_Key = tuple[str, str]  # kind and key


class SharedState:
    """What all servers are to know, as one of them knows it. Safe on any thread.

    `others` returns the other nodes that are linked. `failed` is called with what was being done,
    and with an error that a kind raised.
    """

    def __init__(
        self,
        node: str,
        notices: Notices,
        kinds: Mapping[str, SharedKind],
        others: Callable[[], Collection[str]],
        failed: Callable[[str, BaseException], None],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._node = node
        self._notices = notices
        self._kinds = kinds
        self._others = others
        self._failed = failed
        self._now = now
        self._lock = Lock()  # guards the next six; no kind takes a change meanwhile
        self._stamps: dict[_Key, Stamp] = {}
        self._asked_at: float | None = None  # None: answered
        self._heard: dict[_Key, Stamp] = {}  # since this server has asked
        # What was changed here while a change from elsewhere was taken: one of the two is here now.
        self._contested: set[_Key] = set()
        self._gone: set[_Key] = set()  # what was ended; what ends by itself is not among it
        self._is_gone_noted = True  # whether all that is gone was returned by `gone`
        for name, kind in kinds.items():
            for key, at in kind.items():
                self._stamps[name, key] = Stamp(at)
        notices.on("set", self._hear_change)
        notices.on("state", self._hear_state)
        notices.on("ask state", self._hear_question)
        notices.on("told state", self._hear_end)

    def changed(self, kind: str, key: str, by: str = "") -> None:
        """Tell all servers what has become of a value here; `by` is who has done that."""
        try:
            with self._lock:
                value = self._kinds[kind].value(key)
                before = self._stamps.get((kind, key), _BEFORE_ALL)
                stamp = Stamp(max(self._now(), before.at + _MOMENT), self._node)
                self._set_stamp((kind, key), stamp, is_gone=value is None)
                told = {"kind": kind, "key": key, "at": stamp.at, "value": value, "by": by}
                self._notices.tell("set", told)
        except Exception as error:
            self._failed(f"telling the other servers of a {kind}", error)

    def ask(self) -> None:
        """Ask the others for what they have, if there are any."""
        with self._lock:
            self._asked_at = self._now()
            self._heard = {}
            digest = self._digest()
        self._notices.tell("ask state", {"digest": digest})

    def look(self) -> None:
        """Ask again if nobody has answered for long. To be called now and then."""
        with self._lock:
            asked_at = self._asked_at
        if asked_at is not None and self._others() and self._is_long_since(asked_at):
            self.ask()

    # Over a restart

    def gone(self) -> str:
        """Return what is gone, as a text, for `know_gone` of the next run.

        It is empty if there is nothing new since the last call.
        """
        with self._lock:
            if self._is_gone_noted:
                return ""
            self._is_gone_noted = True
            gone = sorted(self._gone, key=lambda key: self._stamps[key])
            stamps = [(*key, self._stamps[key]) for key in gone[-MAX_GONE_KEPT:]]
        return _text([[kind, key, stamp.at, stamp.node] for kind, key, stamp in stamps])

    def know_gone(self, text: str) -> None:
        """Know what was gone before this run; before `ask`. Anything else than such a text is none.

        What is there again by now is not gone.
        """
        with contextlib.suppress(ValueError, TypeError):
            for kind, key, at, node in json.loads(text or "[]"):
                with self._lock:
                    if kind in self._kinds and self._kinds[kind].value(str(key)) is None:
                        stamp = Stamp(float(at), str(node))
                        self._set_stamp((kind, str(key)), stamp, is_gone=True)

    def _is_long_since(self, at: float) -> bool:
        return not 0 <= self._now() - at < PATIENCE_SECONDS

    def _set_stamp(self, key: _Key, stamp: Stamp, *, is_gone: bool) -> None:
        self._stamps[key] = stamp
        if is_gone:
            self._gone.add(key)
            self._is_gone_noted = False
        else:
            self._gone.discard(key)

    # What the others tell

    def _hear_change(self, data: Data, node: str, is_own: bool) -> None:
        kind, key, at = str(data["kind"]), str(data["key"]), float(data["at"])
        change = Change(data["value"], str(data["by"]), node=node)
        if not is_own:
            self._take(kind, key, Stamp(at, node), change)
            return
        with self._lock:
            is_last = self._stamps.get((kind, key)) == Stamp(at, node)
            was_contested = (kind, key) in self._contested
            self._contested.discard((kind, key))
        if is_last and kind in self._kinds:
            if was_contested:
                self._kinds[kind].put(key, change)
            self._kinds[kind].stays(key)

    def _hear_state(self, data: Data, node: str, is_own: bool) -> None:
        for kind, key, at, of_node, value in () if is_own else data["values"]:
            change = Change(value, is_late=True, node=str(of_node))
            self._take(str(kind), str(key), Stamp(float(at), str(of_node)), change)

    def _take(self, kind: str, key: str, stamp: Stamp, change: Change) -> None:
        if kind not in self._kinds:
            return  # a newer server may share more
        try:
            self._take_known(kind, key, stamp, change)
        except Exception as error:
            # What is wrong with one costs the others nothing.
            self._failed(f"taking a {kind} of another server", error)

    def _take_known(self, kind: str, key: str, stamp: Stamp, change: Change) -> None:
        with self._lock:
            if self._asked_at is not None:
                self._heard[kind, key] = max(stamp, self._heard.get((kind, key), stamp))
            own = self._kinds[kind].value(key)
            is_newer = self._is_newer(kind, key, stamp, own, change.value)
            if is_newer:
                self._set_stamp((kind, key), stamp, is_gone=change.value is None)
        if not is_newer:
            if own != change.value:
                self._kinds[kind].stays(key)
        elif own != change.value:
            try:
                self._kinds[kind].put(key, change)
            finally:
                with self._lock:
                    if self._stamps[kind, key] != stamp:
                        self._contested.add((kind, key))

    def _is_newer(
        self, kind: str, key: str, stamp: Stamp, own: Value | None, other: Value | None
    ) -> bool:
        if own is not None and other is not None and own != other:
            if self._kinds[kind].keeps(own, other):
                return False
            if self._kinds[kind].keeps(other, own):
                return True
        before = self._stamps.get((kind, key), _BEFORE_ALL)
        # Where all is equal but the value, as after a restart, any rule will do that is the same.
        return stamp > before or (stamp == before and _text(other) > _text(own))

    # Asking

    def _hear_question(self, data: Data, node: str, is_own: bool) -> None:
        """Answer a server that asks, if this one is the first of the others."""
        if is_own or min({self._node, *self._others()} - {node}) != self._node:
            return
        with self._lock:
            is_same = data["digest"] == self._digest()
            if not is_same:
                self._tell(self._stamps)
            self._notices.tell("told state", {"to": node, "is_same": is_same})

    def _hear_end(self, data: Data, node: str, is_own: bool) -> None:
        """Tell the others what they lack, now that they have told what they have."""
        if data["to"] != self._node:
            return
        with self._lock:
            if self._asked_at is None:
                return
            heard, self._heard, self._asked_at = self._heard, {}, None
            if not data["is_same"]:
                self._tell(
                    key for key, it in self._stamps.items() if heard.get(key, _BEFORE_ALL) < it
                )

    def _tell(self, keys: Iterable[_Key]) -> None:
        order = list(self._kinds)  # a kind may need those before it
        in_order = sorted(keys, key=lambda key: (order.index(key[0]), key[1]))
        for portion in _in_portions(self._values(in_order)):
            self._notices.tell("state", {"values": portion})

    def _values(self, keys: Iterable[_Key]) -> Iterator[list[Any]]:
        self._forget_gone()
        for kind, key in keys:
            stamp = self._stamps.get((kind, key))
            if stamp is not None:
                yield [kind, key, stamp.at, stamp.node, self._kinds[kind].value(key)]

    def _forget_gone(self) -> None:
        gone = sorted(self._gone, key=lambda key: self._stamps[key])
        for key in gone[: max(0, len(gone) - MAX_GONE)]:
            del self._stamps[key]
            self._gone.discard(key)

    def _digest(self) -> str:
        """Return what is equal on two servers that have the same values with the same stamps."""
        values = [it for it in self._values(sorted(self._stamps)) if it[-1] is not None]
        return hashlib.sha256(_text(values).encode()).hexdigest()


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True)


def _in_portions(values: Iterable[list[Any]]) -> Iterator[list[list[Any]]]:
    portion: list[list[Any]] = []
    size = 0
    for value in values:
        portion.append(value)
        size += len(_text(value))
        if size >= PORTION_BYTES:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion
