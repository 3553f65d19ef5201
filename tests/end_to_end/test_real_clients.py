"""Test with the clients people have, at terminals of their own, as they would type.

Each is left out only where it is not installed.
"""

import os
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field

import pyte
import pytest
from rich.style import Style
from rich.text import Text

from tests.support.clients import Client, said_by
from tests.support.screens import rows_of
from tests.support.servers import WatchingConsole, terminals
from tests.support.waiting import wait_until
from threadchat import ChatServer
from threadchat.terminal.modes import Mode
from threadchat.testing import DEADLINE

if sys.platform == "win32":
    pytest.skip("Windows has no pseudo-terminals to run this at", allow_module_level=True)

import fcntl
import pty
import termios

COLUMNS = 100


@dataclass(frozen=True)
class Kind:
    """A client program: how it is called, and whether it speaks telnet."""

    program: str
    arguments: Callable[[str, str], list[str]]
    speaks_telnet: bool = False
    names: tuple[str, ...] = field(default=())

    def find(self) -> str | None:
        """Return where the program is, or None; some go by a name that other programs share."""
        for name in (self.program, *self.names):
            path = shutil.which(name)
            if path and (not self.names or self.program in os.path.realpath(path)):
                return path
        return None


KINDS = {
    "nc.openbsd": Kind("nc.openbsd", lambda host, port: [host, port], names=("nc",)),
    "nc.traditional": Kind("nc.traditional", lambda host, port: [host, port]),
    "ncat": Kind("ncat", lambda host, port: [host, port]),
    "socat": Kind("socat", lambda host, port: ["-", f"TCP:{host}:{port}"]),
    "inetutils-telnet": Kind(
        "inetutils-telnet", lambda host, port: [host, port], True, ("telnet",)
    ),
    "busybox telnet": Kind("busybox", lambda host, port: ["telnet", host, port], True),
    "plink -raw": Kind("plink", lambda host, port: ["-raw", "-P", port, host]),
    "plink -telnet": Kind("plink", lambda host, port: ["-telnet", "-P", port, host], True),
}


TINTIN = Kind(
    "tt++", lambda host, port: ["-e", f"#config charset UTF-8;#session chat {host} {port}"], True
)


class Screen:
    """A client program on a terminal: what is typed goes in, what it shows is kept."""

    def __init__(self, kind: Kind, server: ChatServer) -> None:
        path = kind.find() or shutil.which(f"/usr/games/{kind.program}")
        if path is None:
            pytest.skip(f"{kind.program} is not installed")
        host, port = server.server_address[:2]
        self._terminal, inside = pty.openpty()
        fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
        settings = termios.tcgetattr(inside)
        settings[3] &= ~termios.ECHO  # so that what it shows is what it was sent
        termios.tcsetattr(inside, termios.TCSANOW, settings)
        self.process = subprocess.Popen(
            [path, *kind.arguments(str(host), str(port))],
            stdin=inside,
            stdout=inside,
            stderr=inside,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm"},
        )
        os.close(inside)
        self.shown = ""
        """What stands on the screen. The screen is so tall that nothing has scrolled off."""
        self._raw = b""
        self._emulator = pyte.Screen(COLUMNS, 400)
        self._stream = pyte.ByteStream(self._emulator)
        self._read_up_to = 0

    def type(self, line: str) -> None:
        os.write(self._terminal, line.encode() + b"\n")

    def press(self, key: str) -> None:
        os.write(self._terminal, key.encode())

    def expect_rows(self, *wanted: str) -> None:
        """Wait until the last rows that are not empty are these."""
        while (rows := self.shown.splitlines()[-len(wanted) :]) != list(wanted):
            assert self._read(DEADLINE), f"{wanted!r} is not what {rows!r} says"

    def expect(self, wanted: str) -> str:
        deadline = time.monotonic() + DEADLINE
        while (at := self.shown.find(wanted, self._read_up_to)) < 0:
            left = deadline - time.monotonic()
            if left <= 0 or not self._read(left):
                unread = self.shown[self._read_up_to :]
                raise AssertionError(f"{wanted!r} was not shown, but {unread!r}")
        begin, self._read_up_to = self._read_up_to, at + len(wanted)
        return self.shown[begin : self._read_up_to]

    def expect_end(self) -> None:
        self.process.wait(DEADLINE)

    def _read(self, timeout: float) -> bool:
        if select.select([self._terminal], [], [], timeout)[0]:
            with suppress(OSError):  # EIO: the program has ended
                if data := os.read(self._terminal, 65536):
                    self._raw += data
                    self._stream.feed(data)
                    self.shown = "\n".join(rows_of(self._emulator))
                    return True
        return False

    @property
    def bytes_shown(self) -> bytes:
        return self._raw

    def picture(self) -> Text:
        """Return what stands on the screen, with its colours."""
        text = Text()
        for row in range(self.shown.count("\n") + 1):
            for column in range(self._emulator.columns):
                cell = self._emulator.buffer[row][column]
                color = "default" if cell.fg == "default" else cell.fg.replace("brown", "yellow")
                text.append(cell.data, Style(color=color, bold=cell.bold))
            text.rstrip()
            text.append("\n")
        return text

    def close(self) -> None:
        self.process.kill()
        self.process.wait(DEADLINE)
        os.close(self._terminal)

    def __enter__(self) -> "Screen":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


