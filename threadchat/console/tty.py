"""The terminal at which the server was started: whether it is ours now, its size, and its modes.

`Tty` draws nothing and reads no key. It says when that may be done, and sets the modes in which
keys come one by one. It knows only POSIX terminals: on Windows it finds none.
"""

import contextlib
import os
import sys
from threading import RLock
from typing import Any, TextIO

if sys.platform != "win32":
    import termios

_NOT_TO_BE_DRAWN_ON = frozenset({"", "dumb", "unknown"})
"""Values of TERM for terminals that may not know escape sequences."""


class Tty:
    """A terminal that knows escape sequences; we may share it with other jobs of a shell."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._lock = RLock()  # guards those below; a signal handler may come in between
        self._before: list[Any] | None = None  # the modes to give back, once we have changed them
        self._ours: list[Any] | None = None
        self._is_left = False

    @classmethod
    def behind(cls, file: TextIO | None) -> "Tty | None":
        """Return the terminal behind `file`, or None if it is no terminal that we can draw on."""
        if sys.platform == "win32" or os.environ.get("TERM", "").lower() in _NOT_TO_BE_DRAWN_ON:
            return None
        try:
            descriptor = file.fileno() if file is not None else -1
        except (AttributeError, OSError, ValueError):  # it may be a file in memory, or closed
            return None
        return cls(descriptor) if os.isatty(descriptor) else None

    def is_ours(self) -> bool:
        """Return whether we run in the terminal's foreground, where a job may read and draw.

        Raise `OSError` if the terminal is gone, or does not control our session.
        """
        return is_in_foreground(self.descriptor)

    def size(self) -> os.terminal_size:
        """Return columns and rows, 0 if unknown; raise `OSError` if the terminal is gone."""
        return os.get_terminal_size(self.descriptor)

    def take_keys(self) -> None:
        """Set the modes in which keys come one by one and are not echoed.

        Keys that send a signal still send it. Only Ctrl-Z comes as a key, because the footer has to
        be taken off before the process is suspended. Call it again when the process goes on, as
        the shell has set its own modes meanwhile. Raise `OSError` if the terminal is gone.
        """
        with self._lock:
            if self._is_left:
                return
            try:
                modes = termios.tcgetattr(self.descriptor)
                if modes != self._ours:
                    self._before = modes
                termios.tcsetattr(self.descriptor, termios.TCSANOW, self._modes_for_keys(modes))
                self._ours = termios.tcgetattr(self.descriptor)
            except termios.error as error:
                raise OSError(*error.args) from error

    def give_back(self) -> None:
        """Restore the modes that the terminal had, unless another job has the terminal now.

        It does not wait for output to be written: the terminal may be stopped by Ctrl-S.
        """
        with self._lock, contextlib.suppress(OSError, termios.error):
            before, self._before = self._before, None
            if before is not None and self.is_ours():
                termios.tcsetattr(self.descriptor, termios.TCSANOW, before)

    def leave(self) -> None:
        """Give the terminal back for good: `take_keys` does nothing from now on.

        A signal handler may call it.
        """
        with self._lock:
            self._is_left = True
            self.give_back()

    def _modes_for_keys(self, modes: list[Any]) -> list[Any]:
        input_modes, output_modes, control, local, *speeds, characters = modes
        input_modes = (input_modes | termios.ICRNL) & ~(termios.INLCR | termios.IGNCR)
        # IEXTEN would keep Ctrl-V to itself, and on BSD Ctrl-O and Ctrl-Y.
        local &= ~(termios.ICANON | termios.ECHO | termios.IEXTEN)
        characters = list(characters)
        characters[termios.VMIN], characters[termios.VTIME] = 1, 0
        nothing = os.fpathconf(self.descriptor, "PC_VDISABLE")
        characters[termios.VSUSP] = bytes([nothing])
        return [input_modes, output_modes, control, local, *speeds, characters]


def is_in_foreground(descriptor: int) -> bool:
    """Return whether our job is in the foreground of the terminal `descriptor`.

    The system stops any other job that reads from there. Raise `OSError` if the terminal is gone,
    or does not control our session.
    """
    return os.tcgetpgrp(descriptor) == os.getpgrp()
