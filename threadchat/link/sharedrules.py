"""Share what operators decide: bans and mutes. Each server holds its own people to them."""

import time
from collections.abc import Callable, Iterable
from math import ceil, inf
from threading import Lock

from threadchat.access.bans import Ban, key_of, show_target
from threadchat.chat.chat import Chat
from threadchat.chat.identity import Identity
from threadchat.chat.restrictions import Mute
from threadchat.link.nodes import server_of
from threadchat.link.shared import Change, Value
from threadchat.messages.kinds import Muted, Unmuted
from threadchat.monitoring.events import Acted
from threadchat.storage.records import RecordsFailed
from threadchat.storage.values import ban_of, name_of, text_of

SOMEBODY = "an operator"
"""Who has ended a mute or a ban, which is not told."""


class SharedBans:
    """The bans of a chat, by the keys of their targets."""

    def __init__(self, chat: Chat) -> None:
        self._chat = chat

    def items(self) -> Iterable[tuple[str, float]]:
        """Yield the keys of the targets, with the times of the bans."""
        return [(key_of(it.target), it.at) for it in self._chat.records.bans()]

    def value(self, key: str) -> Value | None:
        """Return a ban, with the texts that stand for the people it follows."""
        ban = self._chat.records.all_bans.find(key)
        if ban is None:
            return None
        names = self._chat.names
        return {
            "target": str(ban.target),
            "by": ban.by,
            "why": ban.why,
            "at": ban.at,
            "until": ban.until,
            "spared": sorted(ban.spared),
            "who": sorted(map(names.uid_of, names.restrictions.banned_by(key))),
        }

    def put(self, key: str, change: Change) -> None:
        """Have a ban of another server count here, or count no longer."""
        chat = self._chat
        try:
            if change.value is None:
                chat.moderation.unban(key)
                if chat.records.all_bans.drop(key):
                    _note(chat, change, change.by or SOMEBODY, f"unbanned {key}")
                return
            ban = _ban_of(key, change.value)
            chat.records.all_bans.put(ban)
        except RecordsFailed as error:  # it counts anyway
            chat.observer.warn(error.why)
        if change.value is not None:
            for identity in _people_of(chat, change.value["who"]):
                chat.moderation.ban(identity, key)
            why = f": {ban.why}" if ban.why else ""
            _note(chat, change, ban.by, f"banned {show_target(ban.target)}{why}")
            chat.moderation.enforce(ban)

    def keeps(self, own: Value, other: Value) -> bool:
        """Return that the later one counts."""
        return False

    def stays(self, key: str) -> None:
        """Do nothing: what does not count was not taken."""


class SharedMutes:
    """The mutes of a chat, by the keys of their targets. They end when all servers have stopped.

    `now` returns the seconds since the epoch.
    """

    def __init__(self, chat: Chat, now: Callable[[], float] = time.time) -> None:
        self._chat = chat
        self._now = now
        self._lock = Lock()  # guards the times
        # When mutes end, in seconds since the epoch: the same on all servers.
        self._ends: dict[str, tuple[Mute, float]] = {}

    def items(self) -> Iterable[tuple[str, float]]:
        """Yield nothing: a server that starts has none."""
        return ()

    def value(self, key: str) -> Value | None:
        """Return a mute, with the text that stands for the person it follows."""
        mute = self._find(key)
        if mute is None:
            return None
        names = self._chat.names
        return {
            "target": str(mute.target),
            "by": mute.by,
            "until": None if mute.until == inf else self._end_of(key, mute),
            "spared": sorted(mute.names.spared),
            "who": "" if mute.identity is None else names.uid_of(mute.identity),
        }

    def _end_of(self, key: str, mute: Mute) -> float:
        with self._lock:
            known, end = self._ends.get(key, (None, 0.0))
            if known is not mute:
                end = self._now() + mute.until - self._chat.clock()
                self._ends[key] = mute, end
            return end

    def _know_end(self, key: str, end: float | None) -> None:
        mute = self._find(key)
        if mute is not None and end is not None:
            with self._lock:
                self._ends[key] = mute, end

    def _find(self, key: str) -> Mute | None:
        return self._chat.names.restrictions.mute_of(key, self._chat.clock())

    def put(self, key: str, change: Change) -> None:
        """Have a mute of another server count here, or count no longer; tell those concerned."""
        chat = self._chat
        if change.value is None:
            _note(chat, change, change.by or SOMEBODY, f"unmuted {key}")
            for person in chat.moderation.end_mute(key):
                person.tell(Unmuted(change.by or SOMEBODY))
            return
        mute = _ban_of(key, {"why": "", "at": self._now(), **change.value})
        seconds = None if mute.until is None else max(0, ceil(mute.until - self._now()))
        who = _people_of(chat, [change.value["who"]])
        people = chat.moderation.put_mute(
            mute.target,
            mute.by,
            chat.clock() + (inf if seconds is None else seconds),
            next(iter(who), None),
            mute.spared,
        )
        self._know_end(key, mute.until)
        _note(chat, change, mute.by, f"muted {show_target(mute.target)}")
        for person in people:
            person.tell(Muted(mute.by, seconds))

    def keeps(self, own: Value, other: Value) -> bool:
        """Return that the later one counts."""
        return False

    def stays(self, key: str) -> None:
        """Do nothing: what does not count was not taken."""


def _note(chat: Chat, change: Change, by: str, deed: str) -> None:
    """Log what was decided elsewhere; what this server was only told of now is not."""
    if not change.is_late:
        chat.observer.note(Acted(by, f"{deed}, on {server_of(change.node)}"))


def _ban_of(key: str, value: Value) -> Ban:
    spared = " ".join(map(text_of, value["spared"]))
    by, why = name_of(value["by"]), text_of(value["why"])
    ban = ban_of(value["target"], by, why, value["at"], value["until"], spared)
    if key_of(ban.target) != key:
        raise ValueError("a ban that stands for another")
    return ban


def _people_of(chat: Chat, uids: Iterable[str]) -> list[Identity]:
    return [chat.names.with_uid(text_of(uid)) for uid in uids if uid]
