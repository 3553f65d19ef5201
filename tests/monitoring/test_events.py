"""Test that what happens is handed to everyone that watches."""

from collections.abc import Sequence

from threadchat.messages.kinds import RoomMessage, Say
from threadchat.monitoring.events import Event, Stopped, Trouble, Watch


class Keeper:
    """A watcher that keeps what it is handed."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.messages: list[tuple[str, Sequence[RoomMessage], int]] = []

    def note(self, event: Event) -> None:
        self.events.append(event)

    def shown(self, room: str, messages: Sequence[RoomMessage], deliveries: int) -> None:
        self.messages.append((room, messages, deliveries))


def test_everyone_is_handed_everything() -> None:
    keepers = Keeper(), Keeper()
    watch = Watch(*keepers)
    watch.note(Stopped())
    watch.shown("lobby", [Say("al", "hi", 0.0)], 2)
    for keeper in keepers:
        assert keeper.events == [Stopped()]
        assert keeper.messages == [("lobby", [Say("al", "hi", 0.0)], 2)]


def test_a_warning_and_an_unexpected_error_are_troubles() -> None:
    keeper = Keeper()
    watch = Watch(keeper)
    watch.warn("the disk is full")
    watch.failed("serving al", KeyError("x"))
    assert keeper.events == [Trouble("the disk is full"), Trouble("serving al: KeyError: 'x'")]
