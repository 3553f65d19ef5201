"""Show the operator what happens: one line for each event, in colour on a terminal.

What is to be shown is put into a queue and written by a thread of its own, so that neither a
stopped terminal nor a slow disk ever holds up the chat. Piped into a file, the lines are plain,
carry the date too, and are flushed at once. Nothing that came from a client is read as markup.
"""

import contextlib
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from enum import IntEnum
from queue import Full, Queue
from threading import Lock, Thread
from typing import TextIO

import rich.console
from rich.text import Text

from threadchat.events import (
    Acted,
    Bound,
    Connected,
    Disconnected,
    Event,
    Named,
    Refused,
    Stopped,
    Stopping,
    Trouble,
)
from threadchat.messages import RoomMessage, duration

MAX_WAITING_LINES = 10_000
"""How many lines may wait to be written before what people say is left out, and counted.

Who comes and goes, and what goes wrong, has `_ROOM_FOR_EVENTS` times that room (promise 7).
"""

_ROOM_FOR_EVENTS = 4


class Detail(IntEnum):
    """How much is shown."""

    NOTHING = 0
    PROBLEMS = 1
    """The start and the stop as well."""
    CLIENTS = 2
    MESSAGES = 3


class _Writer(rich.console.Console):
    def on_broken_pipe(self) -> None:
        """Let the error be seen; rich would end the thread and redirect standard output."""
        raise


class Console:
    """The operator's view of a server. Every method may be called from any thread; none waits."""

    def __init__(
        self, detail: Detail = Detail.CLIENTS, file: TextIO | None = None, width: int | None = None
    ) -> None:
        file = file or sys.stdout
        # There is no standard output where it was closed, or under Windows' pythonw.
        self._detail = Detail.NOTHING if file is None else detail
        self._console = _Writer(file=file, width=width, markup=False, highlight=False, emoji=False)
        self._time_format = "%H:%M:%S" if self._console.is_terminal else "%Y-%m-%d %H:%M:%S"
        self._lines: Queue[Text | None] = Queue(_ROOM_FOR_EVENTS * MAX_WAITING_LINES)
        self._lock = Lock()  # guards the two below
        self._left_out = 0
        self._thread: Thread | None = None

    def note(self, event: Event) -> None:
        """Show that something has happened."""
        match event:
            case Bound(address, ways_in):
                self._show(Detail.PROBLEMS, "server bound", "bold green", address)
                for way_in in ways_in:
                    self._put(Detail.PROBLEMS, Text(f"    {way_in}", "bold"))
            case Stopping():
                words = "press Ctrl-C again to stop at once"
                self._show(Detail.PROBLEMS, "server stopping", "bold", words)
            case Stopped():
                self._show(Detail.PROBLEMS, "server stopped", "bold", "")
            case Trouble(words):
                self._show(Detail.PROBLEMS, "problem", "bold red", words)
            case Acted(who, deed):
                self._show(Detail.CLIENTS, "operator", "bold magenta", f"{who} {deed}")
            case Connected(id, address):
                self._show(Detail.CLIENTS, "client connected", "green", f"#{id} {address}")
            case Named(id, name, before):
                was = f" (was {before})" if before else ""
                self._show(Detail.CLIENTS, "client named", "cyan", f"#{id} {name}{was}")
            case Refused(address, why):
                self._show(Detail.CLIENTS, "client refused", "yellow", f"{address} ({why})")
            case Disconnected():
                self._show(Detail.CLIENTS, "client disconnected", "red", _end_of(event))

    def shown(self, room: str, messages: Sequence[RoomMessage], deliveries: int) -> None:
        """Show what the members of `room` were sent, in their order (promise 1)."""
        if self._detail >= Detail.MESSAGES:
            for message in messages:
                self._show(Detail.MESSAGES, room, "blue", message.line)

    def close(self, timeout: float = 2.0) -> bool:
        """Write what is waiting, for up to `timeout` seconds, and show nothing any more.

        Return False if the writing has not come to its end: nobody takes what is written.
        """
        deadline = time.monotonic() + timeout
        with self._lock:
            thread, self._thread = self._thread, None
            self._detail = Detail.NOTHING
        if thread is not None:
            with contextlib.suppress(Full):
                self._lines.put(None, timeout=timeout)
            thread.join(max(0.0, deadline - time.monotonic()))
        return thread is None or not thread.is_alive()

    def _show(self, detail: Detail, event: str, style: str, words: str) -> None:
        if self._detail >= detail:
            stamp = datetime.now().strftime(self._time_format)
            self._put(detail, Text.assemble((f"{stamp} ", "dim"), (f"{event:<19} ", style), words))

    def _put(self, detail: Detail, line: Text) -> None:
        with self._lock:
            if self._detail < detail:
                return
            if self._thread is None and not self._start_writing():
                return
            if detail is Detail.MESSAGES and self._lines.qsize() >= MAX_WAITING_LINES:
                self._left_out += 1
                return
            try:
                self._lines.put_nowait(line)
            except Full:
                self._left_out += 1

    def _start_writing(self) -> bool:
        thread = Thread(target=self._write, name="threadchat console", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # out of threads: better unseen than undone
            return False
        self._thread = thread
        return True

    def _write(self) -> None:
        """Write lines as they come, until there is nobody to read them any more."""
        try:
            while (line := self._lines.get()) is not None:
                self._console.print(line, soft_wrap=True)
                if self._lines.empty():
                    self._own_up()
            self._own_up()
        except (OSError, ValueError):
            # The terminal or the pipe has gone. The chat goes on without being watched.
            with self._lock:
                self._detail = Detail.NOTHING

    def _own_up(self) -> None:
        """Say how many lines were left out since this was last said."""
        with self._lock:
            left_out, self._left_out = self._left_out, 0
        if left_out:
            self._console.print(f"... {left_out} lines left out", style="dim")


def _end_of(event: Disconnected) -> str:
    return (
        f"#{event.id} {event.name or '(no name)'} {event.address} after {duration(event.seconds)},"
        f" {event.received} bytes in, {event.sent} bytes out ({event.why})"
    )
