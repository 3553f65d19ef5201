"""Tell people what becomes of the link: it is gone, it is back, people of other servers are.

These lines are for the people on this server alone, and stand between what the rooms show.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

from threadchat.chat.interfaces import Member
from threadchat.chat.order import Ordered
from threadchat.link.deliveries import (
    CameTogether,
    Delivery,
    Missed,
    PeopleCame,
    PeopleGone,
    WentApart,
)
from threadchat.link.wire import Holding
from threadchat.messages.kinds import Joined, RoomMessage
from threadchat.messages.linkkinds import LeftWithServer, LinesMissed, LinkBack, LinkLost
from threadchat.storage.values import name_of
from threadchat.text.names import fold_name
from threadchat.text.phrases import MAX_NAMES_LISTED

MAX_GONE = 100_000
"""Of how many people that are gone with their server it is known that this was told."""


class OpenRoom(Ordered, Protocol):
    """A room in which people are."""

    @property
    def members(self) -> Sequence[Member]:
        """Those of them that are on this server."""

    @property
    def people(self) -> Sequence[Member]:
        """All of them, on all servers."""


class LinkLines:
    """Tells the people in all `rooms` of this server. For one thread at a time.

    `show` has a line shown in a room, behind what is shown there already.
    """

    def __init__(
        self,
        rooms: Callable[[], Iterable[OpenRoom]],
        show: Callable[[OpenRoom, RoomMessage], None],
    ) -> None:
        self._rooms = rooms
        self._show = show
        # Whose going was told, by their node and by what is unique there.
        self._gone: dict[tuple[str, str], None] = {}

    def take(self, delivery: Delivery) -> None:
        """Tell people what has become of the link."""
        match delivery:
            case WentApart():
                self._tell_all(LinkLost())
            case CameTogether():
                self._tell_all(LinkBack())
            case Missed(_, lines):
                self._tell_all(LinesMissed(lines))
            case PeopleGone(node, people):
                self._tell_of_going(node, people)
            case PeopleCame(node, people):
                self._tell_of_coming(node, people)

    def _tell_all(self, message: RoomMessage) -> None:
        for room in self._rooms():
            if room.members:
                self._show(room, message)

    def _tell_of_going(self, node: str, people: Sequence[Holding]) -> None:
        for room, some in self._by_room(people):
            names = [name for _, name in some]
            count = len(names) if len(names) > MAX_NAMES_LISTED + 1 else None
            self._show(room, LeftWithServer(names[: MAX_NAMES_LISTED + 1], count))
        for it in people:
            self._gone[node, it.person] = None
        while len(self._gone) > MAX_GONE:
            del self._gone[next(iter(self._gone))]

    def _tell_of_coming(self, node: str, people: Sequence[Holding]) -> None:
        """Tell that people are back whose going was told; of others, their joining itself tells."""
        back = [it for it in people if (node, it.person) in self._gone]
        for it in back:
            del self._gone[node, it.person]
        for room, some in self._by_room(back):
            names = [name for _, name in some]
            here = len(room.people)
            count = len(names) if len(names) > MAX_NAMES_LISTED + 1 else None
            self._show(room, Joined(names[: MAX_NAMES_LISTED + 1], here, count))

    def _by_room(
        self, people: Iterable[Holding]
    ) -> Iterator[tuple[OpenRoom, list[tuple[str, str]]]]:
        """Yield rooms of this server with those of the people that are in each."""
        found: dict[str, list[tuple[str, str]]] = {}
        for it in people:
            name, where = _name_and_room(it)
            found.setdefault(fold_name(where), []).append((it.person, name))
        for room in self._rooms():
            if room.members and (some := found.get(fold_name(room.name))):
                yield room, some


def _name_and_room(holding: Holding) -> tuple[str, str]:
    """Return the name of a person as it is shown, and their room; empty if they are in none."""
    try:
        data = json.loads(holding.data)
        return name_of(data["name"]), name_of(data["room"]) if data.get("room") else ""
    except (ValueError, TypeError, KeyError, AttributeError):
        return name_of(holding.fold), ""
