"""What one client sends, as chunks and pieces, and how often."""

import errno
import weakref
from collections.abc import Callable
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.clock import Clock
from threadchat.handlers.intake import (
    CHUNK_SECONDS,
    LONG_CHUNK_SECONDS,
    MAX_CHUNK,
    MAX_PASTE,
    MAX_PIECE_BYTES,
    MAX_PIECE_COST,
    MAX_RECORDS,
    PIECE,
    RECEIVE_SIZE,
    WAITING_SIZE,
    Intake,
)
from threadchat.net.transport import Transport


class Script:
    """A transport on which each of some chunks has arrived already."""

    def __init__(self, clock: Clock, *chunks: bytes) -> None:
        self.chunks = list(chunks)
        self.pauses: list[float] = []
        self.is_broken = False
        self._clock = clock

    def receive(self, size: int) -> bytes:
        if self.is_broken:
            raise ConnectionResetError(errno.ECONNRESET, "reset")
        if not self.chunks:
            return b""
        data, self.chunks[0] = self.chunks[0][:size], self.chunks[0][size:]
        if not self.chunks[0]:
            del self.chunks[0]
        return data

    receive_now = receive

    def has_input(self) -> bool:
        return bool(self.chunks) or self.is_broken

    def pause(self, seconds: float) -> bool:
        self.pauses.append(seconds)
        self._clock.now += seconds
        return True


def make(clock: Clock, *chunks: bytes) -> tuple[Intake, Script]:
    script = Script(clock, *chunks)
    return Intake(cast(Transport, script), clock), script


def read_chunk(intake: Intake) -> list[bytes]:
    """Return a chunk of keys in pieces."""
    pieces = []
    while data := intake.receive(are_keys=True):
        pieces.append(intake.first_piece(data))
        if not intake.has_rest:
            break
    assert intake.is_time_to_draw()
    return pieces


def test_lines_are_taken_as_they_come(clock: Clock) -> None:
    intake, script = make(clock, b"x" * RECEIVE_SIZE, b"hi\n")
    assert intake.receive(are_keys=False) == b"x" * WAITING_SIZE
    assert intake.receive_now() == b"x" * (RECEIVE_SIZE - WAITING_SIZE)
    assert intake.receive(are_keys=False) == b"hi\n"
    assert intake.receive(are_keys=False) == b""
    assert script.pauses == []
    assert intake.bytes_received == RECEIVE_SIZE + 3


def test_keys_that_have_come_make_one_chunk(clock: Clock) -> None:
    intake, _ = make(clock, b"a", b"b", b"c")
    assert read_chunk(intake) == [b"abc"]


def test_a_chunk_is_bounded(clock: Clock) -> None:
    intake, _ = make(clock, b"x" * 3 * MAX_CHUNK)
    assert MAX_CHUNK <= len(b"".join(read_chunk(intake))) < MAX_CHUNK + RECEIVE_SIZE


def test_a_chunk_that_ends_in_half_a_key_goes_on(clock: Clock) -> None:
    intake, _ = make(clock, b"\t" * 3 * MAX_PASTE)
    assert MAX_PASTE <= len(b"".join(read_chunk(intake))) < MAX_PASTE + RECEIVE_SIZE


def test_a_chunk_has_so_many_records_at_most(clock: Clock) -> None:
    intake, _ = make(clock, *[b"x"] * 500)
    assert read_chunk(intake) == [b"x" * (MAX_RECORDS + 1)]


def test_chunks_of_keys_come_so_often_at_most(clock: Clock) -> None:
    intake, script = make(clock, *[b"x" * MAX_PASTE] * 3)
    read_chunk(intake)
    assert script.pauses == []
    clock.now += 0.01
    read_chunk(intake)
    assert script.pauses == [pytest.approx(CHUNK_SECONDS - 0.01)]
    clock.now += CHUNK_SECONDS
    read_chunk(intake)
    assert len(script.pauses) == 1


def test_the_time_of_a_wait_does_not_part_keys(clock: Clock) -> None:
    intake, _ = make(clock, b"a" * MAX_PASTE, b"b")
    read_chunk(intake)
    before = intake.key_time

    def wait(seconds: float) -> bool:
        clock.now += seconds
        return False

    assert not intake.wait(wait, 5.0)
    read_chunk(intake)
    assert intake.key_time == pytest.approx(before)
    clock.now += 2.0
    intake.receive(are_keys=True)
    while intake.has_rest or intake.receive(are_keys=True):
        pass
    assert intake.key_time > before


