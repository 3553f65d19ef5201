"""Test that a busy room writes by the batch, and that nobody can tell."""

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from math import inf, nan
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.files import never, take_back
from tests.support.pace import BusyPace
from threadchat.cli import backup, check, export
from threadchat.messages.codec import name_of
from threadchat.messages.kinds import Emote, Gap, Say, Spoken, TakenBack
from threadchat.messages.places import Place
from threadchat.storage import batches, database
from threadchat.storage.batches import LINES, Batches
from threadchat.storage.keeper import Keeper
from threadchat.storage.remembered import Kept
from threadchat.storage.rows import StoredRoom, Unwritten
from threadchat.storage.sqlitehistory import StoredHistory


def opened(path: Path, *, is_busy: bool = True) -> StoredHistory:
    """Return a history in which much is said, or which thinks so, and no thread moves anything."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Keeper, "start", lambda _: True)
        history = StoredHistory(path, never)
    history._file.batches.pace = BusyPace(is_busy)
    return history


@pytest.fixture
def history(path: Path) -> Iterator[StoredHistory]:
    with closing(opened(path)) as history:
        yield history


def lines(number: int, first: int = 1, name: str = "al") -> list[Spoken]:
    return [Say(name, f"line {at} ☕", float(at)) for at in range(first, first + number)]


def rows_in(path: Path, table: str) -> int:
    with closing(sqlite3.connect(path)) as other:
        (number,) = other.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(number)


def said_in(history: StoredHistory, room: str = "lobby") -> list[Spoken]:
    return history.recent(room, 1_000_000)


def test_promise_2_a_batch_is_committed_as_one_row_when_append_returns(
    history: StoredHistory, path: Path
) -> None:
    history.append("lobby", lines(100))
    assert (rows_in(path, "batches"), rows_in(path, "messages")) == (1, 0)
    history.append("lobby", lines(1, 101))  # behind it, and so it waits, too
    assert (rows_in(path, "batches"), rows_in(path, "messages")) == (2, 0)
    assert said_in(history) == lines(101)
    assert [it.seq for it in said_in(history)] == list(range(1, 102))


def test_few_lines_and_a_room_that_is_not_busy_write_by_the_line(path: Path) -> None:
    with closing(opened(path)) as history:
        history.append("lobby", lines(LINES - 1))
        history._file.batches.pace = BusyPace(is_busy=False)
        history.append("lobby", lines(500))
        assert (rows_in(path, "batches"), rows_in(path, "messages")) == (0, LINES + 499)


_TEXTS = st.text(max_size=5) | st.sampled_from(['"', "\\", "\n\x7f\x01", "\ud800", "\u2028é☕"])
_LINES = st.tuples(
    st.sampled_from([Say, Emote, TakenBack]),
    st.sampled_from(["al", "Zoë", 'b"o']),
    _TEXTS,
    st.floats().map(lambda it: it + 0.0) | st.sampled_from([1795692345.123456, inf, nan]),
)


@given(said=st.lists(_LINES, min_size=1, max_size=12))
def test_what_is_written_is_the_json_of_the_lines(
    said: list[tuple[type[Say | Emote | TakenBack], str, str, float]],
) -> None:
    room = StoredRoom("den", 1)
    kept: list[Kept] = [
        TakenBack(name, "", seq, seq + 3, at=at)
        if kind is TakenBack
        else Emote(name, text, at)
        if kind is Emote
        else Say(name, text, at)
        for seq, (kind, name, text, at) in enumerate(said, 7)
    ]
    first, last, taken, text = batches._columns([(room, seq, it) for seq, it in enumerate(kept, 7)])
    assert (first, last) == (7, 6 + len(said))
    assert taken == sum(isinstance(it, TakenBack) for it in kept)
    rows = [
        [it.at, name_of(it), it.name, it.text, it.after if isinstance(it, TakenBack) else None]
        for it in kept
    ]
    assert text == json.dumps(rows, ensure_ascii=False, separators=(",", ":"))


def test_one_commit_takes_the_lines_of_several_rooms(history: StoredHistory, path: Path) -> None:
    den, games = StoredRoom("den"), StoredRoom("games")
    said: list[Unwritten] = [(den, at, it) for at, it in enumerate(lines(20), 1)]
    said += [(games, at, it) for at, it in enumerate(lines(9, 100), 1)]
    said += [(den, at, it) for at, it in enumerate(lines(3, 200), 21)]
    history._file.batches.write(history._connection, said)
    assert rows_in(path, "batches") == 3
    assert {den.id, games.id} == {1, 2}
    history.close()
    with closing(opened(path)) as history:
        assert said_in(history, "den") == lines(20) + lines(3, 200)
        assert said_in(history, "games") == lines(9, 100)


def test_the_last_lines_are_read_where_they_are(history: StoredHistory, path: Path) -> None:
    history._file.batches.pace = BusyPace(is_busy=False)
    history.append("lobby", lines(10))
    history._file.batches.pace = BusyPace()
    for at in range(11, 1000, 33):
        history.append("lobby", lines(33, at))
        history.append("den", lines(1, at))
    epoch = history.last_place("lobby").epoch
    for number in (0, 1, 20, 33, 34, 989, 990, 991, 1000, 9999):
        first = max(1, 1001 - number)
        assert history.recent("lobby", number) == lines(1001 - first, first)
        assert history.since("lobby", Place(epoch, max(0, 1000 - number)), 9999) == lines(
            1001 - first, first
        )
    assert history.since("lobby", Place(epoch, 0), 5) == [Gap(995), *lines(5, 996)]
    assert len(history.recent("den", 99)) == 30
    assert (rows_in(path, "batches"), rows_in(path, "messages")) == (60, 10)


def test_a_line_that_waits_is_taken_back_wholly(history: StoredHistory, path: Path) -> None:
    history.append("lobby", lines(50))
    epoch = history.last_place("lobby").epoch
    taken_back = take_back(history, "lobby", 7)
    assert taken_back is not None
    assert (taken_back.name, taken_back.seq, taken_back.after) == ("al", 7, 50)
    assert take_back(history, "lobby", 7) is None
    assert len(history.search("line", 100)) == 49
    told = history.since("lobby", Place(epoch, 20), 1)
    assert told == [taken_back, Gap(29), *lines(1, 50)]
    assert history.since("lobby", Place(epoch, 5), 99) == [
        *lines(1, 6),
        taken_back,
        *lines(43, 8),
    ]
    history.close()
    with closing(opened(path)) as again:
        assert again.since("lobby", Place(epoch, 20), 1) == told
        again._file.batches.move(again._connection, 50)
        assert again.since("lobby", Place(epoch, 20), 1) == told
        assert take_back(again, "lobby", 7) is None
    for file in path.parent.iterdir():
        assert "line 7 ☕".encode() not in file.read_bytes()
        assert b"line 7 \\u" not in file.read_bytes()


def test_it_waits_no_more_than_so_many(
    history: StoredHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "MAX_WAITING", 100)
    for at in range(30):
        history.append("lobby", lines(20, 1 + 20 * at))
        assert history._file.batches.waiting <= 100
    assert said_in(history) == lines(600)


def test_what_is_forgotten_includes_what_waits(history: StoredHistory, path: Path) -> None:
    history.append("lobby", lines(50))
    history.forget(41.0)
    assert said_in(history) == lines(10, 41)
    assert history.last_place("lobby").seq == 50


def test_a_killed_server_has_lost_nothing(path: Path) -> None:
    program = (
        "import sys\n"
        "from tests.support.pace import BusyPace\n"
        "from threadchat.messages.kinds import Say\n"
        "from threadchat.storage import indexing, keeper, sqlitehistory\n"
        "keeper.INTERVAL = 0.0001\n"
        "history = sqlitehistory.StoredHistory(sys.argv[1], print)\n"
        "pace = history._file.batches.pace = BusyPace()\n"
        "for at in range(10_000):\n"
        "    pace.is_busy = at % 50 > 5\n"
        "    history.append('lobby', [Say('al', 'tea чай', float(at))] * (17 if at % 3 else 1))\n"
        "    print(history.last_place('lobby').seq, flush=True)\n"
    )
    for last in (300, 77, 500):
        with subprocess.Popen(
            [sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            for number, line in enumerate(process.stdout):
                seen = int(line)
                if number == last:
                    process.kill()
        with closing(opened(path)) as history:
            assert history.last_place("lobby").seq >= seen
            assert [it.seq for it in said_in(history)] == list(
                range(1, history.last_place("lobby").seq + 1)
            )


def test_a_copy_of_the_file_has_what_waits(history: StoredHistory, path: Path) -> None:
    history.append("lobby", lines(50))
    copy = path.with_name("copy.db")
    assert backup.main([str(path), str(copy)]) == 0
    with closing(opened(copy)) as copied:
        assert said_in(copied) == lines(50)


def test_a_file_that_is_removed_meanwhile_goes_on_with_all_lines(path: Path) -> None:
    told: list[str] = []
    history = opened(path)
    history._warn = told.append
    with closing(history):
        history.append("lobby", lines(50))
        shutil.move(path, path.with_name("moved"))
        history.look()
        assert "all that was said is in" in told[0]
        assert said_in(history) == lines(50)


def test_tools_that_only_read_show_what_waits(
    history: StoredHistory, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    history.append("lobby", [Say("al", "first", 1.0)])
    history.append("den", [Emote("bo", f"nods {at}", 2.0 + at) for at in range(20)])
    history.append("lobby", lines(20, 30))
    assert rows_in(path, "batches") == 2
    assert export.main([str(path), "--format", "jsonl"]) == 0
    shown = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [it["text"] for it in shown] == [
        "first",
        *(f"nods {at}" for at in range(20)),
        *(it.text for it in lines(20, 30)),
    ]
    assert [it["seq"] for it in shown if it["room"] == "lobby"] == list(range(1, 22))
    assert export.main([str(path), "--room", "den", "--since", "1970-01-01T00:00:21Z"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
    assert check.main([str(path)]) == 0
    assert "41 lines in 2 rooms" in capsys.readouterr().out
    assert backup.main([str(path), str(path.with_name("copy.db"))]) == 0
    assert "(41 lines)" in capsys.readouterr().out
    history.append("lobby", lines(20, 50))
    assert backup.main([str(path), str(path.with_name("copy.db"))]) == 0
    assert "(61 lines)" in capsys.readouterr().out


@pytest.mark.parametrize(
    "spoilt",
    [
        "",
        "no JSON",
        b"\xff\xfe",
        None,
        7,
        "{}",
        "[]",
        "[[1.0]]",
        json.dumps([[1.0, "say", "al", "x", None]] * 19),
        json.dumps([[1.0, "say", "al", "x"]] * 20),
        json.dumps([[1.0, "say", "al", "x", "y"]] * 20),
        json.dumps([[1.0, "say", "al", {}, None]] * 20)[:-1],
        json.dumps([["soon", "say", "al", "x", None]] * 20),
        '[[1.0, "say", "al", "\\ud800", null]' + ', [1.0, "say", "al", "x", null]' * 19 + "]",
        "[" * 100_000,
    ],
)
def test_promise_4_a_row_that_another_program_has_spoilt_is_a_hole(
    path: Path, spoilt: object, capsys: pytest.CaptureFixture[str]
) -> None:
    history = opened(path)
    history.append("lobby", lines(20))
    history.append("lobby", lines(20, 21))
    history._connection.execute("PRAGMA ignore_check_constraints = ON")
    if spoilt is None:
        spoilt = b""
    history._connection.execute("UPDATE batches SET lines = ? WHERE first = 21", (spoilt,))
    assert check.main([str(path)]) == 1
    assert "wrong: 20 lines of which nothing can be read\n" in capsys.readouterr().out
    assert export.main([str(path)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 20
    assert said_in(history) == lines(20)
    history._file.batches.move(history._connection, 40)
    history.append("lobby", lines(1, 41))
    place = history.last_place("lobby")
    assert place.seq == 41
    told = history.since("lobby", Place(place.epoch, 19), 99)
    assert told is not None
    assert [type(it).__name__ for it in told] == ["Say", "Gap", "Say"]
    history.close()
    with closing(opened(path)) as again:
        assert said_in(again) == lines(20) + lines(1, 41)
        assert again.last_place("lobby").seq == 41


def test_odd_numbers_in_a_row_do_no_harm(path: Path) -> None:
    with closing(opened(path)) as history:
        history.append("lobby", lines(20))
    with closing(sqlite3.connect(path)) as other:
        text = json.dumps([[1.0, "say", "al", "x", None]])
        for room, first, last in [
            (1, 5, 5),  # is there already
            (99, 1, 1),
            ("x", 1, 1),
            (1, 10, 3),
            (1, 2**62, 2**62),
            (1, -5, -5),
            (1, -5, 99),
            (1, "y", 1),
        ]:
            other.execute(
                "INSERT INTO batches (room, first, last, lines) VALUES (?, ?, ?, ?)",
                (room, first, last, text),
            )
        other.commit()
    with closing(opened(path)) as history:
        assert [it for it in said_in(history) if it.text != "x"] == lines(20)
        history.append("lobby", lines(30, 50))
        assert said_in(history)[-30:] == lines(30, 50)
        history.search("line", 100)
    assert check.main([str(path)]) == 1
    with closing(opened(path)) as history:
        history._file.batches.move(history._connection, 9999)
        assert said_in(history)[-30:] == lines(30, 50)
        assert rows_in(path, "batches") == 0


_ROOMS = st.sampled_from(["lobby", "den"])
_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("say"), _ROOMS, st.integers(1, 40)),
        st.tuples(st.just("busy"), st.booleans(), st.none()),
        st.tuples(st.just("move"), st.integers(1, 50), st.none()),
        st.tuples(st.just("take back"), _ROOMS, st.integers(1, 60)),
        st.tuples(st.just("recent"), _ROOMS, st.integers(0, 50)),
        st.tuples(st.just("since"), _ROOMS, st.integers(0, 60)),
        st.tuples(st.just("search"), st.none(), st.integers(1, 30)),
        st.tuples(st.just("open"), st.none(), st.none()),
    ),
    max_size=25,
)


@given(steps=_STEPS)
def test_nobody_can_tell_how_it_is_written(
    steps: list[tuple[str, object, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("both")
    ours, plain = opened(folder / "ours.db"), opened(folder / "plain.db", is_busy=False)
    at = 0
    try:
        for what, which, number in steps:
            both = ours, plain
            if what == "say":
                for history in both:
                    history.append(str(which), lines(number, at))
                at += number
            elif what == "busy":
                ours._file.batches.pace = BusyPace(bool(which))
            elif what == "move":
                with database.WRITING:
                    ours._file.batches.move(ours._connection, int(str(which)))
            elif what == "take back":
                assert _same(take_back(it, str(which), number) for it in both)
            elif what == "recent":
                assert _same(it.recent(str(which), number) for it in both)
            elif what == "since":
                assert _same(
                    it.since(str(which), Place(it.last_place(str(which)).epoch, number), 30)
                    for it in both
                )
            elif what == "search":
                assert _same(
                    [(hit.room, hit.message) for hit in it.search("line", number)] for it in both
                )
            else:
                for history in both:
                    history.close()
                ours = opened(folder / "ours.db")
                plain = opened(folder / "plain.db", is_busy=False)
        for room in ("lobby", "den"):
            assert _same((said_in(it, room), it.last_place(room).seq) for it in (ours, plain))
    finally:
        ours.close()
        plain.close()
        shutil.rmtree(folder)


def _same(results: Iterator[object]) -> bool:
    first, second = map(_without_epoch, results)
    return first == second


def _without_epoch(result: object) -> object:
    if isinstance(result, list):
        return [_without_epoch(it) for it in result]
    return replace(result, epoch="") if isinstance(result, TakenBack) else result


def test_a_writer_that_fails_has_written_nothing(history: StoredHistory, path: Path) -> None:
    room = StoredRoom("den")
    said: list[Unwritten] = [(room, at, it) for at, it in enumerate(lines(20), 1)]
    writes = Batches(BusyPace())
    history._connection.execute("PRAGMA query_only = ON")
    with pytest.raises(sqlite3.OperationalError):
        writes.write(history._connection, said)
    history._connection.execute("PRAGMA query_only = OFF")
    assert (writes.waiting, room.id, rows_in(path, "batches")) == (0, 0, 0)
