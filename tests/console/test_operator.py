"""Who sits at the server's own terminal: what they type, and what they are shown."""

import io
import re
from dataclasses import replace

import pytest
import rich.console
from rich.console import RenderableType

from tests.support.chats import Lobby, Somebody
from tests.support.facts import NOTHING
from tests.support.farpeople import Others
from threadchat.chat.chat import Chat
from threadchat.chat.person import Person
from threadchat.commands.registry import Command
from threadchat.console import operator as operator_module
from threadchat.console.operator import Operator
from threadchat.messages.kinds import Notice
from threadchat.monitoring.events import Acted
from threadchat.text.names import BadName


class Terminal:
    """Where the operator sits, 100 columns wide."""

    def __init__(self, lobby: Lobby) -> None:
        self._file = io.StringIO()
        self._console = rich.console.Console(file=self._file, width=100)
        self.operator = Operator(lobby.chat, lobby.commands, self._show)

    def _show(self, renderable: RenderableType) -> None:
        self._console.print(renderable)

    def answers(self, line: str = "") -> list[str]:
        """Type `line` and return what is shown since the last call."""
        if line:
            self.operator.obey(line)
        shown = self._file.getvalue().splitlines()
        self._file.seek(0)
        self._file.truncate()
        return [row.rstrip() for row in shown]


@pytest.fixture
def terminal(lobby: Lobby) -> Terminal:
    return Terminal(lobby)


def rows(lines: list[str]) -> list[list[str]]:
    """Return the cells of a table below its heading, which are two spaces or more apart."""
    return [re.split(r"\s{2,}", line.strip()) for line in lines[3:] if line.strip()]


def test_the_list_shows_what_only_an_operator_should_see(lobby: Lobby, terminal: Terminal) -> None:
    al, bo = lobby.enter("al", "bo")
    lobby.types(bo, "/join games")
    lobby.types(bo, "/away lunch")
    al.is_operator = True
    lobby.chat.moderation.mute("bo", 60)
    assert rows(terminal.answers("who")) == [
        ["1", "al", "lobby", "192.0.2.1:1000", "0 s", "operator"],
        ["2", "bo", "games", "192.0.2.2:1000", "0 s", "away, muted: lunch"],
    ]
    assert [row[1] for row in rows(terminal.answers("who games"))] == ["bo"]


def test_who_writes_to_an_empty_seat_is_told_so(lobby: Lobby, terminal: Terminal) -> None:
    (al,) = lobby.enter("al")
    lobby.types(al, "/msg operator help!")
    assert al.lines() == ["[you -> operator] help!"]
    terminal.operator.looks_attended = lambda: False
    lobby.types(al, "/msg operator help!")
    assert al.lines() == [
        "[you -> operator] help!",
        "=== Nobody sits at the server's own terminal now. That waits in its log, where it may be"
        " read or not.",
    ]
    at_once, later = terminal.answers()
    assert at_once == "[al -> you] help!"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \[al -> you\] help!", later)
    terminal.operator.obey("msg al what is it")
    al.lines()
    lobby.types(al, "/reply nothing works")
    assert "Nobody sits at the server's own terminal" in al.lines()[1]
    lobby.types(al, "/whois operator")
    assert "is not at the server's own terminal," in al.lines()[0]


def test_nobody_is_here(terminal: Terminal) -> None:
    assert terminal.answers("who") == ["=== Nobody is here."]


def test_the_rooms(lobby: Lobby, terminal: Terminal) -> None:
    lobby.enter("al")
    assert terminal.answers("topic lobby all [bold]and[/bold] sundry") == [
        "=== Topic: all [bold]and[/bold] sundry"
    ]
    assert rows(terminal.answers("rooms")) == [["lobby", "1", "all [bold]and[/bold] sundry"]]


def test_long_lists_are_shortened(
    lobby: Lobby, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operator_module, "MAX_ROWS", 2)
    al, bo, cy = lobby.enter("al", "bo", "cy")
    for person, room in ((al, "games"), (bo, "den"), (cy, "den")):
        lobby.types(person, f"/join {room}")
    *table, last = terminal.answers("rooms")
    assert [row[:2] for row in rows(table)] == [["den", "2"], ["games", "1"]]
    assert last.startswith("=== 1 more rooms are left out. rooms WORD lists")
    *table, last = terminal.answers("who")
    assert [row[1] for row in rows(table)] == ["al", "bo"]
    assert last.startswith("=== 1 more people are left out. who ROOM lists")
    assert [row[0] for row in rows(terminal.answers("rooms GAM"))] == ["games"]


def test_a_topic_is_announced_and_logged(lobby: Lobby, terminal: Terminal) -> None:
    (al,) = lobby.enter("al")
    terminal.answers("/topic lobby tea")
    assert al.lines() == ["--- operator set the topic: tea"]
    assert Acted("operator", "set the topic of lobby: tea") in lobby.events
    assert terminal.answers("topic lobby -") == ["=== That room has no topic."]
    assert al.lines() == ["--- operator cleared the topic"]
    assert Acted("operator", "cleared the topic of lobby") in lobby.events


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        (
            "topic",
            "Use it like this: /topic ROOM [WORDS|-] - set the topic of a room, or show it;"
            " - clears it.",
        ),
        ("topic attic", "There is no room attic. /rooms lists all."),
        ("who attic", "There is no room attic. /rooms lists all."),
        (
            "rooms of all",
            "Use it like this: /rooms [WORD] - list the rooms, with number of people and topic.",
        ),
        ("stats all", "Use it like this: /stats - show how the server is doing."),
        ("kick nobody", "Nobody here is called nobody. /who lists everyone."),
        ("jion games", "There is no /jion. /help lists all."),
        ("//hello", "Nobody is shown that. say /hello announces it."),
    ],
)
def test_wrong_uses_get_one_line(terminal: Terminal, line: str, answer: str) -> None:
    assert terminal.answers(line) == [f"!!! {answer}"]


