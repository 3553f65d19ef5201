"""What comes from a page: what is paid for, and what is left out."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.support.pages import Page
from tests.support.servers import run_server
from tests.support.waiting import wait_until
from threadchat.access.flood import ANSWER_COST, CHUNK_COST
from threadchat.session.floodcontrol import FloodControl
from threadchat.testing import UNLIMITED

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
        assert paid() == pytest.approx(before + CHUNK_COST + ANSWER_COST)
