"""Show the operator what happens: one line for each event, in colour on a terminal.

A background writer writes the lines, so a stopped terminal or a slow disk never holds up the chat.
In a file the lines are plain, carry the date too, and are flushed at once. Nothing that came from
a client is read as markup, and what kind of line it is stands in a column of its own, in which
there are only words of ours (promise 4).

On a terminal the writer's thread also draws the footer: a row of status, and the line that the
operator types. Code that changes the footer calls `Console.redraw`; nothing else writes to the
terminal.
"""

import contextlib
import errno
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from enum import IntEnum
from typing import TextIO

from rich.console import RenderableType
from rich.text import Text

from threadchat.console.footer import Footer
from threadchat.console.richconsole import RichConsole, is_terminal
from threadchat.console.tty import Tty
from threadchat.messages.kinds import RoomMessage
from threadchat.monitoring.backgroundwriter import (
    CLOSE_SECONDS,
    MAX_WAITING_LINES,
    BackgroundWriter,
)
from threadchat.monitoring.events import (
    Acted,
    AnnouncedOnLan,
    Bound,
    Connected,
    Disconnected,
    Event,
    FoundWaysIn,
    Linked,
    Named,
    Refused,
    Resumed,
    SeatKept,
    Stopped,
    Stopping,
    Trouble,
    Unlinked,
)
from threadchat.net.disconnect import show_reason
from threadchat.text.phrases import count, duration

RETRY_SECONDS = 1.0
"""How many seconds the console waits before it writes again to a disk that was full."""

_NO_ROOM = frozenset(
    getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EFBIG") if hasattr(errno, name)
)

REDRAW_SECONDS = 1.0
"""Seconds between two requests for the status; also between two drawings of an idle footer."""


class Detail(IntEnum):
    """How much the log shows; each level shows what the levels before it show, too."""

    NOTHING = 0
    PROBLEMS = 1
    """Problems, and the start and the stop of the server."""
    CLIENTS = 2
    MESSAGES = 3


