"""The history that is kept in a file, while that can be written and while not (promise 2)."""

import os
import queue
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest

from tests.support.clients import Client
from tests.support.files import index_all, link_or_skip, never, take_back, write_old_history
from tests.support.servers import run_server
from tests.support.waiting import Section, enter_one_by_one, run_concurrently, wait_until
from threadchat.messages.kinds import Emote, Say, Spoken
from threadchat.storage import database, historyfile, rows, sqlitehistory
from threadchat.storage.faults import Unusable
from threadchat.storage.filereader import FileReader
from threadchat.storage.history import CannotTakeBack, History
from threadchat.storage.historyfile import PATIENT_SECONDS, HistoryFile
from threadchat.storage.migrations import VERSION
from threadchat.storage.records import Records
from threadchat.storage.rows import Unwritten
from threadchat.storage.searching import Found, SearchTurns
from threadchat.storage.sqlitehistory import StoredHistory
from threadchat.testing import DEADLINE


class Told:
    """An operator; a test can wait until they are told something."""

    def __init__(self) -> None:
        self.lines: queue.Queue[str] = queue.Queue()

    def __call__(self, words: str) -> None:
        self.lines.put(words)

    def next(self) -> str:
        return self.lines.get(timeout=DEADLINE)


@contextmanager
def opened(
    path: Path, warn: "Told | None" = None, limit: int = 1000, retry_seconds: float = 1.0
) -> Iterator[StoredHistory]:
    history = StoredHistory(path, warn or never, limit=limit, retry_seconds=retry_seconds)
    with closing(history):
        yield history


def said(first: int, last: int) -> list[Spoken]:
    return [Say("al", f"number {number}", float(number)) for number in range(first, last + 1)]


