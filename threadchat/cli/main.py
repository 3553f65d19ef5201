"""Run a chat server from the command line.

A stop signal ends the whole program inside a deadline (promise 9). If the server cannot run, the
program prints one line on standard error that says what to do, without a traceback, and exits with
status 1. For a wrong option, `options` prints such a line and exits with status 2.
"""

import contextlib
import errno
import gc
import io
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import combinations
from pathlib import Path
from queue import SimpleQueue
from threading import Event
from types import FrameType

from threadchat.access.limits import Limits
from threadchat.chat.rules import RulesFiles
from threadchat.cli import affinity, backup, check, export, find
from threadchat.cli.arguments import Fault, complain, silence_broken_output
from threadchat.cli.browsers import add_qr_command, hook_addresses, tell_way_for_browsers, web_ports
from threadchat.cli.linkoptions import link_address
from threadchat.cli.lookups import look_up, tell_ways_by_name
from threadchat.cli.options import Options
from threadchat.cli.servicemanager import ServiceManager, is_journal, works_since
from threadchat.cli.shortages import (
    FILES_OF_COMMAND,
    FILES_OF_SERVER,
    check_files,
    hold_standard_descriptors,
    line_of,
)
from threadchat.cli.signals import (
    interruptible,
    on_console_closed,
    on_reload_signal,
    on_stop_signals,
    wait_for_stop,
)
from threadchat.cli.sources import parse_options
from threadchat.console.hooks import add_hook_commands
from threadchat.console.input import OperatorInput, open_input
from threadchat.console.log import Console, Detail
from threadchat.console.operator import Operator
from threadchat.errors import OperatorError
from threadchat.monitoring import stats
from threadchat.monitoring.eventlog import EventLog, is_standard_output
from threadchat.monitoring.events import Bound, Stopped, Stopping, Trouble, Watch, Watcher
from threadchat.net.addresses import show_address, ways_in
from threadchat.net.certificate import Certificate
from threadchat.net.threads import start_thread
from threadchat.server.chatserver import ChatServer
from threadchat.server.config import ServerConfig
from threadchat.server.listener import (
    SHORTAGES,
    CannotListenForBrowsers,
    CannotListenForTls,
)
from threadchat.storage.history import History
from threadchat.storage.records import Records
from threadchat.storage.sqlitehistory import StoredHistory
from threadchat.text.phrases import count_people

STOP_SECONDS = 4.5
"""Seconds that a stop may take in all, so that the process ends within 5 s."""

LATE_SECONDS = 0.25
"""After so many more seconds the process ends, whatever the stop waits for."""

LAST_LINES_SECONDS = 0.25
"""The part of these seconds for the last lines of the console, and as much for the log file."""

GC_THRESHOLD = 10_000
"""How many new objects there have to be before Python looks for reference cycles."""

COMMANDS = {
    "backup": backup.main,
    "check": check.main,
    "export": export.main,
    "find": find.main,
}
"""What can be done besides serving: with a history, or on the LAN.

Each returns the exit status. `main` says in a line what an `OperatorError` of theirs is, and Ctrl-C
breaks them off.
"""

SWITCH_SECONDS = 0.1
"""Seconds after which a thread that waits for the GIL asks for it, and asks again.

This is for a server on one processor. With Python's default of 5 ms, a thousand waiting threads
spend so much time on asking that no thread gets on. The threads of the server release the GIL by
themselves, with every message that they send.
"""

STOP_SWITCH_SECONDS = 0.005
"""The same during a stop, which must not wait for threads that clients keep busy: Python's own."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a server until it is told to stop; return the exit status.

    The status is 0 after SIGINT or SIGTERM, and 1 if the server cannot run. A wrong option exits
    with status 2. If the first argument is one of `COMMANDS`, do that instead.
    """
    arguments = sys.argv[1:] if argv is None else argv
    hold_standard_descriptors()
    if arguments and arguments[0] in COMMANDS:
        return _do(arguments[0], arguments[1:])
    signals: SimpleQueue[int] = SimpleQueue()  # a signal handler may call its `put`
    on_stop_signals(lambda number, _frame: signals.put(number))
    on_console_closed(signals)
    on_reload_signal(signals)
    ignored: list[str] = []
    options = parse_options(arguments, os.environ, ignored.append)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # The terminal's encoding may lack a letter of a name. That must not break the log.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        check_files(FILES_OF_SERVER)
        return _run(options, signals, ignored)
    except (OperatorError, MemoryError, OSError) as error:
        line = line_of(error)
        if line is None and not isinstance(error, OperatorError):
            raise
        complain("threadchat", line or error)
        return 1


def _do(command: str, arguments: Sequence[str]) -> int:
    """Do what is one of `COMMANDS`."""
    try:
        with interruptible():
            check_files(FILES_OF_COMMAND)
            return COMMANDS[command](arguments)
    except OperatorError as error:
        complain(f"threadchat {command}", error)
        return 1
    except KeyboardInterrupt:
        return 130


