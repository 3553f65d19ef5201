"""What operators can do, and that nobody else can."""

import re

import pytest

from tests.support.chats import Lobby, Somebody
from tests.support.waiting import wait_until
from threadchat.commands.builtin import make_registry
from threadchat.monitoring.events import Acted
from threadchat.net.sendqueue import MAX_QUEUED

CLOCK = r"(?:\d{4}-\d\d-\d\d )?\d\d:\d\d(?::\d\d)?"

UNTIL = f"until {CLOCK}"


@pytest.fixture
def people(lobby: Lobby) -> tuple[Somebody, Somebody]:
    """An operator called al, and bo."""
    al, bo = lobby.enter("al", "bo")
    al.is_operator = True
    return al, bo


def deeds(lobby: Lobby) -> list[str]:
    """Return what was logged since the last call."""
    found = [f"{event.who} {event.deed}" for event in lobby.events if isinstance(event, Acted)]
    lobby.events.clear()
    return found


FOR_OPERATORS = [command for command in make_registry() if command.is_for_operators]


@pytest.mark.parametrize("command", FOR_OPERATORS, ids=lambda command: str(command.name))
def test_nobody_else_has_their_commands(lobby: Lobby, command: object) -> None:
    al, bo = lobby.enter("al", "bo")
    name = getattr(command, "name", "")
    lobby.types(al, f"/{name} bo")
    assert al.lines() == [f"!!! /{name} is for operators. /op asks for their passphrase."]
    assert (bo.lines(), bo.ended, deeds(lobby)) == ([], [], [])


def test_help_lists_them_for_operators_alone(lobby: Lobby) -> None:
    al, bo = lobby.enter("al", "bo")
    al.is_operator = True
    for person, is_operator in ((al, True), (bo, False)):
        lobby.types(person, "/help")
        listed = " ".join(person.lines()).split()
        assert all((f"/{command.name}" in listed) is is_operator for command in FOR_OPERATORS)


def test_help_tells_more_of_one_command(lobby: Lobby, people: tuple[Somebody, Somebody]) -> None:
    al, bo = people
    lobby.types(al, "/help kick")
    assert al.lines() == [
        "=== /kick NAME [WHY] - end somebody's connection.",
        "===   Example: /kick mallory mind your language",
        "===   For operators.",
    ]
    lobby.types(bo, "/help /r")
    assert bo.lines() == [
        "=== /reply WORDS - answer the person who last wrote to you alone.",
        "===   Also: /r",
    ]
    lobby.types(bo, "/help kick")
    assert bo.lines() == ["!!! /kick is for operators. /op asks for their passphrase."]
    lobby.types(bo, "/help hlep")
    assert bo.lines() == ["!!! There is no /hlep. Did you mean /help? /help lists all."]


@pytest.mark.parametrize(
    "line",
    [
        *["/kick", "/mute", "/unmute", "/ban"],
        *["/unban", "/bans a b", "/say", "/deop", "/stats all"],
    ],
)
def test_a_wrong_use_shows_the_right_one(
    lobby: Lobby, people: tuple[Somebody, Somebody], line: str
) -> None:
    al, bo = people
    lobby.types(al, line)
    command = lobby.commands.get(line[1:].split()[0])
    assert command is not None
    assert al.lines() == [f"!!! Use it like this: {command.usage} - {command.summary}."]
    assert (bo.lines(), bo.ended, deeds(lobby)) == ([], [], [])


@pytest.mark.parametrize(
    "line", ["/kick nobody", "/mute nobody", "/deop nobody", "/op nobody", "/kick nobody for that"]
)
def test_somebody_who_is_not_here(
    lobby: Lobby, people: tuple[Somebody, Somebody], line: str
) -> None:
    al, _ = people
    lobby.types(al, line)
    assert al.lines() == ["!!! Nobody here is called nobody. /who lists everyone."]


@pytest.mark.parametrize("line", ["/kick al", "/mute AL 10m", "/deop al"])
def test_nobody_does_it_to_themselves(
    lobby: Lobby, people: tuple[Somebody, Somebody], line: str
) -> None:
    al, _ = people
    lobby.types(al, line)
    assert al.lines() == ["!!! That is you."]
    assert al.ended == []


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
        (answer,) = al.lines()
        assert re.fullmatch(f"=== bo is muted for 10 min, {UNTIL}. /unmute bo undoes it.", answer)
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
        assert al.lines() == ["!!! bo is not muted."]


class TestBan:
    def test_a_name_is_kept_out_and_who_has_it_goes(
        self, lobby: Lobby, people: tuple[Somebody, Somebody]
    ) -> None:
        al, bo = people
        lobby.types(al, "/ban bo 2h flooding")
        (ended,) = bo.ended
        by = f"banned by al for 2 h 0 min, {UNTIL}: flooding"
        assert re.fullmatch(rf"{by} \| You were {by}", ended)
        banned, hint = al.lines()
        assert re.fullmatch(
            f"=== Banned bo for 2 h 0 min, {UNTIL}. /unban bo undoes it. Reason: flooding", banned
        )
        assert hint == "=== /ban 192.0.2.2 would keep their address out as well."
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