class TestKeeping:
    def test_what_was_said_is_there_when_opened_again(self, path: Path) -> None:
        batch: list[Spoken] = [Say("al", "hi ✓", 1.5), Emote("bo", "waves", 2.5)]
        with opened(path) as history:
            history.append("lobby", batch)
            assert history.recent("lobby", 10) == batch
        with opened(path) as history:
            assert history.recent("lobby", 10) == batch

    def test_promise_2_it_is_committed_when_append_returns(self, path: Path) -> None:
        with opened(path) as history, closing(sqlite3.connect(path)) as other:
            history.append("lobby", said(1, 3))
            rows = other.execute("SELECT text FROM messages ORDER BY id").fetchall()
            assert [text for (text,) in rows] == ["number 1", "number 2", "number 3"]

    def test_a_batch_is_one_commit_and_no_commit_waits_for_the_disk(self, path: Path) -> None:
        with opened(path) as history:
            statements: list[str] = []
            history._connection.set_trace_callback(statements.append)
            history.append("lobby", said(1, 100))
            history._connection.set_trace_callback(None)
            assert statements.count("COMMIT") == 1
            (level,) = history._connection.execute("PRAGMA synchronous").fetchone()
            assert level == 1  # NORMAL: at checkpoints alone

    @pytest.mark.parametrize(("number", "first"), [(0, 6), (1, 5), (5, 1), (6, 1)])
    def test_the_last_ones_are_given(self, path: Path, number: int, first: int) -> None:
        with opened(path) as history:
            history.append("lobby", said(1, 2))
            history.append("lobby", said(3, 5))
            assert history.recent("lobby", number) == said(first, 5)

    def test_rooms_are_kept_apart_and_known_in_any_case(self, path: Path) -> None:
        with opened(path) as history:
            history.append("Games", said(1, 2))
            history.append("lobby", said(3, 3))
            history.append("games", said(4, 4))
            assert history.recent("GAMES", 10) == said(1, 2) + said(4, 4)

    def test_what_cannot_be_stored_is_refused_as_a_whole(self, path: Path) -> None:
        with opened(path) as history:
            with pytest.raises(UnicodeEncodeError):
                history.append("lobby", [Say("al", "a", 1.0), Say("al", "\ud800", 2.0)])
            history.append("lobby", said(1, 1))
            assert history.recent("lobby", 10) == said(1, 1)

    def test_closed_it_remembers_nothing(self, path: Path) -> None:
        history = StoredHistory(path, never)
        history.close()
        history.close()
        history.append("lobby", said(1, 1))
        assert history.recent("lobby", 10) == []
        assert history.search("number", 10) == []

    def test_many_threads_write_and_read(self, path: Path) -> None:
        def work(history: StoredHistory, room: str) -> None:
            for number in range(1, 26):
                history.append(room, said(number, number))
                assert history.recent(room, 100) == said(1, number)
                assert history.search(f"number {number}", 1) != []

        with opened(path) as history:
            run_concurrently([partial(work, history, f"room{n}") for n in range(8)])
        with opened(path) as history:
            for n in range(8):
                assert history.recent(f"room{n}", 100) == said(1, 25)

    def test_a_topic_is_there_when_opened_again(self, path: Path) -> None:
        with opened(path) as history:
            history.set_topic("lobby", "lunch at noon")
            history.set_topic("Den", "tea")
            history.set_topic("den", "")
            history.append("lobby", said(1, 1))
        with opened(path) as history:
            assert history.topic("LOBBY") == "lunch at noon"
            assert history.topic("den") == ""
            assert history.topics() == {"lobby": "lunch at noon"}
            assert history.last_place("lobby").seq == 1
            history.set_topic("lobby", "")
        with opened(path) as history:
            assert history.topic("lobby") == ""
            assert history.recent("lobby", 9) == said(1, 1)

    def test_promise_4_a_topic_from_another_program_is_made_safe(self, path: Path) -> None:
        with opened(path) as history:
            history.set_topic("lobby", "lunch")
        with closing(sqlite3.connect(path)) as other:
            other.execute("UPDATE rooms SET topic = 'a\x1b[31mb\r\nc'")
            other.commit()
        with opened(path) as history:
            assert history.topic("lobby") == "abc"

    def test_closed_it_keeps_no_topic(self, path: Path) -> None:
        history = StoredHistory(path, never)
        history.close()
        history.set_topic("lobby", "lunch")
        assert history.topic("lobby") == ""

    def test_a_restarted_server_shows_the_topic(self, path: Path) -> None:
        with (
            run_server(history=StoredHistory(path, never)) as (server, _),
            Client(server, "al") as al,
        ):
            al.type("/topic lunch")
            al.expect("=== Topic: lunch\r\n")
        with (
            run_server(history=StoredHistory(path, never)) as (server, _),
            Client(server, "bo") as bo,
        ):
            assert server.chat.lobby.topic == "lunch"
            bo.expect("=== Topic: lunch\r\n")

    def test_a_restarted_server_replays_it(self, path: Path) -> None:
        first = StoredHistory(path, never)
        with run_server(history=first) as (server, _), Client(server, "al") as al:
            al.type("before the end")
            al.sync()
        second = StoredHistory(path, never)  # the server has closed the first
        with run_server(history=second) as (server, _), Client(server, "bo") as bo:
            bo.expect("al: before the end\r\n=== From here on it is live.\r\n")


class Indexed(StoredHistory):
    """A history that is searched only when its index has all words."""

    def search(self, words: str, number: int) -> list[Found]:
        index_all(self)
        return super().search(words, number)


