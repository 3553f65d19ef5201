"""What one person at a terminal is shown, and how they wish to see it."""

from typing import cast

import pytest

from tests.handlers.support import Sent
from tests.terminal.support import PUTTY
from threadchat.chat.person import Person
from threadchat.handlers.screen import Screen
from threadchat.net.sendqueue import SendQueue
from threadchat.terminal.clientterminal import ClientTerminal
from threadchat.terminal.view import PLAIN_APPEARANCE, PLAIN_VIEW


@pytest.fixture
def sent() -> Sent:
    return Sent()


@pytest.fixture
def person(sent: Sent) -> Person:
    return Person(1, "192.0.2.1:1000", sent.send, PLAIN_VIEW)


@pytest.fixture
def terminal() -> ClientTerminal:
    return ClientTerminal()


@pytest.fixture
def screen(person: Person, sent: Sent, terminal: ClientTerminal) -> Screen:
    return Screen(person, cast(SendQueue, sent), terminal)


def begin_character_mode(screen: Screen, terminal: ClientTerminal) -> None:
    terminal.receive_data(PUTTY, 0.0)
    screen.settle()
    assert terminal.is_in_character_mode


def test_how_lines_are_shown_is_the_persons_wish(screen: Screen, person: Person) -> None:
    screen.show(color=True, times=True)
    screen.show(bell=True)
    assert person.format == PLAIN_APPEARANCE.wished(color=True, times=True, bell=True).view


def test_who_sees_only_what_the_server_sends_is_shown_their_own_words(
    screen: Screen, person: Person, terminal: ClientTerminal
) -> None:
    assert not person.hears_itself
    begin_character_mode(screen, terminal)
    assert person.hears_itself
    screen.set_character_mode(False)
    assert not person.hears_itself


def test_a_wish_holds_in_both_modes(
    screen: Screen, person: Person, terminal: ClientTerminal
) -> None:
    screen.show(color=False)
    begin_character_mode(screen, terminal)
    assert PLAIN_VIEW.style == person.format.style


def test_another_encoding_is_used_from_then_on(screen: Screen, sent: Sent) -> None:
    assert screen.set_charset("CP850") == "cp850"
    screen.write("\xe9")
    assert sent.data == b"\x82"


def test_an_encoding_that_is_none_changes_nothing(screen: Screen, person: Person) -> None:
    with pytest.raises(LookupError):
        screen.set_charset("klingon")
    assert person.format == PLAIN_VIEW


def test_lines_before_a_question_are_above_what_is_typed(
    screen: Screen, sent: Sent, terminal: ClientTerminal
) -> None:
    screen.ask("Your name: ", "Hello!\r\n")
    assert sent.data == b"Hello!\r\nYour name: "
    begin_character_mode(screen, terminal)
    sent.data = b""
    screen.ask("Another name: ", "That is taken.\r\n")
    assert sent.data.startswith(b"That is taken.\r\n")
    assert sent.data.endswith(b"Another name: ")


def test_the_prompt_is_shown_in_character_mode_alone(
    screen: Screen, sent: Sent, terminal: ClientTerminal
) -> None:
    screen.set_prompt("lobby> ")
    screen.show_prompt()
    assert sent.data == b""
    begin_character_mode(screen, terminal)
    assert sent.data.endswith(b"lobby> ")


def test_what_was_typed_is_kept_only_where_we_draw_it(
    screen: Screen, sent: Sent, terminal: ClientTerminal
) -> None:
    screen.keep("lobby> /who")
    assert sent.data == b""
    begin_character_mode(screen, terminal)
    screen.keep("lobby> /who")
    assert sent.data.endswith(b"lobby> /who\r\n")
