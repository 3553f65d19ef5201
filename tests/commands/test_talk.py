"""The commands that say something, or look up what was said."""

import re
import time

import pytest

from tests.support.chats import Lobby, Somebody
from threadchat.messages.kinds import Emote, Say, Spoken
from threadchat.messages.places import Place
from threadchat.monitoring.events import Acted
from threadchat.net.sendqueue import MAX_QUEUED
from threadchat.storage.history import CannotTakeBack
from threadchat.storage.searching import Found, SearchStopped
from threadchat.text.phrases import day


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

    def test_what_is_answered_at_once_comes_behind_it(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")

        def answer(data: bytes) -> None:
            bo.deliver_privately = bo.received.extend
            bo.received += data
            lobby.types(bo, "/reply hi yourself")

        bo.deliver_privately = answer
        lobby.types(al, "/msg bo hi")
        assert al.lines() == ["[you -> bo] hi", "[bo -> you] hi yourself"]

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
        (line,) = al.lines()
        assert line == "!!! bo, who wrote to you, is not here any more. /who lists everyone."
        bo.lines()
        (other,) = lobby.enter("bo")
        lobby.types(al, "/reply hi")
        assert al.lines() == [
            "!!! The bo that wrote to you is gone, and somebody else is called that now."
            " /msg bo WORDS writes to that one."
        ]
        assert other.lines() == []

    def test_a_reply_follows_the_person_over_renames(self, lobby: Lobby) -> None:
        al, bo, eve = lobby.enter("al", "bo", "eve")
        lobby.types(al, "/msg bo hi")
        lobby.types(al, "/nick alan")
        lobby.types(eve, "/nick al")
        eve.lines()
        lobby.types(bo, "/r secret")
        assert al.lines()[-1] == "[bo -> you] secret"
        assert bo.lines()[-1] == "[you -> alan] secret"
        assert eve.lines() == []

    def test_a_reply_does_not_go_to_the_next_owner_of_the_name(self, lobby: Lobby) -> None:
        al, bo, eve = lobby.enter("al", "bo", "eve")
        eve.address = al.address
        lobby.types(al, "/msg bo hi")
        lobby.chat.leave(al, "quit")
        lobby.types(eve, "/nick al")
        eve.lines()
        bo.lines()
        lobby.types(bo, "/r secret")
        assert bo.lines() == [
            "!!! The al that wrote to you is gone, and somebody else is called that now."
            " /msg al WORDS writes to that one."
        ]
        assert eve.lines() == []

    def test_a_reply_finds_who_came_back_with_the_same_name_and_address(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")
        lobby.types(al, "/msg bo hi")
        lobby.chat.leave(al, "reset")
        again = Somebody(1)
        lobby.chat.names.claim(again, "al")
        lobby.types(bo, "/r yes")
        assert again.lines() == ["[bo -> you] yes"]

    def test_who_is_muted_does_not_reply(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")
        lobby.types(al, "/msg bo hi")
        lobby.chat.moderation.mute("bo", 60)
        al.lines()
        bo.lines()
        lobby.types(bo, "/r secret")
        (line,) = bo.lines()
        assert line.startswith("!!! You are muted for 1 min, until ")
        assert al.lines() == []


class TestMemory:
    """/last and /search: what was said before."""

    def fill(self, lobby: Lobby, room: str, *texts: str) -> None:
        now = time.time()
        said = [Say("cy", text, now + number / 1e6) for number, text in enumerate(texts)]
        lobby.history.append(room, said)

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

    def test_last_says_on_which_day(self, lobby: Lobby) -> None:
        al, op = lobby.enter("al", "boss")
        op.is_operator = True
        noon = time.mktime((2025, 11, 24, 12, 0, 0, 0, 0, -1))
        said: list[Spoken] = [
            Say("bo", "one", noon),
            Emote("bo", "waves", noon + 60),
            Say("bo", "two", noon + 86400),
            Say("bo", "now", time.time()),
        ]
        lobby.history.append("lobby", said)
        lobby.types(al, "/last")
        today = f"--- {day(time.time(), time.time())}"
        assert al.lines()[1:-1] == [
            "--- Monday, 24 November 2025",
            "bo: one",
            "* bo waves",
            "--- Tuesday, 25 November 2025",
            "bo: two",
            today,
            "bo: now",
        ]
        op.show(times=True)
        lobby.types(op, "/last 2")
        _, _, two, _, now, _ = op.lines()
        assert two == "2025-11-25 12:00 === #3 bo: two"
        assert re.fullmatch(r"\d\d:\d\d === #4 bo: now", now)

    def test_last_fits_a_clients_queue(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        self.fill(lobby, "lobby", *("漢" * 4000 for _ in range(200)))
        lobby.types(al, "/last 200")
        assert len(al.received) < MAX_QUEUED / 2
        assert al.lines()[0] == "=== The last 5 of what was said in lobby, as no more than 5 fit:"

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
        said = [Say("cy", text, 1e9) for text in ("Lunch at noon?", "yes", "lunch it is")]
        lobby.history.append("lobby", said)
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
        assert len(al.lines()) == 6

    def test_a_search_for_too_many_words_says_how_many_it_takes(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        lobby.types(al, f"/search {'tea-' * 190}")
        assert al.lines() == [
            "!!! A search takes up to 32 words, and this has 190. Leave some out."
        ]

    @pytest.mark.parametrize("has_found", [True, False])
    def test_a_search_that_took_too_long_shows_what_it_has_found(
        self, lobby: Lobby, monkeypatch: pytest.MonkeyPatch, has_found: bool
    ) -> None:
        (al,) = lobby.enter("al")
        found = [Found("den", Say("bo", "tea", 1e9))] if has_found else []

        def search(words: str, number: int) -> list[Found]:
            raise SearchStopped(found, 1e9)

        monkeypatch.setattr(lobby.history, "search", search)
        lobby.types(al, "/search tea")
        *shown, why = al.lines()
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(1e9))
        assert shown == [f"=== {when} den bo: tea"] * has_found
        assert why == (
            f"!!! The search took too long: it came back to {when}."
            " Use rarer words, or try again later."
        )

    def test_a_person_searches_once_at_a_time(
        self, lobby: Lobby, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        al, bo = lobby.enter("al", "bo")

        def search(words: str, number: int) -> list[Found]:
            if words == "first":
                lobby.types(al, "/search second")
                lobby.types(bo, "/search third")
            return []

        monkeypatch.setattr(lobby.history, "search", search)
        lobby.types(al, "/search first")
        nothing = "=== Nothing that was said has all of these words."
        refused = "!!! Your last search is not finished yet. Wait for its answer."
        assert al.lines() == [refused, nothing]
        assert bo.lines() == [nothing]
        lobby.types(al, "/search again")
        assert al.lines() == [nothing]

    def test_search_for_nothing(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        lobby.types(al, "/search")
        assert al.lines() == [
            "!!! Use it like this: /search WORDS - find what was said with all these words,"
            " newest first."
        ]


class TestUnsay:
    """/unsay: lines that are taken back."""

    def says(self, lobby: Lobby, person: Somebody, text: str, ago: float = 0.0) -> None:
        lobby.chat.say(person, [Say(person.name, text, time.time() - ago)])

    def texts(self, lobby: Lobby) -> list[str]:
        return [message.text for message in lobby.history.recent("lobby", 99)]

    def test_ones_own_last_line(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")
        self.says(lobby, al, "one")
        self.says(lobby, al, "oops")
        self.says(lobby, bo, "what?")
        lobby.types(al, "/unsay")
        assert al.lines()[-1] == bo.lines()[-1] == "--- a line of al was taken back"
        assert self.texts(lobby) == ["one", "what?"]

    def test_an_emote(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        lobby.types(al, "/me waves")
        lobby.types(al, "/unsay")
        assert self.texts(lobby) == []

    def test_under_a_new_name_it_is_still_ones_own(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        self.says(lobby, al, "oops")
        lobby.types(al, "/nick ed")
        lobby.types(al, "/unsay")
        assert al.lines()[-1] == "--- a line of al was taken back"

    def test_a_line_of_a_namesake_is_not_ones_own(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        self.says(lobby, al, "one")
        lobby.chat.leave(al, "quit")
        (other,) = lobby.enter("al")
        lobby.types(other, "/unsay")
        assert other.lines()[0].startswith("!!! You have said nothing here in the last ten minutes")
        assert self.texts(lobby) == ["one"]

    @pytest.mark.parametrize(("ago", "is_gone"), [(590.0, True), (610.0, False)])
    def test_within_ten_minutes(self, lobby: Lobby, ago: float, is_gone: bool) -> None:
        (al,) = lobby.enter("al")
        self.says(lobby, al, "oops", ago)
        lobby.types(al, "/unsay")
        assert (self.texts(lobby) == []) is is_gone
        assert al.lines()[0].startswith("---" if is_gone else "!!! You have said nothing here")

    def test_only_once_and_not_from_another_room(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        self.says(lobby, al, "one")
        self.says(lobby, al, "two")
        lobby.types(al, "/unsay")
        lobby.types(al, "/unsay")
        assert al.lines()[-1].startswith("!!! You have said nothing here")
        self.says(lobby, al, "three")
        lobby.types(al, "/join den")
        lobby.types(al, "/unsay")
        assert al.lines()[-1].startswith("!!! You have said nothing here")
        assert self.texts(lobby) == ["one", "three"]

    def test_lines_of_others_are_for_operators(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")
        self.says(lobby, bo, "one")
        al.lines()
        for typed in ("/unsay bo", "/unsay #1"):
            lobby.types(al, typed)
            (line,) = al.lines()
            assert line.startswith("!!! Only operators take back the lines of others.")
        assert self.texts(lobby) == ["one"]

    def test_an_operator_takes_back_the_last_line_of_somebody(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")
        al.is_operator = True
        self.says(lobby, bo, "one", ago=3600)
        self.says(lobby, bo, "two", ago=3600)
        self.says(lobby, al, "three")
        lobby.types(al, "/unsay BO")
        assert bo.lines()[-1] == "--- a line of bo was taken back"
        assert self.texts(lobby) == ["one", "three"]
        assert lobby.events[-1] == Acted("al", "took back line #2 of bo in lobby")
        lobby.types(al, "/unsay nobody")
        assert al.lines()[-1] == "!!! No line of nobody is remembered in lobby."

    def test_an_operator_takes_back_any_line_as_last_shows_it(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")
        for text in ("one", "two", "three"):
            self.says(lobby, bo, text)
        al.is_operator = True
        al.lines()
        lobby.types(al, "/last")
        assert al.lines()[1:-1] == ["=== #1 bo: one", "=== #2 bo: two", "=== #3 bo: three"]
        lobby.types(al, "/unsay #2")
        assert al.lines() == ["--- a line of bo was taken back"]
        lobby.types(al, "/last")
        assert al.lines()[1:-1] == ["=== #1 bo: one", "=== #3 bo: three"]
        lobby.types(al, "/unsay #2")
        assert al.lines() == ["!!! There is no such line, or it is not remembered any more."]

    def test_a_file_that_cannot_be_written_is_one_line(self, lobby: Lobby) -> None:
        def fail(room: str, place: Place) -> None:
            raise CannotTakeBack("Nothing can be taken back just now. Try again in a while.")

        (al,) = lobby.enter("al")
        self.says(lobby, al, "oops")
        lobby.history.take_back = fail  # type: ignore[method-assign]
        lobby.types(al, "/unsay")
        assert al.lines() == ["!!! Nothing can be taken back just now. Try again in a while."]
        del lobby.history.take_back
        lobby.types(al, "/unsay")
        assert al.lines() == ["--- a line of al was taken back"]