def test_acts_are_those_of_an_operator(lobby: Lobby, terminal: Terminal) -> None:
    al, bo = lobby.enter("al", "bo")
    terminal.answers("kick bo for that")
    assert bo.ended == ["kicked by operator: for that | You were kicked by operator: for that"]
    terminal.answers("say hello [there]")
    assert al.lines() == ["--- Announcement by operator: hello [there]"]
    terminal.answers("ban 0.0.0.0/0")
    assert len(al.ended) == 1
    terminal.answers("op al")
    assert al.is_operator


def test_a_line_of_somebody_is_taken_back_where_they_are(lobby: Lobby, terminal: Terminal) -> None:
    (al,) = lobby.enter("al")
    lobby.says(al, "oops")
    assert terminal.answers("unsay al") == ["=== You took back line #1 of al in lobby."]
    assert al.lines() == ["--- a line of al was taken back"]
    assert lobby.history.recent("lobby", 9) == []
    assert terminal.answers("unsay #1")[0].startswith("!!! Numbers count within a room")


def test_people_can_write_to_the_operator_and_nobody_else_is_called_that(
    lobby: Lobby, terminal: Terminal
) -> None:
    (al,) = lobby.enter("al")
    lobby.types(al, "/msg operator help!")
    assert terminal.answers() == ["[al -> you] help!"]
    lobby.types(al, "/whois operator")
    assert al.lines()[-1].startswith("=== operator is at the server's own terminal, here for ")
    terminal.answers("reply coming")
    assert al.lines() == ["[operator -> you] coming"]
    lobby.types(al, "/kick operator")
    assert al.lines() == ["!!! /kick is for operators. /op asks for their passphrase."]
    al.is_operator = True
    for line in ("/kick operator", "/mute operator", "/deop operator"):
        lobby.types(al, line)
        assert al.lines() == ["!!! operator sits at the server's own terminal."]
    with pytest.raises(BadName):
        lobby.chat.names.claim(Somebody(5), "0perator")


def test_the_figures_and_help_are_tables(terminal: Terminal) -> None:
    assert "people" in "".join(terminal.answers("stats"))
    shown = "\n".join(terminal.answers("help"))
    assert all(
        command.usage.removeprefix("/").split()[0] in shown
        for command in terminal.operator.commands
    )
    assert "/" not in shown
    assert len(shown.splitlines()) < 24
    assert "=== Commands of the topic rooms:" in terminal.answers("help rooms")
    assert re.search(r"^\s*rooms  .*\brooms\b", shown, re.M)
    assert terminal.answers("help kick")[0] == "=== /kick NAME [WHY] - end somebody's connection."
    assert "help COMMAND a single one" not in " ".join(terminal.answers("help kick"))


def test_tab_completes_commands_and_names(lobby: Lobby, terminal: Terminal) -> None:
    lobby.enter("mallory", "mary")
    assert terminal.operator.complete("ki") == (0, ["kick "])
    assert terminal.operator.complete("kick ma") == (5, ["mallory ", "mary "])


def test_commands_of_an_embedding_program_are_here_if_they_are_for_operators(
    lobby: Lobby,
) -> None:
    def answer(chat: Chat, person: Person, argument: str) -> None:
        person.tell(Notice(f"{person.name} typed {argument}"))

    lobby.commands.merge(
        [
            Command("backup", "[WHERE]", "save it all", answer, is_for_operators=True),
            Command("roll", "", "roll a die", answer),
        ]
    )
    terminal = Terminal(lobby)
    assert terminal.answers("backup there") == ["=== operator typed there"]
    assert terminal.operator.complete("ba") == (0, ["ban ", "bans ", "backup "])
    assert terminal.answers("roll")[0].startswith("!!! There is no /roll.")


def test_a_command_shows_that_the_operator_is_there(lobby: Lobby, terminal: Terminal) -> None:
    (al,) = lobby.enter("al")
    lobby.now[0] += 3600
    terminal.answers("who")
    lobby.types(al, "/whois operator")
    assert "idle" not in " ".join(al.lines())
    assert terminal.operator.last_heard_at == lobby.now[0]


def test_as_many_as_a_table_may_have_are_all_there(
    lobby: Lobby, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operator_module, "MAX_ROWS", 2)
    _, bo = lobby.enter("al", "bo")
    lobby.types(bo, "/join games")
    for command in ("who", "rooms"):
        assert len(rows(terminal.answers(command))) == 2


def test_who_is_on_which_server_is_listed_where_servers_are_linked(
    lobby: Lobby, terminal: Terminal
) -> None:
    lobby.enter("al")
    now = lobby.records.now()
    bo = replace(NOTHING, name="bo", address="10.0.0.7:5000", came_at=now, named_at=now)
    lobby.chat.far.know("box:1/0", "7", "bo", "bo", bo, Others())
    assert rows(terminal.answers("who")) == [
        ["1", "al", "lobby", "this one", "192.0.2.1:1000", "0 s"],
        ["bo", "lobby", "box:1", "10.0.0.7:5000", "0 s"],
    ]


def test_one_whose_connection_has_just_gone_is_still_listed(
    lobby: Lobby, terminal: Terminal
) -> None:
    (al,) = lobby.enter("al")
    al.connection = None
    assert [row[1] for row in rows(terminal.answers("who"))] == ["al"]