class TestSearch:
    """The same in memory and in the file, whether its index has the words yet or not."""

    @pytest.fixture(params=["memory", "file", "indexed", "unwritten"])
    def history(self, request: pytest.FixtureRequest, path: Path) -> Iterator[History]:
        if request.param == "memory":
            yield History()
            return
        kind = Indexed if request.param == "indexed" else StoredHistory
        with closing(kind(path, lambda words: None)) as history:
            if request.param == "unwritten":
                history._connection.execute("PRAGMA query_only = ON")
            yield history

    def test_in_ascii_all_is_found_that_is_found_in_memory(self, history: History) -> None:
        # Words of ASCII are left to SQLite's tokenizer.
        said, found = self.in_ascii()
        for line in said:
            history.append("lobby", [line])
        for words, lines in found.items():
            assert history.search(words, 200) == lines, words

    @staticmethod
    @cache
    def in_ascii() -> tuple[list[Say], dict[str, list[Found]]]:
        """Return lines with each mark of ASCII, and for many searches what is found in memory."""
        marks = [chr(number) for number in range(0x20, 0x7F)]
        said = [
            Say("al", f"ab{mark}Cd {mark}{mark} 1{mark}x{mark}", float(at))
            for at, mark in enumerate(marks)
        ]
        memory = History()
        for line in said:
            memory.append("lobby", [line])
        searches = ("aB{}cd", "ab cd{}", "b{}c", "1{}x", "{}", "x{}")
        words = [search.format(mark) for mark in marks for search in searches]
        return said, {it: memory.search(it, 200) for it in words}

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("lunch at noon", "NOON lunch"),
            ("die STRASSE", "straße"),
            ("im Café", "cafe"),
            ("I don't know", "don't"),
            ("half-time!", "half-time"),
            ('say "x" OR y', '"x" or'),
            ("a* NEAR(b)", "near(b) a*"),
            ("我在北京", "北京"),
            ("сЪЕШЬ ещё", "съешь"),
            ("well done 🎉🎉", "🎉"),
            ("text:x", "text:x"),
        ],
    )
    def test_a_word_is_found(self, history: History, text: str, words: str) -> None:
        message = Say("al", text, 1.0)
        history.append("Den", [message])
        assert history.search(words, 20) == [Found("Den", message)]

    @pytest.mark.parametrize(
        "words",
        ["other", "noo", "lunch other", "time-half", "", " ", '"', '"" *', "NOT", "^lunch)", "\0"],
    )
    def test_another_is_not(self, history: History, words: str) -> None:
        history.append("lobby", [Say("al", "lunch at noon, half-time", 1.0)])
        assert (history.search(words, 20) != []) is (words == "^lunch)")

    def test_the_newest_come_first_from_all_rooms(self, history: History) -> None:
        history.append("lobby", said(1, 2))
        history.append("den", said(3, 3))
        history.append("lobby", said(4, 4))
        found = history.search("number", 3)
        assert [(hit.room, hit.message.at) for hit in found] == [
            ("lobby", 4.0),
            ("den", 3.0),
            ("lobby", 2.0),
        ]
        assert history.search("number", 0) == []


