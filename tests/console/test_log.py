"""Test the operator's log: its lines, and that nobody waits for the terminal or file."""

import errno
import io
import os
import sys
import threading
from types import SimpleNamespace

import pytest
from rich.table import Table

from tests.support.clock import Clock
from tests.support.waiting import wait_until
from threadchat.console import log as console_module
from threadchat.console.log import REDRAW_SECONDS, Console, Detail
from threadchat.messages.kinds import Left, Say
from threadchat.monitoring.events import (
    AnnouncedOnLan,
    Bound,
    Connected,
    Disconnected,
    Event,
    FoundWaysIn,
    Linked,
    Named,
    Refused,
    Resumed,
    Stopped,
    Stopping,
    Trouble,
    Unlinked,
)
from threadchat.testing import DEADLINE


def shown(console: Console, file: io.StringIO) -> list[str]:
    """Return the lines a console has written, each without its date and time."""
    console.close(DEADLINE)
    return [line.split(" ", 2)[2] for line in file.getvalue().splitlines()]


@pytest.fixture
def file() -> io.StringIO:
    return io.StringIO()


def test_a_line_for_everyone_who_comes_and_goes(file: io.StringIO) -> None:
    console = Console(file=file)
    console.note(Connected(3, "192.168.1.20:50123"))
    console.note(Named(3, "al"))
    console.note(
        Disconnected(
            3, "al", "192.168.1.20:50123", seconds=720, received=310, sent=1200, why="quit"
        )
    )
    assert shown(console, file) == [
        "client connected    #3 192.168.1.20:50123",
        "client named        #3 al",
        "client disconnected #3 al 192.168.1.20:50123 after 12 min,"
        " 310 bytes in, 1200 bytes out (quit)",
    ]


def test_lines_without_their_time(file: io.StringIO) -> None:
    console = Console(file=file, has_time=False)
    console.note(Connected(3, "192.168.1.20:50123"))
    console.close(DEADLINE)
    assert file.getvalue() == "client connected    #3 192.168.1.20:50123\n"


def test_refusals_that_repeat_are_one_line(file: io.StringIO) -> None:
    console = Console(file=file)
    console.note(Refused("192.168.1.20:50123", "banned"))
    console.note(Refused("192.168.1.20", "banned", 311))
    assert shown(console, file) == [
        "client refused      192.168.1.20:50123 (banned)",
        "client refused      192.168.1.20 (banned), 311 times in the last minute",
    ]


def test_who_gave_no_name_is_shown_without_one(file: io.StringIO) -> None:
    console = Console(file=file)
    console.note(Disconnected(1, "", "[::1]:5", seconds=0, received=0, sent=9, why="closed"))
    assert "#1 (no name) [::1]:5 after 0 s" in shown(console, file)[0]


def test_the_stop_says_that_it_goes_on_and_when_it_is_over(file: io.StringIO) -> None:
    console = Console(Detail.PROBLEMS, file)
    console.note(Stopping())
    console.note(Stopped())
    assert shown(console, file) == [
        "server stopping     press Ctrl-C again to stop at once",
        "server stopped      ",
    ]


def test_without_standard_output_nothing_waits_to_be_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    console = Console()
    console.note(Connected(3, "192.168.1.20:50123"))
    assert console.redraw().is_set()
    assert console.close(DEADLINE)


def test_the_start_says_where_and_how_to_get_in(file: io.StringIO) -> None:
    console = Console(file=file)
    console.note(Bound("[::]:8000", ["telnet 192.168.1.7 8000"]))
    console.close(DEADLINE)
    first, second = file.getvalue().splitlines()
    assert first.endswith("server bound        [::]:8000")
    assert second.strip() == "telnet 192.168.1.7 8000"


def test_ways_in_that_are_found_later_come_below_a_line_of_their_own(file: io.StringIO) -> None:
    console = Console(file=file)
    console.note(FoundWaysIn(["telnet 192.168.1.7 8000"]))
    console.close(DEADLINE)
    first, second = file.getvalue().splitlines()
    assert first.endswith("more ways in        by the name of this machine")
    assert second == "    telnet 192.168.1.7 8000"


def test_the_name_on_the_lan_comes_with_what_to_type(file: io.StringIO) -> None:
    console = Console(file=file)
    console.note(AnnouncedOnLan("threadchat on box", ["http://box.local:8080/"]))
    console.close(DEADLINE)
    first, second = file.getvalue().splitlines()
    assert first.endswith("announced           threadchat on box, by name:")
    assert second == "    http://box.local:8080/"


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (Linked("office", []), "linked              as office, with no other server yet"),
        (Linked("office", ["a:1"]), "linked              to 1 server as office: a:1"),
        (Linked("office", ["a:1", "b:2"]), "linked              to 2 servers as office: a:1, b:2"),
        (Unlinked("office", "x"), "no link             people here are by themselves: x"),
    ],
)
def test_how_the_link_is_doing(file: io.StringIO, event: Event, words: str) -> None:
    console = Console(Detail.PROBLEMS, file)
    console.note(event)
    console.close(DEADLINE)
    assert file.getvalue().strip().endswith(words)


