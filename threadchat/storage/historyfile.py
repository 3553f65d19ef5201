"""The file of a history while a server has it open: its connections, and what keeps it in order.

The file can be removed, moved or replaced meanwhile: the connections go on with the file that was
opened, and what has its name now is never touched. It can also be overwritten in place: then
nothing is written to it any more. `rescue` makes a new file in both cases.
"""

import contextlib
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from threadchat.storage import batches, database, faults, rows
from threadchat.storage.batches import Batches
from threadchat.storage.checkpoints import Checkpointer
from threadchat.storage.contents import Contents
from threadchat.storage.erasing import Eraser
from threadchat.storage.faults import Unusable
from threadchat.storage.indexing import Indexer
from threadchat.storage.ownership import UNKNOWN, id_of
from threadchat.storage.pace import Pace

BUSY_SECONDS = 0.02
"""How long a commit waits while another program has the file locked: all rooms wait, too."""

PATIENT_SECONDS = 1.0
"""How long it may wait at the start and at the end, when no room does."""


class HistoryFile:
    """Has the file at `path` open, which is made if there is none, or raises `Unusable`.

    `warn` gets a line for the operator if something fails. No method may be called by two threads
    at once, nor a connection used so: `StoredHistory` holds the locks.
    """

    def __init__(self, path: Path, warn: Callable[[str], None]) -> None:
        self.path = path
        self.batches = Batches(Pace())
        database.make(path)
        with contextlib.ExitStack() as opened:
            try:
                # Closed last: see `ownership`.
                self.owner = opened.enter_context(closing(database.own(path)))
                self.writer = opened.enter_context(closing(database.connect(path, PATIENT_SECONDS)))
                database.prepare(self.writer, path)
                database.set_busy_seconds(self.writer, BUSY_SECONDS)
                # Searches have a connection of their own, as a long one must not hold up a room.
                self.searcher, *others = (
                    opened.enter_context(closing(database.connect(path, busy_seconds)))
                    # What is done again later does not wait, as rooms may have to wait for it.
                    for busy_seconds in (BUSY_SECONDS, 0, 0, 0)
                )
                for_checkpoints, for_erasing, for_indexing = others
                for connection in (self.searcher, *others):
                    # SQLite opens its files only now. Later there might be no descriptors left, or
                    # another file of that name.
                    connection.execute("SELECT id FROM messages LIMIT 1").fetchall()
                rows.prepare_indexing(for_indexing)
                self._log = database.own_log(path)
                if self._log is not None:
                    opened.enter_context(closing(self._log))
                self.epoch, self.has_to_erase = rows.read_state(self.writer)
                rows.mend_indexed(self.writer)
                self.batches.waiting = batches.count(self.writer)
                # All of them, for a number must not be given twice while the file cannot be read.
                self.rooms = rows.read_rooms(self.writer)
                if id_of(path) != self.owner.file:
                    raise Unusable(f"{path} was replaced just now. Start the server again.")
            except OSError as error:
                raise Unusable(faults.not_writable(path, error)) from None
            except sqlite3.Error as error:
                raise Unusable(faults.why_unusable(path, error)) from None
            self._opened = opened.pop_all()
        self._beside = {beside: id_of(beside) for beside in database.beside(path)}
        self._checkpoints = for_checkpoints
        self.contents = Contents(self.owner, self._log, for_checkpoints, self.epoch)
        checkpoint = self.contents.checkpoint
        self.checkpointer = Checkpointer(for_checkpoints, path, warn, checkpoint=checkpoint)
        doubt = self.contents.doubt
        self.indexer = Indexer(for_indexing, path, self.batches, warn, doubt)
        self.eraser = Eraser(for_erasing, path, warn, checkpoint=checkpoint)

    def look(self, rest: Callable[[float], bool]) -> bool:
        """Take new lines into the index of words, and make a checkpoint if it is time for one.

        `rest` waits for some seconds, and returns whether to stop. Return whether more lines wait.
        """
        has_more = self.indexer.look(rest)
        self.checkpointer.look()
        return has_more

    @property
    def is_gone(self) -> bool:
        """Whether the file, or what SQLite keeps beside it, was removed, moved or replaced.

        Other programs find only what has the name: without its log, the file lacks the last words.
        """
        return self._where() is not None

    @property
    def is_lost(self) -> bool:
        """Whether it `is_gone`, or another program has overwritten it."""
        return self.is_gone or not self.contents.are_ours()

    def begin_epoch(self, epoch: str) -> None:
        """Give all lines of the file places in another epoch; raise `sqlite3.Error`."""
        rows.begin_epoch(self.writer, epoch)
        self.epoch = self.contents.epoch = epoch

    def what_happened(self) -> str | None:
        """Return what another program has done to the file, in words, or None if nothing."""
        if not self.contents.are_ours():
            log = database.beside(self.path)[0]
            what = log if self.contents.is_only_log_lost() else self.path
            return f"{what} was overwritten by another program"
        return self._where()

    def _where(self) -> str | None:
        # By `stat` alone, as opening and closing the file would release SQLite's locks.
        with contextlib.suppress(OSError):
            its_id = id_of(self.path)
            if its_id is None:
                return f"{self.path} was removed or moved"
            if its_id != self.owner.file:
                return f"{self.path} is another file now"
            for beside, its_id in self._beside.items():
                if its_id not in (None, UNKNOWN) and id_of(beside) not in (its_id, UNKNOWN):
                    return f"{beside} was removed, moved or replaced"
        return None

    def give_up(self) -> None:
        """Close a file that is gone or overwritten, and remove what SQLite has put beside its name.

        Otherwise SQLite would take that for a part of the file that has the name now.
        """
        if self.contents.are_ours():
            with contextlib.suppress(sqlite3.Error):
                # The file may be there by another name, and is to be whole.
                self.contents.checkpoint(self._checkpoints, "TRUNCATE")
        elif not self._empty_log():
            self._opened.pop_all()  # left open, as SQLite would write to the file at the close
        self.close()
        for beside, its_id in self._beside.items():
            with contextlib.suppress(OSError):
                now = id_of(beside)
                # If it is not known, it can be removed only if nobody has it open.
                if its_id is not None and (its_id == now or UNKNOWN in (its_id, now)):
                    beside.unlink()

    def _empty_log(self) -> bool:
        """Empty SQLite's log, so that a close finds nothing to move into the file.

        SQLite itself could only be told so from Python 3.12 on. Return whether that has worked.
        """
        try:
            if self._log is not None:
                os.ftruncate(self._log.descriptor, 0)  # whatever its name is by now
            else:
                os.truncate(database.beside(self.path)[0], 0)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Close all connections, and let others have the file."""
        self._opened.close()
