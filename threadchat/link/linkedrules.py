"""Have what operators decide hold on all servers that are linked, and what else all are to know."""

import time
from collections.abc import Callable, Collection, Mapping

from threadchat.chat.chat import Chat
from threadchat.link.asking import Asking, Deed
from threadchat.link.notices import Data, Notices
from threadchat.link.shared import SharedKind, SharedState
from threadchat.link.sharedtopics import SharedTopics
from threadchat.messages.kinds import Announcement, TopicSet
from threadchat.storage.values import name_of, text_of, time_of
from threadchat.text.phrases import minute

LATE_SECONDS = 60.0
"""After so many seconds an announcement is shown with its time: it was made without a link."""


class LinkedRules:
    """What one server decides for all, and the others for it: the `Sharing` of its chat."""

    def __init__(
        self,
        chat: Chat,
        node: str,
        notices: Notices,
        others: Callable[[], Collection[str]],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._chat = chat
        self._notices = notices
        self._now = now
        self._topics = SharedTopics(chat)
        failed = chat.observer.failed
        kinds: Mapping[str, SharedKind] = {"topic": self._topics}
        self.state = SharedState(node, notices, kinds, others, failed, now)
        deeds: Mapping[str, Deed] = {}
        self._asking = Asking(node, notices, deeds, failed)
        notices.on("announcement", self._hear_announcement)
        chat.sharing = self

    # What is decided here

    def set_topic(self, room: str, message: TopicSet) -> None:
        """Let all servers know a topic, also those where the room is not open."""
        self.state.changed("topic", self._topics.note(room, message))

    def announce(self, message: Announcement) -> None:
        """Show an announcement in all rooms of all servers."""
        told = {"by": message.name, "text": message.text, "at": message.at}
        self._notices.tell("announcement", told)

    # What is decided elsewhere

    def _hear_announcement(self, data: Data, node: str, is_own: bool) -> None:
        by, text, at = name_of(data["by"]), text_of(data["text"]), time_of(data["at"])
        if self._now() - at >= LATE_SECONDS and not is_own:
            text = f"(at {minute(at)}) {text}"
        self._chat.announcements.announce_here(Announcement(by, text, at=at))
