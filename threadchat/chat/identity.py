"""Know who somebody is, over renames and reconnects.

A person's identity is that of their session while it lasts. The owner of a protected name has the
identity of that record, whenever they have proven it. A person without one is known again by name
and address together, for a while: an address alone would not do, as many people share one behind a
router.

What follows a person, such as a name that is kept, goes by the identity and by nothing else.
"""

from collections import OrderedDict
from itertools import count

Identity = int
"""Who somebody is. Equal for one and the same person; the number itself means nothing."""

NOBODY: Identity = 0
"""The identity of nobody: nothing is remembered under it."""

REMEMBERED_FOR = 120.0
"""Seconds for which a person that left is known again by name and address."""

MAX_REMEMBERED = 10_000
"""How many people are remembered; the one that left first makes room."""


class Identities:
    """The identities of one chat. Its owner has a lock. Times are in seconds, on one clock.

    Names are given as `threadchat.text.names.fold_name` makes them.
    """

    def __init__(self) -> None:
        self._numbers = count(NOBODY + 1)
        # By name and since when it is protected: a name that is freed may be another's later.
        self._of_record: OrderedDict[tuple[str, float], Identity] = OrderedDict()
        # By name and host: people that left, and until when they are known; the oldest first.
        self._left: OrderedDict[tuple[str, str], tuple[Identity, float]] = OrderedDict()

    def new(self) -> Identity:
        """Return the identity of a session that begins."""
        return next(self._numbers)

    def of_record(self, name: str, since: float) -> Identity:
        """Return the identity of the owner of a name that is protected since then."""
        identity = self._of_record.pop((name, since), NOBODY) or self.new()
        self._of_record[name, since] = identity
        if len(self._of_record) > MAX_REMEMBERED:
            self._of_record.popitem(last=False)
        return identity

    def remember(self, identity: Identity, name: str, host: str, now: float) -> None:
        """Know `identity` again by `name` and `host`, for `REMEMBERED_FOR` from `now`."""
        self._forget_old(now)
        self._left.pop((name, host), None)
        self._left[name, host] = identity, now + REMEMBERED_FOR
        if len(self._left) > MAX_REMEMBERED:
            self._left.popitem(last=False)

    def recognize(self, name: str, host: str, now: float) -> Identity:
        """Return the identity that had `name` at `host` until a while ago; `NOBODY` if none did."""
        self._forget_old(now)
        identity, _ = self._left.get((name, host), (NOBODY, 0.0))
        return identity

    def _forget_old(self, now: float) -> None:
        while self._left and next(iter(self._left.values()))[1] <= now:
            self._left.popitem(last=False)