@pytest.fixture
def screen(kind: Kind, server: ChatServer) -> Iterator[Screen]:
    screen = Screen(kind, server)
    yield screen
    screen.close()


def enter(screen: Screen, name: str) -> None:
    screen.expect("Your name:")
    screen.type(name)
    screen.expect(f"Welcome, {name}.")


def test_a_conversation(screen: Screen, server: ChatServer) -> None:
    with Client(server, "bo") as bo:
        enter(screen, "al")
        bo.expect("--> al joined (2 here)\r\n")
        screen.type("hi é 漢字 😀")
        assert bo.expect("\r\n") == "al: hi é 漢字 😀\r\n"
        bo.type("hello é 漢字 😀")
        screen.expect("bo: hello é 漢字 😀")
        screen.type("/who")
        screen.expect("=== 2 people are here: bo, al.")
        screen.type("/nick ed")
        screen.expect("=== You are now ed.")
        bo.expect("--- al is now ed\r\n")
        screen.type("/quit so long")
        screen.expect("=== Goodbye.")
        bo.expect("<-- ed left after")
        bo.expect("(quit): so long\r\n")


def test_a_plain_client_is_shown_no_control_bytes(
    kind: Kind, screen: Screen, server: ChatServer
) -> None:
    # Promise 5. A telnet client does not pass on the telnet bytes that it is sent.
    with Client(server, "bo") as bo:
        enter(screen, "al")
        screen.type("/help")
        bo.type("hi é 漢字 😀")
        screen.expect("bo: hi é 漢字 😀")
        if not kind.speaks_telnet:
            assert not {0xFF, 0x1B} & set(screen.bytes_shown)


def test_a_client_that_is_killed_is_taken_out(
    screen: Screen, server: ChatServer, console: WatchingConsole
) -> None:
    with Client(server, "bo") as bo, Client(server, "cy") as cy:
        enter(screen, "al")
        bo.expect("--> al joined")
        screen.process.send_signal(signal.SIGKILL)
        bo.expect("<-- al left after")
        cy.type("go on")
        bo.expect("cy: go on\r\n")
        disconnect = console.next_disconnect()
        assert (disconnect.name, console.disconnects.qsize()) == ("al", 0)


def test_a_stop_is_said_and_ends_the_client(screen: Screen, server: ChatServer) -> None:
    enter(screen, "al")
    server.stop()
    screen.expect("=== The server is stopping. Goodbye.")
    with suppress(OSError):
        os.write(screen._terminal, b"\n\x04")  # some stay until their own input ends, too
    screen.expect_end()


