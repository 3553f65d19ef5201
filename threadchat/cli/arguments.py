"""Hold what the command lines of the server and of `export` share."""

import argparse
import contextlib
import os
import sys
from typing import NoReturn

from threadchat.errors import OperatorError


class Fault(OperatorError):
    """The program cannot run. Says in one line why, and what to do."""


class Parser(argparse.ArgumentParser):
    """A parser that prints an error as one line, without the usage, and exits with status 2."""

    def error(self, message: str) -> NoReturn:
        """Print what is wrong and exit."""
        self.exit(2, f"{self.prog}: {message}. See {self.prog} --help.\n")


def silence_broken_output() -> None:
    """Prevent Python's error message at exit if the reader of standard output has gone."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
