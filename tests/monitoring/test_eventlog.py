"""Test the log file: what its lines say, and what becomes of it on a bad disk."""

import errno
import json
import os
import queue
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.clients import Client
from tests.support.files import never
from tests.support.servers import run_server
from tests.support.waiting import wait_until
from threadchat.messages.kinds import (
    Emote,
    Joined,
    Left,
    LeftTogether,
    Renamed,
    RoomMessage,
    Say,
    WentAway,
)
from threadchat.monitoring import rotatingfile
from threadchat.monitoring.eventlog import BadLogFile, EventLog
from threadchat.monitoring.events import (
    Acted,
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
    SeatKept,
    Stopped,
    Stopping,
    Trouble,
    Unlinked,
)
from threadchat.monitoring.rotatingfile import RotatingFile
from threadchat.testing import DEADLINE


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.jsonl"


@contextmanager
def logging(path: Path, warn: Callable[[str], None] = never, **options: Any) -> Iterator[EventLog]:
    """Log into `path`; on leaving, all of it is written."""
    log = EventLog(path, warn, **options)
    try:
        yield log
    finally:
        assert log.close(DEADLINE)


def lines_of(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a log, each without its time."""
    lines = [json.loads(line) for line in path.read_text("ascii").splitlines()]
    for line in lines:
        assert datetime.fromisoformat(line.pop("at")).tzinfo is not None
    return lines


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (
            Bound("[::]:8000", ["telnet 192.168.1.7 8000"]),
            {"event": "bound", "address": "[::]:8000", "ways_in": ["telnet 192.168.1.7 8000"]},
        ),
        (
            FoundWaysIn(["nc 192.168.1.7 8000"]),
            {"event": "found_ways_in", "ways_in": ["nc 192.168.1.7 8000"]},
        ),
        (
            AnnouncedOnLan("threadchat on box", ["http://box.local:8080/"]),
            {
                "event": "announced_on_lan",
                "name": "threadchat on box",
                "ways_in": ["http://box.local:8080/"],
            },
        ),
        (Stopping(), {"event": "stopping"}),
        (Stopped(), {"event": "stopped"}),
        (
            Connected(3, "192.168.1.20:50123"),
            {
                "event": "connected",
                "id": 3,
                "address": "192.168.1.20:50123",
                "door": "terminal",
            },
        ),
        (
            SeatKept(3, "ed", "[::1]:5", "reset"),
            {"event": "seat_kept", "id": 3, "name": "ed", "address": "[::1]:5", "why": "reset"},
        ),
        (
            Resumed(3, "ed", "[::1]:5"),
            {"event": "resumed", "id": 3, "name": "ed", "address": "[::1]:5"},
        ),
        (Named(3, "ed", "al"), {"event": "named", "id": 3, "name": "ed", "before": "al"}),
        (
            Refused("[::1]:5", "the room is full"),
            {"event": "refused", "address": "[::1]:5", "why": "the room is full", "times": 1},
        ),
        (
            Disconnected(3, "ed", "[::1]:5", seconds=720.12345, received=31, sent=120, why="quit"),
            {
                "event": "disconnected",
                "id": 3,
                "name": "ed",
                "address": "[::1]:5",
                "seconds": 720.123,
                "received": 31,
                "sent": 120,
                "why": "quit",
            },
        ),
        (Acted("al", "kicked bo"), {"event": "acted", "who": "al", "deed": "kicked bo"}),
        (
            Linked("office", ["box:8000"]),
            {"event": "linked", "cluster": "office", "servers": ["box:8000"]},
        ),
        (
            Unlinked("office", "refused"),
            {"event": "unlinked", "cluster": "office", "why": "refused"},
        ),
        (Trouble("disk full"), {"event": "trouble", "words": "disk full"}),
    ],
)
def test_every_event_is_a_line_of_json(path: Path, event: Event, line: dict[str, Any]) -> None:
    with logging(path) as log:
        log.note(event)
    assert lines_of(path) == [line]


@pytest.mark.parametrize(
    ("message", "line"),
    [
        (Say("al", "hi", 0.0), {"event": "say", "name": "al", "text": "hi"}),
        (Emote("al", "waves", 0.0), {"event": "emote", "name": "al", "text": "waves"}),
        (WentAway("al", "lunch"), {"event": "went_away", "name": "al", "text": "lunch"}),
        (Joined(["al"], 3), {"event": "joined", "names": ["al"], "here": 3}),
        (Left("al", 5.0, "quit"), {"event": "left", "name": "al", "seconds": 5.0, "why": "quit"}),
        (
            LeftTogether(["al", "bo"], 1),
            {"event": "left_together", "names": ["al", "bo"], "here": 1},
        ),
        (Renamed("al", "ed"), {"event": "renamed", "before": "al", "now": "ed"}),
    ],
)
def test_what_a_room_is_shown_is_logged_where_that_is_wanted(
    path: Path, message: RoomMessage, line: dict[str, Any]
) -> None:
    with logging(path, messages=True) as log:
        log.shown("lobby", [message], 1)
    assert lines_of(path) == [{"room": "lobby", **line}]


def test_what_is_said_is_not_logged_unasked(path: Path) -> None:
    with logging(path) as log:
        log.shown("lobby", [Say("al", "hi", 0.0)], 1)
        log.note(Stopped())
    assert lines_of(path) == [{"event": "stopped"}]


def test_the_time_of_a_line_is_when_it_happened_to_the_millisecond(path: Path) -> None:
    begin = datetime.now().astimezone()
    with logging(path, messages=True) as log:
        log.shown("lobby", [Say("al", "hi", 1_700_000_000.25)], 1)
        log.note(Stopped())
        end = datetime.now().astimezone()
    said, stopped = (json.loads(line)["at"] for line in path.read_text().splitlines())
    assert datetime.fromisoformat(said).timestamp() == 1_700_000_000.25
    # It is cut to milliseconds, so it may seem earlier than it was by less than one.
    assert begin - timedelta(milliseconds=1) < datetime.fromisoformat(stopped) <= end
    assert len(stopped) == len("2026-11-23T12:00:00.000+01:00")


@pytest.mark.parametrize(
    "unsafe", ["\x1b[2J", "\x9b2J", "\n", "\u2028", "\u202e", "\x7f", "\ud83d"], ids=ascii
)
def test_promise_4_whoever_prints_the_file_is_safe(path: Path, unsafe: str) -> None:
    with logging(path, messages=True) as log:
        log.shown("lobby", [Say("al", f"a{unsafe}b", 0.0)], 1)
        log.note(Refused(unsafe, unsafe))
    data = path.read_bytes()
    assert all(0x20 <= byte < 0x7F for byte in data.replace(b"\n", b""))
    assert [line.get("text", line.get("why")) for line in lines_of(path)] == [f"a{unsafe}b", unsafe]


def test_promise_1_the_order_of_the_room_is_that_of_the_log(path: Path) -> None:
    with logging(path, messages=True) as log:
        for first in range(0, 100, 10):
            batch = [Say("al", str(number), 0.0) for number in range(first, first + 10)]
            log.shown("lobby", batch, 10)
    assert [line["text"] for line in lines_of(path)] == [str(number) for number in range(100)]


def test_it_is_rotated_at_a_size(path: Path) -> None:
    with logging(path, max_bytes=1000) as log:
        for number in range(30):
            log.note(Connected(number, "192.168.1.20:50123"))
    oldest_first = sorted(path.parent.iterdir(), reverse=True)
    assert len(oldest_first) > 1
    assert all(file.stat().st_size <= 1000 for file in oldest_first)
    assert [line["id"] for file in oldest_first for line in lines_of(file)] == list(range(30))


class TestWithAServer:
    def test_who_comes_talks_and_goes(self, path: Path) -> None:
        with logging(path, messages=True) as log, run_server(watchers=[log]) as (server, console):
            with Client(server, "al") as al:
                al.type("hello")
                al.type("/me waves")
                al.type("/quit so long")
                al.expect_end()
            console.next_disconnect()
            server.stop()
        lines = lines_of(path)
        assert [line["event"] for line in lines] == [
            "connected", "joined", "named", "say", "emote", "left", "disconnected"
        ]  # fmt: skip
        epochs = {lines[3].pop("epoch"), lines[4].pop("epoch")}
        assert len(epochs) == 1
        assert lines[3] == {
            "event": "say", "room": "lobby", "name": "al", "text": "hello", "seq": 1
        }  # fmt: skip
        assert lines[4]["seq"] == 2
        assert lines[-1]["why"] == "quit: so long"
        assert lines[-1]["received"] == len("al\nhello\n/me waves\n/quit so long\n")

    def test_what_is_said_in_private_is_not_logged(self, path: Path) -> None:
        with (
            logging(path, messages=True) as log,
            run_server(watchers=[log]) as (server, _),
            Client(server, "al") as al,
            Client(server, "bo") as bo,
        ):
            al.type("/msg bo the secret")
            bo.expect("[al -> you] the secret")
            al.type("/reply for all to know")
            al.sync()
            al.type("aloud")
            bo.expect("al: aloud")
        assert "secret" not in path.read_text()
        assert "aloud" in path.read_text()


class Disk:
    """What a file is on: it can be full, or slow."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_full = False
        self.is_tried = threading.Event()
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        append = RotatingFile.append

        def append_if_possible(file: RotatingFile, data: bytes) -> None:
            self.is_tried.set()
            assert self.may_go_on.wait(DEADLINE)
            if self.is_full:
                raise OSError(errno.ENOSPC, "No space left on device")
            append(file, data)

        monkeypatch.setattr(RotatingFile, "append", append_if_possible)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


class TestOnABadDisk:
    def test_a_full_one_costs_nothing_once_there_is_room_again(
        self, path: Path, disk: Disk
    ) -> None:
        told: queue.Queue[str] = queue.Queue()
        with logging(path, told.put, retry_seconds=0.001) as log:
            disk.is_full = True
            log.note(Connected(1, "x"))
            assert told.get(timeout=DEADLINE) == (
                f"the log file {path} cannot be written: the disk is full. Make room there."
                " What happens waits in memory until it can"
            )
            log.note(Connected(2, "x"))
            disk.is_full = False
            assert told.get(timeout=DEADLINE) == "the log file is written again"
        assert told.empty()
        assert [line["id"] for line in lines_of(path)] == [1, 2]

    def test_one_that_stays_full_holds_up_no_stop(self, path: Path, disk: Disk) -> None:
        told: list[str] = []
        disk.is_full = True
        with logging(path, told.append, retry_seconds=DEADLINE) as log:
            log.note(Connected(1, "x"))
        first, last = told
        assert first.startswith(f"the log file {path} cannot be written")
        assert last == "the log file still cannot be written: its last lines are lost"
        assert path.read_bytes() == b""

    def test_a_slow_one_loses_what_was_said_first_and_the_log_says_so(
        self, path: Path, disk: Disk
    ) -> None:
        # Promise 7.
        disk.may_go_on.clear()
        with logging(path, messages=True, limit=3) as log:
            log.note(Connected(0, "x"))
            assert disk.is_tried.wait(DEADLINE)
            for number in range(5):
                log.shown("lobby", [Say("al", str(number), 0.0)] * 2, 2)
            log.note(Connected(1, "x"))
            disk.may_go_on.set()
        said = {"event": "say", "room": "lobby", "name": "al"}
        assert lines_of(path) == [
            {"event": "connected", "id": 0, "address": "x", "door": "terminal"},
            *([{**said, "text": "0"}] * 2),
            *([{**said, "text": "1"}] * 2),
            {"event": "connected", "id": 1, "address": "x", "door": "terminal"},
            {"event": "left_out", "lines": 6},
        ]

    def test_one_that_hangs_holds_up_no_stop(self, path: Path, disk: Disk) -> None:
        disk.may_go_on.clear()
        log = EventLog(path, never)
        log.note(Stopped())
        assert disk.is_tried.wait(DEADLINE)
        assert not log.close(0.01)
        disk.may_go_on.set()
        assert log.close(DEADLINE)

    def test_the_operator_is_told_when_it_cannot_be_rotated_and_when_it_is_again(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(source: Path, target: Path) -> None:
            raise PermissionError(errno.EACCES, "Permission denied")

        told: queue.Queue[str] = queue.Queue()
        with logging(path, told.put, max_bytes=100) as log:
            with monkeypatch.context() as patch:
                patch.setattr(Path, "replace", refuse)
                for number in range(5):
                    log.note(Connected(number, "192.168.1.20:50123"))
                assert told.get(timeout=DEADLINE) == (
                    f"the log file {path} cannot be put aside: Permission denied. It grows until it"
                    f" can. See that the folder {path.parent} may be written, and that no other"
                    " program keeps the file open"
                )
            log.note(Connected(5, "x"))
            assert told.get(timeout=DEADLINE) == "the log file is put aside again"
        assert told.empty()


@pytest.mark.skipif(sys.platform == "win32", reason="there an open file keeps its name")
class TestAFileThatIsTakenAway:
    def test_the_log_goes_on_in_a_new_one_and_the_operator_is_told(self, path: Path) -> None:
        told: queue.Queue[str] = queue.Queue()
        aside = path.with_name("aside")
        with logging(path, told.put) as log:
            log.note(Connected(1, "x"))
            wait_until(lambda: bool(path.read_bytes()), "the first line is written")
            path.rename(aside)
            log.note(Connected(2, "x"))
            assert told.get(timeout=DEADLINE) == (
                "another program has moved or removed the log file:"
                f" the log goes on in a new one, {path}"
            )
            log.note(Connected(3, "x"))
        assert told.empty()
        assert [line["id"] for line in lines_of(aside)] == [1]
        assert [line["id"] for line in lines_of(path)] == [2, 3]

    def test_on_demand_the_new_one_is_there_before_the_next_line(self, path: Path) -> None:
        told: queue.Queue[str] = queue.Queue()
        with logging(path, told.put) as log:
            path.rename(path.with_name("aside"))
            log.reopen()
            told.get(timeout=DEADLINE)
            assert path.read_bytes() == b""

    def test_to_open_it_anew_where_it_is_still_there_is_no_news(self, path: Path) -> None:
        with logging(path) as log:
            log.note(Connected(1, "x"))
            log.reopen()
            log.note(Connected(2, "x"))
        assert [line["id"] for line in lines_of(path)] == [1, 2]


class TestAFileThatCannotBeHad:
    def refused(self, path: Path | str) -> str:
        with pytest.raises(BadLogFile) as caught:
            EventLog(path, never)
        return str(caught.value)

    def test_a_folder(self, tmp_path: Path) -> None:
        assert self.refused(tmp_path) == (
            f"{tmp_path} cannot be written as a log: it is a folder. Name a file in it."
        )

    def test_no_folder_for_it(self, tmp_path: Path) -> None:
        folder = tmp_path / "nowhere"
        assert f"there is no folder {folder}. Make it" in self.refused(folder / "log")

    def test_a_folder_that_is_there_is_not_missed(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # So Windows says it of a name that is too long.
        def refuse(*_: object, **__: object) -> None:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")

        monkeypatch.setattr(rotatingfile, "FileIO", refuse)
        assert self.refused(path).endswith(": No such file or directory. Name another file.")

    @pytest.mark.skipif(not os.path.exists("/dev/null"), reason="there are no devices here")
    def test_a_device_is_left_alone(self) -> None:
        assert "it is not an ordinary file" in self.refused("/dev/null")
