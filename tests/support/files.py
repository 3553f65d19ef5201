"""Files for the tests: histories of older versions of threadchat, and links."""

import contextlib
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.pace import BusyPace
from threadchat.messages.kinds import TakenBack
from threadchat.messages.places import Place
from threadchat.storage import rows
from threadchat.storage.history import History
from threadchat.storage.migrations import MIGRATIONS
from threadchat.storage.sqlitehistory import StoredHistory
from threadchat.text.search import index_words


def write_old_history(path: Path, version: int) -> None:
    """Make a history of an older version: al has said one thing, and done another."""
    with closing(sqlite3.connect(path)) as old:
        old.create_function("index_words", 1, index_words)
        for statement in MIGRATIONS[0]:
            old.execute(statement)
        old.execute("INSERT INTO rooms VALUES (1, 'lobby', 'lobby')")
        old.execute("INSERT INTO messages VALUES (7, 1, 1.0, 'say', 'al', 'die Straße')")
        old.execute("INSERT INTO messages VALUES (8, 1, 2.0, 'emote', 'al', 'waves')")
        for statements in MIGRATIONS[1:version]:
            for statement in statements:
                old.execute(statement)
        old.execute("PRAGMA application_id = 0x74636861")
        old.execute(f"PRAGMA user_version = {version}")
        old.commit()


def take_back(history: History, room: str, seq: int) -> TakenBack | None:
    """Take back the line with that number."""
    return history.take_back(room, Place(history.last_place(room).epoch, seq))


def index_all(history: StoredHistory) -> None:
    """Take all that was said into the index of words, in place of the thread that does this."""
    history._keeper.close()  # two threads must not use the connection
    file = history._file
    file.batches.pace = BusyPace(is_busy=False)
    while file.batches.waiting or rows.count_not_indexed(history._searcher):
        file.indexer.look(lambda seconds: False)


def link_or_skip(link: Path, target: Path) -> None:
    """Make a symbolic link; skip the test if the system does not let us."""
    with contextlib.suppress(OSError):  # on Windows one needs a right for that
        link.symlink_to(target)
    if not link.is_symlink():  # Wine 8 reports success, but makes no link
        pytest.skip("no links can be made here")


def never(words: str) -> None:
    """Fail, as the `warn` of something that has nothing to warn of."""
    raise AssertionError(words)
