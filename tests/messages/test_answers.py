"""The lines of an answer at a terminal."""

import pytest

from threadchat.messages.answers import RoomEntry, RoomsAnswer


@pytest.mark.parametrize(("word", "what"), [(None, "open"), ("e", "found")])
def test_rooms_are_open_or_were_looked_for(word: str | None, what: str) -> None:
    rooms = [RoomEntry("lobby", 2, "", True), RoomEntry("den", 1, "", False)]
    title = RoomsAnswer(rooms, word=word).parts[0]
    assert title.line == f"=== 2 rooms are {what}. You are in lobby."