def test_a_chunk_comes_in_pieces_and_is_not_overtaken(clock: Clock) -> None:
    intake, script = make(clock, b"\x10" * 40)
    assert intake.first_piece(intake.receive(are_keys=True)) == b"\x10" * PIECE
    script.chunks.append(b"later")
    assert intake.receive_now() == b""
    assert intake.first_piece(intake.receive(are_keys=False)) == b"\x10" * PIECE
    assert intake.receive(are_keys=True) == b"\x10" * (40 - 2 * PIECE)


def test_long_text_between_keys_comes_in_pieces_too(clock: Clock) -> None:
    intake, _ = make(clock, b"x" * 2000)
    pieces = read_chunk(intake)
    assert b"".join(pieces) == b"x" * 2000
    assert {len(piece) for piece in pieces[:-1]} == {MAX_PIECE_BYTES}


def test_after_much_work_keys_come_one_by_one(clock: Clock) -> None:
    intake, _ = make(clock, b"a\x10" * 100)
    assert intake.first_piece(intake.receive(are_keys=True)) == b"a\x10" * PIECE
    intake.set_cost(MAX_PIECE_COST + 0.01)
    for _ in range(3):
        assert intake.first_piece(intake.receive(are_keys=True)) == b"a\x10"
        intake.set_cost(MAX_PIECE_COST)
    intake.set_cost(MAX_PIECE_COST / PIECE)
    assert intake.first_piece(intake.receive(are_keys=True)) == b"a\x10" * PIECE


def test_within_a_chunk_it_is_drawn_only_if_that_takes_long(clock: Clock) -> None:
    intake, _ = make(clock, b"\x10" * 40)
    intake.is_time_to_draw()
    intake.first_piece(intake.receive(are_keys=True))
    assert intake.has_rest
    clock.now += LONG_CHUNK_SECONDS - CHUNK_SECONDS - 0.01
    assert not intake.is_time_to_draw()
    clock.now += 0.02
    assert intake.is_time_to_draw()
    assert not intake.is_time_to_draw()


def test_what_broke_the_connection_is_kept(clock: Clock) -> None:
    intake, script = make(clock, b"hi")
    script.is_broken = True
    assert intake.receive(are_keys=True) == b""
    assert isinstance(intake.error, ConnectionResetError)


@given(
    st.lists(st.sampled_from([b"a", b"\xc3\xa9", b"\t", b"\x1b[A", b"\r", b"\xff\xf1"])).map(
        b"".join
    ),
    st.lists(st.floats(0, 2), min_size=1),
)
def test_no_byte_is_lost(data: bytes, costs: list[float]) -> None:
    clock = Clock()
    intake, _ = make(clock, *([data] if data else []))
    received = b""
    at = 0
    while chunk := intake.receive(are_keys=True):
        received += intake.first_piece(chunk)
        intake.set_cost(costs[at % len(costs)])
        at += 1
    assert received == data


@pytest.mark.parametrize("receive", [Intake.receive_now, lambda it: it.receive(are_keys=False)])
@pytest.mark.usefixtures("no_search_for_cycles")
def test_a_broken_connection_is_freed_at_once(
    receive: Callable[[Intake], bytes], clock: Clock
) -> None:
    intake, script = make(clock)
    script.is_broken = True
    assert receive(intake) == b""
    assert isinstance(intake.error, ConnectionResetError)
    there = weakref.ref(script)
    del intake, script
    assert there() is None


@pytest.mark.parametrize("late", [0.0, 5.0])
def test_the_time_that_keys_have_to_wait_does_not_count_for_them(clock: Clock, late: float) -> None:
    class Late(Script):
        def pause(self, seconds: float) -> bool:
            super().pause(seconds)
            clock.now += late
            return True

    script = Late(clock, b"a" * MAX_PASTE, b"b")
    intake = Intake(cast(Transport, script), clock)
    read_chunk(intake)
    clock.now += 0.01
    pressed = clock.now
    intake.receive(are_keys=True)
    assert len(script.pauses) == 1
    assert intake.key_time == pytest.approx(pressed + late)
