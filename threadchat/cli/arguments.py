"""What the command lines of the server and of `export` have in common."""

import argparse
import contextlib
import os
import sys
from typing import NoReturn

from threadchat.errors import OperatorError


class Fault(OperatorError):
    """Say in one line what keeps a program from running, and the way out."""


class Parser(argparse.ArgumentParser):
    """A parser that says in one line what is wrong, without the usage, and exits with 2."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong."""
        self.exit(2, f"{self.prog}: {message}. See {self.prog} --help.\n")


def silence_broken_output() -> None:
    """Keep Python from complaining at exit that nobody reads its output any more."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
