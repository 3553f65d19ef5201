"""Kicks, mutes and bans: what they go by, and that nobody gets round them."""

import re

import pytest

from tests.support.chats import UNTIL, Lobby, Somebody, deeds, make_person
from threadchat.net.disconnect import Reason
from threadchat.net.sendqueue import MAX_QUEUED
from threadchat.text.names import BadName

FOLLOWS = (
    "=== It goes by the name, by names that look like it, and by the person: under other names,"
    " too, and after coming back with one of them within 2 min or with a passphrase."
)


def come(lobby: Lobby, name: str, address: str) -> Somebody:
    """Let somebody come in from `address`, and return them."""
    person = Somebody(len(lobby.people) + 50)
    person.address = address
    lobby.chat.names.claim(person, name)
    lobby.chat.enter(person)
    person.lines()
    return person


MUTED = "!!! You are muted: nobody was shown that."


class TestKick:
    def test_it_ends_a_connection_and_says_why(
        self, lobby: Lobby, people: tuple[Somebody, Somebody]
    ) -> None:
        al, bo = people
        lobby.types(al, "/kick bo mind your language")
        assert bo.ended == [
            "kicked by al: mind your language | You were kicked by al: mind your language"
        ]
        assert al.lines() == ["=== bo is kicked."]
        assert deeds(lobby) == ["al kicked bo: mind your language"]

    def test_a_reason_is_not_needed(self, lobby: Lobby, people: tuple[Somebody, Somebody]) -> None:
        al, bo = people
        lobby.types(al, "/kick BO")
        assert bo.ended == ["kicked by al | You were kicked by al"]


class TestMute:
    def test_who_is_muted_can_read_but_not_speak(
        self, lobby: Lobby, people: tuple[Somebody, Somebody]
    ) -> None:
        al, bo = people
        lobby.types(al, "/mute bo 10m")
        (told,) = bo.lines()
        assert re.fullmatch(f"=== al muted you for 10 min, {UNTIL}: nobody is shown .*", told)
        answer, *how = al.lines()
        assert re.fullmatch(f"=== bo is muted for 10 min, {UNTIL}. /unmute bo undoes it.", answer)
        assert how == [FOLLOWS, "=== /mute 192.0.2.2 would mute their address as well."]
        told = f"!!! You are muted for 10 min, {UNTIL}: nobody was shown that."
        lobby.says(bo, "hi")
        for line in ("/me waves", "/msg al psst", "/topic mine", "/away cursing", "/nick rude"):
            lobby.types(bo, line)
        lines = bo.lines()
        assert len(lines) == 6
        assert all(re.fullmatch(told, line) for line in lines)
        assert al.lines() == []
        lobby.says(al, "hush")
        assert bo.lines() == ["al: hush"]
        lobby.now[0] += 601
        lobby.says(bo, "at last")
        assert al.lines() == ["bo: at last"]

    @pytest.mark.parametrize("time", ["5 minutes", "300s", "5m"])
    def test_a_time_may_be_in_words(
        self, lobby: Lobby, people: tuple[Somebody, Somebody], time: str
    ) -> None:
        al, bo = people
        lobby.types(al, f"/mute bo {time}")
        assert al.lines()[0].startswith("=== bo is muted for 5 min, until ")
        assert bo.muted_until == lobby.now[0] + 300

    @pytest.mark.parametrize("time", ["soon", "0s", "10", "4000d", "10m be nice", "for good"])
    def test_what_is_no_time(
        self, lobby: Lobby, people: tuple[Somebody, Somebody], time: str
    ) -> None:
        al, bo = people
        lobby.types(al, f"/mute bo {time}")
        (line,) = al.lines()
        assert line.startswith(f"!!! '{time}' is no TIME")
        assert line.endswith(" Without one it is for good.")
        assert (bo.lines(), deeds(lobby)) == ([], [])

    def test_no_last_words_and_no_new_room_gets_round_it(
        self, lobby: Lobby, people: tuple[Somebody, Somebody]
    ) -> None:
        al, bo = people
        lobby.types(al, "/mute bo")
        for person in people:
            person.lines()
        lobby.types(bo, "/join rude-words")
        lobby.types(bo, "/quit rude words")
        assert bo.lines() == ["!!! You are muted: nobody was shown that."] * 2
        assert bo.leaving == "quit"
        assert al.lines() == []

    def test_who_is_muted_can_go_where_others_are(
        self, lobby: Lobby, people: tuple[Somebody, Somebody]
    ) -> None:
        al, bo = people
        lobby.types(al, "/mute bo")
        lobby.types(al, "/join games")
        bo.lines()
        lobby.types(bo, "/join #games")
        assert bo.lines()[0] == "=== You are in games."

    def test_leaving_and_coming_back_does_not_help(
        self, lobby: Lobby, people: tuple[Somebody, Somebody]
    ) -> None:
        al, bo = people
        lobby.types(al, "/mute bo")
        lobby.chat.leave(bo, "quit")
        (again,) = lobby.enter("Bo")
        al.lines()
        lobby.says(again, "hi")
        assert again.lines() == ["!!! You are muted: nobody was shown that."]
        lobby.types(al, "/unmute bo")
        assert again.lines() == ["=== al lets you speak again."]
        lobby.says(again, "hi")
        assert al.lines() == ["=== bo may speak again.", "Bo: hi"]
        assert deeds(lobby) == ["al muted bo for good", "al unmuted bo"]

    def test_who_is_not_muted(self, lobby: Lobby, people: tuple[Somebody, Somebody]) -> None:
        al, _ = people
        lobby.types(al, "/unmute bo")
        assert al.lines() == ["!!! bo is not muted. /mute lists all mutes."]


