"""What a terminal's input costs: each kind something, and what makes more work costs more."""

import pytest

from tests.terminal.support import PUTTY, completer
from threadchat.access.flood import CHUNK_COST
from threadchat.terminal import costs
from threadchat.terminal.clientterminal import ClientTerminal

NAWS = b"\xff\xfa\x1f\x00\x50\x00\x18\xff\xf0"
LONG = "漢字" * 1500


def terminal(typed: str = "") -> ClientTerminal:
    """Return a terminal in character mode in which `typed` has been typed and drawn."""
    made = ClientTerminal(complete=completer("alan", "albert"))
    made.receive_data(PUTTY + NAWS + typed.encode(), 0.0)
    made.take_output()
    made.take_cost()
    return made


def cost_of(data: bytes, made: ClientTerminal) -> float:
    made.receive_data(data, 1.0)
    made.take_output()
    return made.take_cost()


@pytest.mark.parametrize(
    ("data", "least"),
    [
        (b"x", costs.DRAWING),
        (b"\x0c", costs.DRAWING + costs.KEY),
        (b"\x1b[C", costs.KEY),
        (b"a\t", costs.COMPLETION),
        (b"\xff\xf1", costs.COMMAND),
        (b"\xff\xf6", costs.COMMAND),
        (b"\xff\xfd\x06", costs.COMMAND),
        (b"\xff\xfe\x99", costs.COMMAND),
        (NAWS, costs.SUBNEGOTIATION + costs.DRAWING),
        (b"\xff\xfe\x01", costs.COMMAND),
    ],
    ids=repr,
)
def test_each_kind_of_input_costs(data: bytes, least: float) -> None:
    made = terminal("hi")
    assert cost_of(data, made) >= least
    assert made.take_cost() == 0


@pytest.mark.parametrize("data", [b"\xff\xf1", b"\xff\xf6", b"\xff\xfd\x06", b"\xff\xfb\x99"])
def test_a_command_costs_the_same_in_line_mode(data: bytes) -> None:
    assert cost_of(100 * data, ClientTerminal()) >= 100 * costs.COMMAND


def test_keys_of_a_long_line_cost_more() -> None:
    for key in (b"\x01", b"\x0c", b"\x02"):
        assert cost_of(key, terminal(LONG)) > 5 * cost_of(key, terminal("hi"))


def test_an_earlier_line_costs_by_its_length_each_time() -> None:
    made = terminal(LONG + "\r")
    once = cost_of(b"\x10", made)
    assert once >= costs.of_text(LONG)
    assert cost_of(b"\x0e\x10" * 8, made) >= 8 * costs.of_text(LONG)


def test_a_drawn_line_is_paid_for_once_a_chunk() -> None:
    assert cost_of(b"\x0c" * 100, terminal()) < 2 * costs.DRAWING + 101 * costs.KEY


def test_a_secret_costs_as_well() -> None:
    made = terminal()
    made.ask_secret("Password: ")
    made.take_output()
    made.take_cost()
    assert cost_of(b"hunter2", made) >= costs.DRAWING
    assert cost_of(b"\x08" * 10, made) >= 10 * costs.KEY


def test_leaving_character_mode_forgets_no_cost() -> None:
    made = terminal()
    made.receive_data(b"\x10" * 100 + b"\xff\xfe\x01", 1.0)
    assert not made.is_in_character_mode
    assert made.take_cost() >= 100 * costs.KEY


@pytest.mark.parametrize("key", [b"x", "漢".encode(), b"\x1b[D", b"\x1b[3~", b"\x7f", b"\x01"])
def test_a_key_in_a_line_of_the_usual_length_costs_little(key: bytes) -> None:
    # Two lines a second are free, so 30 keys a second are for those that hold a key down.
    assert CHUNK_COST + cost_of(key, terminal("hello, everybody " * 8)) < 2 / 30


def test_a_whole_line_may_be_pasted_at_once() -> None:
    assert cost_of(b"x" * 4000, terminal()) < 1
