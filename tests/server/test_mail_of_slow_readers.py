"""Mail for owners that read slowly, or whose connection breaks while it is handed over."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.clients import Client
from tests.support.servers import WatchingConsole, run_server
from tests.support.waiting import wait_until
from threadchat import ChatServer
from threadchat.access.passphrase import make
from threadchat.messages.kinds import Private
from threadchat.storage.records import MAX_MAIL, Records
from threadchat.storage.sqlitehistory import StoredHistory

RIGHT = "correct horse"


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[tuple[ChatServer, WatchingConsole, Records]]:
    """A server with a hundred letters for al, which are 1.6 MB together, and its records."""
    history = StoredHistory(tmp_path / "chat.db", print)
    records = Records(tmp_path / "chat.db")
    records.protect("al", make(RIGHT))
    for number in range(MAX_MAIL):
        letter = Private(f"bo{number // 20}", "al", f"letter {number} ".ljust(4000, "\U0001f389"))
        assert records.keep(letter)
    with run_server(history=history, records=records) as (server, console):
        yield server, console, records


@contextmanager
def come_in(server: ChatServer) -> Iterator[Client]:
    with Client(server, receive_buffer=4096) as al:
        al.expect("Your name: ")
        al.type("al")
        al.expect("Enter alone gives up): ")
        al.type(RIGHT)
        al.expect("messages came for you while you were not here")
        yield al


def was_shown(records: Records, letter: int) -> bool:
    """Return whether a letter with that number, or a later one, was shown and is kept."""
    kept = (it for it in records.waiting("al") if it.was_shown)
    return any(int(it.message.text.split()[1]) >= letter for it in kept)


def letters_in(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"-> you\] letter (\d+) ", text)]


@pytest.mark.usefixtures("small_buffers")
def test_all_of_it_reaches_an_owner_who_reads_slowly(
    watched: tuple[ChatServer, WatchingConsole, Records],
) -> None:
    server, console, records = watched
    with come_in(server) as al:
        al.type("I can talk meanwhile")
        read = al.expect("letter 99 ") + al.expect("\r\n")
        assert letters_in(read) == list(range(MAX_MAIL))
        wait_until(lambda: records.waiting("al") == [], "all of it is deleted")
        al.sync()
        assert console.disconnects.empty()
        assert [it.text for it in server.chat.recent(server.chat.lobby, 9)] == [
            "I can talk meanwhile"
        ]


@pytest.mark.usefixtures("small_buffers")
def test_nothing_is_lost_with_a_connection_that_breaks(
    watched: tuple[ChatServer, WatchingConsole, Records],
) -> None:
    server, console, records = watched
    with come_in(server) as al:
        seen = letters_in(al.expect("letter 10 "))
        wait_until(lambda: was_shown(records, 11), "more is on its way than was read")
        al.reset()
        console.next_disconnect()
    left = [int(kept.message.text.split()[1]) for kept in records.waiting("al")]
    assert left == list(range(left[0], MAX_MAIL))
    assert max(seen, default=0) <= 10
    assert len(left) > 50
    with come_in(server) as al:
        again = al.expect("letter 99 ") + al.expect("\r\n")
        assert letters_in(again) == left
        # What was shown before and has not arrived is marked: some of the letters, the first ones.
        marked = again.count("=== again: 20")
        assert 0 < marked < len(left)
        assert again.rindex("=== again: ") < again.index(f"letter {left[marked]} ")
        wait_until(lambda: records.waiting("al") == [], "all of it is deleted")
