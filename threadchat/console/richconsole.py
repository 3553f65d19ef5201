"""Make rich's console so that the file that it writes to decides how that looks, and nothing else.

By itself rich also heeds variables such as COLUMNS, FORCE_COLOR and TTY_COMPATIBLE. They are about
the terminal of a shell, which the log may have nothing to do with, and some of their values leave
nothing of a line. On a terminal, NO_COLOR and TERM still count.
"""

import contextlib
import locale
import os
from typing import IO, TextIO

import rich.console

_COLUMNS, _LINES = 80, 24
"""The size where a terminal does not tell its own, and in a file."""


def is_terminal(file: IO[str]) -> bool:
    """Return whether `file` is a terminal. A file that is closed is none."""
    try:
        return file.isatty()
    except (AttributeError, ValueError):
        return False


class RichConsole(rich.console.Console):
    """Renders for `file`; nothing in a string is markup.

    A given `width`, in columns, stays; otherwise `fit` takes on that of the terminal. A bar that
    moves needs `is_interactive`; it is left out where the file is no terminal.
    """

    def __init__(
        self, file: TextIO, width: int | None = None, *, is_interactive: bool = False
    ) -> None:
        super().__init__(
            file=file,
            width=width or _COLUMNS,
            height=_LINES,
            force_terminal=is_terminal(file),
            force_interactive=is_interactive and is_terminal(file),
            force_jupyter=False,
            markup=False,
            highlight=False,
            emoji=False,
        )
        self._has_fixed_width = width is not None
        self.fit()
        # In the locale C, Python writes UTF-8 all the same. The terminal may not know it.
        self._is_plain = self.is_terminal and locale.setlocale(locale.LC_CTYPE) in ("C", "POSIX")

    @property
    def encoding(self) -> str:
        """The encoding of the file. If it is not UTF-8, tables have ASCII lines."""
        return "ascii" if self._is_plain else super().encoding

    def fit(self) -> None:
        """Take on the size that the terminal has now."""
        if self.is_terminal and not self._has_fixed_width:
            with contextlib.suppress(AttributeError, OSError, ValueError):
                columns, lines = os.get_terminal_size(self.file.fileno())
                self.size = (columns or _COLUMNS, lines or _LINES)

    def on_broken_pipe(self) -> None:
        """Raise the error again; rich would end the thread and redirect standard output."""
        raise
