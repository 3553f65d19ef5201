"""Have what operators decide hold on all servers that are linked, and what else all are to know."""

import time
from collections.abc import Callable, Collection, Mapping

from threadchat.chat.chat import Chat
from threadchat.chat.farperson import FarPerson
from threadchat.chat.moderation import make_operator, unmake_operator
from threadchat.chat.passwords import tell_of_freed
from threadchat.chat.person import Person
from threadchat.errors import PersonError
from threadchat.link.asking import Asking, Deed
from threadchat.link.nodes import server_of
from threadchat.link.notices import Data, Notices
from threadchat.link.shared import SharedKind, SharedState
from threadchat.link.sharedrecords import kinds_of_records
from threadchat.link.sharedrules import SharedBans, SharedMutes
from threadchat.link.sharedtopics import SharedTopics
from threadchat.messages.kinds import Announcement, TopicSet
from threadchat.monitoring.events import Acted
from threadchat.net.disconnect import Reason
from threadchat.storage.values import name_of, text_of, time_of
from threadchat.text.phrases import minute

LATE_SECONDS = 60.0
"""After so many seconds an announcement is shown with its time: it was made without a link."""


class LinkedRules:
    """What one server decides for all, and the others for it: the `Sharing` of its chat.

    `find_here` returns the person on this server for whom a key stands; None if they are gone.
    """

    def __init__(
        self,
        chat: Chat,
        node: str,
        notices: Notices,
        others: Callable[[], Collection[str]],
        find_here: Callable[[str], Person | None],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._chat = chat
        self._notices = notices
        self._now = now
        self._find_here = find_here
        self._topics = SharedTopics(chat)
        failed, warn = chat.observer.failed, chat.observer.warn
        kinds: Mapping[str, SharedKind] = {
            **kinds_of_records(chat.records, chat.names, chat.mail, warn),
            "ban": SharedBans(chat),
            "mute": SharedMutes(chat, now),
            "topic": self._topics,
        }
        self.state = SharedState(node, notices, kinds, others, failed, now)
        deeds: Mapping[str, Deed] = {
            "kick": self._kick,
            "op": self._make_operator,
            "deop": self._unmake_operator,
            "freed": self._tell_of_freed,
        }
        self._asking = Asking(node, notices, deeds, failed)
        notices.on("announcement", self._hear_announcement)
        chat.records.follower = chat.moderation.follower = self.state.changed
        chat.sharing = self

    # What is decided here

    def set_topic(self, room: str, message: TopicSet) -> None:
        """Let all servers know a topic, also those where the room is not open."""
        self.state.changed("topic", self._topics.note(room, message))

    def saw_topic(self, room: str, message: TopicSet) -> None:
        """Take note that a topic is set in a room by what the order shows next there."""
        self._topics.saw(room, message)

    def announce(self, message: Announcement) -> None:
        """Show an announcement in all rooms of all servers."""
        told = {"by": message.name, "text": message.text, "at": message.at}
        self._notices.tell("announcement", told)

    def have_done(self, deed: str, other: FarPerson, by: str, words: str = "") -> str:
        """Have a deed done to a person on another server: see `Sharing`."""
        if other.is_out_of_reach:
            raise PersonError(
                f"There is no link to the server of {other.name} now. Try again when it is back."
            )
        data = {"person": other.key, "name": other.name, "by": by, "words": words}
        if self._asking.ask(other.node, deed, data) is None:
            return (
                f"The server of {other.name} does not answer just now. It is done as soon as that"
                " has read of it."
            )
        return ""

    # What is decided elsewhere

    def _hear_announcement(self, data: Data, node: str, is_own: bool) -> None:
        by, text, at = name_of(data["by"]), text_of(data["text"]), time_of(data["at"])
        if self._now() - at >= LATE_SECONDS and not is_own:
            text = f"(at {minute(at)}) {text}"
        self._chat.announcements.announce_here(Announcement(by, text, at=at))

    def _kick(self, data: Data, node: str) -> str:
        person, by, words = self._person_in(data), name_of(data["by"]), text_of(data["words"])
        connection = person.connection  # it becomes None when the connection ends
        if connection is not None:
            self._note(node, by, f"kicked {person.name}{words}")
            because = f"{by}{words}"
            connection.end(
                f"{Reason.KICKED} by {because}", f"You were {Reason.KICKED} by {because}"
            )
        return ""

    def _make_operator(self, data: Data, node: str) -> str:
        person, by = self._person_in(data), name_of(data["by"])
        self._note(node, by, f"made {person.name} an operator")
        make_operator(person, by)
        return ""

    def _unmake_operator(self, data: Data, node: str) -> str:
        person, by = self._person_in(data), name_of(data["by"])
        self._note(node, by, f"made {person.name} an operator no longer")
        unmake_operator(person, by)
        return ""

    def _tell_of_freed(self, data: Data, node: str) -> str:
        tell_of_freed(self._person_in(data), name_of(data["by"]))
        return ""

    def _person_in(self, data: Data) -> Person:
        person = self._find_here(str(data["person"]))
        if person is None:
            raise PersonError(f"{name_of(data['name'])} is gone by now. /who lists everyone.")
        return person

    def _note(self, node: str, by: str, deed: str) -> None:
        self._chat.observer.note(Acted(by, f"{deed}, from {server_of(node)}"))
