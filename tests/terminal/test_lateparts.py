"""Test that a client of plain lines is spared what only others need, and what comes after those."""

import gc

import pytest

from tests.terminal.support import AGREED, PUTTY, Session
from threadchat.terminal.clientterminal import ClientTerminal
from threadchat.terminal.modes import Mode
from threadchat.terminal.telnet import TelnetParser
from threadchat.text.decoder import Decoder, EncodingChanged


def parts_of(terminal: ClientTerminal) -> list[object]:
    """Return the parts that a client of plain lines does without, as far as they are made."""
    return [it for it in gc.get_referents(terminal) if isinstance(it, Decoder | TelnetParser)]


def test_a_client_of_plain_lines_has_neither_telnet_nor_decoder() -> None:
    terminal = ClientTerminal()
    terminal.ask("Your name: ")
    assert terminal.take_output() == (b"Your name: ", None)
    assert terminal.receive_data(b"al\r\n", 0.0) == ["al"]
    terminal.set_prompt("lobby> ")
    assert terminal.plain_lines(b"hi\nho\n") == ["hi", "ho"]
    assert (terminal.mode, terminal.speaks_telnet) == (Mode.LINE, False)
    assert terminal.take_output() == (b"", None)
    assert parts_of(terminal) == []


@pytest.mark.parametrize("data", ["é\n".encode(), b"h", PUTTY], ids=repr)
def test_anything_else_has_both_made(data: bytes) -> None:
    terminal = ClientTerminal()
    terminal.plain_lines(b"al\n")
    terminal.receive_data(data, 0.0)
    assert len(parts_of(terminal)) == 2


def test_the_decoder_is_told_that_the_beginning_is_over() -> None:
    session = Session([b"al\n", b"\xef\xbb\xbfhi\n"])
    assert session.events == ["al", "\ufeffhi"]


def test_the_decoder_holds_lines_of_a_guess_and_uses_the_fallback() -> None:
    terminal = ClientTerminal("cp850")
    terminal.plain_lines(b"al\n")
    assert terminal.receive_data(b"caf\x82\n", 0.0) == [EncodingChanged("cp850"), "café"]
    assert terminal.receive_data(b"\x82", 0.0) == []
    assert terminal.receive_data(b"\n", 0.0) == ["é"]
    assert terminal.receive_data("caf\xe9 \xe9\n".encode(), 0.0) == [
        EncodingChanged("utf-8"),
        "café é",
    ]


def test_a_telnet_that_shows_itself_after_plain_lines_is_answered() -> None:
    session = Session([b"al\r\n", b"\xff\xfd\x01"])
    assert "fffb01" in session.negotiation
    assert session.terminal.mode is Mode.CHARACTER


def test_character_mode_may_be_asked_for_after_plain_lines() -> None:
    session = Session([b"al\r\n"])
    session.terminal.set_character_mode(True)
    session.type(AGREED)
    assert session.terminal.mode is Mode.CHARACTER
    session.type("é".encode())
    session.type(b"\r")
    assert session.events[-1] == "é"
