"""How a client gets from one mode to another: the whole table, walked with real bytes."""

from collections.abc import Callable

import pytest

from threadchat.terminal.clientterminal import ClientTerminal
from threadchat.terminal.modes import MODE_AFTER, PROBE_TIMEOUT, Mode, Sign, is_mud_client

DO_ECHO, DONT_ECHO = b"\xff\xfd\x01", b"\xff\xfe\x01"


def press_keys(terminal: ClientTerminal) -> None:
    terminal.receive_data(b"h", 0.0)
    terminal.receive_data(b"i", 0.1)


def press_keys_and_wait(terminal: ClientTerminal) -> None:
    press_keys(terminal)
    terminal.receive_data(b"x", 1.0 + PROBE_TIMEOUT)


WAYS: dict[Mode, Callable[[ClientTerminal], object]] = {
    Mode.UNKNOWN: lambda terminal: None,
    Mode.LINE: lambda terminal: terminal.receive_data(b"hi\r\n", 0.0),
    Mode.PROBED: press_keys,
    Mode.CHARACTER: lambda terminal: terminal.receive_data(DO_ECHO, 0.0),
    Mode.RAW: press_keys_and_wait,
}
"""How a client gets into each mode."""

SIGNS: dict[Sign, Callable[[ClientTerminal], object]] = {
    Sign.LINE_END: lambda terminal: terminal.receive_data(b"hi\r\n", 1.0),
    Sign.KEYS: press_keys,
    Sign.NO_ANSWER: lambda terminal: terminal.receive_data(b"y", 2.0 + 2 * PROBE_TIMEOUT),
    Sign.ECHO: lambda terminal: terminal.receive_data(DO_ECHO, 1.0),
    Sign.NO_ECHO: lambda terminal: terminal.set_character_mode(False),
}
"""What gives each sign."""


def terminal_in(mode: Mode) -> ClientTerminal:
    terminal = ClientTerminal()
    WAYS[mode](terminal)
    assert terminal.mode is mode
    return terminal


def test_every_mode_has_a_row() -> None:
    assert set(MODE_AFTER) == set(Mode)


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("sign", Sign)
def test_a_sign_leads_where_the_table_says(mode: Mode, sign: Sign) -> None:
    terminal = terminal_in(mode)
    SIGNS[sign](terminal)
    assert terminal.mode is MODE_AFTER[mode].get(sign, mode)
    assert terminal.is_in_character_mode == (terminal.mode is Mode.CHARACTER)


@pytest.mark.parametrize("mode", [mode for mode in Mode if mode is not Mode.CHARACTER])
def test_a_refused_echo_leaves_line_mode_or_none(mode: Mode) -> None:
    terminal = terminal_in(mode)
    terminal.set_character_mode(True)
    terminal.receive_data(DONT_ECHO, 1.0)
    assert terminal.mode is Mode.LINE


@pytest.mark.parametrize(
    ("terminal_type", "is_one"),
    [(b"MUDLET 4.1", True), (b"mudlet", True), (b"XTERM", False), (b"\xff", False), (b"", False)],
)
def test_mud_clients_are_known_by_their_type(terminal_type: bytes, is_one: bool) -> None:
    assert is_mud_client(terminal_type) == is_one