def test_input_from_a_pipe_arrives_whole(server: ChatServer) -> None:
    path = KINDS["nc.openbsd"].find()
    if path is None:
        pytest.skip("nc.openbsd is not installed")
    host, port = map(str, server.server_address[:2])
    with Client(server, "bo") as bo:
        piped = subprocess.run(
            [path, "-N", host, port],
            input=b"al\none\ntwo\nlast",
            capture_output=True,
            timeout=DEADLINE,
        )
        bo.expect("al: one\r\nal: two\r\nal: last\r\n")
        assert b"Welcome, al." in piped.stdout


@pytest.mark.skipif(KINDS["inetutils-telnet"].find() is None, reason="needs inetutils-telnet")
def test_an_interrupt_in_inetutils_telnet_does_not_mute_it(server: ChatServer) -> None:
    # Without an answer to its TIMING-MARK it would show nothing ever again.
    with Screen(KINDS["inetutils-telnet"], server) as screen, Client(server, "bo") as bo:
        enter(screen, "al")
        os.write(screen._terminal, b"oops\x03")
        screen.type("/who")
        screen.expect("=== 2 people are here: bo, al.")
        bo.type("hi")
        screen.expect("bo: hi")


@pytest.mark.parametrize("name", ["inetutils-telnet", "busybox telnet", "plink -telnet"])
def test_a_half_typed_line_is_kept_whole(name: str, server: ChatServer) -> None:
    # Promise 6.
    with Screen(KINDS[name], server) as screen, Client(server, "bo") as bo:
        enter(screen, "al")
        if name != "plink -telnet":  # plink asks for character mode by itself
            screen.type("/charmode on")
        screen.expect("lobby>")
        for key in "half é 漢字 😀 abX\x7fc":
            screen.press(key)
        screen.expect_rows("lobby> half é 漢字 😀 abc")
        bo.type("I interrupt you, é 漢字 😀")
        screen.expect_rows("bo: I interrupt you, é 漢字 😀", "lobby> half é 漢字 😀 abc")
        for key in ("\x1b[D", "\x1b[D", "Z", "\x1b[1~", "A ", "\x1b[4~", "!", "\r"):
            screen.press(key)
        bo.expect("al: A half é 漢字 😀 aZbc!\r\n")
        screen.expect_rows("bo: I interrupt you, é 漢字 😀", "al: A half é 漢字 😀 aZbc!", "lobby>")


def test_a_mud_client_keeps_its_own_line(server: ChatServer) -> None:
    with Screen(TINTIN, server) as screen, Client(server, "bo") as bo:
        screen.expect("Your name:")
        screen.type("al")
        screen.expect("Welcome, al.")
        screen.type("/charmode on")
        screen.expect("=== Asking your client.")
        screen.type("hi é 漢字 😀")
        bo.expect("al: hi é 漢字 😀\r\n")
        bo.type("hello")
        screen.expect("bo: hello")
        (handler,) = (each for each in terminals(server) if each.person.name == "al")
        wait_until(lambda: handler.client._terminal.mode is Mode.LINE, "it has line mode back")


def test_all_of_them_in_one_room(server: ChatServer) -> None:
    with ExitStack() as stack:
        screens: dict[str, Screen] = {}
        for number, kind in enumerate(KINDS.values()):
            if kind.find():
                screen = screens[f"n{number}"] = Screen(kind, server)
                stack.callback(screen.close)
                enter(screen, f"n{number}")
        if len(screens) < 2:
            pytest.skip("needs two clients")
        for number in range(5):
            for name, screen in screens.items():
                screen.type(f"{name} says {number}")
        for name, screen in screens.items():
            for other in screens:
                if other != name:
                    while f"{other}: {other} says 4" not in screen.shown:
                        assert screen._read(DEADLINE)
        orders = {}
        for name, screen in screens.items():
            heard = screen.shown
            for other in screens:
                # In character mode people are also shown their own lines, as others are.
                if other != name:
                    assert said_by(other, heard) == [f"{other} says {n}" for n in range(5)]
            orders[name] = re.findall(r"n\d+: n\d+ says \d", heard)
        first, order = next(iter(orders.items()))
        for name, other_order in orders.items():
            without = (f"{name}:", f"{first}:")
            assert [line for line in order if not line.startswith(without)] == [
                line for line in other_order if not line.startswith(without)
            ]