class TestBan:
    def test_a_name_is_kept_out_and_who_has_it_goes(
        self, lobby: Lobby, people: tuple[Somebody, Somebody]
    ) -> None:
        al, bo = people
        lobby.types(al, "/ban bo 2h flooding")
        (ended,) = bo.ended
        by = f"banned by al for 2 h 0 min, {UNTIL}: flooding"
        assert re.fullmatch(rf"{by} \| You were {by}", ended)
        banned, follows, hint = al.lines()
        assert re.fullmatch(
            f"=== Banned bo for 2 h 0 min, {UNTIL}. /unban bo undoes it. Reason: flooding", banned
        )
        assert follows == FOLLOWS
        assert hint == "=== /ban 192.0.2.2 would keep out their address as well."
        cy = Somebody(9)
        with pytest.raises(ValueError, match=r"That is banned here: bo by al since .*: flooding"):
            lobby.chat.names.claim(cy, "BO")
        lobby.types(al, "/unban bo")
        lobby.chat.leave(bo, "banned")
        lobby.chat.names.claim(cy, "BO")
        banned, unbanned = deeds(lobby)
        assert re.fullmatch(f"al banned bo for 2 h 0 min, {UNTIL}: flooding", banned)
        assert unbanned == "al unbanned bo"

    @pytest.mark.parametrize("words", ["5 apples", "5", "2 many", "half an hour"])
    def test_a_slip_in_the_time_bans_nobody(
        self, lobby: Lobby, people: tuple[Somebody, Somebody], words: str
    ) -> None:
        al, bo = people
        lobby.types(al, f"/ban bo {words}")
        (line,) = al.lines()
        assert line.startswith(f"!!! '{words}' is no TIME. One is like 90s, 10m, 1h30m, 2 hours")
        assert (bo.ended, lobby.records.bans(), deeds(lobby)) == ([], [], [])

    def test_a_network_is_kept_out(self, lobby: Lobby, people: tuple[Somebody, Somebody]) -> None:
        al, bo = people
        (cy,) = lobby.enter("cy")
        lobby.types(al, "/ban 192.0.2.2/31")
        assert al.lines() == ["=== Banned 192.0.2.2/31 for good. /unban 192.0.2.2/31 undoes it."]
        assert bo.ended == ["banned by al | You were banned by al"]
        assert cy.ended == bo.ended
        assert al.ended == []
        with pytest.raises(ValueError, match=r"That is banned here: 192\.0\.2\.2/31 by al"):
            lobby.chat.names.claim(Somebody(3), "di")

    @pytest.mark.parametrize("target", ["al", "192.0.2.1", "192.0.0.0/16", "0.0.0.0/0"])
    def test_nobody_bans_themselves(
        self, lobby: Lobby, people: tuple[Somebody, Somebody], target: str
    ) -> None:
        al, bo = people
        lobby.types(al, f"/ban {target}")
        assert al.lines() == [f"!!! {target} would keep you out, too. Nothing is banned."]
        assert (al.ended, bo.ended) == ([], [])

    def test_what_is_neither(self, lobby: Lobby, people: tuple[Somebody, Somebody]) -> None:
        al, _ = people
        lobby.types(al, "/ban 10.0.0.0/99")
        (line,) = al.lines()
        assert line.startswith("!!! '10.0.0.0/99' is no address or network; ")

    def test_the_list(self, lobby: Lobby, people: tuple[Somebody, Somebody]) -> None:
        al, _ = people
        lobby.types(al, "/bans")
        assert al.lines() == ["=== Nobody is banned."]
        lobby.types(al, "/ban 10.0.0.0/8")
        lobby.types(al, "/ban mallory 1d being mallory")
        al.lines()
        lobby.types(al, "/bans")
        second, first = al.lines()
        assert first.startswith("=== 10.0.0.0/8 by al since ")
        assert second.startswith("=== mallory by al since ")
        assert second.endswith(": being mallory")
        lobby.types(al, "/bans MALLORY")
        assert al.lines() == [second]
        lobby.types(al, "/bans eve")
        assert al.lines() == ["=== No ban has that word. /bans lists all."]

    def test_a_long_list_is_shortened(
        self, lobby: Lobby, people: tuple[Somebody, Somebody]
    ) -> None:
        al, _ = people
        for number in range(1000):
            lobby.records.ban(f"mallory{number}", "al", "x" * 200)
        lobby.types(al, "/bans")
        assert len(al.received) < MAX_QUEUED / 2
        first, *lines, last = al.lines()
        assert first.startswith("=== mallory999 ")
        assert last == f"=== {1000 - len(lines) - 1} more lines do not fit here."

    def test_what_is_not_banned(self, lobby: Lobby, people: tuple[Somebody, Somebody]) -> None:
        al, _ = people
        lobby.types(al, "/unban cy")
        assert al.lines() == ["!!! cy is not banned. /bans lists all bans."]

    def test_a_ban_that_cannot_be_written_holds_all_the_same(
        self, lobby: Lobby, people: tuple[Somebody, Somebody], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        al, bo = people
        lobby.records.close()
        lobby.types(al, "/ban bo")
        assert len(bo.ended) == 1
        assert al.lines()[0].startswith("!!! bo is banned until the server stops, but no longer")


class TestWhatAMuteFollows:
    @pytest.mark.parametrize("name", ["b.o", "bo_", "B-0", "bo", "BO."])
    def test_the_name_and_what_looks_like_it(
        self, lobby: Lobby, people: tuple[Somebody, Somebody], name: str
    ) -> None:
        al, bo = people
        lobby.types(al, "/mute bo")
        lobby.chat.leave(bo, Reason.QUIT)
        lobby.now[0] += 1000
        again = come(lobby, name, "203.0.113.9:1")
        lobby.says(again, "hi")
        assert again.lines() == [MUTED]
        al.lines()
        lobby.types(al, f"/unmute {name}")
        assert al.lines() == [f"=== {name} may speak again."]
        lobby.says(again, "hi")
        assert al.lines() == [f"{name}: hi"]

    def test_the_person_by_another_name_of_the_session(
        self, lobby: Lobby, people: tuple[Somebody, Somebody]
    ) -> None:
        al, bo = people
        lobby.types(bo, "/nick bobby")
        lobby.types(al, "/mute bobby")
        lobby.chat.leave(bo, Reason.QUIT)
        again = come(lobby, "bo", bo.address)
        other = come(lobby, "eve", bo.address)
        for person in (again, other):
            lobby.says(person, "hi")
        assert again.lines()[1:] == [MUTED, "eve: hi"]

    def test_an_address_if_it_is_asked_for(
        self, lobby: Lobby, people: tuple[Somebody, Somebody]
    ) -> None:
        al, bo = people
        lobby.types(al, "/mute 192.0.2.2")
        assert al.lines() == [
            "=== 192.0.2.2 is muted for good. /unmute 192.0.2.2 undoes it.",
            "=== 1 person is muted by that.",
        ]
        other = come(lobby, "eve", bo.address)
        bo.lines()
        for person in (bo, other):
            lobby.says(person, "hi")
        assert bo.lines()[-1] == other.lines()[-1] == MUTED
        al.lines()
        for target in ("eve", "192.0.2.2"):
            lobby.types(al, f"/unmute {target}")
        assert al.lines() == [
            "!!! eve is not muted. /mute lists all mutes.",
            "=== 192.0.2.2 may speak again.",
        ]
        lobby.says(other, "hi")
        assert al.lines() == ["eve: hi"]

    @pytest.mark.parametrize("target", ["127.77", "10.", "fe80:", "10.0.0.0/33", "10-0-0-1"])
    def test_what_looks_like_an_address_is_asked_about(
        self, lobby: Lobby, people: tuple[Somebody, Somebody], target: str
    ) -> None:
        al, _ = people
        lobby.types(al, f"/mute {target}")
        (line,) = al.lines()
        assert line.startswith(f"!!! {target!r} is no address or network; ")

    @pytest.mark.parametrize("target", ["127.77", '"127.77"'])
    def test_somebody_called_like_one_is_muted(
        self, lobby: Lobby, people: tuple[Somebody, Somebody], target: str
    ) -> None:
        al, _ = people
        come(lobby, "127.77", "203.0.113.9:1")
        al.lines()
        lobby.types(al, f"/mute {target}")
        assert al.lines()[0] == '=== "127.77" is muted for good. /unmute "127.77" undoes it.'

    @pytest.mark.parametrize("target", ["192.0.2.1", "192.0.0.0/16"])
    def test_nobody_mutes_their_own_address(
        self, lobby: Lobby, people: tuple[Somebody, Somebody], target: str
    ) -> None:
        al, bo = people
        lobby.types(al, f"/mute {target}")
        assert al.lines() == [f"!!! {target} would mute you, too. Nobody is muted."]
        lobby.says(bo, "hi")
        assert al.lines() == ["bo: hi"]

    def test_somebody_else_that_looks_like_it_is_left_alone(
        self, lobby: Lobby, people: tuple[Somebody, Somebody]
    ) -> None:
        al, bo = people
        eve = come(lobby, "bo.", "203.0.113.9:1")
        al.lines()
        lobby.types(al, "/mute bo.")
        assert al.lines()[2] == "=== bo: somebody else's, and left alone."
        lobby.says(eve, "hi")
        lobby.says(bo, "hello")
        assert al.lines() == ["bo: hello"]

    def test_to_take_a_muted_name_is_refused(
        self, lobby: Lobby, people: tuple[Somebody, Somebody]
    ) -> None:
        al, bo = people
        lobby.types(al, "/mute bo")
        lobby.chat.leave(bo, Reason.QUIT)
        (cy,) = lobby.enter("cy")
        lobby.types(cy, "/nick bo")
        assert cy.lines() == ["!!! bo is muted, and would mute you, too. You are still cy."]

    def test_the_list(self, lobby: Lobby, people: tuple[Somebody, Somebody]) -> None:
        al, _ = people
        lobby.types(al, "/mute")
        lobby.types(al, "/mute bo 10m")
        lobby.types(al, "/mute 10.0.0.0/8")
        al.lines()
        lobby.types(al, "/mute")
        assert al.lines() == ["=== bo by al for 10 min more", "=== 10.0.0.0/8 by al"]
        lobby.now[0] += 601
        lobby.types(al, "/mute")
        assert al.lines() == ["=== 10.0.0.0/8 by al"]


class TestMutedOperators:
    @pytest.mark.parametrize(
        "line",
        [
            *["/unmute bo", "/say hi all", "/kick al rude", "/ban al rude", "/motd rude"],
            *["/op cy", "/unsay al", "/topic rude", "/mute al", "/stop", "/deop al"],
        ],
    )
    def test_they_do_nothing_that_operators_do(
        self, lobby: Lobby, people: tuple[Somebody, Somebody], line: str
    ) -> None:
        al, bo = people
        (cy,) = lobby.enter("cy")
        bo.is_operator = True
        lobby.says(al, "hello")
        lobby.types(al, "/mute bo")
        for person in (al, bo, cy):
            person.lines()
        deeds(lobby)
        lobby.types(bo, line)
        (told,) = bo.lines()
        assert told.startswith("!!! You are muted: ")
        assert (al.lines(), al.ended, cy.lines(), deeds(lobby)) == ([], [], [], [])
        assert (lobby.finished, cy.is_operator, al.is_operator) == ([], False, True)
        assert bo.mute_left(lobby.now[0])

    def test_they_may_again_when_it_is_over(
        self, lobby: Lobby, people: tuple[Somebody, Somebody]
    ) -> None:
        al, bo = people
        bo.is_operator = True
        lobby.types(al, "/mute bo 1m")
        lobby.now[0] += 61
        al.lines()
        lobby.types(bo, "/say I am back")
        assert al.lines() == ["--- Announcement by bo: I am back"]


class TestWhatABanFollows:
    def test_somebody_that_has_just_left(
        self, lobby: Lobby, people: tuple[Somebody, Somebody]
    ) -> None:
        al, bo = people
        lobby.types(bo, "/nick bobby")
        lobby.chat.leave(bo, Reason.QUIT)
        lobby.types(al, "/ban bobby")
        with pytest.raises(BadName, match="That is banned here: bobby by al"):
            come(lobby, "bo", bo.address)

    @pytest.mark.parametrize("command", ["ban", "mute", "kick"])
    def test_somebody_that_has_just_got_another_name_is_named(
        self, lobby: Lobby, people: tuple[Somebody, Somebody], command: str
    ) -> None:
        al, bo = people
        lobby.types(bo, "/nick robert")
        al.lines()
        lobby.types(al, f"/{command} bo")
        assert "=== robert was called bo before." in al.lines()
        assert bo.ended == []

    @pytest.mark.parametrize("name", ["bo.", "b_o", "B-0", "BO"])
    def test_the_name_and_what_looks_like_it(
        self, lobby: Lobby, people: tuple[Somebody, Somebody], name: str
    ) -> None:
        al, bo = people
        lobby.types(al, "/ban bo")
        lobby.chat.leave(bo, "banned")
        with pytest.raises(BadName, match="That is banned here: bo by al"):
            lobby.chat.names.claim(make_person(9, "203.0.113.9:1"), name)
        lobby.types(al, "/unban bo")
        lobby.chat.names.claim(make_person(9, "203.0.113.9:1"), name)

    def test_the_person_by_another_name_of_the_session(
        self, lobby: Lobby, people: tuple[Somebody, Somebody]
    ) -> None:
        al, bo = people
        lobby.types(bo, "/nick bobby")
        lobby.types(al, "/ban bobby")
        assert len(bo.ended) == 1
        lobby.chat.leave(bo, "banned")
        with pytest.raises(BadName, match="That is banned here: bobby by al"):
            come(lobby, "bo", bo.address)
        come(lobby, "bo", "203.0.113.9:1")
        lobby.types(al, "/unban bobby")
        with pytest.raises(BadName, match="taken"):
            come(lobby, "bo", bo.address)

    def test_another_session_of_the_same_person(
        self, lobby: Lobby, people: tuple[Somebody, Somebody]
    ) -> None:
        al, bo = people
        lobby.types(bo, "/nick bobby")
        lobby.chat.leave(bo, Reason.QUIT)
        one, two = come(lobby, "bo", bo.address), come(lobby, "bobby", bo.address)
        lobby.types(al, "/ban bo")
        assert (len(one.ended), len(two.ended)) == (1, 1)
        lobby.types(one, "/ban bobby")

    def test_nobody_bans_another_session_of_their_own(
        self, lobby: Lobby, people: tuple[Somebody, Somebody]
    ) -> None:
        al, bo = people
        lobby.types(al, "/nick alan")
        lobby.chat.leave(al, Reason.QUIT)
        one, two = come(lobby, "al", al.address), come(lobby, "alan", al.address)
        one.is_operator = True
        one.lines()
        lobby.types(one, "/ban alan")
        assert one.lines() == ["!!! alan would keep you out, too. Nothing is banned."]
        assert (two.ended, bo.ended) == ([], [])

    def test_somebody_else_that_looks_like_it_is_left_alone(
        self, lobby: Lobby, people: tuple[Somebody, Somebody]
    ) -> None:
        al, bo = people
        eve = come(lobby, "b.o", "203.0.113.9:1")
        al.lines()
        lobby.types(al, "/ban b.o")
        assert "=== bo: somebody else's, and left alone." in al.lines()
        assert (len(eve.ended), bo.ended) == (1, [])
        lobby.chat.leave(eve, "banned")
        lobby.chat.leave(bo, Reason.QUIT)
        come(lobby, "bo", bo.address)
        with pytest.raises(BadName, match="That is banned here"):
            come(lobby, "bo_", "203.0.113.9:1")

    def test_an_operator_bans_one_that_looks_like_them(
        self, lobby: Lobby, people: tuple[Somebody, Somebody]
    ) -> None:
        al, _ = people
        eve = come(lobby, "al.", "203.0.113.9:1")
        lobby.types(al, "/ban al.")
        assert (len(eve.ended), al.ended) == (1, [])


def test_an_operator_is_not_told_of_a_name_of_their_own(
    lobby: Lobby, people: tuple[Somebody, Somebody]
) -> None:
    al, bo = people
    lobby.types(bo, "/nick ed")
    lobby.types(al, "/nick al2")
    al.lines()
    lobby.types(al, "/mute bo")
    assert "=== ed was called bo before." in al.lines()
    lobby.types(al, "/mute al")
    assert not any("before" in line for line in al.lines())


def test_whoever_is_unbanned_may_come_in_under_any_name(
    lobby: Lobby, people: tuple[Somebody, Somebody]
) -> None:
    al, bo = people
    lobby.types(bo, "/nick ed")
    lobby.types(al, "/ban ed")
    lobby.chat.leave(bo, "banned")
    again = Somebody(2)
    with pytest.raises(ValueError, match="That is banned here"):
        lobby.chat.names.claim(again, "bo")
    lobby.types(al, "/unban ed")
    lobby.chat.names.claim(again, "bo")
    assert again.identity is bo.identity
    assert lobby.chat.names.restrictions.bans_of(bo.identity) == set()
