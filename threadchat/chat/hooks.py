"""Hooks: names under which programs speak that are nobody's client and send posts instead.

A hook has a name, which nobody else can have meanwhile, a room, and a token, by which a program
shows that it may speak as the hook. How posts come in is no concern of this module.
"""

import contextlib
import math
import time
from collections.abc import Callable
from dataclasses import replace
from threading import Lock

from threadchat.access import tokens
from threadchat.access.allowance import Allowance
from threadchat.access.flood import BYTES_A_LINE
from threadchat.chat.interfaces import Observer
from threadchat.chat.names import NameProtected, Names
from threadchat.chat.person import Person, drop
from threadchat.chat.room import Room
from threadchat.errors import PersonError
from threadchat.messages.datalines import DATA_LINES
from threadchat.messages.kinds import Say
from threadchat.monitoring.events import Posted
from threadchat.storage.hooks import KeptHook
from threadchat.storage.records import Records, RecordsFailed
from threadchat.text.clean import MAX_LINE, clean_line, clean_text
from threadchat.text.names import BadName, clean_name, fold_name
from threadchat.text.times import for_and_until

MAX_HOOKS = 100
"""The most hooks of a server: each keeps a room open, and is compared with each token."""

MAX_LINES = 20
"""The most lines of a post."""

BURST, RATE = 60.0, 1.0
"""How many lines of a hook are said at once, and how many a second after that.

A long line counts as several, as with people.
"""

NOTE_EVERY = 60.0
"""Seconds after which it is written down again how often a hook was used."""

ADDRESS = "a hook"
"""What operators see as the address of a hook."""


class NoSuchHook(PersonError):
    """No hook has that token. Says the same of all tokens."""

    def __init__(self) -> None:
        super().__init__("There is no such hook. Ask the person who runs the server for another.")


class MayNotSpeak(PersonError):
    """An operator keeps the hook from speaking, or the sender. Says so in one line."""


class TooManyLines(PersonError):
    """A post is too long. Says so in one line."""


class NothingToSay(PersonError):
    """A post has no words. Says so in one line."""


class TooFast(PersonError):
    """The hook has said too much just now; it may say that in so many `seconds`."""

    def __init__(self, seconds: float) -> None:
        self.seconds = math.ceil(seconds)
        super().__init__(
            f"That is too much at once: a hook says {BURST:.0f} lines, and then {RATE:.0f} a"
            f" second. Wait {self.seconds} s, then send it again."
        )


class Hook(Person):
    """A hook, which is nobody's client: it has no connection and is in no list of members."""

    __slots__ = ("allowance", "is_over", "kept", "noted", "noted_at", "speaking")

    room: Room

    def __init__(self, kept: KeptHook, clock: Callable[[], float]) -> None:
        super().__init__(0, ADDRESS, drop, DATA_LINES)
        self.joined_at = self.last_heard_at = self.noted_at = clock()
        self.kept = self.noted = kept
        self.speaking = Lock()  # held while it speaks, so that one post is said at a time
        self.allowance = Allowance(BURST, RATE, clock)
        self.is_over = False

    @property
    def is_hook(self) -> bool:
        """That it is one."""
        return True

    @property
    def whereabouts(self) -> str:
        """Where it is, in words."""
        return f"a hook, by which a program speaks in {self.kept.room}"