class Console:
    """The operator's view of a server.

    Every method may be called from any thread, and only `close` waits. If `file` is None, the log
    goes to standard output. `width` is in columns; if it is None, the terminal's width is used.
    `has_footer` is whether a footer may be drawn, if the log goes to a terminal; `has_time` is
    whether lines have their time, which whoever reads the file may note as well.
    """

    def __init__(
        self,
        detail: Detail = Detail.CLIENTS,
        file: TextIO | None = None,
        width: int | None = None,
        *,
        has_footer: bool = True,
        has_time: bool = True,
    ) -> None:
        file = file or sys.stdout
        self._detail = detail
        self._console = RichConsole(file, width)
        self._time_format = "%H:%M:%S " if self._console.is_terminal else "%Y-%m-%d %H:%M:%S "
        if not has_time:
            self._time_format = ""
        self.terminal = Tty.behind(file) if has_footer else None
        """The terminal that the log is written to; None if there is none that we can draw on."""
        self.footer = Footer()
        self._status: Callable[[], str] | None = None
        self._status_row = ""
        self._status_columns = 0
        self._status_is_due = 0.0
        self._writer: BackgroundWriter[RenderableType | threading.Event] = BackgroundWriter(
            "console",
            self._write,
            self._tell_left_out,
            MAX_WAITING_LINES,
            tick=self._redraw,
            tick_seconds=None if self.terminal is None else REDRAW_SECONDS,
            finish=self._take_footer_off,
        )
        if file is None:  # there is no standard output, as under Windows' pythonw
            self._writer.close()

    def columns_for(self, symbols: str) -> int:
        """Return the width of our terminal in columns; 0 if it cannot show `symbols`."""
        if self.terminal is None:
            return 0
        try:
            symbols.encode(self._console.encoding)
        except (LookupError, UnicodeEncodeError):
            return 0
        return self._console.width

    def note(self, event: Event) -> None:
        """Show that something has happened."""
        match event:
            case Bound(address, ways_in):
                self._show(Detail.PROBLEMS, "server bound", "bold green", address)
                self._show_ways_in(ways_in)
            case FoundWaysIn(ways_in):
                words = "by the name of this machine"
                self._show(Detail.PROBLEMS, "more ways in", "bold green", words)
                self._show_ways_in(ways_in)
            case AnnouncedOnLan(name, ways_in):
                self._show(Detail.PROBLEMS, "announced", "bold green", f"{name}, by name:")
                self._show_ways_in(ways_in)
            case Stopping():
                words = "press Ctrl-C again to stop at once"
                self._show(Detail.PROBLEMS, "server stopping", "bold", words)
            case Stopped():
                self._show(Detail.PROBLEMS, "server stopped", "bold", "")
            case Linked(cluster, servers):
                self._show(Detail.PROBLEMS, "linked", "bold green", _linked(cluster, servers))
            case Unlinked(_, why):
                words = f"people here are by themselves: {why}"
                self._show(Detail.PROBLEMS, "no link", "bold red", words)
            case Trouble(words):
                self._show(Detail.PROBLEMS, "problem", "bold red", words)
            case Acted(who, deed):
                self._show(Detail.CLIENTS, "operator", "bold magenta", f"{who} {deed}")
            case Connected(id, address, door):
                by = "" if door == "terminal" else f" by {door}"
                self._show(Detail.CLIENTS, "client connected", "green", f"#{id} {address}{by}")
            case Named(id, name, before):
                was = f" (was {before})" if before else ""
                self._show(Detail.CLIENTS, "client named", "cyan", f"#{id} {name}{was}")
            case Refused(address, why, times):
                again = f", {times} times in the last minute" if times > 1 else ""
                self._show(Detail.CLIENTS, "client refused", "yellow", f"{address} ({why}){again}")
            case SeatKept(id, name, _, why):
                self._show(
                    Detail.CLIENTS,
                    "connection lost",
                    "yellow",
                    f"#{id} {name}, seat kept {show_reason(why)}",
                )
            case Resumed(id, name, address):
                self._show(Detail.CLIENTS, "client resumed", "green", f"#{id} {name} {address}")
            case Disconnected():
                self._show(Detail.CLIENTS, "client disconnected", "red", _end_of(event))

    def shown(self, room: str, messages: Sequence[RoomMessage], deliveries: int) -> None:
        """Show what the members of `room` were sent, in their order (promise 1)."""
        if self._detail >= Detail.MESSAGES:
            for message in messages:
                self._show(Detail.MESSAGES, "room", "blue", f"{room} {message.line}")

    def answer(self, renderable: RenderableType) -> None:
        """Show the answer to a command: a string, or something that rich renders.

        It appears in order with the log, at every level of detail. No string is read as markup.
        """
        self._writer.put(renderable)

    @property
    def is_on_terminal(self) -> bool:
        """Whether the log is on a terminal, where it is seen as it is written."""
        return is_terminal(self._console.file)

    def show_status(self, status: Callable[[], str]) -> None:
        """Show the row that `status` returns under the log, if the log is on a terminal.

        `status` is called once a second, on the console's own thread. It must neither wait nor
        raise.
        """
        self._status = status
        self.redraw()

    def redraw(self) -> threading.Event:
        """Draw the footer as it is by now; return an event that is set once it is on the screen.

        If it will not be drawn, the event is set at once.
        """
        drawn = threading.Event()
        if not self._writer.put(drawn, lines=0):
            drawn.set()
        return drawn

    def close(self, timeout: float = CLOSE_SECONDS) -> bool:
        """Write what waits, for up to `timeout` seconds; after that show nothing more.

        Return False if not all is written in time, because nobody reads what is written.
        """
        return self._writer.close(timeout)

    def _show_ways_in(self, ways_in: Sequence[str]) -> None:
        for way_in in ways_in if self._detail >= Detail.PROBLEMS else ():
            self._writer.put(Text(f"    {way_in}", "bold"))

    def _show(self, detail: Detail, event: str, style: str, words: str) -> None:
        if self._detail >= detail:
            stamp = datetime.now().strftime(self._time_format)
            line = Text.assemble((stamp, "dim"), (f"{event:<19} ", style), words)
            self._writer.put(line, is_talk=detail is Detail.MESSAGES)

    # On the thread that writes. If the terminal or the pipe is gone, `OSError` or `ValueError` ends
    # that thread, and the chat goes on without a console.

    def _write(self, item: RenderableType | threading.Event) -> None:
        if isinstance(item, threading.Event):
            self._redraw()
            item.set()
        else:
            self._print(item)

    def _tell_left_out(self, lines: int) -> None:
        self._print(Text(f"... {lines} lines left out", "dim"))

    def _redraw(self) -> None:
        self._draw("", self._size())

    def _take_footer_off(self) -> None:
        self.footer.pause()
        self._redraw()

    def _print(self, item: RenderableType) -> None:
        """Write `item` above the footer. A string stays one line, so that it is copied whole."""
        self._console.fit()
        with self._console.capture() as capture:
            self._console.print(item, soft_wrap=isinstance(item, str | Text))
        if self.terminal is None:
            self._write_out(capture.get())
        else:
            self._draw(capture.get(), self._size())

    def _draw(self, text: str, size: os.terminal_size | None) -> None:
        """Write `text` and the footer around it in one piece."""
        output = self.footer.around(text, self._current_status(size), size)
        if output:
            self._write_out(output)

    def _write_out(self, output: str) -> None:
        """Write `output` and flush it; if the disk is full, try again until there is room."""
        file = self._console.file
        file.write(output)
        was_full = False
        while True:
            try:
                file.flush()  # if it fails, what is not written yet stays for the next try
            except OSError as error:
                if error.errno not in _NO_ROOM or self._writer.closing.wait(RETRY_SECONDS):
                    raise
                was_full = True
            else:
                break
        if was_full:
            self.note(Trouble("the log could not be written here for a while: the disk was full"))

    def _size(self) -> os.terminal_size | None:
        """Return the size of the terminal, or None if we may not draw on it now."""
        with contextlib.suppress(OSError):
            if self.terminal is not None and self.terminal.is_ours():
                return self.terminal.size()
        return None

    def _current_status(self, size: os.terminal_size | None) -> str:
        """Return the row of status, cut to fit; it is at most `REDRAW_SECONDS` old."""
        if self._status is None or size is None:
            return ""
        now = time.monotonic()
        if now >= self._status_is_due or size.columns != self._status_columns:
            self._status_is_due, self._status_columns = now + REDRAW_SECONDS, size.columns
            # Terminals differ in where the cursor stands after a full row.
            row = _cut(self._status(), max(1, (size.columns or 80) - 1))
            with self._console.capture() as capture:
                self._console.print(Text(row, "reverse"), soft_wrap=True, end="")
            self._status_row = capture.get()
        return self._status_row


def _cut(row: str, width: int) -> str:
    """Return `row`, which is ASCII, with dots at its end if it is longer than `width`.

    The one character for three dots would be six in a terminal that does not know it.
    """
    return row if len(row) <= width else f"{row[: max(0, width - 3)]}..."[:width]


def _linked(cluster: str, servers: Sequence[str]) -> str:
    if not servers:
        return f"as {cluster}, with no other server yet"
    return f"to {count(len(servers), 'server')} as {cluster}: {', '.join(servers)}"


def _end_of(event: Disconnected) -> str:
    return (
        f"#{event.id} {event.name or '(no name)'} {event.address} after {duration(event.seconds)},"
        f" {event.received} bytes in, {event.sent} bytes out"
        f" {show_reason(event.why)}"
    )
