"""Test the program as users start it: a process of its own, and people that connect to it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.support.clients import Client, said_by
from tests.support.platform import UNDER_WINE
from tests.support.waiting import run_concurrently, wait_until
from threadchat.access.limits import LAN
from threadchat.cli import main
from threadchat.net import addresses
from threadchat.net.threads import threads_take_turns
from threadchat.testing import DEADLINE


class Program:
    """`python -m threadchat`, and where it can be reached."""

    address_family: int = socket.AF_INET

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.server_address: Any = ("127.0.0.1", 0)
        self.output: list[str] = []

    def read_until(self, pattern: str) -> "re.Match[str]":
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output.append(line)
            if match := re.search(pattern, line):
                return match
        raise AssertionError(f"{pattern} did not come, but {self.output}")

    def signal_and_wait(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(DEADLINE)

    def stop(self) -> int:
        """Have it stop, and return its exit status.

        On Windows no signal does that to another process: the operator's command does.
        """
        if self.process.stdin is None:
            return self.signal_and_wait(signal.SIGTERM)
        self.process.stdin.write("stop\n")
        self.process.stdin.flush()
        return self.process.wait(DEADLINE)


# PYTHONUNBUFFERED would hide whether lines are flushed.
_ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
_ENVIRONMENT["PYTHONIOENCODING"] = "utf-8"
# Everything that a test does comes from one address, and as fast as it can.
_ENVIRONMENT.update(
    THREADCHAT_FLOOD="off", THREADCHAT_MAX_PER_ADDRESS="0", THREADCHAT_MAX_CONNECTS="0"
)


@contextmanager
def running(*arguments: str, **environment: str) -> Iterator[Program]:
    process = subprocess.Popen(
        [sys.executable, "-m", "threadchat", *arguments],
        stdin=subprocess.PIPE if sys.platform == "win32" else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        env={**_ENVIRONMENT, **environment},
    )
    assert process.stdout is not None
    with process, process.stdout:
        program = Program(process)
        watchdog = threading.Timer(3 * DEADLINE, process.kill)
        watchdog.start()
        try:
            port = program.read_until(r"server bound .*:(\d+)").group(1)
            program.server_address = ("127.0.0.1", int(port))
            yield program
        finally:
            watchdog.cancel()
            process.kill()
            watchdog.join()


@pytest.fixture(scope="module")
def shared_program() -> Iterator[Program]:
    """One for tests of which only the first reads what it says, and none stops it."""
    with running("--port", "0") as program:
        yield program


def test_it_says_where_it_is_and_how_to_get_in(shared_program: Program) -> None:
    port = shared_program.server_address[1]
    found = [str(address) for address in addresses.lan_addresses()]
    hosts = [host for host in found if LAN.admits_near(host)] or ["localhost"]
    assert f"telnet {hosts[0]} {port}" in shared_program.read_until("telnet").string
    assert f" {port}" in shared_program.read_until("nc").string


_SILENT_NAME_SERVER = """
import os, socket, threading

look_up = socket.getaddrinfo

def ask(host, *arguments, flags=0, **options):
    if flags & socket.AI_NUMERICHOST:
        return look_up(host, *arguments, flags=flags, **options)
    asked_for = "our name" if host == socket.gethostname() else host
    os.write(1, f"asked for {asked_for}\\n".encode())
    threading.Event().wait()