class Hooks:
    """The hooks of one chat. Safe to use from any thread.

    `open_room` and `close_room` keep a room open, as a member does.
    """

    def __init__(
        self,
        records: Records,
        names: Names,
        observer: Observer,
        clock: Callable[[], float],
        open_room: Callable[[str], Room],
        close_room: Callable[[Room], None],
    ) -> None:
        self._records = records
        self._names = names
        self._observer = observer
        self._clock = clock
        self._open_room = open_room
        self._close_room = close_room
        self._changing = Lock()  # held while the table is replaced; reading it needs no lock
        self._hooks: dict[str, Hook] = {}  # by the folded name
        for kept in records.hooks.at_start:
            hook = Hook(kept, clock)
            names.seat(hook, kept.name, kept.since)
            hook.room = open_room(kept.room)
            self._hooks[hook.folded_name] = hook

    @property
    def are_lasting(self) -> bool:
        """Whether hooks outlive the server."""
        return self._records.is_lasting

    def all(self) -> list[KeptHook]:
        """Return all hooks, the oldest first."""
        return [hook.kept for hook in self._hooks.values()]

    def called(self, name: str) -> Hook | None:
        """Return the hook called `name`; None if there is none."""
        return self._hooks.get(fold_name(name))

    def names(self) -> list[str]:
        """Return the names of all hooks."""
        return [hook.name for hook in self._hooks.values()]

    # For the operator

    def add(self, raw: str, raw_room: str) -> tuple[KeptHook, str]:
        """Make a hook called `raw` for a room; return it and its token, which is kept nowhere.

        The room need not be there. Raise `BadName` if one of the names cannot be had, `PersonError`
        if there are too many hooks, and `RecordsFailed`.
        """
        room = clean_name_of_room(raw_room)
        with self._changing:
            known = self.called(raw)
            if known is not None:
                raise BadName(
                    f"{known.name} is a hook already, for {known.kept.room}."
                    f" unhook {known.name} ends it; then it can be added again."
                )
            if len(self._hooks) >= MAX_HOOKS:
                raise PersonError(f"There are {MAX_HOOKS} hooks. unhook NAME ends one of them.")
            token = tokens.make()
            kept = KeptHook(clean_name(raw), room, tokens.hash_of(token), self._records.now())
            hook = Hook(kept, self._clock)
            self._claim(hook)
            try:
                self._records.hooks.add(kept)
            except BaseException:
                self._names.release(hook, hook.name)
                raise
            hook.room = self._open_room(room)
            self._hooks = {**self._hooks, hook.folded_name: hook}
        return kept, token

    def _claim(self, hook: Hook) -> None:
        name = hook.kept.name
        try:
            self._names.claim(hook, name)
        except NameProtected:
            raise BadName(
                f"{name} is protected, so it is somebody's. Choose another name for the hook."
            ) from None
        except BadName as error:
            raise BadName(f"{error} Choose another name for the hook.") from None

    def remove(self, name: str) -> KeptHook | None:
        """End the hook called `name`, and return it; None if there is none.

        What it has said was shown to everybody by then, and nothing more is. If that cannot be
        written, it holds all the same, and `RecordsFailed` is raised.
        """
        with self._changing:
            hook = self.called(name)
            if hook is None:
                return None
            self._hooks = {fold: it for fold, it in self._hooks.items() if it is not hook}
            with hook.speaking:
                hook.is_over = True
            # The next owner of the name cannot be taken for the hook: all of its lines were shown.
            self._names.release(hook, hook.name)
            self._close_room(hook.room)
            self._records.hooks.remove(hook.kept)
        return hook.kept

    # For posts

    def find(self, token: str) -> Hook:
        """Return the hook that has `token`; raise `NoSuchHook`."""
        given = tokens.hash_of(token)
        # All are compared, so that the time does not tell which one it is.
        found = [it for it in self._hooks.values() if tokens.is_same(given, it.kept.token)]
        if not found:
            raise NoSuchHook
        return found[0]

    def say(self, hook: Hook, text: str, host: str, address: str) -> None:
        """Say each line of `text` in the hook's room, all behind one another.

        It is made safe as what clients send is. Return once it was shown there. `host` is where the
        post came from, `address` the same with the port. Raise `NothingToSay`, `TooManyLines`,
        `TooFast`, `MayNotSpeak`, or `NoSuchHook` if the hook has ended meanwhile.
        """
        lines = lines_of(text)
        if not lines:
            raise NothingToSay("There are no words in that. Send some as the body.")
        if len(lines) > MAX_LINES:
            raise TooManyLines(
                f"That has {len(lines)} lines, and a hook says at most {MAX_LINES} at once."
                " Send fewer, or a link to them."
            )
        with hook.speaking:
            if hook.is_over:
                raise NoSuchHook
            self._check_may_speak(hook, host)
            # With letters of several bytes, one post may cost more than there ever is.
            delay = hook.allowance.take(min(BURST, sum(map(_cost_of, lines))))
            if delay:
                raise TooFast(delay)
            at = time.time()
            hook.room.post([Say(hook.name, line, at) for line in lines], hook)
            # Another thread may be delivering. This waits until it has come to what stands here.
            hook.room.resume(hook, None, lambda: None)
            now = hook.last_heard_at = self._clock()
            hook.kept = replace(hook.kept, used=hook.kept.used + 1, last_used=at)
            is_due = not hook.noted.used or now - hook.noted_at >= NOTE_EVERY
        self._observer.note(Posted(hook.name, hook.kept.room, address, len(lines)))
        if is_due:
            self._note_use(hook)

    def _check_may_speak(self, hook: Hook, host: str) -> None:
        """Raise `MayNotSpeak` if the hook, or whoever uses it, is muted or banned."""
        restrictions, records = self._names.restrictions, self._records
        # The hook comes first: where it is muted, another address would not help.
        for muted, at in ((f"{hook.name} is", ""), ("Your address is", host)):
            left = restrictions.muted_until(hook.name, at, hook.identity) - self._clock()
            if left > 0:
                for_ = "for good" if left == math.inf else for_and_until(left, time.time())
                raise MayNotSpeak(f"{muted} muted {for_}: nobody was shown that.")
        if ban := records.ban_of(hook.name, host):
            raise MayNotSpeak(f"That is banned here: {ban.line(records.now())}")

    def _note_use(self, hook: Hook) -> None:
        hook.noted, hook.noted_at = hook.kept, self._clock()
        # If the file fails, the operator is told by others, and only a figure is lost.
        with contextlib.suppress(RecordsFailed):
            self._records.hooks.note_use(hook.noted)

    def close(self) -> None:
        """Write down how often hooks were used; call it before the records are closed."""
        for hook in self._hooks.values():
            if hook.kept != hook.noted:
                self._note_use(hook)


def clean_name_of_room(raw: str) -> str:
    """Return the name of a room in `raw`, which may have a # before it; raise `BadName`."""
    try:
        return clean_name(raw.removeprefix("#"))
    except BadName as error:
        raise BadName(f"No room can be called that. {error}") from None


def lines_of(text: str) -> list[str]:
    """Return the lines of `text` that have something to show, safe and of `MAX_LINE` characters.

    A longer line goes on in the next.
    """
    cleaned = [clean_text(line) for line in text.splitlines()]
    pieces = [
        clean_line(line[begin : begin + MAX_LINE])
        for line in cleaned
        for begin in range(0, len(line), MAX_LINE)
    ]
    return [piece for piece in pieces if piece]


def _cost_of(line: str) -> float:
    return max(1.0, len(line.encode(errors="replace")) / BYTES_A_LINE)
