"""Test what is remembered of people: in memory, in a file, and where the file fails."""

import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from tests.support.clock import Clock
from tests.support.files import link_or_skip, never
from tests.support.waiting import run_concurrently
from threadchat.access.bans import Ban, Target, parse_target
from threadchat.messages.kinds import Private, Say
from threadchat.storage import patientfile
from threadchat.storage import records as records_module
from threadchat.storage.database import WRITING
from threadchat.storage.faults import Unusable
from threadchat.storage.records import (
    MAX_FROM_ONE,
    MAX_MAIL,
    KeptMessage,
    Protected,
    Records,
    RecordsFailed,
    RecordsFull,
)
from threadchat.storage.sqlitehistory import StoredHistory


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """A history that a server has open."""
    path = tmp_path / "chat.db"
    with closing(StoredHistory(path, never)):
        yield path


@pytest.fixture
def lasting(path: Path, clock: Clock) -> Iterator[Records]:
    with closing(Records(path, clock)) as records:
        yield records


@pytest.fixture(params=["memory", "file"])
def records(request: pytest.FixtureRequest, clock: Clock, path: Path) -> Iterator[Records]:
    with closing(Records(path if request.param == "file" else None, clock)) as records:
        yield records


def letter(number: int, sender: str = "al", recipient: str = "bo") -> Private:
    return Private(sender, recipient, f"letter {number}", at=float(number))


def contents(letters: list[KeptMessage]) -> list[tuple[str, str, float]]:
    return [(one.message.sender, one.message.text, one.message.at) for one in letters]


