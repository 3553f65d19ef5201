"""The line of each kind of message."""

import time

import pytest

from threadchat.messages.answers import (
    MAX_WORDS_IN_WHO,
    Answer,
    LastAnswer,
    PersonEntry,
    RoomEntry,
    RoomsAnswer,
    SearchAnswer,
    WhoAnswer,
    WhoisAnswer,
)
from threadchat.messages.kinds import (
    Announcement,
    Emote,
    Goodbye,
    Joined,
    Left,
    LeftTogether,
    Message,
    Notice,
    Private,
    Problem,
    Renamed,
    Say,
    StopAnnounced,
    TopicSet,
    Welcome,
    WentAway,
)
from threadchat.messages.linkkinds import (
    ApartBegins,
    ApartEnds,
    LeftWithServer,
    LinesMissed,
    LinkBack,
    LinkLost,
)
from threadchat.net.disconnect import Reason
from threadchat.text.times import moment

MESSAGES: list[tuple[Message, str]] = [
    (Say("al", "hi", 0.0), "al: hi"),
    (Emote("al", "waves", 0.0), "* al waves"),
    (Joined(["al"], 3), "--> al joined (3 here)"),
    (Joined(["al", "bo"], 5), "--> al, bo joined (5 here)"),
    (Joined(list("abcdefghi"), 20), "--> a, b, c and 6 others joined (20 here)"),
    (Joined(["al", "bo", "cy"], 1200, 1000), "--> al, bo, cy and 997 others joined (1200 here)"),
    (Left("al", 12 * 60, Reason.QUIT), "<-- al left after 12 min (quit)"),
    (Left("al", 3, "quit: so long"), "<-- al left after 3 s (quit): so long"),
    (Left("al", 90, Reason.TOO_SLOW), "<-- al left after 1 min (too slow)"),
    (LeftTogether(["al", "bo"], 4), "<-- al, bo left (4 here)"),
    (LeftTogether(list("abcdefghi"), 0), "<-- a, b, c and 6 others left (0 here)"),
    (LeftWithServer(["al", "bo"]), "<-- al, bo left (their server is gone)"),
    (
        LeftWithServer(["al", "bo", "cy"], 1000),
        "<-- al, bo, cy and 997 others left (their server is gone)",
    ),
    (
        LinkLost(),
        "--- There is no link to the other servers for now: only people on this one read what you"
        " say. The others read it later.",
    ),
    (LinesMissed(1), "--- 1 line was missed"),
    (LinesMissed(1240), "--- 1,240 lines were missed"),
    (LinkBack(), "--- The link to the other servers is back: all read what you say."),
    (
        ApartBegins(60.0, 180.0, at=240.0),
        f"--- Said from {moment(60.0, 240.0)} to {moment(180.0, 240.0)} on a server that had no"
        " link, and shown here only now:",
    ),
    (ApartEnds(), "--- From here on it is what all servers read at once."),
    (Renamed("al", "bo"), "--- al is now bo"),
    (Welcome("al"), "Welcome, al. Type and press Enter to talk; /help shows more."),
    (Notice("You are now bo."), "=== You are now bo."),
    (
        Problem("Nobody here is called bob. /who lists everyone."),
        "!!! Nobody here is called bob. /who lists everyone.",
    ),
]


CHOSEN = "x), boss (away: y"


class TestWhatPeopleChoose:
    """Words of people stand at the end: nothing of ours is behind them (promise 4)."""

    @pytest.mark.parametrize(
        "message",
        [
            Say("al", CHOSEN, 0.0),
            Emote("al", CHOSEN, 0.0),
            TopicSet("al", CHOSEN),
            WentAway("al", CHOSEN),
            Announcement("al", CHOSEN),
            Private("al", "bo", CHOSEN),
            Private("al", "bo", CHOSEN, is_own=True),
            Left("al", 3, f"{Reason.QUIT}: {CHOSEN}"),
            Left("al", 3, f"{Reason.KICKED} by bo: {CHOSEN}"),
            Goodbye(Reason.KICKED, f"You were kicked by bo: {CHOSEN}"),
            Notice(f"Topic: {CHOSEN}"),
            Problem(CHOSEN),
        ],
        ids=lambda message: type(message).__name__,
    )
    def test_it_stands_last(self, message: Message) -> None:
        assert message.line.endswith(f" {CHOSEN}")

    def test_so_it_does_in_answers(self) -> None:
        al = PersonEntry("al", away=CHOSEN, idle=300)
        room = RoomEntry("lobby", 1, CHOSEN, is_here=True)
        answers: list[Answer] = [
            WhoAnswer("lobby", True, [al, PersonEntry("bo")], 2),
            WhoisAnswer(al, 1, "in lobby", 60),
            RoomsAnswer([room]),
            LastAnswer("lobby", [Say("al", CHOSEN, 0.0)]),
            SearchAnswer([("lobby", Say("al", CHOSEN, 0.0))]),
        ]
        for answer in answers:
            lines = [part.line for part in answer.parts if "boss" in part.line]
            assert len(lines) == 1
            assert lines[0].endswith(CHOSEN)

    def test_a_list_shows_the_words_of_a_few(self) -> None:
        people = [PersonEntry(f"n{number}", away="lunch") for number in range(50)]
        lines = [part.line for part in WhoAnswer("lobby", True, people, 50).parts]
        assert lines[1] == "=== n0 is away: lunch"
        assert len(lines) == 1 + MAX_WORDS_IN_WHO


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


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "--- The server does not stop after all"),
        (1, "--- The server stops in 1 s"),
        (119, "--- The server stops in 119 s"),
        (120, "--- The server stops in 2 min, at 14:04:00"),
        (3600, "--- The server stops in 1 h 0 min, at 15:02"),
    ],
)
def test_a_stop_that_is_further_off_has_its_time(seconds: int | None, words: str) -> None:
    at = time.mktime((2026, 11, 23, 14, 2, 0, 0, 0, -1))
    line = StopAnnounced(seconds, at=at).line
    assert line == words