socket.getaddrinfo = ask
"""


@pytest.fixture
def silent_name_server(tmp_path: Path) -> dict[str, str]:
    """Return the environment of a program whose name server never answers."""
    (tmp_path / "sitecustomize.py").write_text(_SILENT_NAME_SERVER)
    return {"PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}


def test_neither_the_start_nor_a_stop_waits_for_a_name_server(
    silent_name_server: dict[str, str],
) -> None:
    with running("--port", "0", **silent_name_server) as program:
        with Client(program, "al") as al:
            al.type("/quit")
            al.expect_end()
        assert program.stop() == 0
        program.read_until("server stopped")
        assert "asked for our name\n" in program.output


@pytest.mark.skipif(sys.platform == "win32", reason="no signal stops another process there")
def test_a_stop_does_not_wait_for_the_name_of_the_host(silent_name_server: dict[str, str]) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "threadchat", "--host", "chat.example"],
        stdout=subprocess.PIPE,
        text=True,
        env={**_ENVIRONMENT, **silent_name_server},
    )
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "asked for chat.example\n"
            process.send_signal(signal.SIGTERM)
            assert process.wait(DEADLINE) == 0
            assert process.stdout.read() == ""
        finally:
            process.kill()


_A_SHORTER_STOP = """
import threadchat.cli.main
threadchat.cli.main.STOP_SECONDS = 1.0
"""

_STUCK_DISK = f"""{_A_SHORTER_STOP}
import threading
from threadchat.storage.history import History

def close(history):
    print("stuck", flush=True)
    threading.Event().wait()

