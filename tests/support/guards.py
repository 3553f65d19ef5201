"""Check in every test that what a lock guards is used only while that lock is held.

A lock that is missing shows only now and then, when two threads meet. Here it shows each time: from
`watch_guards` on, whatever the package does with one of the attributes of `GUARDS` without the lock
is written down, by whichever thread, and `nothing_leaks` fails the test that did it.
"""

import sys
import threading
from collections.abc import Callable, Collection, Mapping
from threading import Condition
from types import FrameType
from typing import Any

from threadchat.access.limiter import ConnectionLimiter, Tries
from threadchat.chat.chat import Chat
from threadchat.chat.countdown import Countdown
from threadchat.chat.deliverer import Deliverer
from threadchat.chat.farpeople import FarPeople
from threadchat.chat.hooks import Hooks
from threadchat.chat.mail import Mail
from threadchat.chat.names import Names
from threadchat.chat.restrictions import Restrictions
from threadchat.chat.room import Room
from threadchat.console.footer import Footer
from threadchat.console.tty import Tty
from threadchat.lan.announcement import LanAnnouncement
from threadchat.monitoring.backgroundwriter import BackgroundWriter
from threadchat.monitoring.events import Watch
from threadchat.monitoring.repeats import Repeats
from threadchat.monitoring.tally import Tally
from threadchat.net import threads
from threadchat.net.maker import Maker
from threadchat.net.selfpipe import SelfPipe
from threadchat.net.sendqueue import SendQueue
from threadchat.net.tls import TlsTransport
from threadchat.server.admission import Admission
from threadchat.server.clients import Clients
from threadchat.server.expiry import Expiry
from threadchat.server.figures import Figures
from threadchat.server.linking import Linking
from threadchat.server.listener import Shortage
from threadchat.server.members import ProgramMembers
from threadchat.server.refusals import Refusals
from threadchat.server.weblistener import WebListener
from threadchat.session.program import ProgramConnection, ProgramMember
from threadchat.storage import ownership
from threadchat.storage.contents import Contents
from threadchat.storage.erasing import Eraser
from threadchat.storage.history import History
from threadchat.storage.records import Records
from threadchat.storage.searching import SearchTurns
from threadchat.storage.sqlitehistory import StoredHistory
from threadchat.storage.stretches import RememberedStretches
from threadchat.web.framing import Gathered
from threadchat.web.links import Links
from threadchat.web.private import PrivateLines
from threadchat.web.seats import Seats

misuses: list[str] = []
"""What was done without the lock that it needs, since the last test."""


READING = ("reading",)
"""What is replaced as a whole, so that only to set it needs the lock."""


class Guarded:
    """Stands in a class for an attribute, and looks at the lock whenever that is used.

    No lock is needed while the object is being made, as no other thread knows it yet. `free` are
    the functions that may do without a lock, or `READING`.
    """

    def __init__(self, cls: type, name: str, lock: str, free: Collection[str]) -> None:
        self._label = f"{cls.__name__}.{name}"
        self._name, self._lock, self._free = name, lock, free
        self._slot = cls.__dict__.get(name)  # where the class has slots

    def __get__(self, owner: Any, cls: type | None = None) -> Any:
        if owner is None:
            return self
        if self._free is not READING and not self._is_held(owner):
            self._check(owner)
        if self._slot is not None:
            return self._slot.__get__(owner, cls)
        try:
            return owner.__dict__[self._name]
        except KeyError:
            raise AttributeError(self._label) from None

    def __set__(self, owner: Any, value: Any) -> None:
        if not self._is_held(owner):
            self._check(owner)
        if self._slot is not None:
            self._slot.__set__(owner, value)
        else:
            owner.__dict__[self._name] = value

    def _is_held(self, owner: Any) -> bool:
        lock = getattr(owner, self._lock, None)
        return lock is not None and is_held(lock)

    def _check(self, owner: Any) -> None:
        frame = sys._getframe(2)
        if frame.f_globals["__name__"].startswith("threadchat."):
            function = frame.f_code.co_name
            if function in ("<lambda>", "<listcomp>", "<genexpr>", "<dictcomp>") and frame.f_back:
                function = frame.f_back.f_code.co_name
            if function not in self._free and not _is_being_made(owner, frame):
                misuses.append(f"{self._label} in {function}, line {frame.f_lineno}")


