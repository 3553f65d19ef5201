"""What operators can do, and that nobody else can."""

import re

import pytest

from tests.support.chats import CLOCK, Lobby, Somebody, deeds
from tests.support.waiting import wait_until
from threadchat.commands import operators
from threadchat.commands.builtin import make_registry

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
        *["/kick", "/unmute", "/ban"],
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
        wait_until(lambda: bool(lobby.finished), "the server is told to stop")
        assert lobby.finished == [True]
        assert deeds(lobby) == ["al stops the server"]

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


def test_the_passphrase_makes_an_operator_and_says_so(lobby: Lobby) -> None:
    al, bo = lobby.enter("al", "bo")
    lobby.chat.rules._op_password = "open sesame"
    al.secrets.append("open sesame")
    lobby.types(al, "/op")
    assert al.is_operator
    assert al.lines()[-1] == (
        "=== You are an operator until you leave. /help lists what you can do."
    )
    lobby.chat.moderation.mute("bo", 60.0)
    lobby.types(bo, "/op open sesame")
    assert bo.lines() == ["!!! Type /op alone: the passphrase is asked for, unseen."]
    assert not bo.is_operator


def test_when_a_stop_comes_is_told(
    lobby: Lobby, people: tuple[Somebody, Somebody], monkeypatch: pytest.MonkeyPatch
) -> None:
    al, _ = people
    monkeypatch.setattr(operators, "moment", lambda end, now: f"{end - now:.0f} from now")
    lobby.types(al, "/stop 1h")
    assert "=== The server stops at 3600 from now. /stop off calls it off." in al.lines()
    lobby.types(al, "/stop off")
