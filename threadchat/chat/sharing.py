"""Define what the commands need of servers that are linked with this one, where some are."""

from typing import Protocol

from threadchat.messages.kinds import Announcement, TopicSet


class Sharing(Protocol):
    """What is decided here and is to hold on all servers. Any thread may call it."""

    def set_topic(self, room: str, message: TopicSet) -> None:
        """Let all servers know a topic, also those where the room is not open."""

    def announce(self, message: Announcement) -> None:
        """Show an announcement in all rooms of all servers. This does not wait."""