History.close = close
"""


def beginning_with(folder: Path, code: str) -> dict[str, str]:
    """Return the environment in which a program runs `code` before it does anything."""
    (folder / "sitecustomize.py").write_text(code)
    return {"PYTHONPATH": os.pathsep.join([str(folder), *sys.path])}


def test_promise_9_a_stop_has_less_than_five_seconds() -> None:
    assert main.STOP_SECONDS + main.LATE_SECONDS < 5.0


@pytest.mark.slow
def test_promise_9_it_ends_in_time_even_if_a_part_of_it_is_stuck(tmp_path: Path) -> None:
    with running("--port", "0", **beginning_with(tmp_path, _STUCK_DISK)) as program:
        assert program.stop() == 0
        program.read_until("stuck")


def test_the_log_has_a_plain_line_for_each_event_at_once() -> None:
    with running("--port", "0", "--show-messages", "--host", "127.0.0.1") as program:
        with Client(program, "al") as al:
            program.read_until(r"^[\d-]{10} [\d:]{8} client connected    #1 127\.0\.0\.1:\d+$")
            program.read_until(r"client named        #1 al$")
            al.type("hi [bold]é")
            program.read_until(r"room                lobby al: hi \[bold\]é$")
        program.read_until(
            r"client disconnected #1 al 127\.0\.0\.1:\d+ after \d+ s,"
            r" \d+ bytes in, \d+ bytes out \(closed\)$"
        )
        assert "\x1b" not in "".join(program.output)


def test_quiet_logs_nobody() -> None:
    with running("--port", "0", "--quiet") as program:
        with Client(program, "al") as al:
            al.type("/quit")
            al.expect_end()
        assert program.stop() == 0
        program.read_until("server stopped")
        assert "client" not in "".join(program.output)


def test_an_option_from_the_environment() -> None:
    environment = {"THREADCHAT_PORT": "0", "THREADCHAT_MAX_CLIENTS": "1"}
    with running(**environment) as program, Client(program, "al"), Client(program) as late:
        assert late.expect_end().startswith("!!! The room is full: it holds 1.")


@pytest.mark.skipif(sys.platform != "linux", reason="only there is it known where it runs")
def test_it_keeps_to_one_processor_unless_it_is_told_not_to(shared_program: Program) -> None:
    ours = os.sched_getaffinity(0)
    with running("--port", "0", "--all-processors") as program:
        assert os.sched_getaffinity(program.process.pid) == ours
    its = os.sched_getaffinity(shared_program.process.pid)
    assert its <= ours
    assert len(its) == (1 if threads_take_turns() else len(ours))


@pytest.mark.parametrize(
    "number", [None] if sys.platform == "win32" else [signal.SIGINT, signal.SIGTERM]
)
@pytest.mark.slow
def test_it_stops_cleanly_even_with_stuck_clients(number: signal.Signals | None) -> None:
    # Promise 9.
    with running("--port", "0") as program, ExitStack() as stack:
        for count in range(5):
            stack.enter_context(Client(program, f"stuck{count}", receive_buffer=2048))
        with Client(program, "al") as al:
            for _ in range(700):
                al.type("x" * 4000)
                al.sync()
            assert (program.signal_and_wait(number) if number else program.stop()) == 0
            assert al.expect_end().endswith("=== The server is stopping. Goodbye.\r\n")
        program.read_until("server stopped")
        assert "Traceback" not in "".join(program.output)


@pytest.mark.skipif(sys.platform == "win32", reason="there no signal asks a process to stop")
def test_a_second_interrupt_stops_it_at_once() -> None:
    with running("--port", "0") as program, Client(program, "al", receive_buffer=2048) as stuck:
        with Client(program, "bo") as bo:
            for _ in range(700):
                bo.type("x" * 4000)
                bo.sync()
            program.process.send_signal(signal.SIGINT)
            program.read_until("server stopping")
            assert program.signal_and_wait(signal.SIGINT) in (0, 130)
        assert stuck.name == "al"


def test_nobody_reading_the_log_harms_nothing() -> None:
    with running("--port", "0") as program:
        assert program.process.stdout is not None
        program.process.stdout.close()
        for _ in range(3):
            with Client(program, "al") as al:
                al.type("/quit")
                al.expect_end()
        assert program.stop() == 0


def test_it_refuses_to_start_with_one_line() -> None:
    with running("--port", "0", "--host", "127.0.0.1") as program:
        port = str(program.server_address[1])
        again = subprocess.run(
            [sys.executable, "-m", "threadchat", "--host", "127.0.0.1", "--port", port],
            capture_output=True,
            text=True,
            timeout=DEADLINE,
        )
        assert again.returncode == 1
        assert again.stderr.startswith(f"threadchat: port {port} is in use")
        assert again.stderr.count("\n") == 1
        assert again.stdout == ""


def test_five_people_one_of_whom_breaks_off(shared_program: Program) -> None:
    with ExitStack() as stack:
        people = [stack.enter_context(Client(shared_program, f"n{number}")) for number in range(5)]

        def talk_and_listen(person: Client) -> None:
            for number in range(20):
                person.type(f"line {number}")
            for other in people:
                while other is not person and (
                    f"{other.name}: line 19\r\n".encode() not in person.received
                ):
                    person._receive_more(f"the last line of {other.name}")

        run_concurrently([partial(talk_and_listen, person) for person in people])
        for person in people:
            heard = person.received.decode()
            assert said_by(person.name, heard) == []
            for other in people:
                if other is not person:
                    assert said_by(other.name, heard) == [f"line {n}" for n in range(20)]
        people[0].reset()
        people[1].expect("<-- n0 left after")
        people[2].type("still here")
        people[3].expect("n2: still here\r\n")


def run_to_its_end(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "threadchat", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=_ENVIRONMENT,
        timeout=DEADLINE,
    )


def talk_until_killed(history: Path) -> list[Client]:
    """Let 20 people talk while the server is killed; return them with what they had received."""
    with running("--port", "0", "--history", str(history)) as program, ExitStack() as stack:
        people = [stack.enter_context(Client(program, f"n{number}")) for number in range(20)]

        def talk_and_listen(person: Client) -> None:
            # Nobody waits without end: a person that gets the last line says another one.
            with suppress(ConnectionError):
                for number in count():
                    person.type(f"line {number} of {person.name}")
                    data = person.socket.recv(65536)
                    if not data:
                        return
                    person._received += data
                    if number == 40 and person is people[0]:
                        program.process.kill()

        run_concurrently([partial(talk_and_listen, person) for person in people])
        for person in people:
            person.expect_end()
    return people


@pytest.mark.skipif(UNDER_WINE, reason="Wine 8 may keep the sockets of a killed process open")
def test_promise_2_what_anybody_saw_is_there_after_a_kill(tmp_path: Path) -> None:
    history = tmp_path / "chat.db"
    people = talk_until_killed(history)
    with running("--port", "0", "--history", str(history)) as program:
        export = run_to_its_end("export", str(history))
        assert (export.returncode, export.stderr) == (0, "")
        # The lines without their time and room.
        remembered = [line.split(" ", 3)[3] for line in export.stdout.splitlines()]
        for person in people:
            received = person.received.decode()
            heard = re.findall(r"^(n\d+: line \d+ of n\d+)\r\n", received, re.MULTILINE)
            of_others = [line for line in remembered if not line.startswith(f"{person.name}: ")]
            assert len(heard) >= 40
            assert heard == of_others[: len(heard)]
        with Client(program, "al") as al:
            al.type("/last 200")
            al.expect("=== The last 200 of what was said in lobby:\r\n")
            lines = al.expect("=== That was it.").split("\r\n")[:-1]
            assert lines == remembered[-200:]
            al.type("and on we go")
            al.sync()
            al.type(f"/search {remembered[0].partition(': ')[2]}")
            al.expect(f" lobby {remembered[0]}\r\n")
        assert run_to_its_end("export", str(history)).stdout.endswith("lobby al: and on we go\n")


def test_a_history_that_cannot_be_had_is_said_in_a_line(tmp_path: Path) -> None:
    history = str(tmp_path / "chat.db")
    with running("--port", "0", THREADCHAT_HISTORY=history):
        again = run_to_its_end("--port", "0", "--history", history)
        assert (again.returncode, again.stdout) == (1, "")
        assert again.stderr == (
            f"threadchat: {history} is in use by another threadchat."
            " Stop that one, or name another file.\n"
        )


def test_the_log_file_has_it_all_from_the_start_to_the_stop(tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    with (
        running(
            "--port", "0", "--quiet", "--log-messages", THREADCHAT_LOG_FILE=str(file)
        ) as program,
        Client(program, "al") as al,
    ):
        al.type("hi \u2713")
        al.sync()
        assert program.stop() == 0
    lines = [json.loads(line) for line in file.read_text("ascii").splitlines()]
    # On Windows the operator's command asks for the stop.
    asked = ["acted", "stop_announced"] if sys.platform == "win32" else []
    assert [line["event"] for line in lines] == [
        "bound", "connected", "joined", "named", "say",
        *asked, "stopping", "disconnected", "stopped"
    ]  # fmt: skip
    assert lines[4]["text"] == "hi \u2713"
    assert lines[-2]["why"] == "server stopping"


@pytest.mark.parametrize("name", ["-", *(["/dev/stdout"] if os.path.exists("/dev/stdout") else [])])
@pytest.mark.parametrize("is_in_a_file", [False, True])
def test_standard_output_may_have_the_lines_for_programs_alone(
    name: str, is_in_a_file: bool, tmp_path: Path
) -> None:
    path = tmp_path / "stdout"
    with path.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "threadchat", "--port", "0", "--log-file", name, "--status"],
            stdin=subprocess.PIPE,
            stdout=file if is_in_a_file else subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=_ENVIRONMENT,
        )
    if is_in_a_file:
        wait_until(lambda: "\n" in path.read_text(), "it is bound")
    else:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["event"] == "bound"
    shown, errors = process.communicate("say hello\nstop\n", DEADLINE)
    lines = [json.loads(line) for line in (shown or path.read_text()).splitlines()]
    assert [line["event"] for line in lines if line["event"] != "bound"] == [
        "acted", "acted", "stopping", "stopped"
    ]  # fmt: skip
    assert (process.returncode, len(os.listdir(tmp_path))) == (0, 1)
    assert all(line.startswith("=== ") for line in errors.splitlines())


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell is needed")
def test_without_a_standard_output_there_is_no_log_in_it() -> None:
    done = subprocess.run(
        ["sh", "-c", f'exec "{sys.executable}" -m threadchat --port 0 --log-file - >&-'],
        stderr=subprocess.PIPE,
        text=True,
        timeout=DEADLINE,
    )
    assert done.returncode == 1
    assert done.stderr == (
        "threadchat: - cannot be written as a log: there is no standard output."
        " Name another file.\n"
    )


def test_it_stops_when_nobody_takes_its_log(tmp_path: Path) -> None:
    # Promise 9: the pipe is open and full.
    environment = beginning_with(tmp_path, _A_SHORTER_STOP)
    with (
        running("--port", "0", "--show-messages", **environment) as program,
        Client(program, "al") as al,
    ):
        for _ in range(60):
            al.type("x" * 4000)
            al.sync()
        assert program.stop() == 0
        assert al.expect_end().endswith("=== The server is stopping. Goodbye.\r\n")


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell is needed")
def test_it_runs_without_a_standard_output() -> None:
    program = subprocess.Popen(
        ["sh", "-c", f'exec "{sys.executable}" -m threadchat --port 0 >&-'],
        stderr=subprocess.PIPE,
        text=True,
    )
    with program:
        assert program.stderr is not None
        watchdog = threading.Timer(DEADLINE, program.kill)
        watchdog.start()
        wait_until(lambda: runs_its_threads(program.pid), "it listens")
        program.send_signal(signal.SIGTERM)
        assert program.stderr.read() == ""
        assert program.wait(DEADLINE) == 0
        watchdog.cancel()
        watchdog.join()


def runs_its_threads(pid: int) -> bool:
    """Return whether the process has got as far as to accept and to flush."""
    try:
        return len(os.listdir(f"/proc/{pid}/task")) >= 3
    except OSError:
        pytest.skip("needs /proc")


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="there is no such signal here")
def test_the_message_of_the_day_is_reread_on_sighup(tmp_path: Path) -> None:
    motd = tmp_path / "motd"
    motd.write_text("Be kind.\n\x1b[31mAlways.\n")
    with running("--port", "0", "--motd-file", str(motd)) as program:
        with Client(program, "al") as al:
            al.expect("=== Be kind.\r\n=== Always.\r\n")
        motd.write_text("Be kinder.\n")
        program.process.send_signal(signal.SIGHUP)
        program.read_until("operator .* had the files read again")
        motd.unlink()
        program.process.send_signal(signal.SIGHUP)
        program.read_until("problem .* cannot be read for the message of the day")
        with Client(program, "bo") as bo:
            bo.expect("=== Be kinder.\r\n")
        assert program.signal_and_wait(signal.SIGTERM) == 0


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="there is no such signal here")
def test_a_log_file_that_was_moved_is_opened_anew_on_sighup(tmp_path: Path) -> None:
    file, aside = tmp_path / "log.jsonl", tmp_path / "log.jsonl-20261123"
    with running("--port", "0", "--log-file", str(file)) as program:
        wait_until(lambda: bool(file.read_bytes()), "the first line is written")
        file.rename(aside)
        program.process.send_signal(signal.SIGHUP)
        program.read_until(f"problem .* the log goes on in a new one, {re.escape(str(file))}$")
        assert program.signal_and_wait(signal.SIGTERM) == 0
    assert [json.loads(line)["event"] for line in aside.read_text().splitlines()] == ["bound"]
    assert '"stopped"' in file.read_text()


def test_a_ban_a_name_and_a_letter_outlive_the_server(tmp_path: Path) -> None:
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("open sesame\n")
    options = ("--port", "0", "--history", str(tmp_path / "chat.db"))
    with running(*options, "--op-password-file", str(passphrase)) as program:
        with Client(program, "al") as al, Client(program, "bo") as bo:
            al.type("/protect\ncorrect horse\ncorrect horse")
            al.expect("=== al is yours")
            al.type("/quit")
            al.expect_end()
            bo.type("/op\nopen sesame\n/ban mallory 2h\n/msg al come back")
            bo.expect("=== al is not here and will be handed it on coming back.")
        program.process.kill()
    with running(*options) as program, Client(program) as mallory, Client(program) as al:
        mallory.type("mallory")
        mallory.expect("!!! That is banned here: mallory by bo since ")
        al.type("al\ncorrect horse")
        al.expect("Welcome, al.")
        al.expect("[bo -> you] come back")
