"""Define the tables of the SQLite file, version by version, and bring a file to the last one.

A file of an older version is copied before it is changed. `database` opens the file and checks it.
"""

import sqlite3
from pathlib import Path

from threadchat.storage import copying
from threadchat.text.search import index_words

_TABLES_OF_HISTORY = (
    "CREATE TABLE rooms (id INTEGER PRIMARY KEY, fold TEXT NOT NULL UNIQUE, name TEXT NOT NULL)",
    "CREATE TABLE messages"
    " (id INTEGER PRIMARY KEY, room INTEGER NOT NULL REFERENCES rooms, at REAL NOT NULL,"
    " kind TEXT NOT NULL, name TEXT NOT NULL, text TEXT NOT NULL)",
    "CREATE INDEX messages_of_room ON messages (room, id)",
)

_INDEX_OF_WORDS = (
    # The index only, without a second copy of the text, and without the sizes that only ranking
    # needs. Its text comes from `index_words`; the tokenizer only splits it at the spaces.
    "CREATE VIRTUAL TABLE words"
    " USING fts5 (text, content = '', columnsize = 0, tokenize = 'ascii')",
    "INSERT INTO words (rowid, text) SELECT id, index_words(text) FROM messages",
)

_TABLES_OF_RECORDS = (
    "CREATE TABLE names (fold TEXT PRIMARY KEY NOT NULL, name TEXT NOT NULL, looks TEXT NOT NULL,"
    " kept BLOB NOT NULL, since REAL NOT NULL)",
    "CREATE INDEX names_by_looks ON names (looks)",
    # No number is used twice, so the number of a letter that is gone never means another one.
    "CREATE TABLE letters (id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " recipient TEXT NOT NULL REFERENCES names ON DELETE CASCADE, sender TEXT NOT NULL,"
    " text TEXT NOT NULL, at REAL NOT NULL)",
    "CREATE INDEX letters_by_recipient ON letters (recipient)",
    "CREATE TABLE bans (key TEXT PRIMARY KEY NOT NULL, target TEXT NOT NULL, set_by TEXT NOT NULL,"
    " why TEXT NOT NULL, at REAL NOT NULL, until REAL)",
)

_PLACES_OF_LINES = (
    # One row. `to_erase` counts what has to be erased from the file and may still be found in it.
    "CREATE TABLE history (epoch TEXT NOT NULL, to_erase INTEGER NOT NULL DEFAULT 0)",
    "INSERT INTO history (epoch) VALUES (lower(hex(randomblob(8))))",
    # The last number that was given to a line of the room that is not in the file any more.
    "ALTER TABLE rooms ADD COLUMN forgotten INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE messages ADD COLUMN seq INTEGER NOT NULL DEFAULT 0",
    # For a line that was taken back: the last number in the room at that moment.
    "ALTER TABLE messages ADD COLUMN taken_after INTEGER",
    "UPDATE messages SET seq = numbered.seq FROM"
    " (SELECT id, row_number() OVER (PARTITION BY room ORDER BY id) AS seq FROM messages)"
    " AS numbered WHERE numbered.id = messages.id",
    "DROP INDEX messages_of_room",
    "CREATE UNIQUE INDEX messages_by_place ON messages (room, seq)",
    "CREATE INDEX messages_taken_back ON messages (room, taken_after)"
    " WHERE taken_after IS NOT NULL",
)

_TOPICS_OF_ROOMS = ("ALTER TABLE rooms ADD COLUMN topic TEXT NOT NULL DEFAULT ''",)

_PEOPLE_IN_RECORDS = (
    # The protected name of the sender of a letter, where they had proven it: who they are, whatever
    # they were called then, and whoever has that name later.
    "ALTER TABLE letters ADD COLUMN writer TEXT REFERENCES names ON DELETE SET NULL",
    "CREATE INDEX letters_by_writer ON letters (writer)",
    "CREATE TABLE ignores (owner TEXT NOT NULL REFERENCES names ON DELETE CASCADE,"
    " ignored TEXT NOT NULL REFERENCES names ON DELETE CASCADE, PRIMARY KEY (owner, ignored))"
    " WITHOUT ROWID",
    "CREATE INDEX ignores_by_ignored ON ignores (ignored)",
)

_ADDRESSES_OF_NAMES = ("ALTER TABLE names ADD COLUMN address TEXT NOT NULL DEFAULT ''",)

_NAMES_SPARED_BY_BANS = (
    # Names, folded, with a space between two: others' that look like the one that is banned.
    "ALTER TABLE bans ADD COLUMN spared TEXT NOT NULL DEFAULT ''",
)

_LETTERS_SHOWN = (
    # Whether a letter was shown to its recipient, who may not have received it.
    "ALTER TABLE letters ADD COLUMN shown INTEGER NOT NULL DEFAULT 0",
)

_NAMES_HAD_BY_OWNERS = (
    # Which names the owner of a protected name had in sessions in which they had proven it, and
    # when, in seconds since the epoch: so it is known after a restart what they said under these.
    # Without an end they had it when the file was last written.
    "CREATE TABLE names_had (owner TEXT NOT NULL REFERENCES names ON DELETE CASCADE,"
    " fold TEXT NOT NULL, since REAL NOT NULL, until REAL, PRIMARY KEY (owner, fold, since))"
    " WITHOUT ROWID",
)

