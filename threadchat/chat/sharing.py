"""Define what the commands need of servers that are linked with this one, where some are."""

from typing import Protocol

from threadchat.chat.farperson import FarPerson
from threadchat.messages.kinds import Announcement, TopicSet


class Sharing(Protocol):
    """What is decided here and is to hold on all servers. Any thread may call it."""

    def set_topic(self, room: str, message: TopicSet) -> None:
        """Let all servers know a topic, also those where the room is not open."""

    def announce(self, message: Announcement) -> None:
        """Show an announcement in all rooms of all servers. This does not wait."""

    def have_done(self, deed: str, other: FarPerson, by: str, words: str = "") -> str:
        """Have a deed done to a person on another server, and wait for it a little.

        `deed` is `kick`, `op`, `deop` or `freed`, and `by` the operator. Return a line for the
        operator if it is done only later, or else nothing. Raise `PersonError` if it is not done.
        """