def _run(options: Options, signals: SimpleQueue[int], ignored: Sequence[str]) -> int:
    # This comes first because only threads that are started later stay on the same processor.
    if not options.all_processors and affinity.stay_on_one() is not None:
        sys.setswitchinterval(SWITCH_SECONDS)
    host = look_up(options.host, signals)
    if host is None:
        return 0
    console = _open_console(options)
    watchers: list[Watcher] = [console]
    with contextlib.ExitStack() as if_it_fails:
        log = _open_log(options, console)
        if log is not None:
            if_it_fails.callback(log.close)
            watchers.append(log)
        watch = Watch(*watchers)
        for words in ignored:
            watch.warn(words)
        history = _open_history(options, watch)
        if_it_fails.callback(history.close)
        records = Records(options.history or None, warn=watch.warn)
        if_it_fails.callback(records.close)
        server = _open_server(
            options, host, watchers, history, records, lambda: signals.put(signal.SIGTERM)
        )
        if_it_fails.pop_all()
    # In memory, new messages take the place of old ones, without reference cycles. Python's default
    # would look for cycles so often that it takes a twelfth of a busy server's time, and find none.
    gc.set_threshold(GC_THRESHOLD)
    over = Event()
    with _closed_if_it_fails(console, log), server:
        address = server.server_address
        admits = options.allow.admits_near
        watch.note(Bound(show_address(address), ways_in(address, admits)))
        if server.tls_listener is not None:
            watch.note(Bound(f"{show_address(server.tls_listener.server_address)} (TLS)"))
        tell_way_for_browsers(options, server, console, watch)
        tell_ways_by_name(address, admits, watch)
        server.start()  # only now, so that no log has a client before the address
        manager = ServiceManager(os.environ, watch.warn)
        manager.serving(partial(_status_of, server), partial(works_since, server))
        reader = _open_input(options, server, console)
        wait_for_stop(signals, partial(_reread, server, log, manager), manager.look)
        on_stop_signals(partial(_stop_at_once, reader))
        sys.setswitchinterval(STOP_SWITCH_SECONDS)
        deadline = time.monotonic() + STOP_SECONDS
        start_thread(_end_when_late, "last resort", over, deadline + LATE_SECONDS, reader)
        manager.stopping()
        watch.note(Stopping())
        if reader is not None:
            reader.stop()
        server.stop(deadline - time.monotonic() - 2 * LAST_LINES_SECONDS)
    watch.note(Stopped())
    if log is not None:
        # The log file is closed before the console, because it may have a warning to show there.
        log.close(max(LAST_LINES_SECONDS, deadline - time.monotonic() - LAST_LINES_SECONDS))
    if not console.close(max(LAST_LINES_SECONDS, deadline - time.monotonic())):
        # The reader of our output has stopped reading. Python's normal exit would wait for it.
        os._exit(0)
    # From here on there is nothing left to stop, and handlers must not run in Python's last steps.
    on_stop_signals(signal.SIG_IGN)
    silence_broken_output()
    over.set()
    return 0


@contextlib.contextmanager
def _closed_if_it_fails(console: Console, log: EventLog | None) -> Iterator[None]:
    """Have the logs written before the line that says why the server cannot run."""
    try:
        yield
    except (OperatorError, MemoryError, OSError):
        if log is not None:
            log.close(LAST_LINES_SECONDS)
        console.close(LAST_LINES_SECONDS)
        raise


def _open_console(options: Options) -> Console:
    if is_standard_output(options.log_file):
        # That is for lines of JSON alone. What the operator asks for is answered beside them.
        return Console(Detail.NOTHING, sys.stderr or io.StringIO(), has_footer=False)
    return Console(_detail_of(options), has_time=not is_journal(sys.stdout, os.environ))


def _open_input(options: Options, server: ChatServer, console: Console) -> OperatorInput | None:
    """Let the operator type commands at our terminal, if there is one, and see the figures."""
    if options.status:
        console.show_status(lambda: stats.line(server.stats()))
    operator = Operator(server.chat, server.commands, console.answer)
    add_qr_command(operator, server, console)
    add_hook_commands(operator, partial(hook_addresses, server))
    reader = open_input(console, operator.obey, server.watch.failed, operator.complete)
    operator.looks_attended = lambda: reader is not None and reader.is_attended
    if reader is not None:
        reader.start()
    return reader


def _end_when_late(over: Event, deadline: float, reader: OperatorInput | None) -> None:
    """End the process at `deadline`, on the monotonic clock, if the stop is not over by then.

    A disk that does not answer can hold up a stop, for example. What people were sent is in the
    history already (promise 2).
    """
    if not over.wait(max(0.0, deadline - time.monotonic())):
        if reader is not None:
            reader.restore()
        os._exit(0)


