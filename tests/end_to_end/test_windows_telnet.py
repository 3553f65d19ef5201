"""Test with a stand-in for telnet.exe of Windows, which no other system has.

It does as that program is reported to: it sends each key at once, echoes by itself until the first
IAC arrives and then never again, erases with 08, writes and reads the OEM code page, and dies of a
request for NEW-ENVIRON's USER. What counts is its screen.
"""

import itertools
import re
import socket
from collections.abc import Iterator

import pyte
import pytest

from tests.support.clients import Client
from tests.support.screens import rows_of
from tests.support.servers import WatchingConsole, run_server, terminals
from tests.support.waiting import wait_until
from tests.terminal.test_editscreen import EagerScreen
from threadchat import ChatServer
from threadchat.terminal.telnet import TelnetParser
from threadchat.terminal.telnetprotocol import (
    Data,
    Option,
    OptionChanged,
    OptionRequested,
    Side,
    Subnegotiation,
)
from threadchat.testing import DEADLINE

COLUMNS, ROWS = 80, 25
NEW_ENVIRON = 39


class WindowsTelnet:
    """The stand-in: `press` keys, and look at what is `shown`."""

    def __init__(self, server: ChatServer, code_page: str = "cp437") -> None:
        host, port = server.server_address[:2]
        self._socket = socket.create_connection((str(host), port), DEADLINE)
        self._server = server
        self._code_page = code_page
        self._telnet = TelnetParser(local={Option.NAWS, Option.TTYPE}, remote={1, 3})
        self._echoes = True
        self._pressed = 0
        self.received = b""
        self.screen = EagerScreen(COLUMNS, ROWS)
        self._stream = pyte.Stream(self.screen)

    @property
    def shown(self) -> list[str]:
        return [row for row in rows_of(self.screen) if row]

    def press(self, keys: str) -> None:
        """Press `keys` one after the other, each sent by itself."""
        for key in keys:
            data = b"\r\n" if key == "\n" else key.encode(self._code_page)
            if self._echoes:
                self._stream.feed("\r\n" if key == "\n" else key)
            self._socket.sendall(data)
            self._pressed += len(data)
            # So that no two keys become one chunk.
            wait_until(lambda: self._has_arrived(), f"{key!r} has arrived")

    def _has_arrived(self) -> bool:
        address = self._socket.getsockname()
        return any(
            handler.client_address == address and handler.client.bytes_received >= self._pressed
            for handler in list(terminals(self._server))
        )

    def see(self, line: str) -> None:
        """Wait until `line` stands on the screen, from its beginning to its end."""
        while line not in self.shown:
            try:
                data = self._socket.recv(4096)
            except TimeoutError:
                raise AssertionError(f"{line!r} is not in {self.shown}") from None
            assert data, f"{line!r} did not come before the end: {self.shown}"
            self._take(data)

    def _take(self, data: bytes) -> None:
        self.received += data
        self._echoes = self._echoes and b"\xff" not in data
        for event in self._telnet.receive_data(_with_line_ends(data)):
            match event:
                case Data(text):
                    self._stream.feed(text.replace(b"\x01", b"\r").decode(self._code_page))
                case OptionRequested(Side.LOCAL, option):
                    assert option != NEW_ENVIRON, "this kills telnet.exe"
                case OptionChanged(Side.LOCAL, Option.NAWS, True):
                    size = COLUMNS.to_bytes(2, "big") + ROWS.to_bytes(2, "big")
                    self._telnet.subnegotiate(Option.NAWS, size)
                case Subnegotiation(Option.TTYPE, b"\x01"):
                    self._telnet.subnegotiate(Option.TTYPE, b"\x00ANSI")
        self._pressed += len(answer := self._telnet.data_to_send())
        self._socket.sendall(answer)

    def close(self) -> None:
        self._socket.close()


def _with_line_ends(data: bytes) -> bytes:
    """Keep CR and LF apart from each other: the parser makes one line end of the two."""
    return data.replace(b"\r", b"\x01")


@pytest.fixture
def watched() -> Iterator[tuple[ChatServer, WatchingConsole]]:
    # Time passes with each look at the clock: no two keys are pressed at once.
    clock = itertools.count(0.0, 0.1)
    with run_server(clock=lambda: next(clock)) as both:
        yield both


@pytest.fixture
def windows(server: ChatServer) -> Iterator[WindowsTelnet]:
    windows = WindowsTelnet(server)
    windows.see("Your name:")
    yield windows
    windows.close()


def test_nothing_of_telnet_is_sent_before_a_key(windows: WindowsTelnet) -> None:
    assert b"\xff" not in windows.received


def test_what_is_typed_is_shown_exactly_once(windows: WindowsTelnet) -> None:
    windows.press("al")
    windows.see("Your name: al")
    windows.press("ic")
    windows.see("Your name: alic")
    windows.press("\b\bbert\n")
    windows.see("lobby>")
    assert windows.shown == [
        "Hello from threadchat! Nobody is here yet.",
        "Your name: albert",
        "Welcome, albert. Type and press Enter to talk; /help shows more.",
        "lobby>",
    ]


