"""Go on with a history in a new file when its own was removed, moved, replaced or overwritten.

Of one that was removed or replaced nothing is lost yet: what was said is in a file without a name
until that is closed, and SQLite's backup copies it while the server goes on. Of one that was
overwritten there is only what the server has in memory.
"""

import contextlib
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import count
from pathlib import Path
from sqlite3 import Error
from threading import Lock

from threadchat.errors import OperatorError
from threadchat.messages.places import new_epoch
from threadchat.storage import copying, database, rows
from threadchat.storage.historyfile import HistoryFile
from threadchat.storage.rows import StoredRoom, Unwritten
from threadchat.storage.searching import SearchTurns

RESCUE_SECONDS = 60.0
"""How long after a failure it is tried again to go on in a new file."""


class CannotRescue(OperatorError):
    """What was said cannot be written into a new file. The text is one line: why."""


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

    def fill(path: Path) -> HistoryFile:
        copying.copy(file.writer, path, is_checked=False, progress=let_others_write)
        new = HistoryFile(path, warn)
        with _closed_if_that_fails(new):
            # The old file may be somewhere, and go on with other lines: no place may mean two.
            new.begin_epoch(new_epoch())
        return new

    return _go_on(file, fill)


def begin_anew(
    file: HistoryFile,
    warn: Callable[[str], None],
    rooms: Collection[StoredRoom],
    latest: Iterable[Unwritten],
) -> HistoryFile:
    """Write what is in memory into a new file, as `rescue` does where `file` was overwritten.

    That are the topics of `rooms`, their `latest` lines, and what the followers of the file
    remember. The locks of all these are held, and `database.WRITING`. Where only SQLite's log was
    overwritten, the file is copied before, as the last checkpoint left it.
    """
    ids = [(room, room.id, room.lost) for room in rooms]

    def fill(path: Path) -> HistoryFile:
        if file.contents.is_only_log_lost():
            _copy_bytes(file, path)
        new = HistoryFile(path, warn)
        with _closed_if_that_fails(new):
            for room, _, lost in ids:
                room.lost = lost
            rows.write_missing(new.writer, rooms, latest)
            for follower in file.owner.followers:
                follower.write_into(new.writer)
        return new

    try:
        return _go_on(file, fill)
    except CannotRescue:
        for room, id, lost in ids:
            room.id, room.lost = id, lost
        raise


def what_is_there(gone: HistoryFile, new: HistoryFile, latest: str) -> str:
    """Return what of the history is in the new file; `latest` says of which lines it is sure."""
    if gone.contents.are_ours() or gone.contents.is_only_log_lost():
        return f"all that was said is in {new.path}, and goes on there"
    return (
        f"the history goes on in {new.path}, with topics, bans, protected names, mail, hooks and"
        f" {latest}."
        f" {gone.path} is left as it is now"
    )


def _copy_bytes(file: HistoryFile, path: Path) -> None:
    database.make(path)
    with open(path, "r+b") as copy:
        while data := file.owner.read(copy.tell(), 1 << 20):
            copy.write(data)


def _go_on(file: HistoryFile, fill: Callable[[Path], HistoryFile]) -> HistoryFile:
    why: Exception | None = None
    for folder in (*file.path.parents, Path(tempfile.gettempdir())):
        if not folder.is_dir():
            continue
        path = next(_free_names(folder, file.path.name))
        try:
            new = fill(path)
            with _closed_if_that_fails(new):
                for follower in list(file.owner.followers):
                    follower.follow(new.owner, path)
        except (OSError, Error, OperatorError) as error:
            why = why or error
            continue
        return new
    raise CannotRescue(str(why))


@contextlib.contextmanager
def _closed_if_that_fails(new: HistoryFile) -> Iterator[None]:
    try:
        yield
    except BaseException:
        new.close()
        for path in (new.path, *database.beside(new.path)):
            with contextlib.suppress(OSError):
                path.unlink()
        raise


def _free_names(folder: Path, name: str) -> Iterator[Path]:
    names = (folder / f"{name}.kept-{number}" for number in count(1))
    return (path for path in names if not path.exists())
