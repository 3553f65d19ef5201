"""What test_input_terminal runs on a terminal: a console and an operator's input, without a server.

`stop` ends it, `raise` by an exception and `exit` at once; all else that is typed is answered. On
SIGUSR1, threads log lines. With `--status`, a row of status counts how often it was asked for.
"""

import itertools
import os
import resource
import signal
import sys
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from types import FrameType

from rich.table import Table

from tests.support.waiting import run_concurrently
from threadchat.console import log as log_module
from threadchat.console.input import OperatorInput, open_input
from threadchat.console.log import Console
from threadchat.monitoring.events import Connected, Trouble

THREADS = 4
LINES = 25


def main() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    log_module.REDRAW_SECONDS = 0.1  # tests wait for it
    orders: SimpleQueue[str] = SimpleQueue()

    def take_order(number: int, _frame: FrameType | None) -> None:
        orders.put("log" if number == signal.SIGUSR1 else "stop")

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, take_order)
    console = Console()
    if "--status" in sys.argv:
        asked = itertools.count()
        console.show_status(lambda: f"asked {next(asked)} times, " + "and so on " * 20)

    def obey(line: str) -> None:
        match line:
            case "stop" | "raise":
                orders.put(line)
            case "exit":
                assert reader is not None
                reader.restore()
                os._exit(0)
            case "table":
                table = Table("name", "said")
                table.add_row("al", "[bold]漢字 😀[/]")
                console.answer(table)
            case _:
                console.answer(f"=== [i]{line}[/i]")

    def complete(before: str) -> tuple[int, list[str]]:
        return 0, [word for word in ("kick", "kill") if word.startswith(before)]

    reader = open_input(console, obey, lambda doing, error: console.note(Trouble(doing)), complete)
    kind = "plain" if type(reader) is OperatorInput else "editing" if reader else "no"
    console.answer(f"=== {kind} {os.getpid()}")
    if reader is not None:
        reader.start()
    while (order := next_of(orders)) != "stop":
        if order == "raise":
            raise SystemExit(3)
        run_concurrently([partial(log, console, name) for name in range(THREADS)])
        console.answer("=== logged")
    if reader is not None:
        reader.stop()
    console.answer("=== stopped")
    console.close()


def next_of(orders: SimpleQueue[str]) -> str:
    """Wait in slices, as the server does: not every signal wakes the main thread."""
    while True:
        with suppress(Empty):
            return orders.get(timeout=0.5)


def log(console: Console, thread: int) -> None:
    for number in range(LINES):
        console.note(
            Connected(number, f"thread {thread} " + "long " * (number % 9) + "漢字 😀 end")
        )


if __name__ == "__main__":
    main()