def test_one_letter_and_enter_is_a_name(windows: WindowsTelnet) -> None:
    windows.press("a\n")
    windows.see("Welcome, a. Type and press Enter to talk; /help shows more.")
    assert windows.shown[1] == "Your name: a"


def enter(windows: WindowsTelnet, name: str) -> None:
    windows.press(name + "\n")
    windows.see("lobby>")


def test_a_message_in_the_middle_of_a_line_leaves_it_whole(
    windows: WindowsTelnet, server: ChatServer
) -> None:
    # Promise 6.
    enter(windows, "al")
    with Client(server, "bo") as bo:
        windows.press("half a lx\bi")
        windows.see("lobby> half a li")
        bo.type("I interrupt you")
        windows.see("bo: I interrupt you")
        windows.see("lobby> half a li")
        windows.press("ne\n")
        bo.expect("al: half a line\r\n")
        windows.see("al: half a line")
        assert windows.shown[-4:] == [
            "--> bo joined (2 here)",
            "bo: I interrupt you",
            "al: half a line",
            "lobby>",
        ]


@pytest.mark.slow
def test_a_line_wider_than_the_window_is_kept_whole(
    windows: WindowsTelnet, server: ChatServer
) -> None:
    enter(windows, "al")
    with Client(server, "bo") as bo:
        for width in (COLUMNS - 1, COLUMNS, COLUMNS + 1, 2 * COLUMNS):
            line = "".join(str(number % 10) for number in range(width - len("lobby> ")))
            windows.press(line)
            rows = [row for row in ("lobby> " + line[:73], line[73:]) if row]
            windows.see(rows[-1])
            bo.type(f"at {width}")
            windows.see(f"bo: at {width}")
            windows.see(rows[-1])
            assert windows.shown[-1 - len(rows) :] == [f"bo: at {width}", *rows]
            windows.press("\n")
            bo.expect(f"al: {line}\r\n")
            windows.see("lobby>")


def test_letters_of_the_console_code_page(windows: WindowsTelnet, server: ChatServer) -> None:
    with Client(server, "bo") as bo:
        enter(windows, "al")
        windows.press("é ü ñ\n")
        bo.expect("al: é ü ñ\r\n")
        windows.see("al: é ü ñ")
        bo.type("é and 漢")
        windows.see("bo: é and ?")


def test_another_code_page_is_set_by_hand(server: ChatServer) -> None:
    windows = WindowsTelnet(server, "cp850")
    windows.see("Your name:")
    with Client(server, "bo") as bo:
        enter(windows, "al")
        windows.press("/charset cp850\n")
        windows.see("=== Your charset is cp850 now. A test: ä é ñ ß ? ? ?")
        windows.press("Ãø\n")
        bo.expect("al: Ãø\r\n")
    windows.close()


def test_a_command_stays_on_the_screen_with_its_answer(windows: WindowsTelnet) -> None:
    enter(windows, "al")
    windows.press("/who\n")
    windows.see("=== 1 person is here: al.")
    windows.see("lobby>")
    assert windows.shown[-3:] == ["lobby> /who", "=== 1 person is here: al.", "lobby>"]


def test_leaving_takes_the_prompt_away(windows: WindowsTelnet) -> None:
    enter(windows, "al")
    windows.press("/quit\n")
    windows.see("=== Goodbye.")
    assert windows.shown[-2:] == ["lobby> /quit", "=== Goodbye."]


def test_only_what_it_understands_is_sent(windows: WindowsTelnet, server: ChatServer) -> None:
    enter(windows, "al")
    with Client(server, "bo") as bo:
        windows.press("hi al\b\b\b\bo\n")
        bo.type("hello al")
        windows.see("bo: hello al")
    text = re.sub(rb"\xff[\xfb-\xfe].|\xff\xfa.*?\xff\xf0", b"", windows.received, flags=re.S)
    assert re.findall(rb"\x1b", text)
    assert not re.findall(rb"\x1b(?!\[[0-9;]*[ACDJKm])", text)
    assert not re.findall(rb"\x1b\[[0-9;]*[34]8", text)
    assert set(text) - set(range(0x20, 0x7F)) <= set(b"\r\n\b\x1b")


def test_the_prompt_shows_the_room(windows: WindowsTelnet) -> None:
    enter(windows, "al")
    windows.press("/join games\n")
    windows.see("games>")
    assert windows.shown[-3:] == ["lobby> /join games", "=== You are in games.", "games>"]


def test_what_one_says_in_other_ways_stands_there_once(
    windows: WindowsTelnet, server: ChatServer
) -> None:
    enter(windows, "al")
    with Client(server, "bo"):
        windows.press("/me waves\n")
        windows.see("* al waves")
        windows.press("/msg bo hi\n")
        windows.see("[you -> bo] hi")
        windows.see("lobby>")
        assert windows.shown[-4:] == [
            "--> bo joined (2 here)",
            "* al waves",
            "[you -> bo] hi",
            "lobby>",
        ]