class TestOpening:
    def refused(self, path: Path) -> str:
        with pytest.raises(Unusable) as caught:
            StoredHistory(path, never)
        words = str(caught.value)
        assert "\n" not in words
        return words

    def test_a_second_server_is_refused_until_the_first_is_gone(self, path: Path) -> None:
        with opened(path):
            assert "in use by another threadchat" in self.refused(path)
        with opened(path):
            pass

    def test_a_second_server_is_refused_by_another_name_of_the_file(self, path: Path) -> None:
        with opened(path):
            link = path.with_name("link.db")
            link_or_skip(link, path)
            assert "in use by another threadchat" in self.refused(link)

    def test_the_lock_dies_with_its_process(self, path: Path) -> None:
        program = (
            "import sys; from threadchat.storage.sqlitehistory import StoredHistory;"
            " h = StoredHistory(sys.argv[1], print); print('open', flush=True); sys.stdin.read()"
        )
        with subprocess.Popen(
            [sys.executable, "-c", program, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "open\n"
            assert "in use by another threadchat" in self.refused(path)
            process.kill()
        with opened(path):
            pass

    def test_a_folder(self, tmp_path: Path) -> None:
        assert "is a folder. Name a file" in self.refused(tmp_path)

    def test_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        assert "there is no folder" in self.refused(tmp_path / "none" / "chat.db")

    @pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs /proc")
    def test_a_folder_nobody_can_write(self) -> None:
        assert "cannot be written" in self.refused(Path("/proc/chat.db"))

    @pytest.mark.skipif(
        not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is read-only to root"
    )
    def test_a_file_that_may_only_be_read(self, path: Path) -> None:
        with opened(path):
            pass
        path.chmod(0o400)
        assert "cannot be written" in self.refused(path)

    def test_a_file_that_is_no_database(self, path: Path) -> None:
        path.write_text("dear diary, " * 1000)
        assert "is not a history of threadchat" in self.refused(path)
        assert path.read_text() == "dear diary, " * 1000
        assert list(path.parent.iterdir()) == [path]

    def test_a_database_of_something_else(self, path: Path) -> None:
        with closing(sqlite3.connect(path)) as other:
            other.execute("CREATE TABLE things (id)")
        assert "not one of threadchat's" in self.refused(path)

    def test_a_damaged_file(self, path: Path) -> None:
        with opened(path) as history:
            history.append("lobby", said(1, 2000))
        data = path.read_bytes()
        path.write_bytes(data[:8192] + b"\xff" * (len(data) - 16384) + data[-8192:])
        assert "is damaged. Move it away" in self.refused(path)

    def test_a_file_cut_short(self, path: Path) -> None:
        with opened(path) as history:
            history.append("lobby", said(1, 2000))
        path.write_bytes(path.read_bytes()[:12288])
        assert "is damaged. Move it away" in self.refused(path)

    def test_a_file_of_a_newer_version(self, path: Path) -> None:
        with opened(path):
            pass
        with closing(sqlite3.connect(path)) as other:
            other.execute(f"PRAGMA user_version = {VERSION + 1}")
        assert "written by a newer threadchat" in self.refused(path)

    def test_a_file_another_program_has_locked(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(historyfile, "PATIENT_SECONDS", 0.01)
        with opened(path):
            pass
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            assert "is locked by another program" in self.refused(path)

    def test_a_name_too_long_for_the_file_or_what_is_beside_it(self, tmp_path: Path) -> None:
        assert "cannot be written" in self.refused(tmp_path / ("x" * 300))
        assert "cannot be written" in self.refused(tmp_path / ("x" * 252))

    @pytest.mark.parametrize("version", range(1, VERSION))
    def test_a_file_of_an_older_version_is_migrated(self, path: Path, version: int) -> None:
        write_old_history(path, version)
        for _ in range(2):
            with opened(path) as history, closing(Records(path)) as records:
                assert history.search("STRASSE", 5) == [
                    Found("lobby", Say("al", "die Straße", 1.0))
                ]
                assert history.recent("lobby", 1) == [Emote("al", "waves", 2.0)]
                (now,) = history._connection.execute("PRAGMA user_version").fetchone()
                assert now == VERSION
                assert records.bans() == []
                assert records.protected("al") is None


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX permissions")
class TestPermissions:
    @pytest.fixture(autouse=True)
    def everything_is_allowed(self) -> Iterator[None]:
        before = os.umask(0)
        yield
        os.umask(before)

    def modes(self, path: Path) -> dict[str, int]:
        return {
            file.name.removeprefix(path.name): stat.S_IMODE(file.stat().st_mode)
            for file in path.parent.iterdir()
        }

    def test_a_new_file_and_what_is_beside_it_are_for_its_owner_alone(self, path: Path) -> None:
        with opened(path) as history:
            history.append("lobby", said(1, 1))
            modes = self.modes(path)
            assert modes.keys() >= {"", "-wal", "-shm"}
            assert set(modes.values()) == {0o600}

    def test_an_older_file_keeps_its_own(self, path: Path) -> None:
        write_old_history(path, 1)
        path.chmod(0o640)
        with opened(path) as history:
            history.append("lobby", said(1, 1))
            modes = self.modes(path)
            assert [modes[end] for end in ("", "-wal", "-shm")] == [0o640] * 3


class TestTrouble:
    """The chat goes on when the file cannot be written, and nothing is lost that need not be."""

    def test_a_locked_file(self, path: Path) -> None:
        told = Told()
        with opened(path, told, retry_seconds=0.01) as history:
            history.append("lobby", said(1, 2))
            with closing(sqlite3.connect(path, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                history.append("lobby", said(3, 4))
                history.append("den", said(5, 5))
                history.append("lobby", said(6, 6))
                words = told.next()
                assert "cannot be written (database is locked)" in words
                assert f"Another program has locked {path}: close that" in words
                assert history.recent("lobby", 3) == said(3, 4) + said(6, 6)
                assert history.recent("lobby", 4) == said(2, 4) + said(6, 6)
                assert [hit.message.at for hit in history.search("number", 4)] == [6, 5, 4, 3]
                assert [hit.message.at for hit in history.search("number", 9)] == [6, 5, 4, 3, 2, 1]
                other.execute("ROLLBACK")
            assert told.next() == "the history is written again; nothing is lost"
            history.append("lobby", said(7, 7))
            assert history.recent("lobby", 9) == said(1, 4) + said(6, 7)
        assert told.lines.empty()
        with opened(path) as history:
            assert history.recent("lobby", 9) == said(1, 4) + said(6, 7)
            assert history.recent("den", 9) == said(5, 5)

    def test_a_retry_may_fail_again_and_after_it_writing_goes_on(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tries: list[int] = []
        write = rows.write

        def counted(connection: sqlite3.Connection, some: Sequence[Unwritten]) -> None:
            tries.append(len(some))
            write(connection, some)

        monkeypatch.setattr(rows, "write", counted)
        told = Told()
        with (
            opened(path, told, retry_seconds=0.001) as history,
            closing(sqlite3.connect(path, isolation_level=None)) as other,
        ):
            other.execute("BEGIN IMMEDIATE")
            history.append("lobby", said(1, 1))
            wait_until(lambda: len(tries) >= 4, "it was tried again, more than once")
            other.execute("ROLLBACK")
            assert "cannot be written" in told.next()
            assert told.next() == "the history is written again; nothing is lost"
            for at in (2, 3):  # each is committed when `append` returns, as before
                history.append("lobby", said(at, at))
                (count,) = other.execute("SELECT count(*) FROM messages").fetchone()
                assert count == at
            other.execute("BEGIN IMMEDIATE")
            history.append("lobby", said(4, 4))
            assert "cannot be written" in told.next()
            other.execute("ROLLBACK")
            assert told.next() == "the history is written again; nothing is lost"
        assert told.lines.empty()

    def test_rooms_go_on_between_the_pieces_of_what_had_to_wait(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sqlitehistory, "_LINES_AT_ONCE", 2)
        told = Told()
        pieces: list[int] = []
        write = rows.write

        def counted(connection: sqlite3.Connection, some: Sequence[Unwritten]) -> None:
            write(connection, some)
            pieces.append(len(some))

        waits: list[float | None] = []

        class Closing(threading.Event):
            def wait(self, timeout: float | None = None) -> bool:
                waits.append(timeout)
                return super().wait(0.001)

        with opened(path, told, retry_seconds=3600) as history:
            history._closing = Closing()
            history._connection.execute("PRAGMA query_only = ON")
            history.append("lobby", said(1, 7))
            assert "cannot be written" in told.next()
            with history._lock:
                monkeypatch.setattr(rows, "write", counted)
                history._connection.execute("PRAGMA query_only = OFF")
            assert told.next() == "the history is written again; nothing is lost"
            assert pieces == [2, 2, 2, 1]
            assert waits[-4:] == [3600, 0.01, 0.01, 0.01]
            assert history.recent("lobby", 9) == said(1, 7)

    def test_while_another_program_locks_the_file_only_the_first_line_waits_for_it(
        self, path: Path
    ) -> None:
        told = Told()
        with (
            opened(path, told, retry_seconds=3600) as history,
            closing(sqlite3.connect(path, isolation_level=None)) as other,
        ):

            def busy_timeout() -> int:
                (milliseconds,) = history._connection.execute("PRAGMA busy_timeout").fetchone()
                return int(milliseconds)

            before = busy_timeout()
            assert before > 0
            other.execute("BEGIN IMMEDIATE")
            history.append("lobby", said(1, 1))
            told.next()
            assert busy_timeout() == 0
            other.execute("ROLLBACK")
            with history._lock:
                assert history._write_all()
            assert busy_timeout() == before

    def test_nor_does_anybody_wait_again_for_what_is_to_be_taken_back(self, path: Path) -> None:
        told = Told()
        with (
            opened(path, told, retry_seconds=3600) as history,
            closing(sqlite3.connect(path, isolation_level=None)) as other,
        ):
            history.append("lobby", said(1, 1))
            place = history.last_place("lobby")
            other.execute("BEGIN IMMEDIATE")
            for _ in range(3):
                with pytest.raises(CannotTakeBack):
                    history.take_back("lobby", place)
                (milliseconds,) = history._connection.execute("PRAGMA busy_timeout").fetchone()
                assert milliseconds == 0
            assert "cannot be written (database is locked)" in told.next()
            assert told.lines.empty()  # once is enough
            other.execute("ROLLBACK")
            with history._lock:
                assert history._write_all()
            assert "written again" in told.next()
            assert history.take_back("lobby", place) is not None

    def test_a_line_that_waits_is_taken_back_in_its_own_room_alone(self, path: Path) -> None:
        with (
            opened(path, Told(), retry_seconds=3600) as history,
            closing(sqlite3.connect(path, isolation_level=None)) as other,
        ):
            other.execute("BEGIN IMMEDIATE")
            history.append("lobby", said(1, 1))
            history.append("den", said(1, 1))
            assert history.take_back("den", history.last_place("den")) is not None
            assert history.recent("lobby", 9) == said(1, 1)
            assert history.recent("den", 9) != said(1, 1)
            other.execute("ROLLBACK")

    def test_where_a_line_cannot_be_taken_back_it_is_tried_until_the_file_can_be_written(
        self, path: Path
    ) -> None:
        told = Told()
        with opened(path, told, retry_seconds=0.01) as history:
            history.append("lobby", said(1, 1))
            with closing(sqlite3.connect(path, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                with pytest.raises(CannotTakeBack):
                    history.take_back("lobby", history.last_place("lobby"))
                other.execute("ROLLBACK")
            assert "cannot be written" in told.next()
            assert "written again" in told.next()

    def test_what_can_never_be_stored_does_not_hold_up_the_rest(self, path: Path) -> None:
        told = Told()
        with (
            opened(path, told, retry_seconds=0.001) as history,
            closing(sqlite3.connect(path, isolation_level=None)) as other,
        ):
            other.execute("BEGIN IMMEDIATE")
            history.append("lobby", [Say("al", "\ud800", 1.0)])
            assert "cannot be written" in told.next()
            other.execute("ROLLBACK")
            assert "cannot keep some messages: UnicodeEncodeError" in told.next()
            assert "written again" in told.next()
            history.append("lobby", said(2, 2))
            assert history.recent("lobby", 9) == said(2, 2)
            (count,) = other.execute("SELECT count(*) FROM messages").fetchone()
            assert count == 1
            (line,) = history.recent("lobby", 1)
            assert line.seq == 2  # the place of the line that is lost is given to no other

    def test_a_full_disk(self, path: Path) -> None:
        told = Told()
        with opened(path, told, retry_seconds=0.01) as history:
            pages = "PRAGMA max_page_count"
            (bound,) = history._connection.execute(pages).fetchone()
            history._connection.execute(f"{pages} = 1")  # of those it has, it loses none
            count = 0
            while history._retrier is None or count < 3:
                count += 1
                history.append("lobby", [Say("al", "x" * 2000, float(count))])
            assert "cannot be written (database or disk is full)" in told.next()
            assert [message.at for message in history.recent("lobby", 3)] == [
                count - 2,
                count - 1,
                count,
            ]
            with history._lock:
                history._connection.execute(f"{pages} = {bound}")
            assert told.next() == "the history is written again; nothing is lost"
        with opened(path) as history:
            assert [m.at for m in history.recent("lobby", 10**6)] == list(range(1, count + 1))

    def test_a_topic_waits_until_it_can_be_written(self, path: Path) -> None:
        told = Told()
        with opened(path, told, retry_seconds=0.01) as history:
            with closing(sqlite3.connect(path, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                history.set_topic("den", "tea")
                assert "cannot be written" in told.next()
                assert history.topic("den") == "tea"
                other.execute("ROLLBACK")
            assert told.next() == "the history is written again; nothing is lost"
        with opened(path) as history:
            assert history.topic("den") == "tea"

    def test_only_so_much_is_kept_and_the_rest_is_counted(self, path: Path) -> None:
        told = Told()
        with opened(path, told, limit=5, retry_seconds=0.01) as history:
            with closing(sqlite3.connect(path, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                history.append("lobby", said(1, 4))
                history.append("lobby", said(5, 8))
                assert history.recent("lobby", 9) == said(4, 8)
                told.next()
                other.execute("ROLLBACK")
            assert told.next() == "the history is written again; 3 messages are lost"
            assert history.recent("lobby", 9) == said(4, 8)

    def test_what_waits_is_written_at_the_end(self, path: Path) -> None:
        told = Told()
        with opened(path, told, retry_seconds=3600) as history:
            history._connection.execute("PRAGMA query_only = ON")
            history.append("lobby", said(1, 2))
            assert "readonly" in told.next()
            history._connection.execute("PRAGMA query_only = OFF")
        assert told.next() == "the history is written again; nothing is lost"
        with opened(path) as history:
            assert history.recent("lobby", 9) == said(1, 2)

    def test_at_the_end_it_waits_for_another_program_as_no_room_does(self, path: Path) -> None:
        told = Told()
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            with opened(path, told, retry_seconds=3600) as history:
                other.execute("BEGIN IMMEDIATE")
                history.append("lobby", said(1, 2))
                assert "locked" in told.next()
                other.execute("ROLLBACK")
                statements: list[str] = []
                history._connection.set_trace_callback(statements.append)
            patience = statements.index(f"PRAGMA busy_timeout = {1000 * PATIENT_SECONDS:.0f}")
            assert statements.index("BEGIN IMMEDIATE") > patience
        assert told.next() == "the history is written again; nothing is lost"

    def test_what_cannot_be_written_at_the_end_is_counted(self, path: Path) -> None:
        told = Told()
        with opened(path, told) as history:
            history._connection.execute("PRAGMA query_only = ON")
            history.append("lobby", said(1, 2))
            told.next()
        assert told.next() == "the history still cannot be written: 2 messages are lost"

    def test_without_a_thread_the_next_batch_is_the_next_try(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(_: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        told = Told()
        with opened(path, told) as history:
            history._connection.execute("PRAGMA query_only = ON")
            monkeypatch.setattr(threading.Thread, "start", refuse)
            history.append("lobby", said(1, 1))
            monkeypatch.undo()
            assert "cannot be written" in told.next()
            history._connection.execute("PRAGMA query_only = OFF")
            history.append("lobby", said(2, 2))
            assert "written again" in told.next()
            assert history.recent("lobby", 9) == said(1, 2)

    def test_a_file_that_cannot_be_read_is_told_once(self, path: Path) -> None:
        told = Told()
        with opened(path, told) as history:
            history.append("lobby", said(1, 1))
            history._connection.execute("ALTER TABLE rooms RENAME TO elsewhere")
            assert history.recent("lobby", 9) == []
            assert history.search("number", 9) == []
            assert "cannot be read" in told.next()
            history._connection.execute("ALTER TABLE elsewhere RENAME TO rooms")
            assert history.recent("lobby", 9) == said(1, 1)
            assert told.next() == "the history can be read again"
            assert told.lines.empty()

    def test_the_chat_goes_on_and_the_operator_is_told(self, path: Path) -> None:
        told = Told()
        history = StoredHistory(path, told, retry_seconds=0.01)
        with (
            run_server(history=history) as (server, _),
            Client(server, "al") as al,
            Client(server, "bo") as bo,
        ):
            with closing(sqlite3.connect(path, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                al.type("on we go")
                bo.expect("al: on we go\r\n")
                bo.type("/last")
                bo.expect("al: on we go\r\n")
                other.execute("ROLLBACK")
            assert "cannot be written" in told.next()
            assert "written again" in told.next()


def test_the_file_is_not_closed_during_a_search(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    section = Section()

    class WatchedTurns(SearchTurns):
        def acquire(self, timeout: float = -1) -> bool:
            if self._is_taken:
                section.another_waits()
            return super().acquire(timeout)

    close, read = HistoryFile.close, FileReader.read

    def close_slowly(file: HistoryFile) -> None:
        section.visit()
        close(file)

    def read_slowly(reader: FileReader, *query: Any) -> Any:
        section.visit()
        return read(reader, *query)

    history = StoredHistory(path, never)
    history.append("lobby", [Say("al", "hi", 1.0)])
    monkeypatch.setattr(history, "_search_turns", WatchedTurns())
    monkeypatch.setattr(HistoryFile, "close", close_slowly)
    monkeypatch.setattr(FileReader, "read", read_slowly)

    def search() -> None:
        assert len(history.search("hi", 1)) <= 1

    enter_one_by_one(section, [search, history.close])


def test_all_that_is_written_is_written_with_the_right_to_write(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    had_it: dict[str, bool] = {}

    def look_at(name: str) -> None:
        write = getattr(rows, name)

        def look_and_write(*arguments: object) -> object:
            had_it[name] = database.WRITING.locked()
            return write(*arguments)

        monkeypatch.setattr(rows, name, look_and_write)

    names = ("write", "note_changes", "take_back", "forget")
    for name in names:
        look_at(name)
    with opened(path) as history:
        history.append("lobby", said(1, 5))
        history.set_topic("lobby", "lunch")
        take_back(history, "lobby", 4)
        history.forget(3.0)
    assert had_it == dict.fromkeys(names, True)
