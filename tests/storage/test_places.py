"""Test the places that a history gives, what came since a place, and lines that are taken back."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from tests.support.files import take_back
from threadchat.messages.kinds import Emote, Gap, Recalled, Say, Spoken, TakenBack
from threadchat.messages.places import Place
from threadchat.storage import sqlitehistory
from threadchat.storage.history import CannotTakeBack, History
from threadchat.storage.sqlitehistory import StoredHistory


def ignore(words: str) -> None:
    pass


def said(first: int, last: int) -> list[Spoken]:
    return [Say("al", f"number {number}", float(number)) for number in range(first, last + 1)]


def places(messages: list[Recalled] | list[Spoken] | None) -> list[int]:
    """Return the numbers of the lines, and of a gap how many are missing, less than zero."""
    assert messages is not None
    return [-it.missing if isinstance(it, Gap) else it.seq for it in messages]


def is_writable(history: StoredHistory, is_on: bool) -> None:
    with history._lock:
        history._connection.execute(f"PRAGMA query_only = {'OFF' if is_on else 'ON'}")


@pytest.fixture(params=["memory", "file", "unwritten"])
def history(request: pytest.FixtureRequest, path: Path) -> Iterator[History]:
    if request.param == "memory":
        yield History()
        return
    with closing(StoredHistory(path, ignore)) as history:
        if request.param == "unwritten":
            is_writable(history, False)
            history.append("elsewhere", [Say("al", "x", 0.0)])
        yield history


class TestPlaces:
    def test_that_the_last_line_was_taken_back_is_told_to_one_that_saw_it(
        self, history: History
    ) -> None:
        history.append("lobby", said(1, 3))
        place = history.last_place("lobby")
        taken_back = take_back(history, "lobby", 3)
        assert taken_back is not None
        assert history.since("lobby", place, 9) == [taken_back]

    def test_the_numbers_of_a_room_are_consecutive(self, history: History) -> None:
        batch = said(1, 3)
        history.append("lobby", batch)
        history.append("Den", said(1, 2))
        history.append("LOBBY", more := [Emote("al", "waves", 4.0)])
        assert [it.seq for it in batch] == [1, 2, 3]
        assert more[0].seq == 4
        assert {it.epoch for it in [*batch, *more]} == {history.last_place("lobby").epoch}
        assert history.last_place("lobby").seq == 4
        assert history.last_place("den").seq == 2
        assert history.last_place("none").seq == 0

    def test_they_come_back_with_the_lines(self, history: History) -> None:
        history.append("lobby", said(1, 5))
        assert places(history.recent("lobby", 2)) == [4, 5]
        (found,) = history.search("3", 1)
        assert found.message.seq == 3

    @pytest.mark.parametrize(
        ("seq", "limit", "expected"),
        [
            (0, 9, [1, 2, 3, 4, 5]),
            (3, 9, [4, 5]),
            (5, 9, []),
            (0, 2, [-3, 4, 5]),
            (3, 1, [-1, 5]),
            (3, 0, [-2]),
        ],
    )
    def test_what_came_since_a_place(
        self, history: History, seq: int, limit: int, expected: list[int]
    ) -> None:
        history.append("lobby", said(1, 5))
        epoch = history.last_place("lobby").epoch
        assert places(history.since("lobby", Place(epoch, seq), limit)) == expected

    def test_another_epoch_or_a_number_to_come_is_a_new_beginning(self, history: History) -> None:
        history.append("lobby", said(1, 5))
        epoch = history.last_place("lobby").epoch
        assert history.since("lobby", Place("ab", 3), 9) is None
        assert history.since("lobby", Place(epoch, 6), 9) is None
        assert history.since("none", Place("ab", 0), 9) is None

    def test_from_before_the_first_line_nothing_is_missed(self, history: History) -> None:
        beginning = history.last_place("lobby")
        assert history.since("lobby", beginning, 9) == []
        history.append("lobby", said(1, 2))
        assert history.since("lobby", beginning, 9) == said(1, 2)


class TestMemory:
    def test_what_is_remembered_no_more_is_a_gap(self) -> None:
        history = History(limit=2)
        history.append("lobby", said(1, 5))
        epoch, _ = history.last_place("lobby")
        assert places(history.since("lobby", Place(epoch, 1), 9)) == [-2, 4, 5]

    def test_another_start_is_another_epoch(self) -> None:
        assert History().last_place("lobby").epoch != History().last_place("lobby").epoch

    def test_a_room_that_was_forgotten_begins_a_new_epoch(self) -> None:
        history = History(max_rooms=1)
        history.append("lobby", said(1, 3))
        before = history.last_place("lobby")
        history.append("den", said(1, 1))
        assert history.since("lobby", before, 9) is None
        assert history.last_place("lobby").epoch != before.epoch
        history.append("lobby", said(4, 4))
        assert history.since("lobby", before, 9) is None
        assert history.last_place("lobby").epoch != before.epoch


class TestFile:
    def test_numbers_go_on_after_a_restart(self, path: Path) -> None:
        with closing(StoredHistory(path, ignore)) as history:
            history.append("lobby", said(1, 3))
            before = history.last_place("lobby")
        with closing(StoredHistory(path, ignore)) as history:
            assert history.last_place("lobby") == before
            history.append("lobby", said(4, 5))
            assert places(history.since("lobby", Place(before.epoch, 2), 9)) == [3, 4, 5]

    def test_promise_2_kill_9_neither_changes_nor_repeats_a_number(self, path: Path) -> None:
        program = (
            "import sys, itertools\n"
            "from threadchat.messages.kinds import Say\n"
            "from threadchat.storage.sqlitehistory import StoredHistory\n"
            "history = StoredHistory(sys.argv[1], print)\n"
            "for number in itertools.count():\n"
            "    said = Say('al', str(number), 1.0)\n"
            "    history.append('lobby', [said])\n"
            "    print(said.epoch, said.seq, said.text, flush=True)\n"
        )
        seen: dict[tuple[str, str], str] = {}
        for _ in range(3):
            with subprocess.Popen(
                [sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True
            ) as process:
                assert process.stdout is not None
                for _ in range(20):
                    epoch, seq, text = process.stdout.readline().split()
                    assert (epoch, seq) not in seen
                    seen[epoch, seq] = text
                process.kill()
                for line in process.stdout.read().splitlines()[:-1]:
                    epoch, seq, text = line.split()
                    seen[epoch, seq] = text
        with closing(StoredHistory(path, ignore)) as history:
            kept = {(it.epoch, str(it.seq)): it.text for it in history.recent("lobby", 10**6)}
        assert seen.items() <= kept.items()

    def test_what_cannot_be_written_has_an_epoch_of_its_own_until_it_is(self, path: Path) -> None:
        with closing(StoredHistory(path, ignore, retry_seconds=3600)) as history:
            history.append("lobby", first := said(1, 2))
            is_writable(history, False)
            history.append("lobby", apart := said(3, 4))
            assert [it.seq for it in apart] == [3, 4]
            assert apart[0].epoch == apart[1].epoch != first[0].epoch
            assert history.since("lobby", Place(first[0].epoch, 1), 9) == said(2, 4)
            is_writable(history, True)
            with history._lock:
                assert history._write_all()
                history._retrier = None
            # Whoever has seen lines of that epoch goes on behind them.
            history.append("lobby", after := said(5, 5))
            assert after[0].epoch == first[0].epoch
            read = (history.since("lobby", Place(apart[0].epoch, 4), 9) or said(0, 0))[0]
            assert isinstance(read, Say)
            assert (read.epoch, read.seq, read.text) == (first[0].epoch, 5, "number 5")
        with closing(StoredHistory(path, ignore)) as history:
            assert places(history.recent("lobby", 9)) == [1, 2, 3, 4, 5]
            assert history.since("lobby", Place(apart[0].epoch, 4), 9) is None

    def test_what_was_never_written_leaves_its_numbers_to_others_of_another_epoch(
        self, path: Path
    ) -> None:
        with closing(StoredHistory(path, ignore)) as history:
            history.append("lobby", first := said(1, 2))
            is_writable(history, False)
            history.append("lobby", apart := said(3, 4))
        with closing(StoredHistory(path, ignore)) as history:
            history.append("lobby", after := said(5, 5))
            assert (after[0].epoch, after[0].seq) == (first[0].epoch, 3)
            assert history.since("lobby", Place(apart[0].epoch, 3), 9) is None

    def test_what_had_to_be_dropped_is_a_gap_after_a_restart_as_well(self, path: Path) -> None:
        with closing(StoredHistory(path, ignore, limit=2, retry_seconds=3600)) as history:
            history.append("lobby", said(1, 2))
            is_writable(history, False)
            history.append("den", said(1, 3))
            history.append("lobby", said(3, 7))
            epoch, _ = history.last_place("lobby")
            assert places(history.since("lobby", Place(epoch, 1), 9)) == [2, -3, 6, 7]
            is_writable(history, True)
            with history._lock:
                assert history._write_all()
                history._retrier = None
            epoch, _ = history.last_place("lobby")
            assert places(history.since("lobby", Place(epoch, 1), 9)) == [2, -3, 6, 7]
        with closing(StoredHistory(path, ignore)) as history:
            assert places(history.since("lobby", Place(epoch, 1), 9)) == [2, -3, 6, 7]
            assert places(history.since("den", Place(epoch, 0), 9)) == [-3]
            history.append("den", said(4, 4))
            assert places(history.since("den", Place(epoch, 0), 9)) == [-3, 4]

    def test_what_cannot_be_stored_has_no_place_and_leaves_a_gap(self, path: Path) -> None:
        with closing(StoredHistory(path, ignore)) as history:
            bad = Say("al", "\ud800", 1.0)
            with pytest.raises(UnicodeEncodeError):
                history.append("lobby", [bad])
            assert (bad.epoch, bad.seq) == ("", 0)
            history.append("lobby", said(2, 2))
            epoch, _ = history.last_place("lobby")
            assert places(history.since("lobby", Place(epoch, 0), 9)) == [-1, 2]


class TestTakingBack:
    def test_the_text_is_gone_and_the_place_stays(self, history: History) -> None:
        history.append("lobby", said(1, 3))
        epoch, _ = history.last_place("lobby")
        taken_back = take_back(history, "LOBBY", 2)
        assert taken_back == TakenBack("al", epoch, 2, 3)
        assert taken_back.at == 2.0
        assert history.recent("lobby", 9) == [*said(1, 1), *said(3, 3)]
        assert history.recent("lobby", 2) == [*said(1, 1), *said(3, 3)]
        assert [found.message.seq for found in history.search("number", 9)] == [3, 1]
        assert history.search("2", 9) == []
        assert places(history.since("lobby", Place(epoch, 0), 9)) == [1, 2, 3]
        history.append("lobby", said(4, 4))
        assert history.last_place("lobby").seq == 4

    @pytest.mark.parametrize(("room", "seq"), [("lobby", 0), ("lobby", 4), ("lobby", -1), ("x", 1)])
    def test_a_line_that_is_not_there(self, history: History, room: str, seq: int) -> None:
        history.append("lobby", said(1, 3))
        assert take_back(history, room, seq) is None
        assert history.recent("lobby", 9) == said(1, 3)

    def test_only_once(self, history: History) -> None:
        history.append("lobby", said(1, 3))
        assert take_back(history, "lobby", 2) is not None
        assert take_back(history, "lobby", 2) is None

    def test_whoever_saw_the_line_and_was_away_then_is_told(self, history: History) -> None:
        history.append("lobby", said(1, 3))
        epoch, _ = history.last_place("lobby")
        take_back(history, "lobby", 2)
        history.append("lobby", said(4, 4))
        told = history.since("lobby", Place(epoch, 3), 9)
        assert told == [TakenBack("al", epoch, 2, 3), *said(4, 4)]
        assert history.since("lobby", Place(epoch, 4), 9) == []

    def test_it_lasts_over_a_restart(self, path: Path) -> None:
        with closing(StoredHistory(path, ignore)) as history:
            history.append("lobby", said(1, 3))
            take_back(history, "lobby", 2)
            epoch, _ = history.last_place("lobby")
        with closing(StoredHistory(path, ignore)) as history:
            assert history.recent("lobby", 9) == [*said(1, 1), *said(3, 3)]
            assert history.since("lobby", Place(epoch, 3), 9) == [TakenBack("al", epoch, 2, 3)]

    def test_a_line_that_waits_is_written_without_its_text(self, path: Path) -> None:
        with closing(StoredHistory(path, ignore, retry_seconds=3600)) as history:
            is_writable(history, False)
            history.append("lobby", said(1, 3))
            assert take_back(history, "lobby", 2) is not None
            is_writable(history, True)
        with closing(StoredHistory(path, ignore)) as history:
            epoch, _ = history.last_place("lobby")
            assert history.since("lobby", Place(epoch, 1), 9) == [
                TakenBack("al", epoch, 2, 3),
                *said(3, 3),
            ]
            assert history.search("2", 9) == []

    def test_while_the_file_cannot_be_written_nothing_of_it_is_taken_back(self, path: Path) -> None:
        told: list[str] = []
        with closing(StoredHistory(path, told.append)) as history:
            history.append("lobby", said(1, 3))
            is_writable(history, False)
            with pytest.raises(CannotTakeBack, match="Try again in a while"):
                take_back(history, "lobby", 2)
            assert len(told) == 1
            assert "cannot be taken back" in told[0]
            assert history.recent("lobby", 9) == said(1, 3)


class TestForgetting:
    def test_what_is_older_is_forgotten_and_the_numbers_go_on(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sqlitehistory, "_LINES_AT_ONCE", 2)
        stored = StoredHistory(path, ignore)
        with closing(stored):
            for history in (History(), stored):
                history.append("lobby", said(1, 9))
                history.append("den", said(1, 2))
                take_back(history, "lobby", 3)
                history.forget(8.0)
                epoch, _ = history.last_place("lobby")
                assert history.recent("lobby", 99) == said(8, 9)
                assert history.recent("den", 99) == []
                assert history.search("4", 9) == []
                assert places(history.since("lobby", Place(epoch, 3), 9)) in (
                    [-4, 8, 9],
                    [3, -4, 8, 9],  # in memory it is still known that one was taken back
                )
                assert history.last_place("den").seq == 2
        with closing(StoredHistory(path, ignore)) as history:
            assert history.last_place("den").seq == 2
            history.append("den", said(3, 3))
            assert places(history.since("den", Place(epoch, 0), 9)) == [-2, 3]

    def test_a_line_with_a_wrong_time_holds_up_no_other(self, path: Path) -> None:
        with closing(StoredHistory(path, ignore)) as history:
            history.append("lobby", [Say("al", "from the future", 1e12), *said(1, 3)])
            history.forget(10.0)
            assert [it.text for it in history.recent("lobby", 9)] == ["from the future"]

    def test_a_room_waits_for_a_few_lines_only(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sqlitehistory, "_LINES_AT_ONCE", 2)
        with closing(StoredHistory(path, ignore)) as history:
            history.append("lobby", said(1, 9))
            statements: list[str] = []
            history._connection.set_trace_callback(statements.append)
            history.forget(8.0)
            history._connection.set_trace_callback(None)
            assert statements.count("COMMIT") == 4

    def test_closed_it_does_nothing(self, path: Path) -> None:
        history = StoredHistory(path, ignore)
        history.append("lobby", said(1, 3))
        history.close()
        history.forget(8.0)
        assert take_back(history, "lobby", 1) is None
        with closing(StoredHistory(path, ignore)) as history:
            assert history.recent("lobby", 9) == said(1, 3)


class AnyOrderOfEvents(RuleBasedStateMachine):
    """Words, failures of the file, losses, restarts, lines taken back, members that come back.

    The line with the number n is `lines[n - 1]`. A member has seen all up to its place.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.said = 0
        self.lines: list[str] = []
        self.taken: dict[int, int] = {}  # each number with the last one at that time
        self.seen: dict[Place, str] = {}
        self.members = {"live": Place("", 0), "away": Place("", 0)}
        self.open()

    def open(self) -> None:
        self.history = StoredHistory(self.path, ignore, limit=5, retry_seconds=3600)
        self.epochs = {self.history._epoch}

    @rule(number=st.integers(1, 4), room=st.sampled_from(["lobby", "lobby", "den"]))
    def say(self, number: int, room: str) -> None:
        batch: list[Spoken] = []
        for _ in range(number):
            self.said += 1
            batch.append(Say("al", f"w{self.said}", float(self.said)))
        self.history.append(room, batch)
        if room == "lobby":
            for it in batch:
                place = Place(it.epoch, it.seq)
                assert place not in self.seen, "a number was given twice"
                self.seen[place] = it.text
                self.lines.append(it.text)
                assert it.seq == len(self.lines)
            self.epochs.add(place.epoch)
            self.members["live"] = place

    @rule(limit=st.integers(1, 40))
    def come_back(self, limit: int) -> None:
        place = self.members["away"]
        told = self.history.since("lobby", place, limit)
        assert (told is None) == (place.epoch not in self.epochs)
        if told is not None:
            before = [it for it in told if isinstance(it, TakenBack) and it.seq <= place.seq]
            # One that was lost while the file could not be written is not told of any more.
            kept = self.history.since("lobby", Place(place.epoch, 0), 10**6) or ()
            assert {it.seq for it in before} == {
                it.seq
                for it in kept
                if isinstance(it, TakenBack) and it.seq <= place.seq <= self.taken[it.seq]
            }
            seq = place.seq
            for it in told[len(before) :]:
                if isinstance(it, Gap):
                    seq += it.missing
                    continue
                seq += 1
                assert it.seq == seq
                assert isinstance(it, TakenBack) == (seq in self.taken)
                assert isinstance(it, TakenBack) or it.text == self.lines[seq - 1]
            assert seq == len(self.lines)
        self.members["away"] = self.members["live"]

    @rule(back=st.integers(0, 8))
    def take_back(self, back: int) -> None:
        seq = len(self.lines) - back
        with suppress(CannotTakeBack):
            if take_back(self.history, "lobby", seq) is not None:
                self.taken[seq] = len(self.lines)

    @rule()
    def fail(self) -> None:
        is_writable(self.history, False)

    @rule()
    def recover(self) -> None:
        is_writable(self.history, True)
        with self.history._lock:
            assert self.history._write_all()
            self.history._retrier = None

    @rule()
    def restart(self) -> None:
        self.history.close()
        self.open()
        epoch, last = self.history.last_place("lobby")
        # What was not written is gone, and with it the epoch in which it was shown.
        del self.lines[last:]
        self.taken = {
            seq: after for seq, after in self.taken.items() if seq <= last and after <= last
        }
        kept = {it.seq: it.text for it in self.history.recent("lobby", 10**6)}
        for place, text in self.seen.items():
            if place.epoch == epoch and place.seq not in self.taken:
                assert kept[place.seq] == text, "a number that was seen has another line"

    def teardown(self) -> None:
        self.history.close()


@pytest.mark.hypothesis
def test_promises_1_and_2_hold_in_any_order_of_events(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    class InAFile(AnyOrderOfEvents):
        def __init__(self) -> None:
            super().__init__(tmp_path_factory.mktemp("any") / "chat.db")

    run_state_machine_as_test(
        InAFile,
        settings=settings(stateful_step_count=30, deadline=None),
    )


def test_a_file_that_was_put_back_from_a_copy_is_still_sound(path: Path) -> None:
    with closing(StoredHistory(path, ignore)) as history:
        history.append("lobby", said(1, 3))
        with closing(sqlite3.connect(path.with_name("copy.db"))) as copy:
            history._connection.backup(copy)
        history.append("lobby", said(4, 5))
        last = history.last_place("lobby")
    with closing(StoredHistory(path.with_name("copy.db"), ignore)) as history:
        assert history.since("lobby", last, 9) is None
