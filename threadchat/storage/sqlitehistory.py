"""Keep what was said in an SQLite file, so that it outlives the server.

A commit hands the batch to the system, so it is there again however the process ends (promise 2).
Only checkpoints wait for the disk itself. A power cut may cost the last moments, but never the
file.

When the file cannot be written, the chat goes on: what is said waits in memory, up to a bound, and
is written in its order as soon as that is possible. Meanwhile it has an epoch of its own, as the
server may end before it is written: then nobody takes the numbers for those of other lines. Once
it is written it has the same numbers in the epoch of the file.
"""

import contextlib
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count, islice, repeat
from pathlib import Path
from threading import Event, Lock, Thread

from threadchat.errors import OperatorError
from threadchat.messages.kinds import Recalled, Spoken, TakenBack
from threadchat.messages.places import Place, new_epoch
from threadchat.net.threads import join, start_thread
from threadchat.storage import database, faults, rows
from threadchat.storage.checkpoints import MAX_PAGES
from threadchat.storage.filereader import FileReader
from threadchat.storage.filesearch import FileSearch
from threadchat.storage.history import CannotTakeBack, History, set_places, with_gaps
from threadchat.storage.historyfile import BUSY_SECONDS, PATIENT_SECONDS, HistoryFile
from threadchat.storage.historystate import HistoryState
from threadchat.storage.keeper import Keeper
from threadchat.storage.lastlines import LastLines
from threadchat.storage.latest import Latest
from threadchat.storage.moving import forget_moved, note_moved, note_taken_back
from threadchat.storage.rescue import RESCUE_SECONDS, begin_anew, rescue, what_is_there
from threadchat.storage.rows import StoredRoom, Unwritten
from threadchat.storage.searching import Found, SearchTurns
from threadchat.text.names import fold_name
from threadchat.text.paths import resolve
from threadchat.text.search import Query

MAX_UNWRITTEN = 10_000
"""How many messages wait in memory while the file cannot be written; the oldest are lost first."""

RETRY_SECONDS = 1.0
"""How long the history waits after a failure before it tries again."""

_MAX_AT_ONCE = 4096
"""The most messages in one commit: more than any batch of a room has."""

_LINES_AT_ONCE, _REST_SECONDS = 200, 0.01
"""So many lines are written late, moved or forgotten at once; then rooms can write for so long."""

_MAX_EPOCHS = 100
"""How many epochs are known of times in which the file could not be written."""


