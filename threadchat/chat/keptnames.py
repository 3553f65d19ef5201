"""Keep names that were lost with their connections, for the people that had them.

Only a few for each address, and only names that were in use for a while: otherwise anybody could
lock many names for everybody else, by connecting with them and breaking the connections off. Names
that were in use for long do not count: two minutes more are little to what they were locked anyway.
So all people behind a router get their names back after that has failed.
"""

from collections.abc import Collection
from dataclasses import dataclass

from threadchat.chat.identity import Identity
from threadchat.text.names import fold_name, skeleton

NAME_KEPT_FOR = 120.0
"""Seconds for which a name that was lost with its connection is kept for the same person."""

MIN_SECONDS_IN_USE = 30.0
"""How many seconds a person must have had a name, so that it is kept for them."""

MAX_KEPT_AT_ADDRESS = 3
"""The most names that are kept for people from one address. The oldest makes room."""

LONG_SECONDS = 600.0
"""Names that were in use for so many seconds do not count among these."""

MAX_LONG_AT_ADDRESS = 200
"""The most of those. The oldest makes room."""


@dataclass(frozen=True, slots=True, eq=False)
class KeptName:
    """A name that is kept for the person `identity` until then; `address` is what it counts for."""

    name: str
    identity: Identity
    address: str
    until: float
    was_long: bool = False
    """Whether the name was in use for `LONG_SECONDS`."""

    @property
    def keys(self) -> Collection[str]:
        """What nobody else may have: the name in any form, and what looks like it."""
        return {fold_name(self.name), skeleton(self.name)}


class KeptNames:
    """The names of one chat that are kept. Its owner has a lock. Times are on one clock."""

    def __init__(self) -> None:
        self._by_key: dict[str, KeptName] = {}
        self._at: dict[str, list[KeptName]] = {}  # by address, the oldest first
        self._in_order: dict[KeptName, None] = {}  # a set; the oldest first

    def __len__(self) -> int:
        return len(self._in_order)

    def keep(
        self, name: str, identity: Identity, address: str, now: float, seconds: float = 0.0
    ) -> None:
        """Keep `name`, which was in use for `seconds`, for `NAME_KEPT_FOR` from `now`."""
        self._forget_old(now)
        was_long = seconds >= LONG_SECONDS
        kept = KeptName(name, identity, address, now + NAME_KEPT_FOR, was_long)
        for key in kept.keys:
            if key in self._by_key:
                self._drop(self._by_key[key])
        likewise = [it for it in self._at.get(address, []) if it.was_long == was_long]
        if len(likewise) >= (MAX_LONG_AT_ADDRESS if was_long else MAX_KEPT_AT_ADDRESS):
            self._drop(likewise[0])
        self._at.setdefault(address, []).append(kept)
        self._in_order[kept] = None
        self._by_key.update(dict.fromkeys(kept.keys, kept))

    def find(self, name: str, now: float) -> KeptName | None:
        """Return the kept name that is `name` or looks like it; None if there is none."""
        if not self._by_key:  # the usual case
            return None
        self._forget_old(now)
        return self._by_key.get(fold_name(name)) or self._by_key.get(skeleton(name))

    def _forget_old(self, now: float) -> None:
        # The oldest stand first, so we stop at the first one that is still kept. When a crowd loses
        # its connections, looking at all names for each of them would cost too much.
        while self._in_order and (first := next(iter(self._in_order))).until <= now:
            self._drop(first)

    def _drop(self, kept: KeptName) -> None:
        del self._in_order[kept]
        self._at[kept.address].remove(kept)
        if not self._at[kept.address]:
            del self._at[kept.address]
        for key in kept.keys:
            if self._by_key.get(key) is kept:
                del self._by_key[key]
