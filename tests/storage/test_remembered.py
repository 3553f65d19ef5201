"""What is remembered of one room in memory, and the count of its bytes."""

from sys import getsizeof

import pytest

from threadchat.messages.kinds import Say, TakenBack
from threadchat.storage.remembered import (
    LINE_BYTES,
    MAX_LINE_BYTES,
    PIECE_LINES,
    ROOM_BYTES,
    RememberedRoom,
)
from threadchat.text.clean import MAX_LINE


def append(room: RememberedRoom, *texts: str) -> list[Say]:
    batch = [Say("al", text, float(at)) for at, text in enumerate(texts, room.last + 1)]
    room.append(batch)
    return batch


@pytest.fixture
def room() -> RememberedRoom:
    return RememberedRoom("lobby", "e", 100)


def size_of(*texts: str) -> int:
    return sum(LINE_BYTES + getsizeof(text) for text in texts)


def test_each_line_counts_with_its_bytes_in_memory(room: RememberedRoom) -> None:
    append(room, "ascii", "caf\xe9")
    append(room, "\u5317", "\U0001f389" * 9)
    assert room.bytes == ROOM_BYTES + size_of("ascii", "caf\xe9", "\u5317", "\U0001f389" * 9)


def test_no_line_of_a_client_takes_more_than_is_assumed() -> None:
    assert size_of("\U0001f389" * MAX_LINE) <= MAX_LINE_BYTES


def test_lines_beyond_the_limit_are_counted_for_a_piece_at_most(room: RememberedRoom) -> None:
    for number in range(1000):
        append(room, str(number))
        kept = min(number + 1, 100)
        lines = (room.bytes - ROOM_BYTES) / (LINE_BYTES + getsizeof("000"))
        assert kept - 1 <= lines <= kept + PIECE_LINES


def test_of_a_batch_beyond_the_limit_only_the_end_is_kept(room: RememberedRoom) -> None:
    append(room, *map(str, range(250)))
    assert (room.first, room.last, len(room.lines)) == (151, 250, 100)
    append(room, *map(str, range(100)))
    assert room.bytes == ROOM_BYTES + size_of(*map(str, range(100)))


def test_the_oldest_are_dropped_one_by_one(room: RememberedRoom) -> None:
    append(room, "one", "two", "three", "four")
    room.drop_oldest(1, until=9.0)
    assert (room.first, room.last) == (2, 4)
    assert room.bytes == ROOM_BYTES + size_of("two", "three", "four")
    room.drop_oldest(10**9, until=2.5)
    assert room.first == 3
    assert room.at(2) is None
    assert room.at(3) is room.lines[0]
    room.drop_oldest(10**9, until=9.0)
    assert (room.first, room.last, room.bytes) == (5, 4, ROOM_BYTES)
    assert append(room, "five")[0].seq == 5


def test_the_last_line_takes_what_is_told_of_others_with_it(room: RememberedRoom) -> None:
    append(room, "one", "two")
    room.take_back(TakenBack("al", "e", 1, 2))
    assert len(room.taken_back) == 1
    assert room.bytes == ROOM_BYTES + LINE_BYTES + size_of("one", "two")
    room.drop_oldest(10**9, until=9.0)
    assert (len(room.taken_back), room.bytes) == (0, ROOM_BYTES)


def test_what_a_search_has_made_counts_and_goes_with_its_line(room: RememberedRoom) -> None:
    one, two = append(room, "\xc9", "\u5317")
    before = room.bytes
    room.keep_joined(one, "e" * 500)
    room.keep_joined(one, "e" * 500)
    room.keep_joined(two, two.text)
    assert room.joined(one) == "e" * 500
    assert room.joined(two) is two.text
    assert before + 500 < room.bytes < before + 1000
    room.drop_oldest(1, until=9.0)
    assert room.joined(one) is None
    room.drop_before(9.0)
    assert room.bytes == ROOM_BYTES
    room.keep_joined(two, two.text)  # it is gone meanwhile
    assert room.bytes == ROOM_BYTES


def test_what_a_search_has_made_goes_with_lines_beyond_the_limit(room: RememberedRoom) -> None:
    (one,) = append(room, "\xc9")
    room.keep_joined(one, "e")
    append(room, *["x"] * 100)
    assert room._joined == {}
    assert room.bytes == ROOM_BYTES + size_of(*["x"] * 100)


def test_it_stays_as_long_as_its_line(room: RememberedRoom) -> None:
    (one,) = append(room, "\xc9")
    room.keep_joined(one, "e")
    append(room, *["x"] * 99)
    assert room.joined(one) == "e"
