"""Write what happens on a server into a file, one JSON object a line, for programs to read.

Each line has `at`, an ISO 8601 time with its offset, and `event`, the name of what happened; the
rest are the fields of that kind of event. Only ASCII is written, so `cat` shows harmlessly what a
stranger has typed (promise 4). Private messages are never logged.
"""

import errno
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from threadchat.errors import OperatorError
from threadchat.messages.codec import as_json, iso_time, name_of, values_of
from threadchat.messages.kinds import RoomMessage
from threadchat.monitoring.backgroundwriter import (
    CLOSE_SECONDS,
    MAX_WAITING_LINES,
    BackgroundWriter,
)
from threadchat.monitoring.events import Event
from threadchat.monitoring.rotatingfile import MAX_BYTES, RotatingFile
from threadchat.monitoring.standardoutput import NAMES, StandardOutput
from threadchat.text.files import why_unwritable

RETRY_SECONDS = 1.0
"""How long the log waits after a failure before it tries again to write."""


class BadLogFile(OperatorError):
    """Say in one line why a file cannot take the log, and the way out."""


@dataclass(frozen=True, slots=True)
class _Happened:
    at: float
    event: Event


@dataclass(frozen=True, slots=True)
class _Shown:
    room: str
    messages: Sequence[RoomMessage]


@dataclass(frozen=True, slots=True)
class _Look:
    """Stands in the queue where it is looked for the file under its name."""


def is_standard_output(path: str | Path) -> bool:
    """Return whether a log in `path` goes to standard output."""
    return os.fspath(path) in NAMES


class EventLog:
    """A log of events in the file at `path`, which is rotated at `max_bytes` bytes.

    If `path` is "-", or another name of standard output, it goes there, and nothing is rotated.
    It is a `threadchat.monitoring.events.Watcher`: every method may be called from any thread, and
    none waits but `close`. With `messages`, it also logs what rooms are shown. Raises `BadLogFile`
    if the file cannot be opened. If it cannot be written later, what happens waits in memory, up to
    `limit` lines. `warn` gets a line for the operator then, and another when it is written again.
    If another program moves or removes the file, the log goes on in a new one, and `warn` is told.
    """

    def __init__(
        self,
        path: str | Path,
        warn: Callable[[str], None],
        *,
        messages: bool = False,
        max_bytes: int = MAX_BYTES,
        limit: int = MAX_WAITING_LINES,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        self._file: RotatingFile | StandardOutput
        try:
            self._file = (
                StandardOutput() if is_standard_output(path) else RotatingFile(path, max_bytes)
            )
        except OSError as error:
            why = why_unwritable(path, error)
            raise BadLogFile(f"{path} cannot be written as a log: {why}") from None
        self._warn = warn
        self._messages = messages
        self._retry_seconds = retry_seconds
        self._troubles: set[str] = set()  # those that the operator has been told of
        self._writer: BackgroundWriter[_Happened | _Shown | _Look] = BackgroundWriter(
            "log file", self._write, self._tell_left_out, limit
        )

    def note(self, event: Event) -> None:
        """Log that something has happened."""
        self._writer.put(_Happened(time.time(), event))

    def shown(self, room: str, messages: Sequence[RoomMessage], deliveries: int) -> None:
        """Log what was shown in `room`, in its order (promise 1), if the log has messages."""
        if self._messages:
            self._writer.put(_Shown(room, messages), len(messages), is_talk=True)

    @property
    def left_out(self) -> int:
        """How many lines the log lacks because too many waited to be written."""
        return self._writer.left_out

    def reopen(self) -> None:
        """Begin a new file now, not with the next line, if another program has moved this one."""
        self._writer.put(_Look(), 0)

    def close(self, timeout: float = CLOSE_SECONDS) -> bool:
        """Write what is waiting, for up to `timeout` seconds, and log nothing any more.

        Return False if the writing has not come to its end; the file is left open then.
        """
        if not self._writer.close(timeout):
            return False
        self._file.close()
        return True

    # On the thread that writes

    def _write(self, entry: _Happened | _Shown | _Look) -> None:
        match entry:
            case _Happened(at, event):
                self._append(_line(at, event))
            case _Shown(room, messages):
                self._append("".join(_line(message.at, message, room=room) for message in messages))
            case _Look():
                self._append("")

    def _tell_left_out(self, left_out: int) -> None:
        self._append(_line_of(time.time(), "left_out", {"lines": left_out}))

    def _append(self, lines: str) -> None:
        """Write `lines`, and try again until it works; during a close, try once more.

        Raise `OSError` if that fails, too.
        """
        data = lines.encode("ascii")
        while True:
            is_last_try = self._writer.closing.is_set()
            try:
                self._file.append(data)
            except OSError as error:
                if error.errno == errno.EPIPE:  # a reader that has gone does not come back
                    self._warn(f"nobody reads {self._file}: nothing is logged there any more")
                    raise
                why = why_unwritable(self._file.path, error)
                self._note_trouble("written", f"{why} What happens waits in memory until it can")
                if is_last_try:
                    self._warn(
                        f"{self._file.what} still cannot be written: its last lines are lost"
                    )
                    raise
                self._writer.closing.wait(self._retry_seconds)
            else:
                self._note_trouble("written", "")
                self._note_trouble("put aside", self._why_not_put_aside())
                if self._file.is_another:
                    self._file.is_another = False
                    self._warn(
                        "another program has moved or removed the log file:"
                        f" the log goes on in a new one, {self._file.path}"
                    )
                return

    def _why_not_put_aside(self) -> str:
        error, path = self._file.why_not_rotated, self._file.path
        if error is None:
            return ""
        return (
            f"{error.strerror}. It grows until it can. See that the folder {path.parent} may be"
            " written, and that no other program keeps the file open"
        )

    def _note_trouble(self, what: str, why_not: str) -> None:
        """Tell the operator, once, why the file cannot be `what`, or that it is again."""
        if why_not and what not in self._troubles:
            self._troubles.add(what)
            self._warn(f"{self._file} cannot be {what}: {why_not}")
        elif not why_not and what in self._troubles:
            self._troubles.remove(what)
            self._warn(f"{self._file.what} is {what} again")


def _line(at: float, event: Event | RoomMessage, **where: str) -> str:
    """Return the line for `event`; `at` is its time in seconds since the epoch."""
    return _line_of(at, name_of(event), {**where, **values_of(event)})


def _line_of(at: float, kind: str, values: Mapping[str, object]) -> str:
    known = {name: value for name, value in values.items() if value is not None}
    return as_json({"at": iso_time(at, "milliseconds"), "event": kind, **known}) + "\n"
