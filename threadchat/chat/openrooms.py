"""List the rooms in which people are, on this server and on those that are linked with it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from threadchat.chat.farpeople import FarPeople
from threadchat.chat.interfaces import Member
from threadchat.chat.room import Room
from threadchat.storage.history import History
from threadchat.text.names import fold_name


@dataclass(frozen=True, slots=True)
class OpenRoom:
    """A room with people in it; `here` is None if all of them are on other servers."""

    name: str
    topic: str
    number: int
    """How many people are in it, on all servers."""
    here: Room | None = None


class OpenRooms:
    """The open rooms of one chat. `rooms` returns those on this server."""

    def __init__(
        self, rooms: Callable[[], Sequence[Room]], far: FarPeople, history: History
    ) -> None:
        self._rooms = rooms
        self._far = far
        self._history = history

    def all(self) -> list[OpenRoom]:
        """Return all rooms, the lobby first, and at the end those that are elsewhere alone."""
        rooms = {fold_name(it.name): self._here(it) for it in self._rooms()}
        elsewhere = (it for it in self._far.rooms().items() if it[0] not in rooms)
        return [*rooms.values(), *(self._elsewhere(name) for _, name in elsewhere)]

    def called(self, name: str) -> OpenRoom:
        """Return the room called `name`; raise `KeyError` if there is none."""
        fold = fold_name(name)
        for room in self._rooms():
            if fold_name(room.name) == fold:
                return self._here(room)
        return self._elsewhere(self._far.rooms()[fold])

    def _here(self, room: Room) -> OpenRoom:
        number = len(room.members) + self._far.count_in(room.name)
        return OpenRoom(room.name, room.topic, number, room)

    def _elsewhere(self, name: str) -> OpenRoom:
        return OpenRoom(name, self._history.topic(name), self._far.count_in(name))

    def people_in(self, room: OpenRoom) -> Sequence[Member]:
        """Return the people in a room, those on this server first."""
        return self._far.in_room(room.name) if room.here is None else room.here.people
