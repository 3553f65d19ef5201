"""A person at a page: what is taken in, what is paid for, and how a session goes on."""

import json
from collections.abc import Callable, Generator
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest

from tests.support.chats import Lobby
from tests.support.pages import Page
from tests.support.servers import run_server
from tests.support.waiting import wait_until
from tests.web.fakelink import FakeLink
from threadchat.access.flood import ANSWER_COST
from threadchat.chat.interfaces import Portion
from threadchat.chat.person import Person
from threadchat.commands.registry import Call, parse_line
from threadchat.link.later import rename_anew
from threadchat.messages.jsonlines import JSON_LINES
from threadchat.messages.kinds import Notice
from threadchat.net.disconnect import Reason
from threadchat.session.floodcontrol import FloodControl
from threadchat.testing import DEADLINE, UNLIMITED
from threadchat.text.clean import MAX_LINE
from threadchat.web import connection, costs
from threadchat.web.connection import PING_SECONDS, SILENT_SECONDS, WebConnection
from threadchat.web.objects import Resume

OPTIONS: dict[str, Any] = {
    "limits": replace(UNLIMITED, flood=(1e9, 1e9)),
    "web_address": ("127.0.0.1", 0),
}

Paid = Callable[[], float]


@pytest.fixture
def paid(monkeypatch: pytest.MonkeyPatch) -> Paid:
    """Return what returns the cost of all input that was no line, so far."""
    asked: list[float] = []
    wait_for_input = FloodControl.wait_for_input

    def wait(control: FloodControl, cost: float) -> bool:
        asked.append(cost)
        return wait_for_input(control, cost)

    monkeypatch.setattr(FloodControl, "wait_for_input", wait)
    return lambda: sum(asked)


def test_lines_alone_cost_nothing_besides(paid: Paid) -> None:
    with run_server(**OPTIONS) as (server, _), Page(server, "al") as al:
        al.tells_what_is_seen = False
        al.type("hi")
        al.expect("taken", n=1)
        before = paid()
        al.type("there")
        al.expect("taken", n=2)
        assert paid() == before


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("ping", {}),
        ("seen", {"private": 0}),
        ("name", {"text": "to no question"}),
        ("line", {"n": 1, "text": "once more"}),
    ],
)
def test_what_is_no_new_line_is_paid_for(kind: str, values: dict[str, object], paid: Paid) -> None:
    with run_server(**OPTIONS) as (server, _), Page(server, "al") as al:
        al.tells_what_is_seen = False
        al.type("hi")
        al.expect("taken", n=1)
        before = paid()
        al.send(kind, **values)
        wait_until(lambda: paid() > before, f"{kind} is paid for")
        assert paid() == pytest.approx(before + costs.PIECE + ANSWER_COST)


class Home:
    """A page whose person has come into a chat, unless a test says otherwise."""

    def __init__(self, lobby: Lobby) -> None:
        self.lobby = lobby
        self.link = FakeLink()
        self.person = Person(1, self.link.address, lambda data: None, JSON_LINES)
        self.person.hears_itself = True
        self.client = client = WebConnection(self.person, self.link.it, lobby.chat, {"version": 1})
        self.person.attach(client, client.deliver, JSON_LINES, client.deliver_privately)
        self.paid: list[float] = []

    def begin(self) -> None:
        self.client.begin(lambda: None, None, self._pay)

    def _pay(self, cost: float) -> bool:
        self.paid.append(cost)
        return True

    def enter(self) -> None:
        """Come into the lobby as al."""
        self.begin()
        self.lobby.chat.names.claim(self.person, "al")
        self.client.open_session("the key", self.lobby.commands)
        self.lobby.chat.enter(self.person)
        self.link.objects()


@pytest.fixture
def page(lobby: Lobby) -> Home:
    return Home(lobby)


@pytest.fixture
def al(page: Home) -> Home:
    page.enter()
    return page


