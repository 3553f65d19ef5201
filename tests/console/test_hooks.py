"""The commands for hooks at the server's own terminal."""

import io
import re
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
import rich.console
from rich.console import RenderableType

from tests.support.chats import Lobby, deeds
from threadchat.console.hooks import add_hook_commands
from threadchat.console.operator import Operator
from threadchat.errors import PersonError
from threadchat.storage.records import Records
from threadchat.storage.sqlitehistory import StoredHistory

BASES = ["http://192.168.1.7:8080/hook/", "http://localhost:8080/hook/"]


class Terminal:
    """Where the operator sits, 100 columns wide; `why_not` is why there is no port for posts."""

    def __init__(self, lobby: Lobby) -> None:
        self._file = io.StringIO()
        self._console = rich.console.Console(file=self._file, width=100)
        self.operator = Operator(lobby.chat, lobby.commands, self._show)
        self.why_not = ""
        add_hook_commands(self.operator, self._addresses)

    def _addresses(self, token: str) -> Sequence[str]:
        if self.why_not:
            raise PersonError(self.why_not)
        return [base + token for base in BASES]

    def _show(self, renderable: RenderableType) -> None:
        self._console.print(renderable)

    def answers(self, line: str) -> list[str]:
        self._file.seek(0)
        self._file.truncate()
        self.operator.obey(line)
        return [row.rstrip() for row in self._file.getvalue().splitlines()]


@pytest.fixture
def terminal(lobby: Lobby) -> Terminal:
    return Terminal(lobby)


def test_the_addresses_are_shown_once(lobby: Lobby, terminal: Terminal) -> None:
    shown = terminal.answers("hook add ci games")
    assert shown[0] == "=== ci says in games what is sent to one of these:"
    tokens = {row.strip().removeprefix(base) for row, base in zip(shown[1:3], BASES, strict=True)}
    assert len(tokens) == 1
    (token,) = tokens
    assert lobby.chat.hooks.find(token).name == "ci"
    assert shown[3].startswith("=== As in: curl -d 'words' ADDRESS. At most 20 lines")
    assert shown[4].startswith("=== Keep them secret: with one anybody can speak there.")
    assert shown[-1] == "=== The hook ends with the server, as that runs without --history."
    assert "\n".join(shown).count(token) == 2
    for line in ("hooks", "whois ci", "rooms", "help", "help hook"):
        assert token not in "\n".join(terminal.answers(line))
    assert deeds(lobby) == ["operator added the hook ci for games"]


def test_with_a_history_file_it_is_not_said_that_they_end(tmp_path: Path) -> None:
    with closing(StoredHistory(tmp_path / "chat.db", print)):
        lobby = Lobby(Records(tmp_path / "chat.db"))
        try:
            assert "--history" not in "".join(Terminal(lobby).answers("hook add ci games"))
        finally:
            lobby.close()


def test_the_list_says_all_but_the_token(lobby: Lobby, terminal: Terminal) -> None:
    assert terminal.answers("hooks") == ["=== There are no hooks. hook add NAME ROOM makes one."]
    terminal.answers("hook add ci games")
    token = lobby.chat.hooks.add("Cron", "#Den")[1]
    lobby.chat.hooks.say(lobby.chat.hooks.find(token), "hi", "192.0.2.9", "192.0.2.9:1")
    rows = [re.split(r"\s{2,}", row.strip()) for row in terminal.answers("hooks") if row.strip()]
    assert rows[0] == ["name", "room", "since", "last used", "posts"]
    day = r"\d{4}-\d\d-\d\d \d\d:\d\d"
    assert [rows[2][0], rows[2][1], *rows[2][3:]] == ["ci", "games", "never", "0"]
    assert re.fullmatch(rf"Cron \| Den \| {day} \| {day} \| 1", " | ".join(rows[3]))


def test_the_end_frees_the_name(lobby: Lobby, terminal: Terminal) -> None:
    (al,) = lobby.enter("al")
    terminal.answers("hook add ci games")
    deeds(lobby)
    assert terminal.answers("unhook CI") == [
        "=== ci is no hook any more, and anybody may have the name."
    ]
    assert deeds(lobby) == ["operator ended the hook ci"]
    lobby.types(al, "/nick ci")
    assert al.name == "ci"
    assert terminal.answers("unhook ci") == ["!!! No hook is called ci. hooks lists them."]


def test_the_end_that_cannot_be_written_holds_and_is_told(tmp_path: Path) -> None:
    with closing(StoredHistory(tmp_path / "chat.db", print)):
        lobby = Lobby(Records(tmp_path / "chat.db"))
        try:
            terminal = Terminal(lobby)
            terminal.answers("hook add ci games")
            lobby.records._connection.execute("DROP TABLE hooks")
            (line,) = terminal.answers("unhook ci")[:1]
            assert line.startswith("!!! ci is no hook any more, but is one again after a restart")
            assert deeds(lobby)[-1] == "operator ended the hook ci"
        finally:
            lobby.close()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("hook", "Use it like this: /hook add NAME ROOM"),
        ("hook add ci", "Use it like this: /hook add NAME ROOM"),
        ("hook add ci games more", "Use it like this: /hook add NAME ROOM"),
        ("hook remove ci games", "Use it like this: /hook add NAME ROOM"),
        ("hooks all", "Use it like this: /hooks"),
        ("unhook", "Use it like this: /unhook NAME"),
        ("unhook a b", "Use it like this: /unhook NAME"),
        ("hook add al games", "al is taken"),
        ("hook add c/i games", "A name is made of"),
        ("hook add ci a/b", "No room can be called that"),
    ],
)
def test_what_is_wrong_gets_one_line(
    lobby: Lobby, terminal: Terminal, line: str, words: str
) -> None:
    lobby.enter("al")
    first, *more = terminal.answers(line)
    assert first.startswith(f"!!! {words}")
    assert not any(it.startswith(("===", "!!!")) for it in more)
    assert lobby.chat.hooks.all() == []


def test_without_a_port_for_posts_there_is_no_hook(lobby: Lobby, terminal: Terminal) -> None:
    terminal.answers("hook add cron games")
    terminal.why_not = "There is no port."
    assert terminal.answers("hook add ci games") == ["!!! There is no port."]
    assert lobby.chat.hooks.names() == ["cron"]
    *table, line = terminal.answers("hooks")
    assert "cron" in "\n".join(table)
    assert line == "!!! There is no port."
    assert terminal.answers("unhook cron")[0].startswith("=== cron is no hook any more")


def test_tab_completes_them(lobby: Lobby, terminal: Terminal) -> None:
    terminal.answers("hook add cici games")
    complete = terminal.operator.complete
    assert complete("ho")[1] == ["hook ", "hooks "]
    assert complete("hook a") == (5, ["add "])
    assert complete("hook add x ga") == (11, ["games "])
    assert complete("unhook ci") == (7, ["cici "])


def test_they_are_at_the_servers_own_terminal_alone(lobby: Lobby, terminal: Terminal) -> None:
    (al,) = lobby.enter("al")
    al.is_operator = True
    for line in ("/hook add ci games", "/hooks", "/unhook ci"):
        lobby.types(al, line)
        assert al.lines()[0].startswith("!!! There is no /")
    assert "hook hooks unhook" in "\n".join(terminal.answers("help"))
