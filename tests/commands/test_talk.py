"""The commands that say something, or look up what was said."""

import re
import time

import pytest

from tests.support.chats import Lobby
from threadchat.messages.kinds import Emote, Say
from threadchat.net.sendqueue import MAX_QUEUED


class TestMe:
    def test_the_others_see_it(self, lobby: Lobby) -> None:
        al, bo, cy = lobby.enter("al", "bo", "cy")
        lobby.types(al, "/me waves  slowly")
        assert bo.lines() == cy.lines() == ["* al waves  slowly"]

    def test_it_is_remembered(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        lobby.types(al, "/me waves")
        (message,) = lobby.history.recent("lobby", 10)
        assert isinstance(message, Emote)
        assert (message.name, message.text) == ("al", "waves")


class TestPrivate:
    def test_only_the_two_see_it(self, lobby: Lobby) -> None:
        al, bo, cy = lobby.enter("al", "bo", "cy")
        lobby.types(al, "/msg BO hi there")
        assert bo.lines() == ["[al -> you] hi there"]
        assert al.lines() == ["[you -> bo] hi there"]
        assert cy.lines() == []
        assert lobby.history.recent("lobby", 10) == []

    def test_a_reply_goes_to_who_wrote_last(self, lobby: Lobby) -> None:
        al, bo, cy = lobby.enter("al", "bo", "cy")
        lobby.types(cy, "/msg al one")
        lobby.types(bo, "/msg al two")
        lobby.types(al, "/r three")
        assert bo.lines()[-1] == "[al -> you] three"
        assert cy.lines() == ["[you -> al] one"]

    def test_it_is_marked_and_rings(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")
        bo.show(color=True, bell=True)
        lobby.types(al, "/msg bo hi")
        assert bo.lines() == ["\a\x1b[1m[al -> you] hi\x1b[m"]

    @pytest.mark.parametrize(
        ("typed", "answer"),
        [
            ("/msg", "!!! Use it like this: /msg NAME WORDS"),
            ("/msg bo", "!!! Use it like this: /msg NAME WORDS"),
            ("/msg bob hi", "!!! Nobody here is called bob. /who lists everyone."),
            ("/msg al hi", "!!! That is you."),
            ("/reply", "!!! Use it like this: /reply WORDS"),
            ("/reply hi", "!!! Nobody has written to you alone yet."),
        ],
    )
    def test_a_wrong_use_gets_one_line(self, lobby: Lobby, typed: str, answer: str) -> None:
        (al,) = lobby.enter("al")
        lobby.types(al, typed)
        (line,) = al.lines()
        assert line.startswith(answer)

    def test_a_reply_to_who_has_left(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")
        lobby.types(bo, "/msg al hi")
        lobby.chat.leave(bo, "quit")
        al.lines()
        lobby.types(al, "/reply hi")
        assert al.lines() == ["!!! Nobody here is called bo. /who lists everyone."]


class TestMemory:
    """/last and /search: what was said before."""

    def fill(self, lobby: Lobby, room: str, *texts: str) -> None:
        lobby.history.append(room, [Say("cy", text, 1e9 + at) for at, text in enumerate(texts)])

    @pytest.mark.parametrize(("typed", "shown"), [("/last", 20), ("/last 3", 3), ("/last 200", 30)])
    def test_last_shows_as_many_as_asked_for(self, lobby: Lobby, typed: str, shown: int) -> None:
        al, bo = lobby.enter("al", "bo")
        self.fill(lobby, "lobby", *map(str, range(30)))
        self.fill(lobby, "den", "elsewhere")
        lobby.types(al, typed)
        begin, *lines, end = al.lines()
        assert begin == f"=== The last {shown} of what was said in lobby:"
        assert lines == [f"cy: {number}" for number in range(30 - shown, 30)]
        assert end == "=== That was it. From here on it is live."
        assert bo.lines() == []

    def test_last_is_of_the_room_where_one_is(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        self.fill(lobby, "lobby", "elsewhere")
        self.fill(lobby, "Den", "here")
        lobby.types(al, "/join den")
        al.lines()
        lobby.types(al, "/last 1")
        assert al.lines()[1:-1] == ["cy: here"]

    def test_last_and_search_leave_out_whom_one_ignores(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")
        lobby.says(bo, "buy tea")
        lobby.says(al, "no tea")
        lobby.types(al, "/ignore bo")
        al.lines()
        lobby.types(al, "/last")
        assert al.lines()[1:-1] == ["al: no tea"]
        lobby.types(al, "/search tea")
        (found,) = al.lines()
        assert found.endswith("lobby al: no tea")

    def test_last_where_nothing_was_said(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        lobby.types(al, "/last")
        assert al.lines() == ["=== Nothing was said in lobby yet."]

    def test_last_has_times_for_who_wants_them(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        self.fill(lobby, "lobby", "hi")
        al.show(times=True)
        lobby.types(al, "/last")
        assert re.fullmatch(r"\d\d:\d\d cy: hi", al.lines()[1])

    def test_last_fits_a_clients_queue(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        self.fill(lobby, "lobby", *("漢" * 4000 for _ in range(200)))
        lobby.types(al, "/last 200")
        assert len(al.received) < MAX_QUEUED / 2
        assert al.lines()[0] == ("=== The last 8 of what was said in lobby, as no more than 8 fit:")

    @pytest.mark.parametrize("number", ["0", "-1", "201", "x", "1 2", "1.5", "٣", "9" * 5000])
    def test_last_used_in_a_wrong_way(self, lobby: Lobby, number: str) -> None:
        (al,) = lobby.enter("al")
        lobby.types(al, f"/last {number}")
        (line,) = al.lines()
        assert line.startswith(
            "!!! Use it like this: /last [N] - show the last 20 things said here"
        )

    def test_search_shows_when_and_where_the_newest_first(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        self.fill(lobby, "lobby", "Lunch at noon?", "yes", "lunch it is")
        lobby.history.append("den", [Emote("bo", "has lunch", 2e9)])
        lobby.types(al, "/search LUNCH")
        when, earlier = (time.strftime("%Y-%m-%d %H:%M", time.localtime(at)) for at in (2e9, 1e9))
        assert al.lines() == [
            f"=== {when} den * bo has lunch",
            f"=== {earlier} lobby cy: lunch it is",
            f"=== {earlier} lobby cy: Lunch at noon?",
        ]

    def test_search_shows_no_more_than_twenty(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        self.fill(lobby, "lobby", *(f"word {number}" for number in range(30)))
        lobby.types(al, "/search word")
        lines = al.lines()
        assert len(lines) == 20
        assert lines[0].endswith("cy: word 29")

    def test_search_for_what_was_not_said(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        self.fill(lobby, "lobby", "hi")
        lobby.types(al, '/search hi "there')
        assert al.lines() == ["=== Nothing that was said has all of these words."]

    def test_search_fits_a_clients_queue(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        self.fill(lobby, "lobby", *("漢" * 4000 for _ in range(30)))
        lobby.types(al, "/search 漢")
        assert len(al.received) < MAX_QUEUED / 2
        assert len(al.lines()) == 8

    def test_search_for_nothing(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        lobby.types(al, "/search")
        assert al.lines() == [
            "!!! Use it like this: /search WORDS - find what was said with all these words,"
            " newest first."
        ]
