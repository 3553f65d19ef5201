"""The one observer of the tests."""

from collections.abc import Sequence

from threadchat.messages.kinds import RoomMessage
from threadchat.monitoring.events import Event, Trouble


class Recorder:
    """An observer that keeps what it sees."""

    def __init__(self) -> None:
        self.messages: list[RoomMessage] = []
        self.deliveries = 0
        self.events: list[Event] = []
        self.failures: list[str] = []

    def note(self, event: Event) -> None:
        self.events.append(event)

    def shown(
        self, room: str, messages: Sequence[RoomMessage], deliveries: int, began_at: float = 0.0
    ) -> None:
        self.messages += messages
        self.deliveries += deliveries

    def warn(self, words: str) -> None:
        self.note(Trouble(words))

    def failed(self, doing: str, error: BaseException) -> None:
        self.failures.append(f"{doing}: {error}")