class StoredHistory(History):
    """What was said in each room, in the file at `path`, which is made if there is none.

    Raises `Unusable` if the file cannot be used. `warn` gets a line for the operator when writing
    or reading fails, and when it works again; it must not wait.
    """

    def __init__(
        self,
        path: str | Path,
        warn: Callable[[str], None],
        *,
        limit: int = MAX_UNWRITTEN,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        super().__init__(limit)
        self._retry_seconds = retry_seconds
        self._warn = warn
        # Guards the connection and all below; taken after the turn of a search if both are needed.
        self._lock = Lock()
        self._unwritten: deque[Unwritten] = deque()
        self._outage = ""  # the epoch of what waits, while it has to wait
        self._outages: deque[str] = deque(maxlen=_MAX_EPOCHS)  # this one and those before it
        self._lost = 0
        # The rooms of which the file does not say yet what was lost, or the topic.
        self._changed: set[StoredRoom] = set()
        self.state: HistoryState = HistoryState(self._unwritten, self._lock)
        self._is_closed = False
        self._retrier: Thread | None = None
        self._closing = Event()
        # With links resolved, as SQLite puts files of its own beside the one that is meant.
        file = HistoryFile(resolve(path), warn)
        self._latest = Latest.of(file)
        self._reader = FileReader(file, warn, self._closing)
        self._last_lines = LastLines(self._reader, self._latest)
        self._use(file)
        self._stored = file.rooms
        self._keeper = Keeper(self.look)
        if not self._keeper.start():  # out of threads, rooms make the checkpoints
            self._connection.execute(f"PRAGMA wal_autocheckpoint = {MAX_PAGES}")

    def _use(self, file: HistoryFile) -> None:
        self._file = file
        self._path, self._epoch, self._eraser = file.path, file.epoch, file.eraser
        self._connection, self._searcher = file.writer, file.searcher
        self._reader.file = file
        if file.has_to_erase:
            file.eraser.start()

    def look(self) -> bool:
        """See to the file, as is done every second; return whether to do so again at once."""
        if not self._file.is_lost:
            return self._file.look(self._closing.wait)
        if time.monotonic() >= self.state.rescue_at:
            self._rescue()
        return False

    def _rescue(self) -> None:
        """Go on in a new file, as another program has removed, replaced or overwritten this one."""
        gone = self._file
        what = gone.what_happened() or f"{gone.path} was gone for a moment"
        followers = gone.owner.followers
        locks: list[Lock | SearchTurns] = [self._search_turns]
        locks += [self._lock, *(it.lock for it in followers), database.WRITING]
        with contextlib.ExitStack() as held:
            for lock in locks:
                held.enter_context(lock)
            if self._is_closed:
                return
            try:
                if gone.contents.are_ours():
                    new = rescue(gone, self._warn, locks)
                else:
                    new = begin_anew(gone, self._warn, self._stored.values(), self._latest)
                is_there = what_is_there(gone, new, self._latest.in_words())
            except OperatorError as error:
                if not self.state.rescue_at:
                    self._warn(f"{what}, and what was said will be lost: {error}")
                self.state.rescue_at = time.monotonic() + RESCUE_SECONDS
                return
            # Places that people have seen go on to be known: the numbers stay.
            self._outages.append(self._epoch)
            self._use(new)
            self.state.rescue_at = 0.0
        gone.eraser.close()
        gone.give_up()
        self._warn(f"{what}: {is_there}. Start the server with that file next time")

    def append(self, room: str, batch: Sequence[Spoken]) -> None:
        """Commit `batch`, or keep it in memory until it can be written; set its places."""
        self.append_moved(room, batch, ())

    def append_moved(self, room: str, batch: Sequence[Spoken], before: Sequence[int]) -> None:
        """Commit `batch` in one step with that it stands no more where it was; see `History`."""
        with self._lock:
            if self._is_closed:
                return
            stored = self._stored_room(room)
            first = stored.last + 1
            stored.last += len(batch)
            kept = note_moved(self._unwritten, stored, batch, before) if before else batch
            # Behind the messages that wait already: the file keeps the order (promise 1).
            self._unwritten.extend(zip(repeat(stored), count(first), kept))
            self._write_or_retry()
            if stored.moved:  # it waits, and what was taken back is to be seen by nobody meanwhile
                begin = min(stored.moved.values())
                there = self._last_lines.since(stored, begin - 1, stored.last)
                note_taken_back(self._unwritten, stored, there)
            set_places(batch, self._outage or self._epoch, first)
            if len(self._unwritten) > self._limit:
                self._lost += len(self._unwritten) - self._limit
                self._lose(len(self._unwritten) - self._limit)

    def set_topic(self, room: str, topic: str) -> None:
        """Commit the topic of `room`, or keep it in memory until it can be written."""
        with self._lock:
            if self._is_closed:
                return
            stored = self._stored_room(room)
            stored.topic = topic
            self._changed.add(stored)
            self._write_or_retry()

    def topic(self, room: str) -> str:
        """Return the topic of `room`; an empty text if it has none."""
        with self._lock:
            stored = self._stored.get(fold_name(room))
            return "" if stored is None else stored.topic

    def topics(self) -> Mapping[str, str]:
        """Return the topics of all rooms that have one, by the names of the rooms."""
        with self._lock:
            return {it.name: it.topic for it in self._stored.values() if it.topic}

    def _stored_room(self, room: str) -> StoredRoom:
        fold = fold_name(room)
        if (stored := self._stored.get(fold)) is None:
            stored = self._stored[fold] = StoredRoom(room)
        return stored

    @contextlib.contextmanager
    def connected(self) -> Iterator[sqlite3.Connection | None]:
        """Hold the connection that writes; None once the history is closed."""
        with self._lock:
            yield None if self._is_closed else self._connection

    def _knows(self, epoch: str) -> bool:
        return epoch == self._epoch or epoch in self._outages

    def recent(self, room: str, number: int) -> list[Spoken]:
        """Return the last `number` messages of `room`, oldest first, less those taken back."""
        with self._lock:
            stored = self._stored.get(fold_name(room))
            if stored is None:
                return []
            waiting = (it[2] for it in self._unwritten if it[0] is stored)
            said = [it for it in waiting if isinstance(it, Spoken)]
            said = said[max(0, len(said) - number) :]
            older = self._last_lines.recent(stored, max(0, number - len(said)))
        return [*older, *said]

    def last_place(self, room: str) -> Place:
        """Return the place of the last line of `room`; the number is 0 if there is none."""
        with self._lock:
            stored = self._stored.get(fold_name(room)) or StoredRoom(room)
            return Place(self._outage or self._epoch, stored.last)

    def since(self, room: str, place: Place, limit: int) -> list[Recalled] | None:
        """Return what came after `place` in `room`, as in `History.since`."""
        epoch, seq = place
        with self._lock:
            stored = self._stored.get(fold_name(room)) or StoredRoom(room)
            if not self._knows(epoch) or seq > stored.last:
                return None
            waiting = [(at, it) for where, at, it in self._unwritten if where is stored]
            later = [(at, it) for at, it in waiting if at > seq]
            later = later[max(0, len(later) - limit) :]
            written = self._last_lines.since(stored, seq, max(0, limit - len(later)))
            told: list[Recalled] = [*self._last_lines.taken_back_since(stored, seq)]
            gone = (it for at, it in waiting if at <= seq and isinstance(it, TakenBack))
            told += [it for it in gone if it.after >= seq]
            return [*told, *with_gaps([*written, *later], seq, stored.last)]

    def take_back(self, room: str, place: Place) -> TakenBack | None:
        """Delete the text of a line, as in `History.take_back`, in the file as well.

        Soon after, it cannot be found among the bytes of the file any more.
        """
        epoch, seq = place
        with self._lock:
            stored = self._stored.get(fold_name(room))
            if stored is None or not 0 < seq <= stored.last:
                return None
            if not self._knows(epoch) or self._is_closed:
                return None
            for index, (where, at, it) in enumerate(self._unwritten):
                if where is stored and at == seq:
                    if not isinstance(it, Spoken):
                        return None
                    taken_back = TakenBack(it.name, self._outage, seq, stored.last, at=it.at)
                    self._unwritten[index] = where, at, taken_back
                    return taken_back
            try:
                with database.WRITING:
                    found = self._file.batches.take_back(self._connection, stored, seq)
            except sqlite3.Error as error:
                if faults.is_busy(error):
                    self._note_failure(error)
                    self._retry_later()
                else:
                    self._warn(f"a line cannot be taken back from the history ({error})")
                raise CannotTakeBack(
                    "Nothing can be taken back just now. Try again in a while."
                ) from None
            if found is not None:
                self._latest.replace([(stored, seq, found)])
                self._eraser.start()
        return found and replace(found, epoch=epoch)

    def forget(self, before: float) -> None:
        """Forget what was said before that time, a few lines at once, so that rooms go on.

        Raise `sqlite3.Error` if the file cannot be read or written.
        """
        with self._lock:
            self._latest.forget(before)
        while self._file.batches.waiting and not self._closing.wait(_REST_SECONDS):
            with self._lock, database.WRITING:
                self._file.batches.move(self._connection, _LINES_AT_ONCE)
        last = 0
        while not self._closing.is_set():
            values = before, last, _LINES_AT_ONCE
            with self._search_turns:
                if self._is_closed:
                    return
                try:
                    some = self._searcher.execute(rows.SOME, values).fetchall()
                except sqlite3.Error:
                    if self._closing.is_set():  # `close` has interrupted it
                        return
                    raise
            if not some:
                break
            last = some[-1][0]
            ids = [id for id, is_old in some if is_old]
            if ids:
                with self._lock:
                    if self._is_closed:
                        return
                    with database.WRITING:
                        rows.forget(self._connection, ids)
            self._closing.wait(_REST_SECONDS)
        self._eraser.start()

    def search(self, words: str, number: int) -> list[Found]:
        """Return the last `number` messages with all of `words`, as in `History.search`."""
        query = Query(words)
        if not query.phrases or number < 1:
            return []
        with self._search_turns.search() as pace:
            if self._is_closed:
                return []
            with self._lock:
                waiting, has_batches = list(self._unwritten), self._file.batches.waiting > 0
            search = FileSearch(self._searcher, self._reader.read, self._epoch, pace)
            return search.newest(query, number, waiting, has_batches)

    def close(self) -> None:
        """Write what waits, if that can be done now, and close the file."""
        self._closing.set()
        with self._lock:
            retrier = self._retrier
            if self._is_closed:
                return
            self._searcher.interrupt()  # so that the close does not wait for a long search
        join(retrier)
        self._keeper.close()
        if self._file.is_lost:
            self._rescue()
        self._eraser.close()
        with self._search_turns, self._lock:
            if self._is_closed:
                return
            database.set_busy_seconds(self._connection, PATIENT_SECONDS)
            if not self._write_all():
                lost = self._lost + len(self._unwritten)
                self._warn(f"the history still cannot be written: {lost} messages are lost")
            self._is_closed = True
            if self._file.is_lost:
                self._file.give_up()
            self._file.close()

    # Writing, with the lock held

    def _write_or_retry(self) -> None:
        """Write all that waits; if that fails, have it tried again."""
        if self._retrier is None and not self._write_all():
            self._retry_later()

    def _retry_later(self) -> None:
        """Have it tried again; out of threads, the next change is the next try."""
        if self._retrier is None:
            self._retrier = start_thread(self._retry, "history")

    def _write_all(self) -> bool:
        """Write all that waits, oldest first; return whether nothing waits any more."""
        while self._unwritten:
            if not self._write_some(_MAX_AT_ONCE):
                return False
        if self._changed:
            try:
                with database.WRITING:
                    rows.note_changes(self._connection, list(self._changed))
            except sqlite3.Error as error:
                self._note_failure(error)
                return False
            self._changed.clear()
        self._outage = ""
        if not self.state.is_written:
            self.state.is_written = True
            database.set_busy_seconds(self._connection, BUSY_SECONDS)
            lost, self._lost = self._lost, 0
            self._warn(
                "the history is written again;"
                f" {f'{lost} messages are lost' if lost else 'nothing is lost'}"
            )
        return True

    def _write_some(self, number: int) -> bool:
        """Write the first lines that wait, up to so many; return whether that has worked."""
        chunk = list(islice(self._unwritten, number))
        try:
            with database.WRITING:
                written, left = self._file.batches.write(self._connection, chunk)
        except sqlite3.Error as error:
            self._note_failure(error)
            return False
        except Exception:
            self._lose(len(chunk))  # it would fail for ever, and all others would wait
            raise
        forget_moved(chunk)
        if len(chunk) == len(self._unwritten):
            self._unwritten.clear()
        else:
            for _ in chunk:
                self._unwritten.popleft()
        self._latest.replace(left)
        self._latest.add(written, self._file.contents.are_as_left)
        return True

    def _lose(self, number: int) -> None:
        """Drop the oldest lines that wait: their numbers are given to no others."""
        forget_moved(islice(self._unwritten, number))
        for room, seq, _ in islice(self._unwritten, number):
            room.lost = seq
            self._changed.add(room)
        self.state.lost += number
        for _ in range(number):
            self._unwritten.popleft()

    def _note_failure(self, error: sqlite3.Error) -> None:
        if not self._outage:
            self._outage = new_epoch()
            self._outages.append(self._outage)
        # A file that another program has overwritten is told of in another way, and soon.
        if self.state.is_written and self._file.contents.are_as_left() is not False:
            self.state.is_written = False
            database.set_busy_seconds(self._connection, 0)  # the retries wait, not rooms
            self._warn(
                f"the history cannot be written ({error}): up to {self._limit} messages are kept"
                f" in memory until it can. {faults.what_to_see_to(self._path, error)}"
            )

    def _retry(self) -> None:
        """Try again until all is written, a piece at a time: rooms go on after each."""
        seconds = self._retry_seconds
        while not self._closing.wait(seconds):
            seconds = self._retry_seconds
            try:
                with self._lock:
                    if not self._write_some(_LINES_AT_ONCE):
                        continue
                    if not self._unwritten and self._write_all():
                        self._retrier = None
                        return
                    if self._unwritten:
                        seconds = _REST_SECONDS
            except Exception as error:  # that piece has been dropped, and the others still wait
                self._warn(f"the history cannot keep some messages: {error!r}")