def _reread(server: ChatServer, log: EventLog | None, manager: ServiceManager) -> None:
    with manager.reloading():
        if log is not None:
            log.reopen()
        server.reread()


def _status_of(server: ChatServer) -> str:
    people = sum(len(room.members) for room in server.chat.rooms())
    words = f"{count_people(people)}, at port {server.server_address[1]}"
    for listener, of in ((server.tls_listener, "TLS"), (server.web_listener, "browsers")):
        if listener is not None:
            words += f", {of} at {listener.server_address[1]}"
    link = server.link_state()
    if link is not None:
        words += f", {link.line}"
    return words


def _stop_at_once(reader: OperatorInput | None, number: int, _frame: FrameType | None) -> None:
    if reader is not None:
        reader.restore()
    os._exit(128 + number)


def _detail_of(options: Options) -> Detail:
    if options.quiet:
        return Detail.PROBLEMS
    return Detail.MESSAGES if options.show_messages else Detail.CLIENTS


def _open_log(options: Options, console: Console) -> EventLog | None:
    if not options.log_file:
        return None

    def warn(words: str) -> None:
        if is_standard_output(options.log_file):
            console.answer(f"threadchat: {words}")
        else:
            console.note(Trouble(words))

    return EventLog(options.log_file, warn, messages=options.log_messages)


def _open_history(options: Options, watch: Watch) -> History:
    return StoredHistory(options.history, watch.warn) if options.history else History()


def _open_server(
    options: Options,
    host: str,
    watchers: Sequence[Watcher],
    history: History,
    records: Records,
    finish: Callable[[], None],
) -> ChatServer:
    port = options.port
    web = web_ports(options.web_port)
    chosen = [(port, "--port")]
    if options.tls_cert:
        chosen.append((options.tls_port, "--tls-port"))
    if len(web) == 1:  # of several, one is taken that is free
        chosen.append((web[0], "--web-port"))
    for (number, option), (another, of) in combinations(chosen, 2):
        if number == another != 0:
            raise Fault(f"{option} and {of} are both {number}. Choose another for one of them.")
    config = ServerConfig(
        limits=Limits(
            options.allow,
            options.max_clients,
            options.max_per_address,
            options.max_connects,
            options.name_timeout,
            options.idle_timeout,
            options.flood,
        ),
        replay=options.replay,
        keep=options.keep,
        fallback_encoding=options.fallback_encoding,
        files=RulesFiles(
            _path(options.motd_file),
            _path(options.password_file),
            _path(options.op_password_file),
        ),
        tls=Certificate(options.tls_cert, options.tls_key) if options.tls_cert else None,
        tls_address=(host, options.tls_port),
        web_address=(host, web[0]) if web else None,
        web_ports=web[1:],
        web_hosts=options.web_host,
        metrics=options.metrics,
        announce=not options.no_announce,
        link=link_address(options),
    )
    try:
        return ChatServer(
            (host, port),
            config,
            watchers=watchers,
            history=history,
            records=records,
            finish=finish,
        )
    except LookupError as error:
        # The codecs are in files, and there may be no descriptor left to read them.
        raise Fault(f"the encodings cannot be read: {error}") from error
    except OSError as error:
        if error.errno in SHORTAGES:
            raise
        if isinstance(error, CannotListenForBrowsers):
            raise Fault(_why_not(error, host, web, "--web-port")) from None
        if isinstance(error, CannotListenForTls):
            raise Fault(_why_not(error, host, [options.tls_port], "--tls-port")) from None
        raise Fault(_why_not(error, host, [port], "--port")) from None


def _path(option: str) -> Path | None:
    return Path(option) if option else None


def _why_not(error: OSError, host: str, ports: Sequence[int], option: str) -> str:
    """Return one line that says why the server cannot listen there, and what to do.

    `ports` were tried in turn. `option` is the name of the option for the port.
    """
    port = ports[0]
    taken = (
        f"port {port} is in use" if len(ports) == 1 else f"ports {port} to {ports[-1]} are in use"
    )
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"{taken}, perhaps by another threadchat."
                f" Choose another with {option}, or {option} 0 for any free one."
            )
        case errno.EACCES if port >= 1024:
            # Windows says so of a port that another server keeps to itself, and of its own ones.
            return (
                f"{taken}, perhaps by another threadchat, or kept by the system."
                f" Choose another with {option}, or {option} 0 for any free one."
            )
        case errno.EACCES | errno.EPERM:
            return (
                f"port {port} is not open to you: those below 1024 need an administrator's right."
                f" Choose a higher one with {option}."
            )
        case errno.EADDRNOTAVAIL:
            return (
                f"{host} is not an address of this machine."
                " Leave --host out to serve every address it has."
            )
    return f"cannot listen at {host or 'any address'}, port {port}: {error}. Try another --host."
