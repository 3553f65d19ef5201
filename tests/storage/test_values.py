"""Test that whatever another program has written into a file is safe, and no error."""

import io
import json
import sqlite3
import sys
from contextlib import closing
from ipaddress import ip_network
from pathlib import Path

import pytest

from tests.support.clients import Client
from tests.support.files import never
from tests.support.servers import run_server
from threadchat.access.bans import Ban
from threadchat.cli import main as cli
from threadchat.messages.codec import iso_time
from threadchat.messages.kinds import Say
from threadchat.messages.places import Place
from threadchat.storage.records import Records
from threadchat.storage.sqlitehistory import StoredHistory
from threadchat.storage.values import (
    MAX_NUMBER,
    MAX_TEXT,
    ban_of,
    name_of,
    number_of,
    text_of,
    time_of,
)

ODD = [None, "", "x", "\x1b[2J\x9b31mx\r\nbo: y\x00", b"\xff\x1b[31m", -1, 2**63 - 1, -(2**63),
       1e300, -1e300, float("inf"), float("-inf"), "9" * 400, "x" * 100_000, "\u202e\u200b",
       "- > al", b"", 253402300800.0, 0.5, "\u0301" * 50]  # fmt: skip


def is_safe(text: str) -> bool:
    return not set(text) & {*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0))}


@pytest.mark.parametrize("value", ODD, ids=lambda value: repr(value)[:30])
def test_any_value_of_a_column_is_made_safe(value: object) -> None:
    text, name = text_of(value), name_of(value)
    assert is_safe(text)
    assert len(text) <= MAX_TEXT
    assert name
    assert is_safe(name)
    assert len(name) <= 20
    assert not set(name) & set(" :*>[]!=")
    assert name[0].isalnum()
    assert 0 <= number_of(value) <= MAX_NUMBER
    assert iso_time(time_of(value))[:4].isdigit()


@pytest.mark.parametrize("name", ["al", "Zoë", "operator", "Server", "アリス", "x" * 20])
def test_what_is_sound_is_not_changed(name: str) -> None:
    assert name_of(name) == name
    assert text_of(f"hi {name} ✓") == f"hi {name} ✓"
    assert number_of(7) == 7
    assert time_of(1764000000.25) == 1764000000.25


