"""The footer under the log on a terminal: a row of status, and the line that the operator types.

This module holds state and makes text; it writes nothing. The console asks `Footer.around` what to
write for each piece of the log, so that the footer stays at the foot of the screen. Keys come from
another thread.

This module keeps promise 6 for the operator, too: what is logged appears above the line being
typed, and the line stays as it was.
"""

import os
from threading import Lock

from threadchat.terminal.lineeditor import Event, LineEditor

_ROW_OFF = "\r\x1b[A\x1b[J"
_DRAW_ANEW = "\x0c"


class Footer:
    """Keeps a row of status and the line being typed below the log.

    When there is no line, the cursor is at the start of the empty row under the row of status.
    There, what the terminal itself echoes, such as ^C, does not spoil the status.
    """

    def __init__(self) -> None:
        self._lock = Lock()  # guards all below; its holder waits for no input or output
        self._line: LineEditor | None = None
        self._is_open = False  # whether the line should be shown
        self._is_paused = False
        self._is_drawn = False  # whether the line is being drawn
        self._status = ""  # the row that is on the screen
        self._size: os.terminal_size | None = None  # the line is drawn for this size

    def open_line(self, line: LineEditor) -> None:
        """Show `line` from now on."""
        with self._lock:
            self._line, self._is_open = line, True
            self._size = None

    def close_line(self) -> None:
        """Stop showing the line."""
        with self._lock:
            self._is_open = False

    def pause(self) -> None:
        """Show nothing until `resume`, because other programs will write on the terminal."""
        with self._lock:
            self._is_paused = True

    def resume(self) -> None:
        """Show the line again, all of it."""
        with self._lock:
            self._is_paused = False
            if self._line is not None:
                self._line.feed(_DRAW_ANEW)

    def feed(self, keys: str) -> list[Event]:
        """Feed `keys` to the line; return the events that they cause."""
        with self._lock:
            return [] if self._line is None else self._line.feed(keys)

    def end_key(self) -> None:
        """Forget a key's sequence that has begun: what comes next is text."""
        with self._lock:
            if self._line is not None:
                self._line.end_key()

    def around(self, text: str, status: str, size: os.terminal_size | None) -> str:
        """Return what to write so that `text` appears above a footer that is up to date.

        `text` is whole lines. `status` is one row that fits, or empty. `size` is the size of the
        terminal, or None while another job has the terminal. Then the footer is neither drawn nor
        taken off, because the other job has written below it.
        """
        with self._lock:
            if size is None:
                self._forget()
                return text
            if self._is_paused:
                status = ""
            output = self._update_line(size)
            if not text and status == self._status:
                return output
            hide, show = "", ""
            if self._line is not None:
                hide, show = self._line.hide(), self._line.show()
            if self._status:
                hide += _ROW_OFF
            if status:
                show = f"{status}\n{show}"
            self._status = status
            return output + hide + text + show

    def _update_line(self, size: os.terminal_size) -> str:
        """Return the output that shows the line as it is now, or takes it off."""
        if self._line is None:
            return ""
        wanted = self._is_open and not self._is_paused
        if wanted and not self._is_drawn:
            self._line.start()
        elif self._is_drawn and not wanted:
            self._line.stop()
        self._is_drawn = wanted
        if self._size != size:
            self._size = size
            self._line.resize(*size)
        return self._line.output()

    def _forget(self) -> None:
        """Assume that nothing of the footer is on the screen any more."""
        self._status = ""
        self._is_drawn = False
        if self._line is not None:
            self._line.stop()
            self._line.output()
