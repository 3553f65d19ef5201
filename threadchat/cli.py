"""Run a chat server from the command line.

Whatever is wrong with an option or the system gets one line that says what to do, on standard
error, and exit status 2 or 1; no traceback.
"""

import argparse
import contextlib
import errno
import io
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from queue import Empty, SimpleQueue
from types import FrameType

from threadchat import __version__, export
from threadchat.arguments import Fault, Parser, silence_broken_output
from threadchat.console import Console, Detail
from threadchat.events import Bound, Stopped, Stopping, Trouble
from threadchat.history import MAX_REMEMBERED, History
from threadchat.network import show_address, ways_in
from threadchat.server import (
    DEFAULT_FALLBACK_ENCODING,
    DEFAULT_MAX_CLIENTS,
    DEFAULT_PORT,
    DEFAULT_REPLAY,
    ChatServer,
)
from threadchat.store import StoredHistory, Unusable
from threadchat.text import usable_encoding

STOP_SECONDS = 4.5
"""How long a stop may take in all, so that the process is gone within 5 s."""

CONSOLE_SECONDS = 0.5
"""What of that is kept for the last lines of the log."""

_EXAMPLES = """\
examples:
  threadchat                            serve everybody on the LAN on port 8000
  threadchat --port 4000                another port; --port 0 picks a free one and says which
  threadchat --host 127.0.0.1           only people on this machine
  threadchat --show-messages >chat.log  log what is said, too
  threadchat --history chat.db          remember what is said over a restart
  threadchat export chat.db             print what was said; see threadchat export --help

Each option can also be set in the environment, as THREADCHAT_PORT=4000 or THREADCHAT_QUIET=1.
People join with: telnet ADDRESS 8000, or nc ADDRESS 8000
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a server until it is told to stop; return the exit status.

    0 after SIGINT or SIGTERM, 1 if the server cannot run. A wrong option exits with 2. With
    `export` before all else, a history is read out instead.
    """
    arguments = sys.argv[1:] if argv is None else argv
    if arguments[:1] == ["export"]:
        return export.main(arguments[1:])
    signals: SimpleQueue[int] = SimpleQueue()  # its put is safe in a signal handler
    _on_stop_signals(lambda number, _frame: signals.put(number))
    options = parse_options(argv, os.environ)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A name that the operator's own encoding lacks must not break the log.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        return _run(options, signals)
    except Fault as fault:
        print(f"threadchat: {fault}", file=sys.stderr)
        return 1


def parse_options(argv: Sequence[str] | None, environment: Mapping[str, str]) -> argparse.Namespace:
    """Return the options from the command line and, where it is silent, the environment."""
    parser = Parser(
        prog="threadchat",
        description="A chat server for a LAN: people join with telnet or netcat.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--host", help="address to serve (default: all, IPv4 and IPv6)")
    parser.add_argument("--port", type=_whole_number, help="port to serve (default: 8000)")
    parser.add_argument(
        "--max-clients",
        type=_positive_number,
        metavar="N",
        help="how many may be here at once (default: 1000)",
    )
    parser.add_argument(
        "--replay",
        type=_replay_number,
        metavar="N",
        help="how many earlier messages a newcomer is shown (default: 20)",
    )
    parser.add_argument(
        "--fallback-encoding",
        type=_encoding,
        metavar="NAME",
        help="how clients write that send no UTF-8 (default: cp1252)",
    )
    parser.add_argument(
        "--history", metavar="FILE", help="keep what is said in this file (default: in memory)"
    )
    how_much = parser.add_mutually_exclusive_group()
    how_much.add_argument(
        "--show-messages", action="store_const", const=True, help="log what is said as well"
    )
    how_much.add_argument(
        "--quiet", action="store_const", const=True, help="log only start, stop and what goes wrong"
    )
    parser.add_argument("--version", action="version", version=f"threadchat {__version__}")
    options = parser.parse_args(argv)
    _fill_in(options, environment, parser)
    return options


def _fill_in(
    options: argparse.Namespace, environment: Mapping[str, str], parser: argparse.ArgumentParser
) -> None:
    """Give the options that the command line leaves open their value."""
    if options.quiet or options.show_messages:  # one said there rules out the other
        options.quiet, options.show_messages = bool(options.quiet), bool(options.show_messages)
    for name, default in OPTIONS.items():
        if getattr(options, name) is not None:
            continue
        variable = f"THREADCHAT_{name.upper()}"
        value = environment.get(variable, "")
        try:
            setattr(options, name, _TYPES[name](value) if value else default)
        except argparse.ArgumentTypeError as error:
            parser.error(f"environment variable {variable}: {error}")


