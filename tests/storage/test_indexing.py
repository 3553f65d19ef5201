"""Test that words come into the index while no room waits, and that nobody notices when."""

import random
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.clock import Clock
from tests.support.files import index_all, never, take_back, write_old_history
from tests.support.pace import BusyPace
from tests.support.waiting import run_concurrently, wait_until
from threadchat.messages.kinds import Say, Spoken
from threadchat.storage import copying, database, indexing, keeper, rows
from threadchat.storage.history import History
from threadchat.storage.indexing import (
    AT_ONCE,
    FAR_BEHIND,
    LINES_AT_ONCE,
    REST_SECONDS,
    RESTS,
    Indexer,
)
from threadchat.storage.keeper import Keeper
from threadchat.storage.migrations import VERSION
from threadchat.storage.sqlitehistory import StoredHistory
from threadchat.text.search import index_words

WORDS = [
    "tea",
    "Tee",
    "thé",
    "Straße",
    "чай",
    "ЧАЙ",
    "茶",
    "お茶",
    "half-time",
    "half time",
    "🍵",
    "a",
]


@pytest.fixture
def history(untended: StoredHistory) -> StoredHistory:
    """A history that takes no words into its index by itself, and of which little is said."""
    untended._file.batches.pace = BusyPace(is_busy=False)
    return untended


def talk(history: History, number: int, text: str = "tea") -> None:
    first = history.last_place("lobby").seq + 1
    history.append("lobby", [Say("al", text, float(at)) for at in range(first, first + number)])


def look(history: StoredHistory) -> None:
    history._file.indexer.look(lambda seconds: False)


def index(history: StoredHistory, lines: int) -> None:
    """Take so many lines into the index."""
    rows.index_some(history._file.indexer._connection, lines, 1 << 30)


def waiting(history: StoredHistory) -> int:
    return rows.count_not_indexed(history._searcher)


def found(history: History, words: str, number: int = 1000) -> list[int]:
    return [hit.message.seq for hit in history.search(words, number)]