class TestFirstWords:
    def test_it_is_greeted_and_asked(self, page: Home) -> None:
        page.begin()
        assert page.link.objects() == [{"kind": "hello", "version": 1}]
        page.client.ask("Your name: ", "Hello!\r\nNobody is here.\r\n")
        page.link.arrive("name", text="al")
        assert page.client.next_line() == "al"
        hello, nobody, ask = page.link.objects()
        assert (hello["kind"], hello["text"], nobody["text"]) == (
            "info", "Hello!", "Nobody is here."
        )  # fmt: skip
        assert ask == {"kind": "ask", "what": "name", "question": "Your name:"}

    @pytest.mark.parametrize("has_session", [False, True])
    def test_a_password_is_asked_for_by_what_it_is(self, page: Home, has_session: bool) -> None:
        if has_session:
            page.enter()
        page.link.arrive("name", text="no secret")
        page.link.arrive("secret", text="open")
        assert page.client.ask_secret("Say: ") == "open"
        (asked,) = page.link.objects()
        assert asked["what"] == ("secret" if has_session else "password")
        page.link.arrive("secret", text="too late")
        assert page.client.next_line() is None

    def test_lines_before_there_is_anybody_are_nothing(self, page: Home) -> None:
        page.link.arrive("line", n=1, text="too early")
        page.begin()
        assert list(page.client.lines()) == []
        assert page.client.reason == "closed"

    def test_a_wish_to_resume_comes_first(self, page: Home) -> None:
        page.begin()
        page.link.arrive("ping")
        page.link.arrive("resume", key="k", room="lobby", position="", private=0)
        resume = page.client.first_resume()
        assert resume is not None
        assert resume.key == "k"

    def test_what_else_comes_first_is_served(self, page: Home) -> None:
        page.begin()
        page.client.ask("Your name: ")
        names = ["al", "bo", "cy"]
        texts = [{"kind": "ping"}, *({"kind": "name", "text": name} for name in names)]
        page.link.incoming = [[json.dumps(text) for text in texts]]
        assert page.client.first_resume() is None
        assert [page.client.next_line() for _ in range(4)] == [*names, None]

    def test_one_that_goes_before_that_is_over(self, page: Home) -> None:
        page.begin()
        assert page.client.first_resume() is None
        assert page.client.is_ended()
        assert page.client.first_resume() is None

    def test_without_a_session_it_is_asked_again(self, page: Home) -> None:
        page.begin()
        page.client.ask("Your name: ")
        page.link.objects()
        page.client.refuse_resume()
        assert page.link.kinds() == ["no_session", "ask"]


class TestLines:
    def test_each_is_taken_once_and_in_order(self, al: Home) -> None:
        for number in (1, 2, 2, 1, 3):
            al.link.arrive("line", n=number, text=f"line {number}")
        assert list(al.client.lines()) == ["line 1", "line 2", "line 3"]
        taken = [it["n"] for it in al.link.objects() if it["kind"] == "taken"]
        assert taken == [1, 2, 3]

    def test_one_of_the_greatest_length_is_said_and_no_longer_one(self, al: Home) -> None:
        al.link.arrive("line", n=1, text="x" * MAX_LINE)
        al.link.arrive("line", n=2, text="x" * (MAX_LINE + 1))
        assert [len(line) for line in al.client.lines()] == [MAX_LINE]
        (problem,) = [it for it in al.link.objects() if it["kind"] == "problem"]
        assert problem["text"].startswith(f"A line has at most {MAX_LINE} characters")

    def test_what_is_no_object_breaks_it_off(self, al: Home) -> None:
        al.link.incoming = [["nonsense"]]
        assert list(al.client.lines()) == []
        (closed, *_) = al.link.closed
        why = "a message is one JSON object"
        assert closed[:2] == (f"broke the protocol: {why}", 1008)
        assert json.loads(closed[2])["text"] == f"{why}."
        assert al.link.is_final

    def test_one_that_leaves_has_quit(self, al: Home) -> None:
        al.link.arrive("leave")
        assert list(al.client.lines()) == []
        assert al.person.leaving == Reason.QUIT
        assert al.client.reason == Reason.QUIT

    def test_flood_control_may_end_it(self, page: Home) -> None:
        page.client.begin(lambda: None, lambda line: line != "two", None)
        page.client.key = "key"
        for number, text in enumerate(("one", "two", "three"), 1):
            page.link.arrive("line", n=number, text=text)
        assert list(page.client.lines()) == ["one"]

    def test_what_makes_work_is_paid_for(self, al: Home) -> None:
        al.link.incoming = [
            [json.dumps({"kind": "line", "n": 1, "text": "hi"})],
            [],
            [json.dumps({"kind": "ping"})] * 3,
        ]
        assert list(al.client.lines()) == ["hi"]
        assert al.paid == [costs.PIECE, costs.PIECE + 3 * ANSWER_COST]

    def test_a_line_pays_for_nothing_that_comes_with_it(self, al: Home) -> None:
        line = {"kind": "line", "text": "hi"}
        al.link.incoming = [
            [*([json.dumps({"kind": "ping"})] * 3), json.dumps(line | {"n": 900})],
            [json.dumps(line | {"n": 901, "text": "x" * (MAX_LINE + 1)})] * 2,
        ]
        assert list(al.client.lines()) == ["hi"]
        assert al.paid == [costs.of_input(3, 0), costs.of_input(2, 0)]

    def test_frames_of_nothing_are_paid_for_one_by_one(self, al: Home) -> None:
        al.link.arrive("line", n=1, text="hi")
        al.link.frames = 600
        assert list(al.client.lines()) == ["hi"]
        assert al.paid == [costs.of_input(0, 600)]
        assert costs.of_input(0, 600) >= 600 / 100

    def test_so_is_what_comes_before_there_is_a_session(self, page: Home) -> None:
        page.begin()
        page.link.incoming = [[], [json.dumps({"kind": "ping"})] * 2]
        page.link.frames = 50
        assert page.client.first_resume() is None
        assert page.paid == [costs.of_input(0, 50), costs.of_input(2, 0)]

    def test_more_lines_are_taken_for_a_room_that_asks(self, al: Home) -> None:
        texts = [{"kind": "line", "n": n, "text": str(n)} for n in (1, 2, 3)]
        al.link.arrived = [json.dumps(text) for text in texts]
        assert al.client.take_lines(2, receives=False) == []
        assert al.client.take_lines(2, receives=True) == ["1", "2"]
        assert "taken" not in al.link.kinds()  # it is, once that was posted
        al.client.put_back(["2"])
        assert al.client.take_lines(9, receives=True) == ["2", "3"]
        (told,) = [it for it in al.link.objects() if it["kind"] == "taken"]
        assert told["n"] == 2
        al.client.ask("Which?")
        al.link.arrived = [json.dumps({"kind": "name", "text": "that"})]
        assert al.client.take_lines(9, receives=True) == []
        assert al.client.next_line() == "that"


