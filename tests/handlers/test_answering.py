"""What a client is told of what it has sent that is no line."""

import pytest

from threadchat.handlers.answering import answer_to
from threadchat.messages.kinds import Notice, Problem
from threadchat.terminal.linebuffer import LineTooLong
from threadchat.terminal.terminalevents import AreYouThere
from threadchat.text.decoder import EncodingChanged


def test_each_has_an_answer_of_its_own() -> None:
    assert answer_to(AreYouThere()) == Notice("Yes, threadchat is here.")
    too_long = answer_to(LineTooLong(4096))
    assert isinstance(too_long, Problem)
    assert "at most 4096 characters" in too_long.line


@pytest.mark.parametrize(
    ("encoding", "words"), [("utf-8", "writes UTF-8 after all"), ("cp850", "charset is cp850 now")]
)
def test_a_change_of_the_encoding_says_how_to_change_it_again(encoding: str, words: str) -> None:
    line = answer_to(EncodingChanged(encoding)).line
    assert words in line
    assert "/charset" in line