def in_index(path: Path, word: str) -> list[int]:
    """Return the ids of the lines that the index has for a word; check that it is sound."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO words (words) VALUES ('integrity-check')")
        query = "SELECT rowid FROM words WHERE words MATCH ?"
        return [id for (id,) in connection.execute(query, (index_words(word),))]


def erase(history: StoredHistory) -> None:
    """Wait until what was deleted is erased."""
    wait_until(lambda: history._eraser._thread is None, "all is erased")


def test_a_room_does_not_write_the_index(history: StoredHistory, path: Path) -> None:
    statements: list[str] = []
    history._connection.set_trace_callback(statements.append)
    talk(history, 100)
    history._connection.set_trace_callback(None)
    assert not [it for it in statements if "words" in it]
    assert in_index(path, "tea") == []
    look(history)
    assert len(in_index(path, "tea")) == 100


@pytest.mark.parametrize("indexed", [0, 1, 40, 119, 120])
def test_a_search_finds_the_same_however_far_the_index_has_come(
    history: StoredHistory, indexed: int
) -> None:
    chance = random.Random(indexed)
    memory = History()
    for at in range(60):
        batch: list[Spoken] = [
            Say("al", " ".join(chance.choices(WORDS, k=3)), at + offset / 2) for offset in range(2)
        ]
        room = chance.choice(["lobby", "den"])
        memory.append(room, batch)
        history.append(room, batch)
    if indexed:
        index(history, indexed)
    assert waiting(history) == 120 - indexed
    for words in (*WORDS, "tea tee", "nowhere", "half"):
        for number in (1, 7, 1000):
            assert history.search(words, number) == memory.search(words, number)


def test_lines_that_come_into_the_index_meanwhile_are_found_once(
    history: StoredHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = type(history._reader).read

    def index_and_read(reader: object, *arguments: object) -> list[object]:
        talk(history, 1)
        index(history, 200)
        return read(reader, *arguments)  # type: ignore[arg-type]

    talk(history, 300)
    monkeypatch.setattr(type(history._reader), "read", index_and_read)
    # One was said before the first look, and the others behind it.
    assert found(history, "tea") == list(range(301, 0, -1))


@pytest.mark.parametrize("is_indexed", [False, True])
def test_a_line_that_was_taken_back_is_in_no_index(
    history: StoredHistory, path: Path, is_indexed: bool
) -> None:
    talk(history, 3, "tea чай")
    if is_indexed:
        look(history)
    assert take_back(history, "lobby", 2) is not None
    erase(history)
    look(history)
    assert in_index(path, "tea") == in_index(path, "чай") == [1, 3]
    assert found(history, "чай") == [3, 1]


@pytest.mark.parametrize("text", ["tea", "чай"])
def test_nor_is_one_that_is_taken_back_at_the_last_moment(
    history: StoredHistory, path: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing = database.WRITING

    class TakesBack:
        def __enter__(self) -> None:
            monkeypatch.setattr(database, "WRITING", writing)
            take_back(history, "lobby", 2)
            erase(history)  # which would write meanwhile

        def __exit__(self, *_: object) -> None:
            pass

    talk(history, 3, text)
    monkeypatch.setattr(database, "WRITING", TakesBack())
    look(history)
    assert database.WRITING is writing
    assert in_index(path, text) == [1, 3]


@pytest.mark.parametrize("indexed", [0, 5, 15, 20])
def test_what_was_forgotten_is_in_no_index(
    history: StoredHistory, path: Path, indexed: int
) -> None:
    talk(history, 20)
    if indexed:
        index(history, indexed)
    history.forget(11.0)
    erase(history)
    look(history)
    assert in_index(path, "tea") == list(range(11, 21))
    assert found(history, "tea") == list(range(20, 10, -1))


def test_what_is_said_after_all_was_forgotten_comes_into_the_index(
    history: StoredHistory, path: Path
) -> None:
    talk(history, 20)
    look(history)
    history.forget(1e9)
    erase(history)
    talk(history, 2, "more")
    assert found(history, "more") == [22, 21]
    look(history)
    assert len(in_index(path, "more")) == 2
    assert found(history, "more") == [22, 21]
    assert found(history, "tea") == []


def test_a_killed_server_goes_on_where_it_was(path: Path) -> None:
    program = (
        "import sys\n"
        "from threadchat.messages.kinds import Say\n"
        "from threadchat.storage import indexing, keeper, sqlitehistory\n"
        "keeper.INTERVAL = 0.0001\n"
        "indexing.LINES_AT_ONCE = 7\n"
        "history = sqlitehistory.StoredHistory(sys.argv[1], print)\n"
        "for at in range(10_000):\n"
        "    history.append('lobby', [Say('al', 'tea чай', float(at))] * 3)\n"
        "    print(at, flush=True)\n"
    )
    seen = 0
    for last in (300, 77, 500):
        with subprocess.Popen(
            [sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if int(line) == last:
                    process.kill()
            # What was printed behind that was remembered, too.
            seen += 3 * (int(line) + 1)
        with closing(StoredHistory(path, never)) as history:
            number = history.last_place("lobby").seq
            assert number >= seen
            everything = list(range(number, 0, -1))
            history._keeper.close()
            assert found(history, "чай", 9999) == everything
            index_all(history)
            assert found(history, "чай", 9999) == everything
            seen = number
        assert in_index(path, "tea") == in_index(path, "чай") == everything[::-1]


def test_while_people_talk_what_was_said_is_found_at_once(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "INTERVAL", 0.001)
    monkeypatch.setattr(indexing, "LINES_AT_ONCE", 5)
    with closing(StoredHistory(path, never)) as history:

        def talk_and_search(name: str) -> Callable[[], None]:
            def act() -> None:
                for at in range(60):
                    words = f"{name}{at}"
                    history.append(name, [Say(name, words, 1.0)])
                    assert [hit.message.text for hit in history.search(words, 9)] == [words]
                    if at % 3 == 0:
                        take_back(history, name, at + 1)
                        assert history.search(words, 9) == []

            return act

        run_concurrently([talk_and_search(name) for name in ("al", "bo", "cy")])
        index_all(history)
    assert in_index(path, "al3") == []
    assert len(in_index(path, "al4")) == 1


def test_the_thread_of_a_history_does_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "INTERVAL", 0.01)
    with closing(StoredHistory(path, never)) as history:
        talk(history, 1000)
        wait_until(lambda: waiting(history) == 0, "the index has all")


class Piece(Exception):
    """A piece was taken in."""


@pytest.mark.parametrize(("size", "expected"), [(1, 400), (1024, 32), (100_000, 1)])
def test_a_room_waits_for_one_piece_at_most(
    history: StoredHistory, size: int, expected: int
) -> None:
    def rest(seconds: float) -> bool:
        assert not database.WRITING.locked()
        raise Piece

    lines = 3 * expected
    talk(history, lines, "x" * size)
    for number in (1, 2):
        with pytest.raises(Piece):
            history._file.indexer.look(rest)
        assert waiting(history) == lines - number * expected


def test_it_rests_for_its_work_and_hurries_where_much_is_waiting(
    history: StoredHistory, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Clock()
    rests: list[float] = []
    lines_at_once: list[int] = []
    left = iter([FAR_BEHIND, FAR_BEHIND - 1, LINES_AT_ONCE + 1, 1])

    def take_some(_: object, lines: int, size: int) -> int:
        lines_at_once.append(lines)
        work.now += 0.01 if len(lines_at_once) < 3 else 0.0
        return next(left)

    def rest(seconds: float) -> bool:
        rests.append(seconds)
        return False

    monkeypatch.setattr(rows, "index_some", take_some)
    indexer = Indexer(
        history._searcher, path, history._file.batches, never, lambda: None, Clock(), work
    )
    assert not indexer.look(rest)
    assert lines_at_once == [LINES_AT_ONCE, AT_ONCE * LINES_AT_ONCE, LINES_AT_ONCE, LINES_AT_ONCE]
    assert rests == pytest.approx([RESTS * 0.01, 0.01, REST_SECONDS])


def test_lines_wait_while_much_is_said_but_never_too_many(
    history: StoredHistory, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "MAX_WAITING", 100)
    much = history._file.batches.pace = BusyPace()
    talk(history, 15)
    talk(history, 84)
    look(history)
    assert (waiting(history), history._file.batches.waiting) == (15, 84)
    assert len(found(history, "tea")) == 99
    talk(history, 1)
    look(history)
    assert waiting(history) == 0
    talk(history, 40)
    look(history)
    assert history._file.batches.waiting == 40
    much.is_busy = False
    look(history)
    assert (waiting(history), history._file.batches.waiting) == (0, 0)
    assert len(in_index(path, "tea")) == 140


def test_a_look_ends_where_much_is_said_meanwhile(
    history: StoredHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "LINES_AT_ONCE", 10)
    talk(history, 100)
    much = history._file.batches.pace
    assert isinstance(much, BusyPace)

    def rest(seconds: float) -> bool:
        much.is_busy = True
        return False

    assert not history._file.indexer.look(rest)
    assert waiting(history) == 90


def test_a_look_ends_in_time_and_at_a_stop(
    history: StoredHistory, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "LINES_AT_ONCE", 10)
    clock = Clock()

    def rest(seconds: float) -> bool:
        clock.now += indexing.LOOK_SECONDS / 3
        return False

    talk(history, 1000)
    indexer = Indexer(
        history._file.indexer._connection, path, history._file.batches, never, lambda: None, clock
    )
    assert indexer.look(rest)
    assert waiting(history) == 960
    assert indexer.look(lambda seconds: True)
    assert waiting(history) == 950


def test_where_it_fails_the_operator_is_told_once_and_when_it_works_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    with monkeypatch.context() as patched:
        patched.setattr(Keeper, "start", lambda _: True)
        history = StoredHistory(path, told.append)
    with closing(history):
        talk(history, 3)
        connection = history._file.indexer._connection
        connection.execute("PRAGMA query_only = ON")
        look(history)
        assert told == []  # it may have been another program, which is looked into
        for _ in range(2):
            look(history)
        assert len(told) == 1
        assert "words cannot be taken into the history's index (attempt to write" in told[0]
        assert found(history, "tea") == [3, 2, 1]
        connection.execute("PRAGMA query_only = OFF")
        for _ in range(2):
            look(history)
        assert told[1:] == ["words are taken into the history's index again"]


def test_a_program_that_has_the_file_locked_only_delays_it(
    history: StoredHistory, path: Path
) -> None:
    talk(history, 3)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for _ in range(3):
            look(history)
        assert waiting(history) == 3
    look(history)
    assert waiting(history) == 0


def test_a_copy_of_the_file_goes_on_where_it_was(
    history: StoredHistory, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk(history, 20)
    index(history, 10)
    copy = path.with_name("copy.db")
    with closing(sqlite3.connect(path)) as connection:
        copying.copy(connection, copy)
    with closing(StoredHistory(copy, never)) as another:
        assert found(another, "tea") == list(range(20, 0, -1))
        index_all(another)
    assert in_index(copy, "tea") == list(range(1, 21))


@pytest.mark.parametrize("version", range(1, VERSION))
def test_the_index_of_an_older_version_has_all_lines(path: Path, version: int) -> None:
    write_old_history(path, version)
    with closing(StoredHistory(path, never)) as history:
        assert waiting(history) == 0 or version > 1
        assert len(history.search("waves", 9)) == 1
        talk(history, 1, "waves")
        assert len(history.search("waves", 9)) == 2
        index_all(history)
        assert len(history.search("waves", 9)) == 2


@pytest.mark.parametrize("value", [2**63 - 1, -5, 7.5, "x", b"x"])
def test_a_number_that_is_none_does_not_keep_messages_out(path: Path, value: object) -> None:
    with closing(StoredHistory(path, never)) as history:
        talk(history, 3)
        index_all(history)
    with closing(sqlite3.connect(path)) as other:
        other.execute("UPDATE history SET indexed = ?", (value,))
        other.commit()
    with closing(StoredHistory(path, never)) as history:
        talk(history, 2)
        index_all(history)
        assert found(history, "tea") == [5, 4, 3, 2, 1]


def test_odd_values_from_another_program_do_not_hold_it_up(
    history: StoredHistory, path: Path
) -> None:
    talk(history, 8)
    odd = ["x'ff41'", "CAST(x'ff41' AS TEXT)", "5", "7.5", "x''", "'a' || char(0) || 'чай'"]
    with closing(sqlite3.connect(path)) as other:
        for seq, value in enumerate(odd, 2):
            other.execute(f"UPDATE messages SET text = {value} WHERE seq = {seq}")
        other.commit()
    look(history)
    assert waiting(history) == 0
    assert in_index(path, "tea") == [1, 8]
    for seq in range(2, 8):
        take_back(history, "lobby", seq)
    erase(history)
    for word in ("a", "5", "7", "чай"):
        assert in_index(path, word) == []


def test_a_log_that_is_too_short_is_looked_into_at_once(history: StoredHistory, path: Path) -> None:
    class CutShort:
        def execute(self, *_: object) -> None:
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorname = "SQLITE_IOERR_SHORT_READ"
            raise error

    doubts: list[int] = []
    told: list[str] = []
    file = history._file
    indexer = Indexer(
        CutShort(),  # type: ignore[arg-type]
        path,
        file.batches,
        told.append,
        lambda: doubts.append(len(told)),
    )
    for _ in range(3):
        assert indexer.look(lambda seconds: False) is False
    assert doubts == [0]
    assert len(told) == 1
    assert "words cannot be taken into the history's index (disk I/O error)" in told[0]
    assert file.indexer._doubt == file.contents.doubt
