"""Test that what happens is handed to everyone that watches."""

import io
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from threadchat.messages.kinds import RoomMessage, Say
from threadchat.monitoring.events import Disconnected, Event, Posted, Stopped, Trouble, Watch


class Keeper:
    """A watcher that keeps what it is handed."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.messages: list[tuple[str, Sequence[RoomMessage], int]] = []

    def note(self, event: Event) -> None:
        self.events.append(event)

    def shown(self, room: str, messages: Sequence[RoomMessage], deliveries: int) -> None:
        self.messages.append((room, messages, deliveries))


def test_ends_and_posts_are_counted() -> None:
    watch = Watch()
    watch.note(Disconnected(1, "al", "192.168.1.20:5", 1.0, 2, 3, "quit: bye"))
    for _ in range(2):
        watch.note(Posted("ci", "games", "192.168.1.20:6", 3))
    watch.note(Stopped())
    counted = watch.tally.figures()
    assert (counted.ends["quit"], sum(counted.ends.values()), counted.posts) == (1, 1, 2)


def test_everyone_is_handed_everything() -> None:
    keepers = Keeper(), Keeper()
    watch = Watch(*keepers)
    watch.note(Stopped())
    watch.shown("lobby", [Say("al", "hi", 0.0)], 2, 0.0)
    for keeper in keepers:
        assert keeper.events == [Stopped()]
        assert keeper.messages == [("lobby", [Say("al", "hi", 0.0)], 2)]


class Broken(Keeper):
    """A watcher that raises, after it has kept what it is handed."""

    def note(self, event: Event) -> None:
        super().note(event)
        raise ValueError("no ears")

    def shown(self, room: str, messages: Sequence[RoomMessage], deliveries: int) -> None:
        super().shown(room, messages, deliveries)
        raise ValueError("no ears")


WORDS = (
    "the watcher Broken has failed (ValueError: no ears); what it fails at later is not reported"
)


@pytest.mark.parametrize("first", [True, False])
def test_one_that_raises_keeps_nothing_from_the_others_who_are_told_once(
    first: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    broken, keeper = Broken(), Keeper()
    watch = Watch(*([broken, keeper] if first else [keeper, broken]))
    for _ in range(2):
        watch.note(Stopped())
        watch.shown("lobby", [Say("al", "hi", 0.0)], 2, 0.0)
    assert sorted(keeper.events, key=str) == [Stopped(), Stopped(), Trouble(WORDS)]
    assert len(keeper.messages) == 2
    assert broken.events == [Stopped(), Stopped()]
    assert len(broken.messages) == 2
    assert capsys.readouterr().err == ""


def test_an_error_with_an_event_is_told_and_so_is_one_with_messages() -> None:
    keeper, other = Keeper(), Keeper()
    Watch(Broken(), keeper).note(Stopped())
    assert Trouble(WORDS) in keeper.events
    Watch(Broken(), other).shown("lobby", [], 0, 0.0)
    assert Trouble(WORDS) in other.events


class Stubborn(Keeper):
    """A watcher that raises what it is given."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self._error = error

    def note(self, event: Event) -> None:
        raise self._error

    def shown(self, room: str, messages: Sequence[RoomMessage], deliveries: int) -> None:
        raise self._error


class Unreadable(Exception):
    """An error whose text cannot be had."""

    def __str__(self) -> str:
        raise ValueError("no text")


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (SystemExit(3), "SystemExit: 3"),
        (GeneratorExit("x"), "GeneratorExit: x"),
        (Unreadable(), "Unreadable: its text cannot be read"),
        (ValueError("two\nlines \x1b[2Jx"), "ValueError: two lines x"),
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_whatever_one_raises_is_kept_from_the_server(
    error: BaseException, shown: str, first: bool
) -> None:
    stubborn, keeper = Stubborn(error), Keeper()
    watch = Watch(*([stubborn, keeper] if first else [keeper, stubborn]))
    watch.note(Stopped())
    watch.shown("lobby", [], 2, 0.0)
    (trouble,) = [event for event in keeper.events if isinstance(event, Trouble)]
    assert trouble.words == (
        f"the watcher Stubborn has failed ({shown}); what it fails at later is not reported"
    )
    assert len(keeper.messages) == 1


def test_ctrl_c_is_for_the_main_thread() -> None:
    watch = Watch(Stubborn(KeyboardInterrupt()), Keeper())
    with pytest.raises(KeyboardInterrupt):
        watch.note(Stopped())
    with pytest.raises(KeyboardInterrupt):
        watch.shown("lobby", [], 0, 0.0)
    with ThreadPoolExecutor() as another:
        another.submit(watch.note, Stopped()).result()


def test_ctrl_c_while_another_watcher_is_told_is_for_the_main_thread() -> None:
    watch = Watch(Broken(), Stubborn(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        watch._tell_of_failure(watch._watchers[0], ValueError("no ears"))


def test_without_another_watcher_standard_error_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    watch = Watch(Broken(), Broken())
    watch.shown("lobby", [], 0, 0.0)
    watch.note(Stopped())
    assert capsys.readouterr().err == f"threadchat: {WORDS}\n" * 2


def test_it_may_have_nobody_to_tell(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    closed = io.StringIO()
    closed.close()
    for stderr in (None, closed):
        watch = Watch(Broken())
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stderr", stderr)
            watch.note(Stopped())
        watch.note(Stopped())
        # It was told when nobody listened, and is not again. Standard output is for the log.
        assert capsys.readouterr() == ("", "")


def test_a_warning_and_an_unexpected_error_are_troubles() -> None:
    keeper = Keeper()
    watch = Watch(keeper)
    watch.warn("the disk is full")
    watch.failed("serving al", KeyError("x"))
    assert keeper.events == [Trouble("the disk is full"), Trouble("serving al: KeyError: 'x'")]
