"""Share the topics of rooms, also of those in which nobody is."""

from collections.abc import Iterable
from dataclasses import dataclass
from threading import Lock

from threadchat.chat.announcements import MAX_TOPIC
from threadchat.chat.batch import Batch
from threadchat.chat.chat import Chat
from threadchat.chat.room import Room
from threadchat.link.shared import Change, Value
from threadchat.messages.kinds import TopicSet
from threadchat.storage.values import name_of, text_of
from threadchat.text.names import fold_name


@dataclass(frozen=True, slots=True)
class _Topic:
    room: str
    by: str
    text: str


class SharedTopics:
    """The topics of rooms, by the folded names of the rooms.

    A topic is shown and set by a batch of its room, as on one server. What is shared besides goes
    to servers where the room is not open, and settles what was set while there was no link.
    """

    def __init__(self, chat: Chat) -> None:
        self._chat = chat
        self._lock = Lock()  # guards the two below
        self._topics: dict[str, _Topic] = {}
        # By room, the topic that the last batch has set which the order has brought.
        self._seen: dict[str, str] = {}

    def saw(self, room: str, message: TopicSet) -> None:
        """Know that a batch sets a topic here, which comes to its room next."""
        with self._lock:
            self._seen[fold_name(room)] = message.text

    def note(self, room: str, message: TopicSet) -> str:
        """Know that a topic was set here; return its key."""
        with self._lock:
            self._topics[fold_name(room)] = _Topic(room, message.name, message.text)
        return fold_name(room)

    def items(self) -> Iterable[tuple[str, float]]:
        """Yield the keys of the topics that are known from before: how old they are is not."""
        topics = self._chat.announcements.topics()
        with self._lock:
            for room, text in topics.items():
                self._topics[fold_name(room)] = _Topic(room, "", text)
        return [(fold_name(room), 0.0) for room in topics]

    def value(self, key: str) -> Value | None:
        """Return a topic, with the person that has set it."""
        with self._lock:
            topic = self._topics.get(key)
        if topic is None:
            return None
        return {"room": topic.room, "by": topic.by, "text": topic.text}

    def put(self, key: str, change: Change) -> None:
        """Set a topic here as another server has it; show it where that is not done by a batch."""
        if change.value is None:
            return
        by = name_of(change.value["by"]) if change.value["by"] else ""
        topic = _Topic(name_of(change.value["room"]), by, text_of(change.value["text"])[:MAX_TOPIC])
        if fold_name(topic.room) != key:
            raise ValueError("a topic that stands for another")
        with self._lock:
            self._topics[key] = topic
        self._uphold(topic)

    def stays(self, key: str) -> None:
        """Set the topic that counts again: a batch may have set the other one."""
        with self._lock:
            topic = self._topics.get(key)
        if topic is None:
            return
        self._uphold(topic)

    def _uphold(self, topic: _Topic) -> None:
        """Have the topic stand that counts; show it where the last batch has set another one."""
        fold, room = fold_name(topic.room), self._room(topic)
        with self._lock:
            seen = self._seen.get(fold)
            self._seen[fold] = topic.text
        if room is None or not topic.by:
            self._chat.announcements.set_topic_quietly(topic.room, topic.text)
        elif (room.topic if seen is None else seen) != topic.text:
            self._show(room, topic)

    def _room(self, topic: _Topic) -> Room | None:
        try:
            room = self._chat.room(topic.room)
        except KeyError:
            return None
        return room if room.members else None

    def _show(self, room: Room, topic: _Topic) -> None:
        batch = Batch(room.name, self._chat.clock())
        batch.add(TopicSet(topic.by, topic.text))
        room.apply_later(batch)

    def keeps(self, own: Value, other: Value) -> bool:
        """Return that the later one counts."""
        return False