LETTERS = [
    "Привет! Как у тебя дела? Я пишу: КУЯ.",
    "Zażółć gęślą jaźń, są też ŚŹĄĘ.",
    "Příliš žluťoučký kůň úpěl ďábelské ódy; Řeka Úpa.",
    "我们在东京，慢慢说：下午的会议取消了。",
    "He said “it’s fine” … and “so be it”.",
    "😀 😃 😅 😊",
]
"""Lines whose UTF-8 holds the bytes 83, 85, 8F, 9A, 9C and 9D."""


@pytest.fixture
def telnet(server: ChatServer) -> Iterator[Screen]:
    """inetutils' telnet in line mode, of a person called al."""
    with Screen(KINDS["inetutils-telnet"], server) as screen:
        enter(screen, "al")
        yield screen


def test_letters_that_hold_keys_of_inetutils_telnet(telnet: Screen, server: ChatServer) -> None:
    # In line mode it takes some bytes of letters for its own keys, until it is asked for BINARY.
    with Client(server, "bo") as bo:
        telnet.expect("--> bo joined (2 here)")
        telnet.type("Привет! Как у тебя дела?")
        bo.expect("al: Привет! Как у тебя дела?\r\n")
        for line in LETTERS:
            telnet.type(line)
            bo.expect(f"al: {line}\r\n")
            bo.type(line)
            telnet.expect(f"bo: {line}")
        os.write(telnet._terminal, "это не то\x03".encode())
        telnet.type("Ещё раз")
        bo.expect("al: Ещё раз\r\n")


@pytest.mark.parametrize(
    "line",
    [
        "Как у тебя",
        "ŚŹŃ",
        "Tož Úpa",
        "我们在东京",
        "“so",
        "你我他😃",
        "Кук" * 600,
    ],
    ids=lambda line: line[:20],
)
def test_a_first_line_is_whole_where_a_signal_tells_of_it(
    telnet: Screen, server: ChatServer, line: str
) -> None:
    with Client(server, "bo") as bo:
        telnet.type(line)
        bo.expect(f"al: {line}\r\n")
        bo.type("“hi”")
        telnet.expect("bo: “hi”")


@pytest.mark.parametrize("first", ["żółw są tu", "są", "慢慢说"])
def test_after_a_first_line_without_a_letter_all_are_whole(
    telnet: Screen, server: ChatServer, first: str
) -> None:
    # It drops the byte 85 and sends nothing for it, until a signal shows that it is a telnet.
    with Client(server, "bo") as bo:
        telnet.type(first)
        bo.expect("\r\n")
        telnet.type("Ś")
        bo.expect("al: Ś\r\n")
        for line in LETTERS:
            telnet.type(line)
            bo.expect(f"al: {line}\r\n")


def test_character_mode_keeps_inetutils_telnet_from_its_prompt(
    telnet: Screen, server: ChatServer
) -> None:
    with Client(server, "bo") as bo:
        telnet.type("/charmode on")
        telnet.expect("lobby>")
        for line in LETTERS:
            telnet.press(f"{line}\r")
            bo.expect(f"al: {line}\r\n")
        telnet.press("oops\x03hi\r")
        bo.expect("al: hi\r\n")


def test_a_letter_that_the_terminal_cut(server: ChatServer) -> None:
    # Without IUTF8, a terminal's Backspace takes one byte of a letter.
    with Screen(KINDS["nc.openbsd"], server) as screen, Client(server, "bo") as bo:
        enter(screen, "al")
        screen.type("привет")
        os.write(screen._terminal, "приветы\x7fx\n".encode())
        screen.type("привет")
        bo.expect("al: привет\r\nal: приветÑx\r\nal: привет\r\n")
        bo.type("привет")
        screen.expect("bo: привет")