def _switch(text: str) -> bool:
    match text.strip().lower():
        case "1" | "true" | "yes" | "on":
            return True
        case "0" | "false" | "no" | "off":
            return False
    raise argparse.ArgumentTypeError(f"{text!r} is neither 1 nor 0")


def _whole_number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None


def _positive_number(text: str) -> int:
    number = _whole_number(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is too small, 1 is the least")
    return number


def _replay_number(text: str) -> int:
    number = _whole_number(text)
    if not 0 <= number <= MAX_REMEMBERED:
        raise argparse.ArgumentTypeError(f"{number} is not from 0 to {MAX_REMEMBERED}")
    return number


def _encoding(text: str) -> str:
    try:
        return usable_encoding(text)
    except LookupError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no encoding for a terminal; cp1252, cp437 and latin-1 are some"
        ) from None


OPTIONS = {
    "host": "",
    "port": DEFAULT_PORT,
    "max_clients": DEFAULT_MAX_CLIENTS,
    "replay": DEFAULT_REPLAY,
    "fallback_encoding": DEFAULT_FALLBACK_ENCODING,
    "history": "",
    "show_messages": False,
    "quiet": False,
}

_TYPES: dict[str, Callable[[str], object]] = {
    "host": str,
    "port": _whole_number,
    "max_clients": _positive_number,
    "replay": _replay_number,
    "fallback_encoding": _encoding,
    "history": str,
    "show_messages": _switch,
    "quiet": _switch,
}


def _run(options: argparse.Namespace, signals: SimpleQueue[int]) -> int:
    detail = Detail.CLIENTS
    if options.quiet:
        detail = Detail.PROBLEMS
    elif options.show_messages:
        detail = Detail.MESSAGES
    console = Console(detail)
    history = _open_history(options, console)
    try:
        server = _open_server(options, console, history)
    except BaseException:
        history.close()
        raise
    with server:
        server.start()
        address = server.server_address
        console.note(Bound(show_address(address), ways_in(address)))
        _wait_for(signals)
        _on_stop_signals(lambda number, _frame: os._exit(128 + number))
        deadline = time.monotonic() + STOP_SECONDS
        console.note(Stopping())
        server.stop(STOP_SECONDS - CONSOLE_SECONDS)
    console.note(Stopped())
    if not console.close(max(CONSOLE_SECONDS, deadline - time.monotonic())):
        # Somebody has stopped reading our output: Python's own way out would wait for them.
        os._exit(0)
    # From here on there is nothing left to stop, and Python's last steps know no handlers.
    _on_stop_signals(signal.SIG_IGN)
    silence_broken_output()
    return 0


def _open_history(options: argparse.Namespace, console: Console) -> History:
    if not options.history:
        return History()
    try:
        return StoredHistory(options.history, lambda words: console.note(Trouble(words)))
    except Unusable as error:
        raise Fault(str(error)) from None


def _open_server(options: argparse.Namespace, console: Console, history: History) -> ChatServer:
    host, port = options.host, options.port
    if not 0 <= port <= 65535:
        raise Fault(f"there is no port {port}. Choose one from 1024 to 65535, or 0 for any.")
    try:
        return ChatServer(
            (host, port),
            max_clients=options.max_clients,
            replay=options.replay,
            fallback_encoding=options.fallback_encoding,
            watchers=[console],
            history=history,
        )
    except socket.gaierror as error:
        raise Fault(
            f"the host {host} is unknown ({error.strerror})."
            " Leave --host out to serve every address of this machine."
        ) from None
    except (OSError, UnicodeError) as error:
        raise Fault(_why_not(error, host, port)) from None


def _why_not(error: Exception, host: str, port: int) -> str:
    """Say why a server cannot listen there, and what to do."""
    match getattr(error, "errno", None):
        case errno.EADDRINUSE:
            return (
                f"port {port} is in use, perhaps by another threadchat."
                " Choose another with --port, or --port 0 for any free one."
            )
        case errno.EACCES | errno.EPERM:
            return (
                f"port {port} is not open to you: those below 1024 need an administrator's right."
                " Choose a higher one with --port."
            )
        case errno.EADDRNOTAVAIL:
            return (
                f"{host} is not an address of this machine."
                " Leave --host out to serve every address it has."
            )
    return f"cannot listen at {host or 'any address'}, port {port}: {error}. Try another --host."


def _on_stop_signals(
    handler: Callable[[int, FrameType | None], object] | signal.Handlers,
) -> None:
    signal.signal(signal.SIGINT, handler)
    signal.signal(signal.SIGTERM, handler)


def _wait_for(signals: SimpleQueue[int]) -> None:
    """Wait for a signal. In slices: on Windows, Ctrl-C does not interrupt a wait."""
    while True:
        with contextlib.suppress(Empty):
            signals.get(timeout=0.5)
            return
