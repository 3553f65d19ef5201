"""Carry out what operators decide on people: find whom a mute or a ban is of, and apply it."""

import math
import time
from collections.abc import Callable, Iterable

from threadchat.access.bans import Ban, Target, key_of
from threadchat.chat.identity import NOBODY, Identity
from threadchat.chat.names import Names
from threadchat.chat.person import Person
from threadchat.chat.restrictions import Mute
from threadchat.messages.kinds import Notice
from threadchat.net.disconnect import Reason
from threadchat.storage.kept import Follow
from threadchat.storage.records import Records
from threadchat.text.names import fold_name
from threadchat.text.times import for_and_until

_MOMENT = 5.0
"""For so many seconds a ban counts as new, and its length is told as it was given."""


class Moderation:
    """The mutes and bans of one chat. Safe to use from any thread."""

    def __init__(self, records: Records, names: Names, clock: Callable[[], float]) -> None:
        self._records = records
        self._names = names
        self._restrictions = names.restrictions
        self._clock = clock
        self.follower: Follow | None = None
        """Called with `mute`, the key of its target, and by whom, if a mute has changed here."""

    def _follow(self, target: Target, by: str) -> None:
        if self.follower is not None:
            self.follower("mute", key_of(target), by)

    def others_like(self, target: str) -> set[str]:
        """Return the names, folded, that look like `target` to a ban and are somebody else's.

        They are names of people that are here, and protected names.
        """
        identity, ban = self._names.find_called(target), Ban(target, "", "", 0.0)
        owned = [
            fold_name(it.name)
            for it in self._records.all_protected()
            if ban.is_of_name(it.name) and self._names.owner_of(it) is not identity
        ]
        here = [it.folded_name for it in self._names.everywhere() if it.identity is not identity]
        names = {*owned, *(name for name in here if ban.is_of_name(name))}
        return names - {fold_name(target)}

    def formerly_called(self, name: str) -> Person | None:
        """Return the person here that was the last to give up `name` for another; None if none."""
        fold = fold_name(name)
        gave_up = [
            (period.end, person.id, person)
            for person in self._names.everywhere()
            if person.folded_name != fold
            for period in person.identity.periods
            if period.fold == fold and person.came_at <= period.end < math.inf
        ]
        return max(gave_up)[2] if gave_up else None

    def mute(self, target: Target, seconds: float, by: str = "") -> list[Person]:
        """Let nobody at those addresses speak for `seconds`, or nobody of that name.

        A mute of a name is also one of its look-alikes, and of the person that has it, under any
        name, after they leave and come back, too. Return the people that it mutes, on all servers.
        """
        identity, spared = None, set[str]()
        if isinstance(target, str):
            identity, spared = self._names.find_called(target), self.others_like(target)
        until = self._clock() + seconds
        mute = self._restrictions.mute(target, by, until, identity, spared)
        here = self._apply(mute)
        self._follow(target, by)
        people = self._names.everywhere()
        far = [it for it in people if it.connection is None]  # their own servers mute them
        return [*here, *(it for it in far if mute.is_of(it.name, it.host, it.identity))]

    def put_mute(
        self,
        target: Target,
        by: str,
        until: float,
        identity: Identity | None,
        spared: Iterable[str],
    ) -> list[Person]:
        """Have a mute count until that time on the clock, as it was decided elsewhere.

        `identity` is the person that it follows. Return the people here that it mutes.
        """
        return self._apply(self._restrictions.mute(target, by, until, identity, spared))

    def _apply(self, mute: Mute) -> list[Person]:
        # Anybody that comes in from now on is muted in `Names.claim`.
        people = self._names.everybody()
        muted = [it for it in people if mute.is_of(it.name, it.host, it.identity)]
        for person in muted:
            person.muted_until = mute.until
        return muted

    def moved(self, person: Person) -> None:
        """Apply the mutes and bans of addresses to `person`, who goes on from another address."""
        until = self._restrictions.muted_until(person.name, person.host, person.identity)
        person.muted_until = max(person.muted_until, until)
        ban = self._records.ban_of_address(person.host)
        if ban is not None and person.connection is not None:
            words = f"You are banned here: {ban.line(self._records.now())}"
            person.connection.end(Reason.BANNED, words)

    def unmute(self, target: Target, by: str = "") -> list[Person] | None:
        """End the mute of those addresses, or of the person called `target`.

        Return the people here that may speak again; None if there was no such mute.
        """
        identity = self._names.find_called(target) if isinstance(target, str) else NOBODY
        now = self._clock()
        ended = self._restrictions.unmute(target, identity, now)
        if not ended:
            return None
        freed = self._let_speak(now)
        for mute in ended:
            self._follow(mute.target, by)
        return freed

    def end_mute(self, key: str) -> list[Person]:
        """Have the mute whose target has that key count no longer, as was decided elsewhere.

        Return the people here that may speak again.
        """
        self._restrictions.end_mute(key)
        return self._let_speak(self._clock())

    def _let_speak(self, now: float) -> list[Person]:
        """Let those speak that no mute is of any more; return them."""
        freed = []
        for person in self._names.everybody():
            was_muted = person.muted_until > now
            person.muted_until = self._restrictions.muted_until(
                person.name, person.host, person.identity
            )
            if was_muted and person.muted_until <= now:
                freed.append(person)
        return freed

    def mutes(self) -> list[str]:
        """Return a line for each mute, the oldest first."""
        return self._restrictions.mute_lines(self._clock())

    def ban(self, identity: Identity, target: str) -> None:
        """Keep the person of `identity` out under any name, while there is a ban of `target`."""
        if identity is not NOBODY:
            self._restrictions.ban(identity, target)

    def enforce(self, ban: Ban) -> list[Person]:
        """End the connections of the people here that `ban` is of.

        Return the people that it is of, also those on other servers, which do the same.
        """
        now, key, until = self._records.now(), key_of(ban.target), ""
        if ban.until is not None:
            left = math.ceil(ban.until - (ban.at if now - ban.at < _MOMENT else now))
            until = f" {for_and_until(left, time.time())}"
        why = f": {ban.why}" if ban.why else ""
        by = f"{ban.by}{until}{why}"
        people = []
        for person in self._names.everywhere():
            is_followed = key in self._restrictions.bans_of(person.identity)
            if is_followed or ban.keeps_out(person.name, person.host):
                people.append(person)
                connection = person.connection  # it becomes None when the connection ends
                if connection is not None:
                    connection.end(f"{Reason.BANNED} by {by}", f"You were {Reason.BANNED} by {by}")
        return people

    def unban(self, target: Target) -> None:
        """Let those in again that a ban of `target` was to keep out."""
        self._restrictions.unban(target)


def make_operator(person: Person, by: str) -> None:
    """Make a person on this server an operator, and tell them."""
    person.is_operator = True
    person.tell(Notice(f"{by} made you an operator. /help lists what you can do."))


def unmake_operator(person: Person, by: str) -> None:
    """Take away the rights of an operator on this server, and tell them."""
    person.is_operator = False
    person.tell(Notice(f"{by} made you an operator no longer."))
