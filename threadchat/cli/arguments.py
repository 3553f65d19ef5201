"""Hold what the command lines of the server, `export`, `backup` and `check` share."""

import argparse
import contextlib
import io
import os
import sys
from collections.abc import Iterable
from typing import NoReturn

from threadchat.errors import OperatorError


class Fault(OperatorError):
    """The program cannot run. Says in one line why, and what to do."""


class Parser(argparse.ArgumentParser):
    """A parser that prints an error as one line, without the usage, and exits with status 2."""

    def error(self, message: str) -> NoReturn:
        """Print what is wrong and exit."""
        end = "" if message.endswith("?") else "."
        complain(self.prog, f"{message.rstrip('.')}{end} See {self.prog} --help.")
        self.exit(2)

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """Exit, after `--help` say, also where nobody takes what was printed."""
        silence_broken_output()
        super().exit(status, message)


def complain(program: str, words: object) -> None:
    """Print on standard error, in one line, what is wrong; `program` is who says so.

    A name of a file may hold anything. What cannot be shown is written as an escape.
    """
    shown = (
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in str(words)
    )
    print(f"{program}: {''.join(shown)}", file=sys.stderr)


def print_out(lines: Iterable[str]) -> None:
    """Print what a command answers. Raise `Fault` if it cannot be written: the disk is full, say.

    A reader that wants no more, such as `head`, is no fault.
    """
    try:
        print(*lines, sep="\n", flush=True)
    except BrokenPipeError:
        pass
    except OSError as error:
        raise Fault(f"cannot write it out: {error.strerror}.") from None
    finally:
        silence_broken_output()


def silence_broken_output() -> None:
    """Prevent Python's error message at exit if the reader of standard output has gone."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):
            output = sys.stdout.fileno()
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, output)
            os.close(nothing)


def set_up_output() -> None:
    """Have all letters written to standard output; those that its encoding lacks as escapes."""
    if not isinstance(sys.stdout, io.TextIOWrapper):
        return
    encoding = None
    if (
        sys.platform == "win32"
        and not sys.stdout.isatty()
        and not os.environ.get("PYTHONIOENCODING")
    ):
        # In a file or a pipe, the code page of Windows would lack most of what people write.
        encoding = "utf-8"
    sys.stdout.reconfigure(encoding=encoding, errors="backslashreplace")