class TestOp:
    def test_an_operator_makes_another_and_takes_it_back(
        self, lobby: Lobby, people: tuple[Somebody, Somebody]
    ) -> None:
        al, bo = people
        lobby.types(al, "/op bo")
        assert bo.is_operator
        assert bo.lines() == ["=== al made you an operator. /help lists what you can do."]
        al.lines()
        for name in ("bo", "al"):
            lobby.types(al, f"/op {name}")
            assert al.lines() == [f"!!! {name} is an operator already."]
        lobby.types(al, "/deop bo")
        assert not bo.is_operator
        assert bo.lines() == ["=== al made you an operator no longer."]
        lobby.types(al, "/deop bo")
        assert al.lines()[-1] == "!!! bo is no operator."
        assert deeds(lobby) == ["al made bo an operator", "al made bo an operator no longer"]

    def test_without_a_passphrase_nobody_becomes_one(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        lobby.types(al, "/op")
        assert al.lines() == [
            "!!! There is no passphrase for operators here. Ask the person who runs the server."
        ]
        lobby.types(al, "/op sesame open")
        assert al.lines() == ["!!! Type /op alone: the passphrase is asked for, unseen."]
        assert not al.is_operator


def test_an_announcement_reaches_all_rooms(lobby: Lobby, people: tuple[Somebody, Somebody]) -> None:
    al, bo = people
    lobby.types(bo, "/join games")
    for person in people:
        person.lines()
    lobby.types(al, "/say lunch is ready")
    for person in people:
        assert person.lines() == ["--- Announcement by al: lunch is ready"]
    assert deeds(lobby) == ["al announced: lunch is ready"]


def test_the_message_of_the_day(lobby: Lobby, people: tuple[Somebody, Somebody]) -> None:
    al, bo = people
    lobby.types(bo, "/motd")
    assert bo.lines() == ["=== There is no message of the day."]
    lobby.types(bo, "/motd mine")
    assert bo.lines() == ["!!! Only operators change the message of the day. /motd shows it."]
    lobby.types(al, "/motd Be kind.")
    assert al.lines() == ["=== Be kind."]
    cy = Somebody(3)
    lobby.chat.names.claim(cy, "cy")
    lobby.chat.enter(cy)
    assert cy.lines()[1] == "=== Be kind."
    assert deeds(lobby) == ["al set the message of the day: Be kind."]


class TestStop:
    @pytest.mark.parametrize(
        ("typed", "told"),
        [
            ("90", "in 90 s"),
            ("90s", "in 90 s"),
            ("5 minutes", "in 5 min, at "),
            ("in 2 hours", "in 2 h 0 min, at "),
        ],
    )
    def test_after_a_time(
        self, lobby: Lobby, people: tuple[Somebody, Somebody], typed: str, told: str
    ) -> None:
        al, bo = people
        lobby.types(al, f"/stop {typed}")
        wait_until(lambda: bool(bo.received), "bo is told")
        (line,) = bo.lines()
        assert line.startswith(f"--- The server stops {told}")

    @pytest.mark.parametrize("typed", ["soon", "-1", "2d", "5 apples", "5m please"])
    def test_what_is_no_time(
        self, lobby: Lobby, people: tuple[Somebody, Somebody], typed: str
    ) -> None:
        al, bo = people
        lobby.types(al, f"/stop {typed}")
        (line,) = al.lines()
        assert line.startswith(f"!!! '{typed}' is no TIME")
        assert line.endswith(" /stop off calls a stop off.")
        assert (bo.lines(), deeds(lobby)) == ([], [])

    def test_at_once(self, lobby: Lobby, people: tuple[Somebody, Somebody]) -> None:
        al, _ = people
        lobby.types(al, "/stop")
        wait_until(lambda: lobby.finished == [True], "the server is told to stop")

    def test_everybody_sees_the_countdown_and_it_can_be_called_off(
        self, lobby: Lobby, people: tuple[Somebody, Somebody]
    ) -> None:
        al, bo = people
        lobby.types(al, "/stop 90")
        wait_until(lambda: bool(bo.received), "bo is told")
        assert bo.lines() == ["--- The server stops in 90 s"]
        (answer,) = al.lines()[:1]
        assert re.fullmatch(f"=== The server stops at {CLOCK}. /stop off calls it off.", answer)
        lobby.types(al, "/stop OFF")
        assert bo.lines() == ["--- The server does not stop after all"]
        al.lines()
        lobby.types(al, "/stop off")
        assert al.lines() == ["!!! No stop is under way. /stop TIME begins one."]
        assert lobby.finished == []
        assert deeds(lobby) == ["al stops the server in 90 s", "al called the stop off"]