_WORDS_INDEXED_LATER = (
    # The id of the last line that was taken into the index of words, or is not to be.
    "ALTER TABLE history ADD COLUMN indexed INTEGER NOT NULL DEFAULT 0",
    "UPDATE history SET indexed = coalesce((SELECT max(id) FROM messages), 0)",
)

_HOOKS = (
    # Of a token only its hash.
    "CREATE TABLE hooks (fold TEXT PRIMARY KEY NOT NULL, name TEXT NOT NULL, room TEXT NOT NULL,"
    " token BLOB NOT NULL, since REAL NOT NULL, used INTEGER NOT NULL, last_used REAL NOT NULL)",
)

_STRETCHES = (
    # What several servers have put in order: `lines` lines of a room from the number `seq` on, the
    # place of the first of them in an epoch of that order, and as which of its lines a node said
    # it. Without an epoch it has no place there yet.
    "CREATE TABLE stretches (id INTEGER PRIMARY KEY, room TEXT NOT NULL, seq INTEGER NOT NULL,"
    " lines INTEGER NOT NULL, at REAL NOT NULL, epoch TEXT NOT NULL, place INTEGER NOT NULL,"
    " node TEXT NOT NULL, line INTEGER NOT NULL,"
    # The number at which it was shown here first, and how many lines were missed before it.
    " shown INTEGER NOT NULL, missed INTEGER NOT NULL,"
    # From when to when its node had no link, if it was said then; whether it stands elsewhere now.
    " apart_from REAL, apart_to REAL, moved INTEGER NOT NULL DEFAULT 0)",
    "CREATE INDEX stretches_by_number ON stretches (room, seq)",
    "CREATE INDEX stretches_by_place ON stretches (room, epoch, place)",
    "CREATE INDEX stretches_by_line ON stretches (node, line)",
    # How far the order was read: one row for each name of several servers together.
    "CREATE TABLE linked (cluster TEXT PRIMARY KEY NOT NULL, state TEXT NOT NULL)",
)

_BATCHES_OF_LINES = (
    # Lines of a room, with the numbers from `first` to `last`, that are to come into `messages`:
    # the time, kind, name and text of each, as JSON. `taken` of them were taken back.
    "CREATE TABLE batches (id INTEGER PRIMARY KEY, room INTEGER NOT NULL REFERENCES rooms,"
    " first INTEGER NOT NULL, last INTEGER NOT NULL, taken INTEGER NOT NULL DEFAULT 0,"
    " lines TEXT NOT NULL)",
    "CREATE INDEX batches_of_room ON batches (room, first)",
    "CREATE INDEX batches_taken_back ON batches (room) WHERE taken > 0",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    _TABLES_OF_HISTORY,
    _INDEX_OF_WORDS,
    _TABLES_OF_RECORDS,
    _PLACES_OF_LINES,
    _TOPICS_OF_ROOMS,
    _PEOPLE_IN_RECORDS,
    _ADDRESSES_OF_NAMES,
    _NAMES_SPARED_BY_BANS,
    _LETTERS_SHOWN,
    _NAMES_HAD_BY_OWNERS,
    _WORDS_INDEXED_LATER,
    _HOOKS,
    _STRETCHES,
    _BATCHES_OF_LINES,
)
"""The statements that make each version of the file from the one before.

A version that has been released is never changed: a new version is one more entry.
"""

OF_RECORDS = (
    _TABLES_OF_RECORDS,
    _PEOPLE_IN_RECORDS,
    _ADDRESSES_OF_NAMES,
    _NAMES_SPARED_BY_BANS,
    _LETTERS_SHOWN,
    _NAMES_HAD_BY_OWNERS,
    _HOOKS,
)
"""Those of the statements that make the tables of the records, without the history."""

VERSION = len(MIGRATIONS)
"""The version of the file that these make; the file keeps it as `user_version`."""

VERSION_WITH_INDEX, VERSION_WITH_RECORDS, VERSION_WITH_PLACES, VERSION_WITH_HOOKS = 2, 3, 4, 12
"""The first versions with the index of words, tables of records, places of lines, and hooks."""

VERSION_WITH_STRETCHES = 13
"""The first version with the places that several servers give lines in one order."""

VERSION_WITH_BATCHES = 14
"""The first version in which busy rooms write by the batch."""


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Make a file of `version` one of the current version; the caller has begun a transaction."""
    connection.create_function("index_words", 1, index_words, deterministic=True)
    for statements in MIGRATIONS[version:]:
        for statement in statements:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {VERSION}")


def copy_before(connection: sqlite3.Connection, path: Path) -> None:
    """Copy the file at `path` to one beside it, such as `chat.db.before-12`, for its owner only.

    A copy that is there already is left as it is: it was complete, and is from before the first
    try. Raise `OSError` or `sqlite3.Error` if no copy can be made.
    """
    copy = path.with_name(f"{path.name}.before-{VERSION}")
    if copy.exists():
        return
    copying.copy(connection, copy)
