"""The first bytes of a connection: who is greeted, when, and who is answered instead."""

import pytest

from threadchat.handlers.beginning import Beginning

REQUEST = b"GET / HTTP/1.1\r\n\r\n"


@pytest.fixture
def greetings() -> list[str]:
    return []


@pytest.fixture
def beginning(greetings: list[str]) -> Beginning:
    return Beginning(lambda: greetings.append("hello"))


def test_a_client_is_greeted_once(beginning: Beginning, greetings: list[str]) -> None:
    beginning.greet()
    beginning.greet()
    assert beginning.look(b"al\r\n") is None
    assert greetings == ["hello"]


def test_a_client_that_was_quicker_is_greeted_with_its_first_bytes(
    beginning: Beginning, greetings: list[str]
) -> None:
    assert beginning.look(b"a") is None
    assert greetings == ["hello"]


def test_a_client_of_another_protocol_is_not_greeted(
    beginning: Beginning, greetings: list[str]
) -> None:
    foreign = beginning.look(REQUEST)
    assert foreign is not None
    assert foreign.protocol == "HTTP"
    assert greetings == []
    assert beginning.answer(foreign) == foreign.answer


def test_it_is_over_with_the_first_line(beginning: Beginning) -> None:
    beginning.greet()
    beginning.look(b"a")
    assert not beginning.is_over
    beginning.look(b"l\r\n")
    assert beginning.is_over


@pytest.mark.parametrize("is_greeted", [True, False])
def test_an_answer_in_lines_begins_a_line_of_its_own(
    beginning: Beginning, is_greeted: bool
) -> None:
    if is_greeted:
        beginning.greet()  # which ends in a question, without a line end
    foreign = beginning.look(b"NICK al\r\n")
    assert foreign is not None
    answer = beginning.answer(foreign)
    assert answer == (b"\r\n" if is_greeted else b"") + foreign.answer


def test_an_answer_that_is_no_lines_is_sent_as_it_is(beginning: Beginning) -> None:
    beginning.greet()
    foreign = beginning.look(REQUEST)
    assert foreign is not None
    assert beginning.answer(foreign) == foreign.answer


class Pages:
    def url_at(self, host: str) -> str:
        return f"http://{host}:8080/"

    def patience(self) -> float:
        return 0.25


@pytest.mark.parametrize(("pages", "seconds"), [(None, 0.0), (Pages(), 0.25)])
@pytest.mark.parametrize("has_spoken", [False, True])
def test_a_browser_is_given_a_moment(
    beginning: Beginning,
    greetings: list[str],
    pages: Pages | None,
    seconds: float,
    has_spoken: bool,
) -> None:
    waited: list[float] = []

    def wait_for_input(seconds: float) -> bool:
        waited.append(seconds)
        return has_spoken

    beginning.greet_if_silent(wait_for_input, pages)
    assert waited == [seconds]
    assert greetings == ([] if has_spoken else ["hello"])