class TestNames:
    def test_a_name_is_protected_in_any_case_until_it_is_not(self, records: Records) -> None:
        assert records.protected("Straße") is None
        records.protect("Straße", b"kept")
        assert records.protected("STRASSE") == Protected("Straße", b"kept", 1000.0)
        assert records.protected("strase") is None
        assert records.unprotect("strasse") is True
        assert records.protected("Straße") is None
        assert records.unprotect("strasse") is False

    def test_from_one_address_five_are_protected_and_any_number_without_one(
        self, records: Records
    ) -> None:
        for number in range(5):
            records.protect(f"al{number}", b"kept", "10.0.0.1")
            records.protect(f"op{number}", b"kept")
        with pytest.raises(RecordsFull, match="5 names are protected from your address already"):
            records.protect("al5", b"kept", "10.0.0.1")
        records.protect("al4", b"other", "10.0.0.1")  # that is no new one
        records.protect("al5", b"kept", "10.0.0.2")
        records.protect("op5", b"kept")
        records.unprotect("al0")
        records.protect("al6", b"kept", "10.0.0.1")

    def test_who_has_a_free_name_next_ignores_nobody_and_is_ignored_by_nobody(
        self, records: Records
    ) -> None:
        for name in ("al", "bo", "cy"):
            records.protect(name, b"kept")
        records.put_ignores([("al", "bo"), ("bo", "cy"), ("cy", "al")])
        records.unprotect("bo")
        records.protect("bo", b"another")
        assert not records.ignored_by("al")
        assert not records.ignored_by("bo")
        assert records.ignored_by("cy") == {"al"}

    def test_another_passphrase_takes_the_place_of_the_first(
        self, records: Records, clock: Clock
    ) -> None:
        records.protect("bo", b"first")
        records.keep(letter(1))
        clock.now += 1
        records.protect("Bo", b"second")
        assert records.protected("bo") == Protected("Bo", b"second", 1000.0)
        assert contents(records.waiting("bo")) == [("al", "letter 1", 1.0)]

    def test_what_is_kept_is_not_shown_by_accident(self) -> None:
        assert "kept" not in repr(Protected("bo", b"kept", 1.0))

    def test_a_lookalike_is_found_and_is_not_the_name_itself(self, records: Records) -> None:
        records.protect("paul", b"kept")
        for other in ("pau1", "pаul", "PAU1"):  # the second with a Cyrillic а
            assert records.lookalike(other) == "paul"
        for other in ("paul", "PAUL", "paula"):
            assert records.lookalike(other) is None

    def test_who_comes_in_does_not_wait_for_the_file(self, lasting: Records) -> None:
        lasting.protect("al", b"kept")
        statements: list[str] = []
        lasting._connection.set_trace_callback(statements.append)
        assert lasting.protected("bo") is None
        assert lasting.lookalike("bo") is None
        assert lasting.waiting("bo") == []
        assert statements == []

    def test_letters_are_looked_up_by_an_index(self, lasting: Records) -> None:
        lasting.protect("al", b"kept")
        statements: list[str] = []
        lasting._connection.set_trace_callback(statements.append)
        lasting.waiting("al")
        lasting._connection.set_trace_callback(None)
        (statement,) = statements
        plan = lasting._connection.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
        assert [row[3].split()[0] for row in plan] == ["SEARCH"]

    def test_of_several_that_look_alike_each_is_found(self, records: Records) -> None:
        records.protect("paul", b"kept")
        records.protect("pau1", b"kept")  # as when both were protected under older rules
        assert records.lookalike("paul") == "pau1"
        assert records.lookalike("pau1") == "paul"
        records.unprotect("paul")
        assert records.lookalike("pau1") is None
        assert records.lookalike("paul") == "pau1"
        records.unprotect("pau1")
        assert records.lookalike("paul") is None

    def test_likeness_is_judged_anew_when_opened(self, path: Path, lasting: Records) -> None:
        lasting.protect("paul", b"kept")
        lasting.protect("bo", b"kept")
        lasting._connection.execute("UPDATE names SET looks = 'of old' WHERE fold = 'paul'")
        with closing(Records(path)) as again:
            assert again.lookalike("pau1") == "paul"
            assert again.lookalike("b0") == "bo"

    def test_only_so_many(self, records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(records_module, "MAX_NAMES", 2)
        records.protect("al", b"kept")
        records.protect("bo", b"kept")
        with pytest.raises(RecordsFull, match="2 names are protected already"):
            records.protect("cy", b"kept")
        records.protect("bo", b"another")
        records.unprotect("al")
        records.protect("cy", b"kept")


class TestLetters:
    @pytest.fixture(autouse=True)
    def bo_is_protected(self, records: Records) -> None:
        records.protect("bo", b"kept")

    def test_which_were_shown_before_is_known(self, records: Records) -> None:
        records.protect("bo", b"kept")
        for number in (1, 2):
            records.keep(letter(number))
        records.note_shown(records.waiting("bo")[:1])
        assert [one.was_shown for one in records.waiting("bo")] == [True, False]

    def test_they_wait_in_their_order_until_handed_over(self, records: Records) -> None:
        assert records.keep(letter(2)) > 0
        assert records.keep(letter(1, "cy", "BO")) > 0
        waiting = records.waiting("Bo")
        assert contents(waiting) == [("al", "letter 2", 2.0), ("cy", "letter 1", 1.0)]
        assert waiting[0].message.line == "[al -> you] letter 2"
        assert records.waiting("Bo") == waiting
        records.keep(letter(3))
        records.handed_over(waiting)
        assert contents(records.waiting("bo")) == [("al", "letter 3", 3.0)]

    def test_what_comes_later_is_never_taken_for_what_is_gone(self, records: Records) -> None:
        records.keep(letter(1))
        before = records.waiting("bo")
        records.handed_over(before)
        records.keep(letter(2))
        records.handed_over(before)
        records.handed_over([])
        assert contents(records.waiting("bo")) == [("al", "letter 2", 2.0)]

    def test_the_writer_is_known_by_a_name_that_is_theirs(
        self, records: Records, clock: Clock
    ) -> None:
        records.protect("cy", b"kept")
        cy = records.protected("cy")
        assert records.keep(letter(1, "guest"), cy)
        assert records.keep(letter(2, "guest"))
        assert [it.writer for it in records.waiting("bo")] == [cy, None]
        records.unprotect("cy")
        clock.now += 1
        records.protect("cy", b"of somebody else")
        assert records.keep(letter(3, "guest"), cy)
        assert [it.writer for it in records.waiting("bo")] == [None] * 3

    def test_whatever_their_names_they_may_have_so_many_waiting(self, records: Records) -> None:
        records.protect("cy", b"kept")
        cy = records.protected("cy")
        for number in range(MAX_FROM_ONE):
            assert records.keep(letter(number, f"guest{number}"), cy)
        with pytest.raises(RecordsFull):
            records.keep(letter(0, "another"), cy)
        numbers = [it.id for it in records.waiting("bo")]
        with pytest.raises(RecordsFull):
            records.keep(letter(0, "another"), None, numbers)
        assert records.keep(letter(0, "another"))

    def test_everybody_has_their_own(self, records: Records) -> None:
        records.protect("cy", b"kept")
        records.keep(letter(1))
        records.keep(letter(2, recipient="cy"))
        records.handed_over(records.waiting("bo"))
        assert contents(records.waiting("cy")) == [("al", "letter 2", 2.0)]

    def test_none_is_kept_for_a_name_that_anybody_can_have(self, records: Records) -> None:
        assert records.keep(letter(1, recipient="ed")) == 0
        records.keep(letter(1))
        records.unprotect("bo")
        assert records.keep(letter(2)) == 0
        records.protect("bo", b"of somebody else")
        assert records.waiting("bo") == []

    def test_only_so_many_from_one(self, records: Records) -> None:
        for number in range(MAX_FROM_ONE):
            assert records.keep(letter(number))
        with pytest.raises(RecordsFull, match="20 messages from you wait for bo, and no more can"):
            records.keep(letter(1, "AL"))
        assert records.keep(letter(1, "cy"))
        records.handed_over(records.waiting("bo")[:1])
        assert records.keep(letter(20))

    def test_only_so_many_in_all(self, records: Records) -> None:
        for number in range(MAX_MAIL):
            assert records.keep(letter(number, f"al{number}"))
        with pytest.raises(RecordsFull, match="100 messages wait for bo, and no more can"):
            records.keep(letter(1, "cy"))
        assert len(records.waiting("bo")) == MAX_MAIL
        records.handed_over(records.waiting("bo"))
        assert records.keep(letter(1, "cy"))


class TestBans:
    @pytest.mark.parametrize(
        ("target", "host"),
        [
            ("10.0.0.0/8", "10.1.2.3"),
            ("10.0.0.0/8", "::ffff:10.1.2.3"),
            ("::ffff:10.0.0.0/104", "10.1.2.3"),
            ("10.1.2.3", "10.1.2.3"),
            ("fe80::/64", "fe80::1%eth0"),
            ("fd00::1", "[fd00::1]"),
        ],
    )
    def test_who_comes_from_a_network_is_found(
        self, records: Records, target: str, host: str
    ) -> None:
        ban = records.ban(parse_target(target), "op", "flooding")
        assert records.ban_of_address(host) == ban
        assert records.bans() == [ban]

    @pytest.mark.parametrize("host", ["11.0.0.1", "::1", "a00::1", "", "unix", "10.0.0.0/8"])
    def test_others_are_not(self, records: Records, host: str) -> None:
        records.ban(ip_network("10.0.0.0/8"), "op")
        records.ban("unix", "op")
        assert records.ban_of_address(host) is None

    def test_who_has_a_name_or_one_that_looks_like_it_is_found(self, records: Records) -> None:
        ban = records.ban("Il", "op")
        for name in ("Il", "iL", "11", "ll"):
            assert records.ban_of(name, "") == ban
        records.ban(ip_network("10.0.0.0/8"), "op")
        assert records.ban_of("al", "") is None

    def test_who_has_either_is_found(self, records: Records) -> None:
        assert records.ban_of("al", "10.0.0.1") is None
        of_name, of_network = (records.ban(it, "op") for it in ("al", ip_network("10.0.0.0/8")))
        assert records.ban_of("al", "11.0.0.1") == of_name
        assert records.ban_of("bo", "10.0.0.1") == of_network
        assert records.ban_of("al", "10.0.0.1") in (of_name, of_network)
        assert records.ban_of("bo", "11.0.0.1") is None

    def test_it_ends_by_itself(self, records: Records, clock: Clock) -> None:
        ban = records.ban("al", "op", "", 60)
        assert ban == Ban("al", "op", "", 1000.0, 1060.0)
        clock.now = 1059.9
        assert records.ban_of("al", "") == ban
        clock.now = 1060.0
        assert records.ban_of("al", "") is None
        assert records.bans() == []
        assert records.unban("al") is False

    @pytest.mark.parametrize("target", ["al", ip_network("10.0.0.0/8")])
    def test_it_can_be_taken_back(self, records: Records, target: Target) -> None:
        records.ban(target, "op")
        assert records.unban(ip_network("10.0.0.1/32")) is False
        assert records.unban(target) is True
        assert records.unban(target) is False
        assert records.bans() == []

    def test_a_new_one_takes_the_place_of_the_old(self, records: Records) -> None:
        records.ban("Al", "op", "first")
        other = records.ban("bo", "op")
        second = records.ban("AL", "op", "second", 60)
        assert records.bans() == [other, second]

    def test_of_several_the_longest_counts(self, records: Records) -> None:
        records.ban(ip_network("10.0.0.1/32"), "op", "", 60)
        longer = records.ban(ip_network("10.0.0.0/8"), "op", "", 600)
        records.ban(ip_network("10.0.0.0/24"), "op", "", 300)
        assert records.ban_of_address("10.0.0.1") == longer
        forever = records.ban(ip_network("0.0.0.0/0"), "op")
        assert records.ban_of_address("10.0.0.1") == forever

    def test_to_ask_for_one_asks_no_database(self, records: Records) -> None:
        ban = records.ban(ip_network("10.0.0.1/32"), "op")
        records.close()
        with records.lock:  # nor waits for anybody
            assert records.ban_of_address("10.0.0.1") == ban
            assert records.ban_of("al", "") is None
            assert records.bans() == [ban]


class TestLasting:
    def test_all_is_there_when_opened_again(self, path: Path, clock: Clock) -> None:
        with closing(Records(path, clock)) as records:
            assert records.is_lasting
            records.protect("Bo", b"kept")
            records.keep(letter(1))
            kept = [
                records.ban("Al", "op", "why", 3600),
                records.ban(ip_network("10.0.0.0/8"), "op"),
                records.ban(ip_network("fd00::1"), "op"),
            ]
            records.ban("cy", "op", "", 60)
            records.ban("ed", "op")
            records.unban("ED")
        clock.now += 60
        with closing(Records(path, clock)) as records:
            assert records.protected("bo") == Protected("Bo", b"kept", 1000.0)
            assert contents(records.waiting("bo")) == [("al", "letter 1", 1.0)]
            assert records.bans() == kept
            (rows,) = records._connection.execute("SELECT count(*) FROM bans").fetchone()
            assert rows == 3

    def test_it_is_committed_at_once(self, path: Path, lasting: Records) -> None:
        lasting.protect("bo", b"kept")
        lasting.keep(letter(1))
        lasting.ban("al", "op")
        with closing(sqlite3.connect(path)) as other:
            for table in ("names", "letters", "bans"):
                assert other.execute(f"SELECT count(*) FROM {table}").fetchone() == (1,)

    def test_in_memory_nothing_is(self) -> None:
        with closing(Records(None)) as records:
            assert not records.is_lasting
            records.ban("al", "op")
        with closing(Records(None)) as records:
            assert records.bans() == []

    def test_a_link_to_the_file_is_the_file(self, path: Path, lasting: Records) -> None:
        link = path.with_name("link.db")
        link_or_skip(link, path)
        lasting.protect("bo", b"kept")
        with closing(Records(link)) as records:
            assert records.protected("bo") is not None
        assert not list(path.parent.glob("link.db-*"))

    def test_a_file_that_holds_no_records_is_refused(self, tmp_path: Path) -> None:
        other = tmp_path / "diary"
        other.write_text("dear diary, " * 1000)
        with pytest.raises(Unusable, match="is not a history of threadchat"):
            Records(other)


Action = Callable[[Records], object]


class TestTrouble:
    @pytest.fixture(params=["read-only", "full", "locked"])
    def failing(
        self, request: pytest.FixtureRequest, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[Records]:
        """Records that cannot be written any more, with bo protected and al banned."""
        monkeypatch.setattr(patientfile, "BUSY_SECONDS", 0.01)
        with closing(Records(path)) as records, closing(sqlite3.connect(path)) as other:
            self.other = other
            records.protect("bo", b"kept")
            records.keep(letter(1))
            records.ban("al", "op")
            match request.param:
                case "read-only":
                    records._connection.execute("PRAGMA query_only = ON")
                case "full":
                    # It loses none of the records that it has.
                    records._connection.execute("PRAGMA max_page_count = 1")
                case "locked":
                    other.execute("BEGIN IMMEDIATE")
            yield records

    LONG = "x" * 100_000
    """More than fits into the pages that the file has."""

    @pytest.mark.parametrize(
        "action",
        [
            lambda records: records.protect("cy", TestTrouble.LONG.encode()),
            lambda records: records.keep(Private("al", "bo", TestTrouble.LONG)),
        ],
    )
    def test_what_cannot_be_kept_is_said(self, failing: Records, action: Action) -> None:
        with pytest.raises(RecordsFailed, match="nothing has changed") as caught:
            action(failing)
        assert "\n" not in f"{caught.value}{caught.value.why}"
        assert str(failing._path) in caught.value.why
        is_locked = "is locked" in caught.value.why
        way_out = "Another program has locked" if is_locked else "disk has room"
        assert way_out in caught.value.why
        assert failing.protected("cy") is None
        assert contents(failing.waiting("bo")) == [("al", "letter 1", 1.0)]

    def test_a_ban_holds_all_the_same(self, failing: Records) -> None:
        with pytest.raises(RecordsFailed, match=r"^10\.0\.0\.1 is banned until the server stops"):
            failing.ban(ip_network("10.0.0.1"), "op", self.LONG)
        assert failing.ban_of_address("10.0.0.1") is not None

    @pytest.mark.parametrize("failing", ["read-only", "locked"], indirect=True)
    def test_so_does_the_end_of_one(self, failing: Records) -> None:
        with pytest.raises(RecordsFailed, match=r"^al is let in, but banned again when"):
            failing.unban("al")
        assert failing.ban_of("al", "") is None

    @pytest.mark.parametrize("failing", ["read-only", "locked"], indirect=True)
    def test_what_was_handed_over_may_come_again(self, failing: Records) -> None:
        waiting = failing.waiting("bo")
        with pytest.raises(RecordsFailed, match="You will be shown those messages again"):
            failing.handed_over(waiting)
        with pytest.raises(RecordsFailed, match="nothing has changed"):
            failing.unprotect("bo")
        assert failing.waiting("bo") == waiting

    CHANGES: Sequence[Action] = (
        lambda records: records.protect("cy", b"kept"),
        lambda records: records.keep(letter(2)),
        lambda records: records.handed_over(records.waiting("bo")),
        lambda records: records.unprotect("bo"),
        lambda records: records.ban("dy", "op"),
        lambda records: records.unban("al"),
    )

    @pytest.mark.parametrize("change", CHANGES)
    @pytest.mark.parametrize("failing", ["locked"], indirect=True)
    def test_rooms_can_write_while_a_change_waits_for_another_program(
        self, failing: Records, change: Action, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(patientfile, "BUSY_SECONDS", 1e9)
        waits: list[float] = []

        def sleep(seconds: float) -> None:
            assert not WRITING.locked()
            waits.append(seconds)
            if len(waits) == 3:
                self.other.rollback()  # the other program is done

        failing._file.sleep = sleep
        change(failing)
        assert len(waits) == 3

    @pytest.mark.parametrize("failing", ["locked"], indirect=True)
    def test_after_one_change_has_waited_in_vain_the_next_ones_do_not(
        self, failing: Records, monkeypatch: pytest.MonkeyPatch, clock: Clock
    ) -> None:
        monkeypatch.setattr(patientfile, "BUSY_SECONDS", 2.0)
        waits: list[float] = []

        def sleep(seconds: float) -> None:
            waits.append(seconds)
            clock.now += 0.9

        failing._file.clock, failing._file.sleep = clock, sleep
        for _ in range(5):  # as many people may ask at once
            with pytest.raises(RecordsFailed):
                failing.protect("cy", b"kept")
        assert len(waits) == 3
        self.other.rollback()
        failing.protect("cy", b"kept")
        self.other.execute("BEGIN IMMEDIATE")
        with pytest.raises(RecordsFailed):
            failing.protect("cy", b"kept")
        assert len(waits) == 6

    def test_who_has_a_name_is_said_while_a_change_waits(
        self, lasting: Records, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class HeldLock:
            def __enter__(self) -> None:
                raise AssertionError("it would wait for another program")

            def __exit__(self, *_: object) -> None:
                pass

        lasting.protect("al", b"kept")
        with monkeypatch.context() as patched:
            patched.setattr(lasting, "lock", HeldLock())
            assert lasting.all_protected() == [lasting.protected("al")]
            assert lasting.bans() == []

    def test_what_cannot_be_read_is_said(self, lasting: Records) -> None:
        lasting.protect("al", b"kept")
        lasting._connection.execute("ALTER TABLE letters RENAME TO elsewhere")
        with pytest.raises(RecordsFailed, match="cannot be read just now"):
            lasting.waiting("al")

    def test_who_may_have_a_name_is_known_all_the_same(self, lasting: Records) -> None:
        lasting.protect("paul", b"kept")
        lasting._connection.execute("ALTER TABLE names RENAME TO elsewhere")
        protected = lasting.protected("Paul")
        assert protected is not None
        assert protected.kept == b"kept"
        assert lasting.lookalike("pau1") == "paul"
        assert lasting.lookalike("paul") is None

    def test_after_the_end(self, lasting: Records) -> None:
        lasting.close()
        lasting.close()
        with pytest.raises(RecordsFailed):
            lasting.protect("al", b"kept")
        assert lasting.protected("al") is None
        with pytest.raises(RecordsFailed):
            lasting.ban("al", "op")
        assert lasting.ban_of("al", "") is not None


class TestManyThreads:
    @pytest.fixture(autouse=True)
    def threads_take_turns_often(self) -> Iterator[None]:
        before = sys.getswitchinterval()
        sys.setswitchinterval(1e-5)
        yield
        sys.setswitchinterval(before)

    def test_the_history_is_not_held_up(self, tmp_path: Path) -> None:
        """Neither it nor the records find the file locked while both are written."""

        def talk(room: str) -> None:
            for number in range(60):
                history.append(room, [Say("al", f"number {number}", float(number))])

        def live(name: str) -> None:
            for number in range(12):
                records.protect(name, b"kept")
                assert records.keep(letter(number, recipient=name))
                records.handed_over(records.waiting(name))
                records.ban(name, "op")
                assert records.unban(name)

        path = tmp_path / "chat.db"
        with closing(StoredHistory(path, never)) as history, closing(Records(path)) as records:
            run_concurrently(
                [partial(talk, f"room{n}") for n in range(4)]
                + [partial(live, f"name{n}") for n in range(4)]
            )
            for n in range(4):
                assert len(history.recent(f"room{n}", 100)) == 60
                assert records.waiting(f"name{n}") == []
            assert records.bans() == []

    def test_no_letter_is_lost_or_too_many(self, records: Records) -> None:
        full: list[str] = []

        def write(sender: str) -> None:
            for number in range(15):
                try:
                    assert records.keep(letter(number, sender))
                except RecordsFull as error:
                    full.append(str(error))

        records.protect("bo", b"kept")
        run_concurrently([partial(write, f"al{n}") for n in range(10)])
        waiting = records.waiting("bo")
        assert len(waiting) == MAX_MAIL
        assert len(full) == 10 * 15 - MAX_MAIL
        for n in range(10):
            times = [one.message.at for one in waiting if one.message.sender == f"al{n}"]
            assert times == sorted(times)

    def test_no_ban_is_lost_and_none_seems_gone_meanwhile(
        self, path: Path, lasting: Records
    ) -> None:
        stays = lasting.ban(ip_network("192.168.0.0/16"), "op")
        done = threading.Event()

        def ban(number: int) -> None:
            for _ in range(10):
                lasting.ban(f"al{number}", "op")
                assert lasting.unban(f"al{number}")
            lasting.ban(f"al{number}", "op")

        def ban_all() -> None:
            try:
                run_concurrently([partial(ban, number) for number in range(8)])
            finally:
                done.set()

        def ask() -> None:
            while not done.is_set():
                assert lasting.ban_of_address("192.168.1.7") == stays

        run_concurrently([ban_all, ask, ask])
        names = {f"al{number}" for number in range(8)}
        with closing(Records(path)) as again:
            for records in (lasting, again):
                assert {ban.target for ban in records.bans()} == names | {stays.target}


class TestAtOnce:
    """Two threads use the records at once."""

    @pytest.mark.parametrize(
        "change", [lambda it: it.protect("bo", b"kept"), lambda it: it.unprotect("al")]
    )
    def test_who_reads_all_names_sees_no_change_in_between(
        self, unkept: Records, monkeypatch: pytest.MonkeyPatch, change: Action
    ) -> None:
        class NamesThatChange(dict[str, Protected]):
            def values(self) -> Any:
                change(unkept)
                return super().values()

        unkept.protect("al", b"kept")
        monkeypatch.setattr(unkept, "_names", NamesThatChange(unkept._names))
        assert [it.name for it in unkept.all_protected()] == ["al"]


class TestElsewhere:
    """What another server has kept, and what others are told."""

    @pytest.fixture
    def told(self, records: Records) -> list[tuple[str, ...]]:
        told: list[tuple[str, ...]] = []
        records.follower = lambda *it: told.append(it[:2])
        return told

    def test_who_follows_is_told_what_has_changed(
        self, records: Records, told: list[tuple[str, ...]]
    ) -> None:
        records.protect("Al", b"kept")
        records.protect("bo", b"kept")
        records.ignore([("Al", "Bo")])
        records.unignore([("al", "bo")])
        records.keep_names_had("AL", [("cy", 1.0, 2.0)])
        records.keep_names_had("al", [("cy", 1.0, 2.0)])  # nothing new
        records.unprotect("al")
        records.unprotect("al")
        assert told == [
            ("name", "al"),
            ("name", "bo"),
            ("ignore", "al bo"),
            ("ignore", "al bo"),
            ("had", "al"),
            ("name", "al"),
        ]

    def test_nobody_is_told_of_what_came_from_elsewhere(
        self, records: Records, told: list[tuple[str, ...]]
    ) -> None:
        one, other = Protected("Al", b"kept", 7.0, "10.0.0.1"), Protected("bo", b"kept", 8.0)
        assert records.put_name(one) is None
        assert records.put_name(other) is None
        assert records.all_protected() == [one, other]
        assert records.lookalike("a1") == "Al"
        records.put_ignores([("al", "bo")])
        assert records.ignored_by("al") == {"bo"}
        records.drop_ignores([("al", "bo")])
        assert not records.ignored_by("al")
        records.put_names_had("al", [("cy", 1.0, 2.0)])
        assert records.names_had("al") == (("cy", 1.0, 2.0),)
        assert records.drop_name("al")
        assert told == []

    def test_the_mail_of_one_owner_is_never_that_of_another(
        self, records: Records, told: list[tuple[str, ...]]
    ) -> None:
        records.put_name(before := Protected("bo", b"kept", 8.0))
        records.keep(letter(1))
        assert records.put_name(Protected("bo", b"other passphrase", 8.0)) is None
        assert len(records.waiting("bo")) == 1
        assert records.put_name(other := Protected("Bo", b"kept", 7.0)) == Protected(
            before.name, b"other passphrase", 8.0
        )
        assert records.protected("bo") == other
        assert records.waiting("bo") == []
