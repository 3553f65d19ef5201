"""Read what the operator types at the server's own terminal, while the log scrolls above it.

`open_input` finds out what standard input is. A terminal that can be drawn on gets the line editor
that people in character mode have: promise 6 holds for the operator, too. Any other input, such as
a pipe or the console of Windows, is read in plain lines. The caller carries out the commands.

Promise 9: the terminal gets its own modes back after `stop`. It also gets them back whenever the
process ends or is suspended in a way that lets it do anything at all.
"""

import atexit
import codecs
import contextlib
import io
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from types import FrameType
from typing import TextIO

from rich.text import Text

from threadchat.console.log import Console
from threadchat.console.tty import Tty, is_in_foreground
from threadchat.net.selfpipe import SelfPipe
from threadchat.net.threads import join, start_needed_thread
from threadchat.terminal.keys import KEY_SECONDS, may_go_on, pasted
from threadchat.terminal.linebuffer import LineBuffer, LineTooLong
from threadchat.terminal.lineeditor import Completer, EndOfInput, Event, LineEditor
from threadchat.text.clean import clean_line

PROMPT = "operator> "

HOW_TO_STOP = "=== stop, or Ctrl-C, stops the server."

LOOK_SECONDS = 1.0
"""Seconds after which a job in the background looks again whether it is in the foreground."""

_DRAW_SECONDS = 0.5
"""The most seconds we wait until the line is off the screen; the terminal may be stopped."""

_MAX_PASTE = 16 * 1024
"""The most bytes that are read in one piece to find out what a key is."""

_SUSPEND = "\x1a"  # Ctrl-Z


