"""Messages as JSON objects, one a line, beside terminals in one room."""

import json
import typing
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.chats import Lobby
from tests.support.members import FakeMember
from tests.support.observer import Recorder
from threadchat.chat.deliverer import Deliverer
from threadchat.chat.room import Room
from threadchat.messages.answers import (
    Answer,
    LastAnswer,
    PersonEntry,
    RoomEntry,
    RoomsAnswer,
    SearchAnswer,
    WhoAnswer,
    WhoisAnswer,
)
from threadchat.messages.jsonlines import JSON_LINES, KINDS, values_of
from threadchat.messages.kinds import (
    Announcement,
    CameBack,
    Emote,
    Gap,
    Goodbye,
    Joined,
    Left,
    LeftTogether,
    Message,
    Muted,
    NewDay,
    Notice,
    Private,
    Problem,
    Renamed,
    ReplayBegins,
    ReplayEnds,
    Say,
    StopAnnounced,
    TakenBack,
    TopicSet,
    Unmuted,
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
from threadchat.storage.history import History
from threadchat.terminal.view import PLAIN_VIEW

AT = 1700000000.5

EXAMPLES: Sequence[tuple[Message | Answer, dict[str, object]]] = [
    (Say("al", "hi", AT), {"kind": "say", "room": "r", "name": "al", "text": "hi", "at": AT}),
    (
        Emote("al", "waves", AT),
        {"kind": "do", "room": "r", "name": "al", "text": "waves", "at": AT},
    ),
    (
        Say("al", "hi", AT, epoch="ab", seq=7),
        {
            "kind": "say",
            "room": "r",
            "name": "al",
            "text": "hi",
            "at": AT,
            "epoch": "ab",
            "seq": 7,
            "position": "ab.7",
        },
    ),
    (
        TakenBack("al", "ab", 7, 9, at=AT),
        {
            "kind": "taken_back",
            "room": "r",
            "name": "al",
            "epoch": "ab",
            "seq": 7,
            "position": "ab.7",
            "after": 9,
            "at": AT,
        },
    ),
    (Gap(3), {"kind": "gap", "room": "r", "missing": 3}),
    (
        Joined(["al", "bo"], 5, at=AT),
        {"kind": "join", "room": "r", "names": ["al", "bo"], "here": 5, "at": AT},
    ),
    (
        Left("al", 5.0, "quit", at=AT),
        {"kind": "left", "room": "r", "name": "al", "seconds": 5.0, "why": "quit", "at": AT},
    ),
    (
        LeftTogether(["al", "bo"], 3, at=AT),
        {"kind": "left_together", "room": "r", "names": ["al", "bo"], "here": 3, "at": AT},
    ),
    (
        LeftWithServer(["al", "bo"], 9, at=AT),
        {
            "kind": "left_with_server",
            "room": "r",
            "names": ["al", "bo"],
            "count": 9,
            "at": AT,
        },
    ),
    (LinkLost(at=AT), {"kind": "link_lost", "room": "r", "at": AT}),
    (LinesMissed(3, at=AT), {"kind": "lines_missed", "room": "r", "missing": 3, "at": AT}),
    (LinkBack(at=AT), {"kind": "link_back", "room": "r", "at": AT}),
    (
        ApartBegins(AT - 9, AT - 1, at=AT),
        {"kind": "apart_begins", "room": "r", "begin": AT - 9, "end": AT - 1, "at": AT},
    ),
    (ApartEnds(at=AT), {"kind": "apart_ends", "room": "r", "at": AT}),
    (
        Renamed("al", "bo", at=AT),
        {"kind": "name", "room": "r", "before": "al", "now": "bo", "at": AT},
    ),
    (
        TopicSet("al", "tea", at=AT),
        {"kind": "topic", "room": "r", "name": "al", "text": "tea", "at": AT},
    ),
    (
        WentAway("al", "", at=AT),
        {"kind": "away", "room": "r", "name": "al", "text": "", "at": AT},
    ),
    (CameBack("al", at=AT), {"kind": "back", "room": "r", "name": "al", "at": AT}),
    (
        Announcement("op", "tea", at=AT),
        {"kind": "announcement", "room": "r", "name": "op", "text": "tea", "at": AT},
    ),
    (StopAnnounced(60, at=AT), {"kind": "stop", "room": "r", "seconds": 60, "at": AT}),
    (StopAnnounced(None, at=AT), {"kind": "stop", "room": "r", "at": AT}),
    (
        Private("al", "bo", "psst", at=AT),
        {
            "kind": "private",
            "sender": "al",
            "recipient": "bo",
            "text": "psst",
            "is_own": False,
            "at": AT,
        },
    ),
    (Welcome("al"), {"kind": "welcome", "name": "al"}),
    (ReplayBegins(), {"kind": "replay_begins"}),
    (ReplayEnds(), {"kind": "replay_ends"}),
    (NewDay(AT), {"kind": "day", "at": AT}),
    (Muted("op", 600.0, at=AT), {"kind": "muted", "by": "op", "seconds": 600.0, "at": AT}),
    (Muted("op", None, at=AT), {"kind": "muted", "by": "op", "at": AT}),
    (Unmuted("op"), {"kind": "unmuted", "by": "op"}),
    (
        Goodbye("kicked by op", "You were kicked by op"),
        {"kind": "goodbye", "reason": "kicked by op", "text": "You were kicked by op"},
    ),
    (Notice("hi"), {"kind": "info", "text": "hi"}),
    (Problem("no"), {"kind": "problem", "text": "no"}),
    (
        WhoAnswer("r", True, [PersonEntry("al"), PersonEntry("bo", "tea", 90.0)], 7),
        {
            "kind": "who",
            "room": "r",
            "is_here": True,
            "entries": [
                {"name": "al", "away": None, "idle": None, "is_out_of_reach": False},
                {"name": "bo", "away": "tea", "idle": 90.0, "is_out_of_reach": False},
            ],
            "count": 7,
        },
    ),
    (
        WhoisAnswer(PersonEntry("al"), 3, "in r", 60.0),
        {
            "kind": "whois",
            "entry": {"name": "al", "away": None, "idle": None, "is_out_of_reach": False},
            "id": 3,
            "whereabouts": "in r",
            "seconds": 60.0,
        },
    ),
    (
        RoomsAnswer([RoomEntry("r", 2, "tea", True)]),
        {
            "kind": "rooms",
            "entries": [{"name": "r", "people": 2, "topic": "tea", "is_here": True}],
        },
    ),
    (
        LastAnswer("r", [Say("al", "hi", AT)]),
        {
            "kind": "last",
            "room": "r",
            "is_shortened": False,
            "messages": [{"kind": "say", "name": "al", "text": "hi", "at": AT}],
        },
    ),
    (
        SearchAnswer([("games", Say("al", "hi", AT))]),
        {
            "kind": "search",
            "found": [{"kind": "say", "room": "games", "name": "al", "text": "hi", "at": AT}],
        },
    ),
]


def test_what_was_said_apart_is_marked_in_lists() -> None:
    said = [Say("al", "one", AT), Say("al", "two", AT)]
    last = values_of(LastAnswer("r", said, apart=[None, (AT - 9, AT)]))
    assert last["messages"] == [values_of(said[0]), {**values_of(said[1]), "apart": [AT - 9, AT]}]
    found = values_of(SearchAnswer([("r", said[0])], apart=[(AT - 9, AT)]))
    assert found["found"] == [{**values_of(said[0], "r"), "apart": [AT - 9, AT]}]


@pytest.mark.parametrize(("message", "values"), EXAMPLES, ids=lambda it: type(it).__name__)
def test_each_kind_has_its_values(message: Message | Answer, values: dict[str, object]) -> None:
    line = JSON_LINES.line(message, room="r")
    assert line.endswith("\n")
    assert json.loads(line) == values


def test_every_kind_has_a_name_and_an_example() -> None:
    kinds = {*typing.get_args(Message), *typing.get_args(Answer)}
    assert set(KINDS) == kinds
    assert {type(message) for message, _ in EXAMPLES} == kinds
    assert len(set(KINDS.values())) == len(KINDS)


@given(st.text(), st.text())
def test_a_line_is_one_line_of_ascii_whatever_is_said(name: str, text: str) -> None:
    line = JSON_LINES.line(Say(name, text, 0.0), room="r")
    assert line.isascii()
    assert line.isprintable() or line[:-1].isprintable()
    assert line.count("\n") == 1
    assert json.loads(line)["text"] == text


class JsonMember(FakeMember):
    """A member that is shown JSON."""

    def __init__(self, name: str) -> None:
        super().__init__(name, JSON_LINES)

    @property
    def objects(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in b"".join(self.pages).splitlines()]


class TestBesideTerminals:
    def test_all_see_the_same_messages_in_one_order(self) -> None:
        observer = Recorder()
        history = History()
        room = Room("r", history, observer, Deliverer())
        terminal, program, other = FakeMember("al"), JsonMember("bo"), JsonMember("cy")
        for member in (terminal, program, other):
            room.join(member)
        room.post([Say("al", "hi \u00e9", AT), Emote("al", "waves", AT)], terminal)
        room.post([Say("bo", "hello", AT)], program)
        room.announce(TopicSet("al", "tea", at=AT), terminal)
        said: list[dict[str, object]] = [
            {"kind": "say", "room": "r", "name": "al", "text": "hi \u00e9", "at": AT},
            {"kind": "do", "room": "r", "name": "al", "text": "waves", "at": AT},
            {"kind": "say", "room": "r", "name": "bo", "text": "hello", "at": AT},
            {"kind": "topic", "room": "r", "name": "al", "text": "tea", "at": AT},
        ]
        for seq, spoken in enumerate(said[:3], 1):
            epoch = history.last_place("r").epoch
            spoken |= {"epoch": epoch, "seq": seq, "position": f"{epoch}.{seq}"}
        assert other.objects[-4:] == said
        assert program.objects[-3:] == [said[0], said[1], said[3]]  # not its own words
        assert terminal.screen.endswith("bo: hello\r\n")
        assert observer.failures == []

    def test_each_format_is_rendered_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        rendered = []
        lines = type(JSON_LINES).lines

        def count(format: object, messages: Sequence[Message], room: str = "") -> list[str]:
            rendered.append(len(messages))
            return lines(JSON_LINES, messages, room)

        monkeypatch.setattr(type(JSON_LINES), "lines", count)
        room = Room("r", History(), Recorder(), Deliverer())
        members = [JsonMember(f"m{number}") for number in range(5)]
        for member in members:
            room.join(member)
        rendered.clear()
        room.post([Say("al", "hi", AT)], FakeMember("al"))
        assert rendered == [1]

    def test_the_ignored_are_left_out(self) -> None:
        room = Room("r", History(), Recorder(), Deliverer())
        al, bo = FakeMember("al"), JsonMember("bo")
        room.join(al)
        room.join(bo)
        bo.ignores = (al.identity,)
        before = len(bo.objects)
        room.post([Say("al", "hi", AT)], al)
        assert len(bo.objects) == before

    def test_commands_answer_with_data(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")
        al.format = JSON_LINES
        lobby.types(al, "/who")
        lobby.types(al, "/rooms")
        lobby.types(al, "/whois bo")
        lobby.says(bo, "hi")
        lobby.types(al, "/last")
        lobby.types(al, "/search hi")
        objects = [json.loads(line) for line in bytes(al.received).splitlines()]
        assert [it["kind"] for it in objects] == ["who", "rooms", "whois", "say", "last", "search"]
        assert [entry["name"] for entry in objects[0]["entries"]] == ["al", "bo"]
        assert objects[1]["entries"] == [
            {"name": "lobby", "people": 2, "topic": "", "is_here": True}
        ]
        assert objects[4]["messages"][0]["text"] == "hi"
        assert objects[5]["found"][0]["room"] == "lobby"
        al.received.clear()


@pytest.mark.parametrize("message", [it for it, _ in EXAMPLES if isinstance(it, Answer)])
def test_a_terminal_is_shown_the_parts_of_an_answer(message: Answer) -> None:
    assert PLAIN_VIEW.line(message) == "".join(f"{part.line}\r\n" for part in message.parts)
    assert values_of(message)["kind"] == KINDS[type(message)]


@given(
    st.text(), st.text(), st.floats(0, 4e9), st.text(min_size=1), st.integers(0, 2**53), st.text()
)
def test_what_is_said_is_written_in_a_fast_way_and_no_other(
    name: str, text: str, at: float, epoch: str, seq: int, room: str
) -> None:
    said = [kind(name, text, at, epoch=epoch, seq=seq) for kind in (Say, Emote)]
    assert JSON_LINES.lines(said, room) == [JSON_LINES.line(it, room=room) for it in said]


@pytest.mark.parametrize("place", [{}, {"epoch": "ab", "seq": 1}])
def test_times_are_to_the_millisecond(place: dict[str, Any]) -> None:
    (line,) = JSON_LINES.lines([Say("al", "hi", 1795673093.7976, **place)])
    assert json.loads(line)["at"] == 1795673093.798