@pytest.mark.parametrize(
    ("detail", "events"),
    [
        (Detail.NOTHING, []),
        (Detail.PROBLEMS, ["server", "problem"]),
        (Detail.CLIENTS, ["server", "problem", "client"]),
        (Detail.MESSAGES, ["server", "problem", "client", "room"]),
    ],
)
def test_as_much_is_shown_as_was_asked_for(
    file: io.StringIO, detail: Detail, events: list[str]
) -> None:
    console = Console(detail, file)
    console.note(Bound("[::]:8000", []))
    console.note(Trouble("x"))
    console.note(Connected(1, "x"))
    console.shown("lobby", [Say("al", "hi", 0.0)], 0)
    assert [line.split()[0] for line in shown(console, file)] == events


def test_messages_are_shown_in_order(file: io.StringIO) -> None:
    console = Console(Detail.MESSAGES, file)
    console.shown("lobby", [Say("al", "hi", 0.0), Left("bo", 5, "quit")], 0)
    assert shown(console, file) == [
        "room                lobby al: hi",
        "room                lobby <-- bo left after 5 s (quit)",
    ]


@pytest.mark.parametrize("room", ["problem", "operator", "room", "server"])
def test_no_room_can_be_taken_for_a_kind_of_line(file: io.StringIO, room: str) -> None:
    # Promise 4.
    console = Console(Detail.MESSAGES, file)
    console.shown(room, [Say("al", "the disk is full", 0.0)], 0)
    assert shown(console, file) == [f"room                {room} al: the disk is full"]


@pytest.mark.parametrize(
    "words", ["[bold]x[/bold]", ":smile:", "[link=http://x]y[/]", "[/nothing]"]
)
def test_nothing_people_say_is_markup(file: io.StringIO, words: str) -> None:
    # Promise 4.
    console = Console(Detail.MESSAGES, file)
    console.shown("lobby", [Say("al", words, 0.0)], 0)
    assert shown(console, file) == [f"room                lobby al: {words}"]


def test_a_long_line_stays_one_line(file: io.StringIO) -> None:
    console = Console(Detail.MESSAGES, file, width=40)
    console.shown("lobby", [Say("al", "word " * 200 + "end", 0.0)], 0)
    (line,) = shown(console, file)
    assert line.endswith("end")


def test_a_terminal_is_shown_colour_and_no_date() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    file = Terminal()
    console = Console(file=file)
    console.note(Connected(1, "x"))
    console.close(DEADLINE)
    assert "\x1b[" in file.getvalue()
    assert "-" not in file.getvalue()


def test_a_file_gets_no_escape_sequence(file: io.StringIO) -> None:
    console = Console(file=file)
    console.note(Connected(1, "x"))
    console.note(Trouble("y"))
    console.close(DEADLINE)
    assert "\x1b" not in file.getvalue()


def test_each_line_is_flushed_at_once() -> None:
    written = threading.Event()

    class Flushed(io.StringIO):
        def flush(self) -> None:
            if "client connected" in self.getvalue():
                written.set()

    console = Console(file=Flushed())
    console.note(Connected(1, "x"))
    assert written.wait(DEADLINE)
    console.close(DEADLINE)


class Stuck(io.StringIO):
    """A terminal that its operator has stopped, until `resumed`."""

    def __init__(self) -> None:
        super().__init__()
        self.is_writing = threading.Event()
        self.resumed = threading.Event()

    def write(self, text: str) -> int:
        self.is_writing.set()
        assert self.resumed.wait(DEADLINE)
        return super().write(text)


def test_a_stuck_terminal_holds_up_nobody_and_loses_only_what_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(console_module, "MAX_WAITING_LINES", 3)
    file = Stuck()
    console = Console(file=file)
    console.note(Connected(0, "x"))
    assert file.is_writing.wait(DEADLINE)
    for number in range(1, 101):
        console.note(Connected(number, "x"))
    file.resumed.set()
    console.close(DEADLINE)
    *lines, last = file.getvalue().splitlines()
    assert [line.split("#")[1] for line in lines] == [f"{number} x" for number in range(13)]
    assert last == "... 88 lines left out"


def test_what_people_say_is_left_out_before_who_comes_and_goes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Promise 7.
    monkeypatch.setattr(console_module, "MAX_WAITING_LINES", 3)
    file = Stuck()
    console = Console(Detail.MESSAGES, file)
    console.note(Connected(0, "x"))
    assert file.is_writing.wait(DEADLINE)
    for number in range(10):
        console.shown("lobby", [Say("al", f"m{number}", 0.0)], 0)
    console.note(Connected(1, "x"))
    file.resumed.set()
    lines = shown(console, file)
    assert [line.split()[-1] for line in lines[1:]] == ["m0", "m1", "m2", "x", "out"]


