"""Test what holds for all commands, with any argument, typed by any person."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.end_to_end.test_properties import nasty_text
from tests.support.chats import Lobby, Somebody
from threadchat.access import passphrase
from threadchat.commands.builtin import make_registry
from threadchat.commands.registry import Call, parse_line
from threadchat.net.disconnect import Reason
from threadchat.net.sendqueue import MAX_QUEUED
from threadchat.storage.records import Records
from threadchat.storage.sqlitehistory import StoredHistory
from threadchat.text.clean import UNSAFE_CHARACTER, clean_text

PEOPLE = ["al", "bo", "cy"]
PASSPHRASE = "correct horse"

words = st.one_of(
    st.sampled_from([*PEOPLE, "AL", "lobby", "red", "#red", "192.0.2.2", "192.0.2.0/24", "::/0"]),
    st.sampled_from(
        ["on", "off", "1s", "10m", "0", "3", "200", "99999999999", "/help", "x" * 4000]
    ),
    nasty_text,
)
arguments = st.lists(words, max_size=3).map(" ".join)
names = st.one_of(st.sampled_from([command.name for command in make_registry()]), nasty_text)
lines = st.one_of(st.builds("/{} {}".format, names, arguments), nasty_text)
talks = st.lists(st.tuples(st.integers(0, len(PEOPLE) - 1), lines), max_size=25)
secrets = st.lists(st.one_of(st.just(PASSPHRASE), nasty_text), max_size=8)


@contextmanager
def open_lobby(records: Records | None = None) -> Iterator[Lobby]:
    """Let people in; the first of them is an operator."""
    lobby = Lobby(records)
    lobby.enter(*PEOPLE)[0].is_operator = True
    try:
        yield lobby
        assert lobby.watcher.failures == []
    finally:
        lobby.close()


def type_as_handler(lobby: Lobby, person: Somebody, line: str) -> None:
    """Serve a line as a handler does, unless that person has left."""
    if person.leaving is not None or person.ended:
        return
    match parse_line(clean_text(line).rstrip()):
        case Call() as call:
            lobby.commands.dispatch(lobby.chat, person, call)
        case words:
            lobby.says(person, words)


def look_at_screens(lobby: Lobby) -> None:
    """Fail where somebody was sent too much at once, or something unsafe (promise 4)."""
    for person in lobby.people.values():
        assert len(person.received) <= MAX_QUEUED
        for line in person.lines():
            # Colours and the bell are the server's own, and what nobody else can make it send.
            assert not UNSAFE_CHARACTER.search(re.sub(r"^\a|\x1b\[[0-9;]*m", "", line))


def talk(lobby: Lobby, typed: list[tuple[int, str]]) -> None:
    people = list(lobby.people.values())
    for number, line in typed:
        type_as_handler(lobby, people[number], line)
        look_at_screens(lobby)


@given(talks)
def test_no_command_fails_or_sends_what_is_unsafe(typed: list[tuple[int, str]]) -> None:
    with open_lobby() as lobby:
        talk(lobby, typed)


@settings(max_examples=settings().max_examples // 4)  # each makes a file
@given(talks, secrets)
def test_nor_does_one_where_names_are_kept(typed: list[tuple[int, str]], given: list[str]) -> None:
    with TemporaryDirectory() as folder, patch.object(passphrase, "_COST", 1):
        file = Path(folder) / "chat.db"
        history = StoredHistory(file, print)
        records = Records(file)
        try:
            with open_lobby(records) as lobby:
                for person in lobby.people.values():
                    person.secrets += map(clean_text, given)
                talk(lobby, typed)
        finally:
            records.close()
            history.close()


@given(talks)
def test_who_is_where_stays_as_it_is_told(typed: list[tuple[int, str]]) -> None:
    with open_lobby() as lobby:
        talk(lobby, typed)
        for person in lobby.people.values():
            assert lobby.chat.names.find(person.name) is person
            assert person.room is not None
            assert person in person.room.members
        present = [member for room in lobby.chat.rooms() for member in room.members]
        assert len(present) == len(set(present)) == len(PEOPLE)
        assert all(room.members for room in lobby.chat.rooms() if room is not lobby.chat.lobby)


@given(lines)
def test_only_operators_do_what_is_for_operators(line: str) -> None:
    with open_lobby() as lobby:
        bo = lobby.people["bo"]
        type_as_handler(lobby, bo, line)
        call = parse_line(clean_text(line).rstrip())
        command = lobby.commands.get(call.command) if isinstance(call, Call) else None
        if command is not None and command.is_for_operators:
            assert lobby.events == []
            assert lobby.finished == []
            assert bo.lines() == [
                f"!!! /{command.name} is for operators. /op asks for their passphrase."
            ]


@given(st.sampled_from([command.name for command in make_registry()]), arguments)
def test_the_end_of_somebody_has_a_reason(name: str, argument: str) -> None:
    with open_lobby() as lobby:
        type_as_handler(lobby, lobby.people["al"], f"/{name} {argument}")
        for person in lobby.people.values():
            reasons = [*person.ended, *([person.leaving] if person.leaving else [])]
            assert all(reason.startswith(tuple(Reason)) for reason in reasons)
            assert bool(reasons) <= (name in ("quit", "kick", "ban", "op"))