class OperatorInput:
    """Reads `stdin` on a thread of its own; cleans each line and passes it to `obey`.

    Blank lines are left out. If `obey` raises, `failed` is called with what was being done and the
    error, and the next line is read. The end of the input ends the reading and nothing else.
    """

    def __init__(
        self,
        console: Console,
        obey: Callable[[str], object],
        failed: Callable[[str, Exception], None],
        stdin: TextIO,
    ) -> None:
        self._console = console
        self._obey = obey
        self._failed = failed
        self._descriptor = stdin.fileno()
        encoding = os.device_encoding(self._descriptor) or stdin.encoding or "utf-8"
        decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._decoder = io.IncrementalNewlineDecoder(decoder, translate=True)
        self._buffer = LineBuffer()
        self._is_stopping = False
        self._bell = SelfPipe()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to read. Call it from the main thread, the only one that can set signal handlers.

        Raise `OutOfThreads` if there is no thread for it.
        """
        self._thread = start_needed_thread(self._run, "operator's input", "what the operator types")

    def stop(self, timeout: float = 1.0) -> None:
        """Leave the terminal as it was found and end the thread, within `timeout` seconds.

        May be called again, and before `start`. On Windows a read cannot be interrupted, so the
        thread is left to end with the process. The same goes for a thread whose command does not
        end in time.
        """
        self._is_stopping = True
        self.restore()
        self._bell.wake()
        waits_for_bell = sys.platform != "win32"  # there it waits in the read alone
        if waits_for_bell:
            join(self._thread, timeout)
        if not waits_for_bell or self._thread is None or not self._thread.is_alive():
            self._bell.close()

    def restore(self) -> None:
        """Give the terminal the modes it had, for good. A signal handler may call it."""

    @property
    def is_attended(self) -> bool:
        """Whether somebody may sit here: what is read and the log are a terminal that is ours."""
        try:
            if not os.isatty(self._descriptor) or not self._console.is_on_terminal:
                return False
            return sys.platform == "win32" or is_in_foreground(self._descriptor)
        except OSError:  # the terminal is gone
            return False

    def __enter__(self) -> "OperatorInput":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # The reading thread

    def _run(self) -> None:
        _read_without_being_stopped()
        with contextlib.suppress(OSError):  # the input is gone
            while not self._is_stopping:
                data = self._read() if self._wait_for_input() else None
                if data == b"":
                    self._take_end()
                    break
                if data:
                    self._receive(data)

    def _wait_for_input(self) -> bool:
        """Wait for input; return whether there is some.

        The bell ends the wait. So does the time to look again whether we are in the foreground.
        """
        if sys.platform == "win32":
            return True  # `select` takes only sockets there, so we wait in the read
        if self._may_read():
            return self._listen([self._descriptor, self._bell], None)
        return self._listen([self._bell], LOOK_SECONDS)

    def _listen(self, files: list[int | SelfPipe], timeout: float | None) -> bool:
        """Wait up to `timeout` seconds for one of `files`; return whether there is input."""
        ready = select.select(files, [], [], timeout)[0]
        if self._bell in ready:
            self._bell.drain()
        return self._descriptor in ready

    def _may_read(self) -> bool:
        """Return whether we may read now; raise `OSError` if the terminal is gone."""
        return not os.isatty(self._descriptor) or is_in_foreground(self._descriptor)

    def _read(self) -> bytes | None:
        """Return what has come in, or None if another job has the terminal now."""
        try:
            return os.read(self._descriptor, 4096)
        except BlockingIOError:
            return None
        except OSError:
            if sys.platform == "win32" or self._may_read():
                raise
            return None

    def _receive(self, data: bytes) -> None:
        self._take(self._decoder.decode(data))

    def _take(self, text: str) -> None:
        self._handle(self._buffer.feed(text))

    def _take_end(self) -> None:
        self._handle([*self._buffer.feed(self._decoder.decode(b"", True)), *self._buffer.finish()])

    def _handle(self, events: Sequence[Event]) -> None:
        for event in events:
            if self._is_stopping:
                return
            match event:
                case str(text) if (line := clean_line(text)).strip():
                    self._handle_line(line)
                case LineTooLong(limit):
                    self._console.answer(f"!!! A line has at most {limit} characters.")
                case EndOfInput():
                    self._console.answer(HOW_TO_STOP)

    def _handle_line(self, line: str) -> None:
        try:
            self._obey(line)
        except Exception as error:  # a command that fails must not end the reading
            self._failed(f"operator's command {line!r}", error)


class TerminalInput(OperatorInput):
    """Reads a line that is edited at the foot of the console's terminal.

    `stdin` and `terminal` are that terminal. Each line stays in the log as it was entered, above
    its answer. While another job has the terminal, we touch neither its modes nor its screen.
    """

    def __init__(
        self,
        console: Console,
        obey: Callable[[str], object],
        failed: Callable[[str, Exception], None],
        stdin: TextIO,
        terminal: Tty,
        complete: Completer | None = None,
        prompt: str = PROMPT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(console, obey, failed, stdin)
        self._clock = clock
        self._received_at = 0.0
        self._terminal = terminal
        self._prompt = prompt
        encoding = os.device_encoding(terminal.descriptor) or "utf-8"
        self._line = LineEditor(complete=complete, encoding=encoding, show_above=self._show_above)
        self._line.set_prompt(prompt)
        self._is_seated = False

    def start(self) -> None:
        """Begin to read as soon as we are in the foreground."""
        atexit.register(self.restore)
        # Until we have the keys, the system writes what is typed behind a prompt, and a line that
        # we draw over that leaves some of it behind.
        self._console.footer.pause()
        self._console.footer.open_line(self._line)
        self._set_signal_handlers()
        super().start()

    def stop(self, timeout: float = 1.0) -> None:
        """Do what `OperatorInput.stop` does, and take the line off the screen."""
        deadline = time.monotonic() + timeout
        super().stop(timeout)
        self._console.footer.close_line()
        self._console.redraw().wait(min(_DRAW_SECONDS, max(0.0, deadline - time.monotonic())))
        self._clear_signal_handlers()
        atexit.unregister(self.restore)

    def restore(self) -> None:
        """Give the terminal the modes it had, for good. A signal handler may call it."""
        self._terminal.leave()

    def _show_above(self, rows: str) -> None:
        self._console.answer("\n".join(rows.splitlines()))

    # The reading thread

    def _may_read(self) -> bool:
        """Return whether the terminal is ours now; if it has just become ours, set it up."""
        if not self._terminal.is_ours():
            self._is_seated = False
        elif not self._is_seated:
            self._is_seated = True
            self._terminal.take_keys()
            self._console.footer.resume()
            self._console.redraw()
        return self._is_seated

    def _receive(self, data: bytes) -> None:
        now = self._clock()
        if now - self._received_at > KEY_SECONDS:
            self._console.footer.end_key()
        self._received_at = now
        # A paste may be longer than what is read at once.
        while len(data) < _MAX_PASTE and may_go_on(data) and self._listen([self._descriptor], 0):
            data += self._read() or b""
        super()._receive(pasted(data))

    def _take(self, text: str) -> None:
        keys, *later = text.split(_SUSPEND)
        self._type(keys)
        for keys in later:
            self._suspend()
            self._type(keys)

    def _type(self, keys: str) -> None:
        for part in keys.splitlines(keepends=True):  # each line is answered before the next one
            events = self._console.footer.feed(part)
            self._console.redraw()
            self._handle(events)

    def _take_end(self) -> None:
        """Drop a half-typed line: the operator might still have changed it."""

    def _handle_line(self, line: str) -> None:
        self._console.answer(Text.assemble((self._prompt, "bold"), line))
        super()._handle_line(line)

    def _suspend(self) -> None:
        """Tidy up the screen, then do what Ctrl-Z does."""
        self._console.footer.pause()
        self._console.redraw().wait(_DRAW_SECONDS)
        self._terminal.give_back()
        self._is_seated = False
        self._listen([self._bell], 0)
        # We send the signal to all of our job, as the terminal would have done. If there is no
        # shell to go back to, the system ignores the signal. The process is stopped while we
        # listen, and SIGCONT rings the bell.
        os.kill(0, signal.SIGTSTP)
        self._listen([self._bell], LOOK_SECONDS)

    # Signals

    def _set_signal_handlers(self) -> None:
        if threading.current_thread() is threading.main_thread():
            for number, handler in self._signal_handlers().items():
                if signal.getsignal(number) is signal.SIG_DFL:
                    signal.signal(number, handler)

    def _clear_signal_handlers(self) -> None:
        if threading.current_thread() is threading.main_thread():
            for number, handler in self._signal_handlers().items():
                if signal.getsignal(number) == handler:
                    signal.signal(number, signal.SIG_DFL)

    def _signal_handlers(self) -> dict[int, Callable[[int, FrameType | None], object]]:
        return {signal.SIGCONT: self._continued, signal.SIGQUIT: self._quit}

    def _continued(self, _number: int, _frame: FrameType | None) -> None:
        self._is_seated = False
        self._bell.wake()

    def _quit(self, number: int, _frame: FrameType | None) -> None:
        """Give the terminal its modes back, then end as Ctrl-Backslash ends a process."""
        self.restore()
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)


def open_input(
    console: Console,
    obey: Callable[[str], object],
    failed: Callable[[str, Exception], None],
    complete: Completer | None = None,
    prompt: str = PROMPT,
) -> OperatorInput | None:
    """Return an input for standard input, not started yet; None if we cannot or may not read it.

    `complete` and `prompt` are used only if standard input is the terminal that the console writes
    to. `complete` must not raise.
    """
    stdin, terminal = sys.stdin, console.terminal
    try:
        descriptor = stdin.fileno()
    except (AttributeError, OSError, ValueError):  # standard input is None, closed, or no file
        return None
    if sys.platform != "win32" and os.isatty(descriptor):
        try:
            is_in_foreground(descriptor)
        except OSError:  # the terminal belongs to another session, whose shell reads from it
            return None
        if terminal is not None and os.path.sameopenfile(descriptor, terminal.descriptor):
            return TerminalInput(console, obey, failed, stdin, terminal, complete, prompt)
    return OperatorInput(console, obey, failed, stdin)


def _read_without_being_stopped() -> None:
    """Make reads fail while another job has the terminal. By default they stop the process."""
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTIN, signal.SIGTTOU})
