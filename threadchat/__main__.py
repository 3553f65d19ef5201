"""Run the program: `threadchat`, or `python -m threadchat`.

Its modules take a moment to be read. A signal in that time ends the process at once; Python itself
would show where it was, or as the first process of a container take no notice.
"""

import os
import signal
import sys


def main() -> int:
    """Run the program, and return the exit status, as `threadchat.cli.main.main` does."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)
    from threadchat.cli import main as program

    return program.main()


def _end(number: int, _frame: object) -> None:
    if sys.platform != "win32":  # there it would look like a failure
        # So that a shell, or a service manager, knows by what it was ended.
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)
    os._exit(128 + number)  # the first process of a container is not ended by that


if __name__ == "__main__":
    sys.exit(main())
