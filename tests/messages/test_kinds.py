"""The line of each kind of message."""

import pytest

from threadchat.messages.kinds import (
    Emote,
    Joined,
    Left,
    LeftTogether,
    Message,
    Notice,
    Problem,
    Renamed,
    Say,
    Welcome,
)
from threadchat.net.disconnect import Reason

MESSAGES: list[tuple[Message, str]] = [
    (Say("al", "hi", 0.0), "al: hi"),
    (Emote("al", "waves", 0.0), "* al waves"),
    (Joined(["al"], 3), "--> al joined (3 here)"),
    (Joined(["al", "bo"], 5), "--> al, bo joined (5 here)"),
    (Joined(list("abcdefghi"), 20), "--> a, b, c and 6 others joined (20 here)"),
    (Joined(["al", "bo", "cy"], 1200, 1000), "--> al, bo, cy and 997 others joined (1200 here)"),
    (Left("al", 12 * 60, Reason.QUIT), "<-- al left after 12 min (quit)"),
    (Left("al", 3, "quit: so long"), "<-- al left after 3 s (quit: so long)"),
    (Left("al", 90, Reason.TOO_SLOW), "<-- al left after 1 min (too slow)"),
    (LeftTogether(["al", "bo"], 4), "<-- al, bo left (4 here)"),
    (LeftTogether(list("abcdefghi"), 0), "<-- a, b, c and 6 others left (0 here)"),
    (Renamed("al", "bo"), "--- al is now bo"),
    (Welcome("al"), "Welcome, al. Type and press Enter to talk; /help shows more."),
    (Notice("You are now bo."), "=== You are now bo."),
    (
        Problem("Nobody here is called bob. /who lists everyone."),
        "!!! Nobody here is called bob. /who lists everyone.",
    ),
]


class TestLines:
    @pytest.mark.parametrize(("message", "line"), MESSAGES, ids=[line for _, line in MESSAGES])
    def test_each_message_has_its_line(self, message: Message, line: str) -> None:
        assert message.line == line

    @pytest.mark.parametrize(
        ("reason", "words"),
        [
            (Reason.QUIT, "quit"),
            (Reason.CLOSED, "closed"),
            (Reason.RESET, "reset"),
            (Reason.TIMED_OUT, "timed out"),
            (Reason.TOO_SLOW, "too slow"),
            (Reason.NO_NAME, "gave no name"),
            (Reason.NOT_A_CHAT_CLIENT, "not a chat client"),
            (Reason.SERVER_STOPPING, "server stopping"),
            (Reason.SERVER_ERROR, "server error"),
        ],
    )
    def test_each_reason_is_shown_in_words(self, reason: Reason, words: str) -> None:
        assert Left("al", 0, reason).line.endswith(f"({words})")