def test_a_close_says_whether_the_writing_has_ended() -> None:
    file = Stuck()
    console = Console(file=file)
    console.note(Connected(0, "x"))
    assert not console.close(0.01)
    file.resumed.set()
    assert Console(file=io.StringIO()).close()


def test_without_a_standard_output_nothing_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", None)
    console = Console()
    console.note(Connected(1, "x"))
    assert console.close()


def test_without_a_thread_to_write_nobody_is_harmed(monkeypatch: pytest.MonkeyPatch) -> None:
    def cannot_start(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    console = Console(file=io.StringIO())
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", cannot_start)
        console.note(Connected(1, "x"))
    assert console.close()


def test_a_broken_pipe_ends_the_watching_and_nothing_else() -> None:
    class Broken(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    threads = threading.active_count()
    console = Console(file=Broken())
    for number in range(100):
        console.note(Connected(number, "x"))
    console.close(DEADLINE)
    console.note(Connected(100, "x"))
    wait_until(lambda: threading.active_count() == threads, "nothing is written any more")


@pytest.mark.parametrize("times", [0, 1, 3])
def test_a_full_disk_is_waited_for_and_told_of(times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.StringIO):
        left = times

        def flush(self) -> None:
            if self.left and self.getvalue():
                self.left -= 1
                raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(console_module, "RETRY_SECONDS", 0.001)
    file = Full()
    console = Console(file=file)
    console.note(Connected(3, "192.168.1.20:50123"))
    told = "the log could not be written here for a while: the disk was full\n"
    if times:
        wait_until(lambda: told in file.getvalue(), "it is told")
    first, *rest = shown(console, file)
    assert first == "client connected    #3 192.168.1.20:50123"
    assert len(rest) == bool(times)


def test_after_closing_nothing_is_shown(file: io.StringIO) -> None:
    console = Console(file=file)
    console.close(DEADLINE)
    console.note(Trouble("x"))
    assert file.getvalue() == ""


@pytest.mark.parametrize("detail", list(Detail))
def test_an_answer_is_shown_at_every_level_in_order(file: io.StringIO, detail: Detail) -> None:
    console = Console(detail, file)
    console.answer("=== one")
    console.note(Trouble("x"))
    console.answer("=== two\n=== three")
    console.close(DEADLINE)
    lines = file.getvalue().splitlines()
    assert [line for line in lines if "problem" not in line] == ["=== one", "=== two", "=== three"]
    assert len(lines) == 3 or "problem" in lines[1]


def test_an_answer_may_be_a_table_of_what_people_chose(file: io.StringIO) -> None:
    # Promise 4.
    table = Table("name", "topic")
    table.add_row("al", "[red]x[/] :smile:")
    console = Console(file=file, width=40)
    console.answer(table)
    console.close(DEADLINE)
    assert "│ al   │ [red]x[/] :smile: │" in file.getvalue().splitlines()


def test_a_long_answer_stays_one_line(file: io.StringIO) -> None:
    console = Console(file=file, width=40)
    console.answer("word " * 30)
    console.close(DEADLINE)
    assert file.getvalue().count("\n") == 1


def test_a_file_gets_no_status(file: io.StringIO) -> None:
    console = Console(file=file)
    console.show_status(lambda: pytest.fail("asked for"))
    console.answer("=== one")
    assert console.redraw().wait(DEADLINE)
    console.close(DEADLINE)
    assert file.getvalue() == "=== one\n"


def test_nobody_waits_for_a_console_that_draws_no_more(file: io.StringIO) -> None:
    console = Console(file=file)
    console.close(DEADLINE)
    assert console.redraw().is_set()


def test_without_a_file_it_goes_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(has_time=False)
    console.note(Stopped())
    console.note(Resumed(3, "al", "192.168.1.20:50123"))
    console.close(DEADLINE)
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == [
        "server stopped",
        "client resumed      #3 al 192.168.1.20:50123",
    ]


def test_a_file_has_no_columns_and_a_closed_one_is_no_terminal(file: io.StringIO) -> None:
    console = Console(file=file)
    assert console.columns_for("x") == 0
    file.close()
    assert not console.is_on_terminal


def test_the_status_is_asked_for_once_a_second_and_for_each_width(
    file: io.StringIO, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []

    def status() -> str:
        asked.append(clock.now)
        return "s" * 100

    monkeypatch.setattr(console_module, "time", SimpleNamespace(monotonic=clock))
    console = Console(file=file)
    console.show_status(status)
    start = clock.now
    for columns, shown in (
        (30, "s" * 26 + "..."),
        (0, "s" * 76 + "..."),
        (1, "."),
        (120, "s" * 100),
    ):
        for _ in range(2):
            assert console._current_status(os.terminal_size((columns, 24))) == shown
    assert asked == [start] * 4
    for later in (0.5 * REDRAW_SECONDS, REDRAW_SECONDS):
        clock.now = start + later
        console._current_status(os.terminal_size((120, 24)))
    assert asked == [start] * 4 + [start + REDRAW_SECONDS]
    console.close(DEADLINE)
