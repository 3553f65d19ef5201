"""Announce to everybody, and set the topics of rooms: here, and on servers that are linked."""

import contextlib
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from threadchat.chat.batch import Batch
from threadchat.chat.countdown import Countdown
from threadchat.chat.person import Person
from threadchat.chat.room import Room
from threadchat.chat.sharing import Sharing
from threadchat.messages.kinds import Announcement, RoomMessage, StopAnnounced, TopicSet
from threadchat.storage.history import History

MAX_TOPIC = 200
"""The most characters kept of a topic."""


class Rooms(Protocol):
    """What is needed of a chat."""

    sharing: Sharing | None

    def rooms(self) -> Iterable[Room]:
        """Return all rooms that are open."""

    def room(self, name: str) -> Room:
        """Return the room called `name`; raise `KeyError` if there is none."""


class Announcements:
    """What is announced in one chat, and the topics of its rooms. Safe on any thread."""

    def __init__(
        self,
        chat: Rooms,
        history: History,
        clock: Callable[[], float],
        finish: Callable[[], None],
    ) -> None:
        self._chat = chat
        self._history = history
        self._clock = clock
        self.countdown = Countdown(self._tell_of_the_end, finish)
        """The countdown to the stop of this server."""

    def announce(self, message: Announcement) -> None:
        """Show `message` to everybody in all rooms, on servers that are linked, too.

        Without a link, return once it has been delivered.
        """
        if self._chat.sharing is not None:
            self._chat.sharing.announce(message)
        else:
            self.announce_here(message)

    def announce_here(self, message: RoomMessage) -> None:
        """Show `message` to everybody on this server.

        Without a link, return once it has been delivered.
        """
        for room in self._chat.rooms():
            if self._chat.sharing is None:
                room.announce(message)
            elif room.members:
                # Not put in order for all servers, as the same room may be open there.
                batch = Batch(room.name, self._clock())
                batch.add(message)
                room.apply_later(batch)

    def _tell_of_the_end(self, seconds: int | None) -> None:
        self.announce_here(StopAnnounced(seconds))

    def call_off_the_stop(self) -> bool:
        """Call the countdown off, and tell everybody; return whether there was one."""
        was_under_way = self.countdown.call_off()
        if was_under_way:
            self._tell_of_the_end(None)
        return was_under_way

    def set_topic(self, room: Room, message: TopicSet, sender: Person | None = None) -> None:
        """Set the topic of `room`, and show that to the members but `sender`."""
        room.announce(message, sender)
        if self._chat.sharing is not None:
            self._chat.sharing.set_topic(room.name, message)

    def set_topic_quietly(self, name: str, topic: str) -> None:
        """Have a room have that topic, whether it is open or not; show that to nobody."""
        self._history.set_topic(name, topic)
        with contextlib.suppress(KeyError):
            self._chat.room(name).topic = topic

    def topics(self) -> Mapping[str, str]:
        """Return the topics of all rooms that have one, by the names of the rooms."""
        return self._history.topics()
