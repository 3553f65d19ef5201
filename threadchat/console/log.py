"""Show the operator what happens: one line for each event, in colour on a terminal.

What is to be shown is put into a queue and written by a thread of its own, so that neither a
stopped terminal nor a slow disk ever holds up the chat. Piped into a file, the lines are plain,
carry the date too, and are flushed at once. Nothing that came from a client is read as markup.

On a terminal that thread draws the footer, too: a row of status, and the line the operator types.
Whoever changes it has it drawn with `Console.redraw`; nobody else writes to the terminal.
"""

import atexit
import contextlib
import errno
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from enum import IntEnum
from queue import Empty, Full, Queue
from threading import Lock, Thread
from typing import TextIO

import rich.console
from rich.console import RenderableType
from rich.text import Text

from threadchat.console.footer import Footer
from threadchat.console.tty import OwnTerminal
from threadchat.messages.kinds import RoomMessage
from threadchat.monitoring.events import (
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
from threadchat.text.phrases import duration

MAX_WAITING_LINES = 10_000
"""How many lines may wait to be written before what people say is left out, and counted.

Who comes and goes, and what goes wrong, has `_ROOM_FOR_EVENTS` times that room (promise 7).
"""

_ROOM_FOR_EVENTS = 4

RETRY_SECONDS = 1.0
"""How long after the disk was full it is tried again to write."""

_NO_ROOM = frozenset(
    getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EFBIG") if hasattr(errno, name)
)

REDRAW_SECONDS = 1.0
"""How often the status is asked for, and the size of the terminal when nothing is logged."""


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
    """The operator's view of a server. Every method may be called from any thread; none waits.

    `file` is standard output if it is None; `width` is found out if it is.
    """

    def __init__(
        self, detail: Detail = Detail.CLIENTS, file: TextIO | None = None, width: int | None = None
    ) -> None:
        file = file or sys.stdout
        self._detail = detail
        self._console = _Writer(file=file, width=width, markup=False, highlight=False, emoji=False)
        self._has_fixed_width = width is not None
        self._time_format = "%H:%M:%S" if self._console.is_terminal else "%Y-%m-%d %H:%M:%S"
        self.terminal = OwnTerminal.behind(file)
        """What is written to, if it is a terminal that has a footer."""
        self.footer = Footer()
        self._status: Callable[[], str] | None = None
        self._status_row = ""
        self._status_columns = 0
        self._status_is_due = 0.0
        self._queue: Queue[RenderableType | threading.Event | None] = Queue(
            _ROOM_FOR_EVENTS * MAX_WAITING_LINES
        )
        self._lock = Lock()  # guards those below
        # There is no standard output where it was closed, or under Windows' pythonw.
        self._is_open = file is not None
        self._left_out = 0
        self._thread: Thread | None = None
        self._closing = threading.Event()

    def note(self, event: Event) -> None:
        """Show that something has happened."""
        match event:
            case Bound(address, ways_in):
                self._show(Detail.PROBLEMS, "server bound", "bold green", address)
                for way_in in ways_in if self._detail >= Detail.PROBLEMS else ():
                    self._put(Text(f"    {way_in}", "bold"))
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

    def answer(self, renderable: RenderableType) -> None:
        """Show what a command has found out, as words or with the means of rich, in order.

        It is shown at every level of detail. No string in it is read as markup.
        """
        self._put(renderable)

    def show_status(self, status: Callable[[], str]) -> None:
        """Keep a row with what `status` returns under the log, if that is on a terminal.

        It is called once a second, on the console's own thread: it must neither wait nor raise.
        """
        self._status = status
        self.redraw()

    def redraw(self) -> threading.Event:
        """Draw the footer as it is by now; return what is set once that stands on the screen."""
        drawn = threading.Event()
        with self._lock:
            if self._is_writing():
                with contextlib.suppress(Full):
                    self._queue.put_nowait(drawn)
                    return drawn
        drawn.set()
        return drawn

    def close(self, timeout: float = 2.0) -> bool:
        """Write what is waiting, for up to `timeout` seconds, and show nothing any more.

        Return False if the writing has not come to its end: nobody takes what is written.
        """
        deadline = time.monotonic() + timeout
        with self._lock:
            thread, self._thread = self._thread, None
            self._is_open = False
        if thread is not None:
            self._closing.set()
            with contextlib.suppress(Full):
                self._queue.put(None, timeout=timeout)
            thread.join(max(0.0, deadline - time.monotonic()))
            atexit.unregister(self.close)
        return thread is None or not thread.is_alive()

    def _show(self, detail: Detail, event: str, style: str, words: str) -> None:
        if self._detail >= detail:
            stamp = datetime.now().strftime(self._time_format)
            line = Text.assemble((f"{stamp} ", "dim"), (f"{event:<19} ", style), words)
            self._put(line, is_said=detail is Detail.MESSAGES)

    def _put(self, item: RenderableType, *, is_said: bool = False) -> None:
        with self._lock:
            if not self._is_writing():
                return
            if is_said and self._queue.qsize() >= MAX_WAITING_LINES:
                self._left_out += 1
                return
            try:
                self._queue.put_nowait(item)
            except Full:
                self._left_out += 1

    def _is_writing(self) -> bool:
        """Say, with the lock held, whether what is put in the queue will be written."""
        if self._is_open and self._thread is None:
            thread = Thread(target=self._write, name="threadchat console", daemon=True)
            with contextlib.suppress(RuntimeError):  # out of threads: better unseen than undone
                thread.start()
                self._thread = thread
                # Lest it write while Python takes standard output down, which then aborts.
                atexit.register(self.close)
        return self._is_open and self._thread is not None

    # The writing thread

    def _write(self) -> None:
        """Write what comes, until there is nobody to read it any more."""
        try:
            while (item := self._next()) is not None:
                if isinstance(item, threading.Event):
                    self._draw("", self._size())
                    item.set()
                else:
                    self._print(item)
                    if self._queue.empty():
                        self._own_up()
            self._own_up()
            self.footer.pause()
            self._draw("", self._size())
        except (OSError, ValueError):
            # The terminal or the pipe has gone. The chat goes on without being watched.
            with self._lock:
                self._is_open = False

    def _next(self) -> RenderableType | threading.Event | None:
        """Return what to write next: on a terminal, time that has passed is a redraw."""
        try:
            return self._queue.get(timeout=None if self.terminal is None else REDRAW_SECONDS)
        except Empty:
            return threading.Event()

    def _own_up(self) -> None:
        """Say how many lines were left out since this was last said."""
        with self._lock:
            left_out, self._left_out = self._left_out, 0
        if left_out:
            self._print(Text(f"... {left_out} lines left out", "dim"))

    def _print(self, item: RenderableType) -> None:
        """Write `item` above the footer; words stay one line, however long, for who copies it."""
        size = self._size()
        if size is not None and not self._has_fixed_width:
            self._console.size = (size.columns or 80, size.lines or 24)
        with self._console.capture() as capture:
            self._console.print(item, soft_wrap=isinstance(item, str | Text))
        if self.terminal is None:
            self._write_out(capture.get())
        else:
            self._draw(capture.get(), size)

    def _draw(self, text: str, size: os.terminal_size | None) -> None:
        """Write `text` and what the footer needs around it, at once: nothing is seen half done."""
        output = self.footer.around(text, self._current_status(size), size)
        if output:
            self._write_out(output)

    def _write_out(self, output: str) -> None:
        """Write `output` at once; where there is no room on a disk for it, as soon as there is."""
        file = self._console.file
        file.write(output)
        was_full = False
        while True:
            try:
                file.flush()  # what has not been written is still there for the next time
            except OSError as error:
                if error.errno not in _NO_ROOM or self._closing.wait(RETRY_SECONDS):
                    raise
                was_full = True
            else:
                break
        if was_full:
            self.note(Trouble("the log could not be written here for a while: the disk was full"))

    def _size(self) -> os.terminal_size | None:
        """Return how large the terminal is, or None if it is not ours to draw on."""
        with contextlib.suppress(OSError):
            if self.terminal is not None and self.terminal.is_ours():
                return self.terminal.size()
        return None

    def _current_status(self, size: os.terminal_size | None) -> str:
        """Return the row of status that fits, at most so old that nobody minds."""
        if self._status is None or size is None:
            return ""
        now = time.monotonic()
        if now >= self._status_is_due or size.columns != self._status_columns:
            self._status_is_due, self._status_columns = now + REDRAW_SECONDS, size.columns
            row = Text(self._status(), "reverse")
            # Behind a row that is full, terminals differ about where the cursor is.
            row.truncate(max(1, (size.columns or 80) - 1), overflow="ellipsis")
            with self._console.capture() as capture:
                self._console.print(row, soft_wrap=True, end="")
            self._status_row = capture.get()
        return self._status_row


def _end_of(event: Disconnected) -> str:
    return (
        f"#{event.id} {event.name or '(no name)'} {event.address} after {duration(event.seconds)},"
        f" {event.received} bytes in, {event.sent} bytes out ({event.why})"
    )
