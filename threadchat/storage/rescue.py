"""Go on with a history in a new file when its own was removed, moved or replaced.

What was said is then only in a file without a name, which is lost when it is closed. SQLite's
backup copies it while the server goes on.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from sqlite3 import Error
from threading import Lock

from threadchat.errors import OperatorError
from threadchat.messages.places import new_epoch
from threadchat.storage import copying, rows
from threadchat.storage.historyfile import HistoryFile
from threadchat.storage.searching import SearchTurns


class CannotRescue(OperatorError):
    """What was said cannot be copied into a new file. The text is one line: why."""


def rescue(
    file: HistoryFile, warn: Callable[[str], None], locks: "Sequence[Lock | SearchTurns]"
) -> HistoryFile:
    """Copy what `file` holds into a new file, of another name in its folder; return that one, open.

    All `locks` are held, in this order; they are released now and then, so that people can write.
    Where there is no such folder, or no room in it, the copy is in the next folder up that takes
    it, or in the system's folder for temporary files. Raises `CannotRescue`.
    """

    def let_others_write(copied: int, pages: int) -> None:
        if copied < pages:  # what is written after the last page would not be copied
            for lock in reversed(locks):
                lock.release()
            for lock in locks:
                lock.acquire()

    why: Exception | None = None
    for folder in (*file.path.parents, Path(tempfile.gettempdir())):
        if not folder.is_dir():
            continue
        path = next(_free_names(folder, file.path.name))
        try:
            copying.copy(file.writer, path, is_checked=False, progress=let_others_write)
            new = HistoryFile(path, warn)
        except (OSError, Error, OperatorError) as error:
            why = why or error
            continue
        try:
            # The old file may be somewhere, and go on with other lines: no place may mean two.
            new.epoch = new_epoch()
            rows.begin_epoch(new.writer, new.epoch)
            for follower in file.owner.followers:
                follower.follow(new.owner, path)
        except Error as error:
            new.close()
            why = why or error
            continue
        return new
    raise CannotRescue(str(why))


def _free_names(folder: Path, name: str) -> Iterator[Path]:
    names = (folder / f"{name}.kept-{number}" for number in count(1))
    return (path for path in names if not path.exists())