def test_a_name_keeps_what_a_name_may_have() -> None:
    assert name_of("a-b_c.d e!") == "a-b_c.d_e_"
    assert name_of("-!") == "unknown"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file of a history in which nothing is as it should be, but the tables."""
    path = tmp_path / "chat.db"
    with closing(StoredHistory(path, never)) as history, closing(Records(path)) as records:
        history.append("lobby", [Say("al", f"number {n}", float(n)) for n in range(1, 5)])
        records.protect("bo", b"kept")
    with closing(sqlite3.connect(path)) as other:
        for number, value in enumerate(ODD, 1):
            for column in ("at", "kind", "name", "text", "taken_after"):
                row = {"at": 1.0, "kind": "say", "name": "al", "text": "odd", "taken_after": None}
                row[column] = value
                row |= {"room": 1, "seq": 1000 + len(ODD) * number + len(column)}
                if value is None and column != "taken_after":
                    continue
                other.execute(
                    f"INSERT OR IGNORE INTO messages ({', '.join(row)}) VALUES"
                    f" ({', '.join('?' * len(row))})",
                    list(row.values()),
                )
                (id,) = other.execute("SELECT max(id) FROM messages").fetchone()
                other.execute("INSERT INTO words (rowid, text) VALUES (?, 'odd')", (id,))
            if value is not None:
                other.execute(
                    "INSERT OR IGNORE INTO rooms (fold, name) VALUES (?, ?)", (value, value)
                )
                other.execute(
                    "INSERT INTO letters (recipient, sender, text, at, writer)"
                    " VALUES ('bo', ?, ?, ?, ?)",
                    (value,) * 4,
                )
                other.execute(
                    "INSERT OR IGNORE INTO bans VALUES (?, ?, ?, ?, ?, ?, ?)", (value,) * 7
                )
                other.execute("INSERT OR IGNORE INTO ignores VALUES (?, 'bo')", (value,))
                other.execute("INSERT OR IGNORE INTO ignores VALUES ('bo', ?)", (value,))
                other.execute(
                    "INSERT OR IGNORE INTO names (fold, name, looks, kept, since, address)"
                    " VALUES (?, ?, ?, ?, ?, ?)",
                    (value,) * 6,
                )
        # Text that is no UTF-8.
        other.execute("UPDATE messages SET text = CAST(x'ff41' AS TEXT) WHERE seq = 4")
        other.commit()
    return path


def read_by(client: Client, line: str) -> str:
    client.type(line)
    client.sync()
    return client.received.decode()


def test_it_is_served_and_nothing_of_it_reaches_a_screen(path: Path) -> None:
    told: list[str] = []
    history, records = StoredHistory(path, told.append), Records(path, warn=told.append)
    with (
        run_server(history=history, records=records) as (server, console),
        Client(server, "al") as al,
    ):
        for line in ("/last 200", "/search odd", "/time on", "/last 200", "/rooms", "hello"):
            text = read_by(al, line)
            assert is_safe(text.replace("\r\n", ""))
            assert "went wrong" not in text
        assert history.since("lobby", Place(history.last_place("lobby").epoch, 0), 1000)
        for ban in records.bans():
            assert is_safe(ban.line(0.0))
        assert is_safe("".join(it.message.line for it in records.waiting("bo")))
        history.forget(1e12)
        assert all("which is no name, address or network" in line for line in told)
        assert "Traceback" not in console.file.getvalue()
    assert told


@pytest.mark.parametrize("form", ["text", "jsonl"])
def test_it_is_exported_and_nothing_of_it_is_in_the_export(
    path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = io.StringIO()
    monkeypatch.setattr(sys, "stdout", output)
    assert cli.main(["export", str(path), "--format", form]) == 0
    lines = output.getvalue().splitlines()
    assert len(lines) > 50
    assert all(map(is_safe, lines))
    if form == "jsonl":
        for line in lines:
            row = json.loads(line)
            assert all(is_safe(str(value)) for value in row.values())


@pytest.mark.parametrize("seq", [2**63 - 1, -5, 7.5, "x", b"x"])
def test_a_number_that_is_none_does_not_keep_messages_out(tmp_path: Path, seq: object) -> None:
    path = tmp_path / "chat.db"
    with closing(StoredHistory(path, never)) as history:
        history.append("lobby", [Say("al", "hi", 1.0)])
    with closing(sqlite3.connect(path)) as other:
        other.execute(
            "INSERT INTO messages (room, at, kind, name, text, seq)"
            " SELECT room, at, kind, name, text, ? FROM messages",
            (seq,),
        )
        other.commit()
    with closing(StoredHistory(path, never)) as history:
        history.append("lobby", [Say("al", "more", 2.0)])
    with closing(StoredHistory(path, never)) as history:
        assert Say("al", "more", 2.0) in history.recent("lobby", 9)
        assert history.last_place("lobby").seq >= 2


@pytest.mark.parametrize("target", ["192.0.2.0/40", "al/8", "-al", "two words", "", None])
def test_a_ban_that_is_none_is_told_of(target: object) -> None:
    with pytest.raises(ValueError, match="which is no name, address or network"):
        ban_of(target, "op", "", 1.0, None, "")


def test_a_ban_is_as_it_was_set() -> None:
    ban = ban_of("192.0.2.0/24", "op", "spam", 1.0, 9.0, "al  bo")
    assert ban == Ban(ip_network("192.0.2.0/24"), "op", "spam", 1.0, 9.0, frozenset({"al", "bo"}))
    assert ban_of("al", "op", "", 1.0, None, "") == Ban("al", "op", "", 1.0, None)