def _is_being_made(owner: Any, frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_name == "__init__" and frame.f_locals.get("self") is owner:
            return True
        frame = frame.f_back
    return False


class GuardedSet(set[Any]):
    """A set of a module that is used only with the lock of that module held."""

    def __init__(self, label: str, lock: Any) -> None:
        super().__init__()
        self._label, self._lock = label, lock

    def _check(self) -> None:
        if not is_held(self._lock):
            misuses.append(self._label)

    def add(self, item: Any) -> None:
        self._check()
        super().add(item)

    def discard(self, item: Any) -> None:
        self._check()
        super().discard(item)

    def __contains__(self, item: object) -> bool:
        self._check()
        return super().__contains__(item)


class GuardedDict(dict[Any, Any]):
    """A dictionary of a module that is used only with the lock of that module held."""

    def __init__(self, label: str, lock: Any) -> None:
        super().__init__()
        self._label, self._lock = label, lock

    def _check(self) -> None:
        if not is_held(self._lock):
            misuses.append(self._label)

    def get(self, key: Any, default: Any = None) -> Any:
        self._check()
        return super().get(key, default)

    def __contains__(self, key: object) -> bool:
        self._check()
        return super().__contains__(key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._check()
        super().__setitem__(key, value)

    def __delitem__(self, key: Any) -> None:
        self._check()
        super().__delitem__(key)


def is_held(lock: Any) -> bool:
    """Return whether `lock` is held: by this thread, where the lock knows that."""
    kind = type(lock)
    ask = _WAYS_TO_ASK.get(kind)
    if ask is None:
        ask = _WAYS_TO_ASK[kind] = _way_to_ask(kind)
    return ask(lock)


def _way_to_ask(kind: type) -> Callable[[Any], bool]:
    for known in (SearchTurns, Condition):
        if issubclass(kind, known):
            return _WAYS_TO_ASK[known]
    return _is_double_held


def _is_double_held(lock: Any) -> bool:
    """Return whether something is held that a test has put in the place of a lock."""
    return bool(lock.locked() if hasattr(lock, "locked") else lock._is_owned())


# By the kind of lock, as this is asked a million times.
_WAYS_TO_ASK: dict[type, Callable[[Any], bool]] = {
    SearchTurns: lambda turns: turns._is_taken,
    Condition: lambda condition: is_held(condition._lock),
    type(threading.Lock()): lambda lock: lock.locked(),
    type(threading.RLock()): lambda lock: lock._is_owned(),
}

Guards = tuple[type, str, dict[str, tuple[str, ...]]]

GUARDS: tuple[Guards, ...] = (
    (ConnectionLimiter, "_lock", {"_open": (), "_recent": ()}),
    (Tries, "_lock", {"_tries": ()}),
    (Chat, "_lock", {"_rooms": (), "_places_taken": (), "_is_hushed": (), "_searching": ()}),
    (Hooks, "_changing", {"_hooks": READING}),
    (Countdown, "_lock", {"_called_off": (), "_thread": ()}),
    # `close` waits for threads, and no more are started after it.
    (Deliverer, "_lock", {"_threads": ("close",), "_is_closed": ()}),
    (Maker, "_lock", {"_thread": ("close",), "_is_closed": ()}),
    (Mail, "_looking", {"_under_way": (), "_writers": ()}),
    (
        Names,
        "_lock",
        {
            "_identities": (),
            "_left": (),
            "_kept": (),
            "_by_fold": (),
            "_by_skeleton": (),
            "_is_hushed": (),
        },
    ),
    (FarPeople, "_lock", {"_people": (), "_names_of": (), "_called": (), "_in_rooms": ()}),
    (Restrictions, "_lock", {"_mutes": READING, "_banned": READING}),
    (Room, "_turn", {"_members": ()}),
    (
        Footer,
        "_lock",
        {
            "_line": (),
            "_is_open": (),
            "_is_paused": (),
            "_is_drawn": (),
            "_status": (),
            "_size": (),
        },
    ),
    (LanAnnouncement, "_lock", {"_is_over": (), "_ends": ()}),
    (Tty, "_lock", {"_before": (), "_ours": (), "_is_left": ()}),
    (
        BackgroundWriter,
        "_changed",
        {
            "_entries": (),
            "_room_taken": (),
            "_left_out": (),
            "_left_out_before": (),
            "_thread": (),
            "_is_closed": (),
        },
    ),
    (
        Tally,
        "_lock",
        {
            "_messages": (),
            "_deliveries": (),
            "_posts": (),
            "_marks": (),
            "_times": (),
            "_seconds": (),
            "_refusals": (),
            "_ends": (),
        },
    ),
    (Figures, "_lock", {"_received": (), "_sent": ()}),
    (Repeats, "_lock", {"_counts": ()}),
    (Watch, "_lock", {"_failing": ()}),
    (SelfPipe, "_lock", {"_writer": ()}),
    (
        SendQueue,
        "_lock",
        {
            # `is_behind` says that it reads without the lock. The flusher leaves the selector for
            # a queue that was closed, which nobody else uses.
            "_queue": ("is_behind", "unregister"),
            "_frame": (),
            "_watched": ("unregister",),
            "_emptied": ("unregister",),
        },
    ),
    (
        TlsTransport,
        "_lock",
        {
            "_incoming": (),
            "_outgoing": (),
            "_tls": (),
            "_is_established": (),
            "_ciphertext": (),
        },
    ),
    (Admission, "_lock", {"_strangers": ()}),
    (
        Clients,
        "_lock",
        {
            "_threads": (),
            "_seats": (),
            "_handlers": (),
            "_received": (),
            "_sent": (),
            "_last_id": (),
        },
    ),
    (Expiry, "_lock", {"_looked_at": ()}),
    (Linking, "_lock", {"_is_started": ()}),
    (Shortage, "_lock", {"_is_on": ()}),
    (ProgramMembers, "_lock", {"_members": (), "_is_stopping": ()}),
    (Refusals, "_lock", {"_under_way": ()}),
    (ProgramConnection, "_changed", {"_waiting": (), "_bytes_waiting": ()}),
    (ProgramMember, "_acting", {"_is_out": ()}),
    (Eraser, "_lock", {"_is_asked": (), "_thread": ()}),
    (
        History,
        "_lock",
        {
            # Each batch looks first whether there is too much, and only then takes the lock.
            "_rooms": ("_keep_within_bounds",),
            "_bytes": ("_keep_within_bounds",),
            "_has_forgotten_rooms": (),
        },
    ),
    (SearchTurns, "_lock", {"_is_taken": (), "_waiting": ()}),
    (
        Records,
        "lock",
        {"_connection": (), "_file": (), "_names": READING},
    ),
    (
        StoredHistory,
        "_lock",
        {
            "_stored": (),
            "_unwritten": (),
            "_outage": (),
            "_outages": (),
            "_lost": (),
            "_changed": (),
            "_retrier": (),
            "_connection": (),
            "_latest": (),
        },
    ),
    (RememberedStretches, "_lock", {"_rooms": (), "_states": ()}),
    (Contents, "_lock", {"_left": (), "_are_lost": ()}),
    # What stands before something else, or has more than its first text, is as it is for good.
    (Gathered, "lock", {"more": ("whole", "gather"), "is_open": ()}),
    (Links, "_changed", {"_offered": (), "_reason": READING, "_last": READING}),
    (WebListener, "_lock", {"_open": (), "_ending": ()}),
    (PrivateLines, "lock", {"_kept": (), "_bytes": (), "_last": ()}),
    (Seats, "_lock", {"_connections": ()}),
    (StoredHistory, "_search_turns", {"_searcher": ("close",)}),  # which interrupts a search
)
"""The classes with a lock, its attribute, and what it guards, each with the functions let off."""


def guard(cls: type, lock: str, names: Mapping[str, Collection[str]]) -> None:
    """Look at the attributes `names` of a class, which its attribute `lock` guards."""
    for name, free in names.items():
        setattr(cls, name, Guarded(cls, name, lock, free))


def watch_guards() -> None:
    """Look at all that `GUARDS` names from now on. Objects made before are not looked at."""
    for cls, lock, names in GUARDS:
        guard(cls, lock, names)
    threads._waiting_for_a_stop = GuardedSet("threads._waiting_for_a_stop", threads._lock)
    ownership._owned = GuardedDict("ownership._owned", ownership._lock)
