"""Know people that left again by name and address together, for a while.

Many people may share an address, behind a router, and all of them are known. But nobody can fill
the memory by coming and going: what is remembered has a bound in bytes, for each address and in
all. A name that somebody had for long stays longer than one that was in use for a moment, so what
makes room first is what is easy to make many of.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import NamedTuple

from threadchat.chat.identity import NOBODY, Identity

REMEMBERED_FOR = 120.0
"""Seconds for which a person that left is known again."""

MAX_BYTES_AT_ADDRESS = 256 * 1024
"""About how many bytes those that left from one address may take: some 300 people."""

MAX_BYTES = 8 * 1024 * 1024
"""About how many bytes all of them may take: some 10,000 people."""

BRIEF_SECONDS = 30.0
"""A name that was in use for less makes room first, whatever address it is from."""

_BYTES_OF_NAME, _BYTES_OF_PERIOD, _BYTES_OF_IGNORED = 600, 200, 64

_Key = tuple[str, str]
"""A name, as `threadchat.text.names.fold_name` makes it, and a host."""


class _Left(NamedTuple):
    """A person that left, and for how many seconds the name was in use.

    It counts for `address`, with so many bytes, and is known until then.
    """

    identity: Identity
    seconds: float
    address: str
    size: int
    until: float


class LeftPeople:
    """The people of one chat that left. Its owner has a lock. Times are seconds, on one clock."""

    def __init__(self) -> None:
        self._left: OrderedDict[_Key, _Left] = OrderedDict()  # those that left first stand first
        self._brief: OrderedDict[_Key, None] = OrderedDict()  # those of `BRIEF_SECONDS`, likewise
        self._at: dict[str, dict[_Key, None]] = {}  # keys by address, likewise
        self._bytes_at: dict[str, int] = {}  # by address
        self.size = 0
        """About how many bytes they take."""

    def __len__(self) -> int:
        return len(self._left)

    def remember(
        self,
        identity: Identity,
        names: Mapping[str, float],
        host: str,
        now: float,
        address: str = "",
    ) -> None:
        """Know `identity` again by `host` and each of `names`, for `REMEMBERED_FOR` from `now`.

        Names have the seconds for which they were in use. `address` is what the host counts as, if
        not as itself.
        """
        self._forget_old(now)
        shared = _BYTES_OF_PERIOD * len(identity.periods)
        shared += _BYTES_OF_IGNORED * len(identity.ignored)
        size = _BYTES_OF_NAME + shared // max(1, len(names))
        for name, seconds in names.items():
            left = _Left(identity, seconds, address or host, size, now + REMEMBERED_FOR)
            self._add((name, host), left)

    def _add(self, key: _Key, left: _Left) -> None:
        if key in self._left:
            self._forget(key)
        self._left[key] = left
        if left.seconds < BRIEF_SECONDS:
            self._brief[key] = None
        at_address = self._at.setdefault(left.address, {})
        at_address[key] = None
        self._bytes_at[left.address] = self._bytes_at.get(left.address, 0) + left.size
        self.size += left.size
        while self._bytes_at.get(left.address, 0) > MAX_BYTES_AT_ADDRESS:
            self._forget(min(at_address, key=lambda it: self._left[it].seconds))
        while self.size > MAX_BYTES:
            self._forget(next(iter(self._brief or self._left)))

    def find(self, name: str, host: str, now: float) -> Identity:
        """Return the identity that had `name` at `host` until a while ago; `NOBODY` if none did."""
        self._forget_old(now)
        left = self._left.get((name, host))
        return NOBODY if left is None else left.identity.current

    def last(self, name: str, now: float) -> Identity:
        """Return the last identity to leave that had `name` until a while ago, or `NOBODY`."""
        self._forget_old(now)
        left = (it.identity for (fold, _), it in reversed(self._left.items()) if fold == name)
        return next(left, NOBODY).current

    def everybody(self) -> list[Identity]:
        """Return the identities of all of them."""
        return [it.identity for it in self._left.values()]

    def _forget_old(self, now: float) -> None:
        while self._left and (first := next(iter(self._left.items())))[1].until <= now:
            self._forget(first[0])

    def _forget(self, key: _Key) -> None:
        left = self._left.pop(key)
        self._brief.pop(key, None)
        self.size -= left.size
        self._bytes_at[left.address] -= left.size
        del self._at[left.address][key]
        if not self._at[left.address]:
            del self._at[left.address], self._bytes_at[left.address]