class TestGoingOn:
    """The link is lost, and another one comes."""

    @pytest.fixture
    def al(self, al: Home) -> Home:
        al.link.breaks = True
        return al

    def resume(self, room: str = "lobby", private: int = 0, position: str = "") -> Resume:
        return Resume("the key", room, position, private)

    def test_the_session_goes_on_with_it(self, al: Home) -> None:
        another = FakeLink("198.51.100.1:2000")
        another.arrive("line", n=1, text="hi")
        assert al.client.links.offer(another.it, self.resume())
        assert next(al.client.lines()) == "hi"
        assert al.person.address == another.address
        kinds = another.kinds()
        assert kinds[0] == "session"
        assert "room" in kinds
        events = [type(it).__name__ for it in al.lobby.events]
        assert events == ["SeatKept", "Resumed"]
        assert al.client.look_at_peer() is another.peer

    def test_an_open_question_is_asked_again(self, al: Home) -> None:
        another = FakeLink()
        another.arrive("secret", text="open")
        assert al.client.links.offer(another.it, self.resume())
        assert al.client.ask_secret("Passphrase: ") == "open"
        assert another.kinds()[-1] == "ask"
        third = FakeLink()
        assert al.client.links.offer(third.it, self.resume())
        al.client.pause(0.001)
        assert "ask" not in third.kinds()

    @pytest.mark.parametrize(
        ("room", "missed"), [("lobby", ["two"]), ("den", ["one", "two"]), ("", ["one", "two"])]
    )
    def test_what_was_missed_comes_once(self, al: Home, room: str, missed: list[str]) -> None:
        (bo,) = al.lobby.enter("bo")
        al.lobby.says(bo, "one")
        (said,) = [it for it in al.link.objects() if it["kind"] == "say"]
        al.client.links.lose(al.link.it, is_final=False)
        al.lobby.says(bo, "two")
        another = FakeLink()
        assert al.client.links.offer(another.it, self.resume(room, position=said["position"]))
        assert al.client.pause(0.001)
        assert [it["text"] for it in another.objects() if it["kind"] == "say"] == missed

    def test_a_mute_of_where_it_is_now_counts(self, al: Home) -> None:
        al.lobby.chat.moderation.mute(ip_network("198.51.100.0/24"), 60.0)
        assert al.client.links.offer(FakeLink("198.51.100.1:2000").it, self.resume())
        assert al.client.pause(0.001)
        assert al.person.mute_left(al.lobby.now[0]) == 60.0

    def test_private_words_that_were_not_seen_come_again(self, al: Home) -> None:
        al.person.tell(Notice("one"), Notice("two"))
        last = al.link.objects()[-1]["p"]
        another = FakeLink()
        assert al.client.links.offer(another.it, self.resume(private=last - 1))
        assert al.client.pause(0.001)
        assert [it["text"] for it in another.objects() if it.get("p", 0) >= last - 1] == ["two"]

    def test_while_it_waits_what_comes_is_taken_in(
        self, al: Home, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(connection, "_PAUSE_SLICE", 0.001)
        al.link.arrived = [json.dumps({"kind": kind}) for kind in ("ping", "leave")]
        assert not al.client.pause(DEADLINE)
        assert al.link.kinds() == ["pong"]
        assert al.person.leaving == Reason.QUIT


class TestBeingThere:
    """Whether the page is still there, and takes what it is sent."""

    def test_a_silent_one_is_asked_and_then_given_up(self, al: Home) -> None:
        client, link = al.client, al.link
        client.look(PING_SECONDS - 1)
        assert link.calls == []
        client.look(PING_SECONDS)
        client.look(PING_SECONDS + 1)
        assert link.calls == ["ping"]
        client.look(2 * PING_SECONDS)
        assert link.calls == ["ping"] * 2
        link.heard_at = 2 * PING_SECONDS
        client.look(3 * PING_SECONDS - 1)
        assert link.calls == ["ping"] * 2
        client.look(link.heard_at + SILENT_SECONDS - 0.1)
        assert link.abandoned == []
        client.look(link.heard_at + SILENT_SECONDS)
        assert link.abandoned == [Reason.TIMED_OUT]

    def test_one_that_was_ended_reads_why_however_silent_it_was(self, al: Home) -> None:
        al.client.end(Reason.IDLE, "You have said nothing.")
        al.client.look(al.link.heard_at + SILENT_SECONDS)
        assert al.link.abandoned == []

    def test_its_figures_are_those_of_all_its_links(self, al: Home) -> None:
        link = al.link
        link.is_behind, link.bytes_queued, link.bytes_received, link.bytes_sent = True, 5, 7, 9
        client = al.client
        assert (client.is_behind, client.bytes_queued) == (True, 5)
        assert (client.bytes_received, client.bytes_sent) == (7, 9)
        client.links.lose(link.it, is_final=False)
        assert (client.is_behind, client.bytes_queued) == (False, 0)
        assert (client.bytes_received, client.bytes_sent) == (7, 9)
        assert client.look_at_peer() is None
        client.look(1e9)  # nobody is there to be asked
        assert client.catch_up(DEADLINE)
        another = FakeLink()
        another.bytes_received, another.bytes_sent = 1, 2
        client.links.current = another.it
        assert (client.bytes_received, client.bytes_sent) == (8, 11)

    def test_catching_up_waits_for_the_page(self, al: Home) -> None:
        assert al.client.catch_up(DEADLINE)
        assert al.link.calls == ["catch up"]
        al.client.end(Reason.KICKED, "Out.")
        assert not al.client.catch_up(DEADLINE)
        assert al.client.is_at_end()

    def test_at_the_end_all_is_closed(self, al: Home) -> None:
        closed: list[bool] = []

        def portions() -> Generator[Portion, None, None]:
            yield Portion([Notice("one")], lambda: None)
            try:
                yield Portion([Notice("two")], lambda: None)
            finally:
                closed.append(True)

        waiting = portions()
        for _ in range(2):
            next(waiting)
        al.link.is_behind, al.link.takes = True, False
        al.client.hand_over(waiting)
        al.link.takes = True
        al.client.close()
        assert al.person.connection is None
        assert al.link.calls[-3:] == ["drain", "linger", "close"]
        assert al.client.reason == "closed"
        assert closed == [True]


def test_the_page_is_told_of_itself_when_that_has_changed(al: Home) -> None:
    for number, line in enumerate(("hi", "/away lunch", "hi", "/topic tea", "/join den"), 1):
        al.link.arrive("line", n=number, text=line)
    told = []
    for line in al.client.lines():
        told += [it for it in al.link.objects() if it["kind"] in ("you", "room", "commands")]
        if line == "hi":
            continue
        call = parse_line(line)
        assert isinstance(call, Call)
        al.lobby.commands.dispatch(al.lobby.chat, al.person, call)
    told += [it for it in al.link.objects() if it["kind"] in ("you", "room", "commands")]
    assert [it["kind"] for it in told] == ["room", "you", "you", "you", "room", "you"]
    first, away, topic, den = [it for it in told if it["kind"] == "you"]
    assert (first["away"], away["away"]) == (None, "lunch")
    assert (topic["topic"], den["topic"]) == ("tea", "")


def test_the_page_of_an_operator_is_told_of_more_commands(al: Home) -> None:
    al.link.arrive("line", n=1, text="one")
    al.link.arrive("line", n=2, text="two")
    lines = al.client.lines()
    next(lines)
    al.link.objects()
    al.person.is_operator = True
    next(lines)
    commands, you = [it for it in al.link.objects() if it["kind"] in ("commands", "you")]
    assert you["is_operator"]
    assert "kick" in {it["name"] for it in commands["commands"]}


def test_a_page_is_told_of_a_name_that_the_server_gave_its_person() -> None:
    with run_server(**OPTIONS) as (server, _), Page(server, "al") as al:
        person = server.chat.names.find("al")
        rename_anew(server.chat, person, "al")
        al.expect("you", name="al-2")
