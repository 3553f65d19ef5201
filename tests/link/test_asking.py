"""What one server has done on another, and what comes of it."""

import pytest

from tests.support.noticebus import NoticeBus
from threadchat.errors import PersonError
from threadchat.link.asking import Asking, _Question
from threadchat.link.notices import Data


@pytest.fixture
def bus() -> NoticeBus:
    return NoticeBus()


def do(data: Data, node: str) -> str:
    assert node == "0"
    if data["name"] == "nobody":
        raise PersonError("Nobody is called nobody.")
    return f"{data['name']} is kicked.\x1b"


def three(bus: NoticeBus) -> list[Asking]:
    return [Asking(str(it), bus.join(str(it)), {"kick": do}, bus.fail, 0.0) for it in range(3)]


def test_the_one_that_is_asked_does_it_and_answers_in_a_clean_line(bus: NoticeBus) -> None:
    one, *_ = three(bus)
    assert one.ask("1", "kick", {"name": "al"}) == "al is kicked."


def test_no_question_is_kept_that_is_over(bus: NoticeBus) -> None:
    one, *_ = three(bus)
    one.ask("1", "kick", {"name": "al"})
    bus.is_cut = True
    assert one.ask("1", "kick", {"name": "al"}) is None
    assert one._questions == {}


def test_an_answer_is_for_the_one_that_asked(bus: NoticeBus) -> None:
    one, two, _ = three(bus)
    with two._lock:
        question = two._questions["x"] = _Question()
    one._notices.tell("done", {"to": "0", "id": "x", "is_done": True, "line": "not for you"})
    assert not question.answered.is_set()


def test_what_cannot_be_done_is_told(bus: NoticeBus) -> None:
    one, *_ = three(bus)
    with pytest.raises(PersonError, match=r"^Nobody is called nobody\.$"):
        one.ask("2", "kick", {"name": "nobody"})
    with pytest.raises(PersonError, match=r"^Their server is an older one, and cannot do that\.$"):
        one.ask("2", "newer", {})
    assert bus.failures == []


def test_an_error_is_told_to_the_operator_there(bus: NoticeBus) -> None:
    one, *_ = three(bus)
    with pytest.raises(PersonError, match=r"^Something went wrong on their server\."):
        one.ask("1", "kick", {})
    assert bus.failures == ["doing what another server asks for (kick): KeyError('name')"]


def test_without_an_answer_in_time_it_is_done_later(bus: NoticeBus) -> None:
    done = list[str]()
    one, *_ = three(bus)

    def kick(data: Data, node: str) -> str:
        done.append("it")
        return ""

    Asking("3", bus.join("3"), {"kick": kick}, bus.fail)
    bus.is_cut = True
    assert one.ask("3", "kick", {}) is None
    assert done == []
    bus.is_cut = False
    bus.hand_on()
    assert done == ["it"]
    assert bus.failures == []
