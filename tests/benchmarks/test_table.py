"""Test what is written down of a session: tables, numbers for programs, and the plot."""

import dataclasses
import json
import xml.etree.ElementTree

import pytest

from tests.benchmarks import peers, plot, table
from tests.benchmarks.measure import Outcome
from tests.benchmarks.peers import PEERS, Peer
from tests.benchmarks.samples import result
from tests.benchmarks.table import Session
from tests.benchmarks.workloads import CPU, ENTRY, MEMORY, RATE, SCALE, SENT, WORKLOADS, Goal

BY_NAME = {peer.name: peer for peer in PEERS}


@pytest.fixture
def session() -> Session:
    outcomes = [
        Outcome(
            workload,
            {
                "threadchat": [result(clients=workload.clients)],
                "c": [result(clients=workload.clients, delivered=4000)],
                "node": [result(clients=workload.clients, delivered=20, one_order=False)],
            },
        )
        for workload in WORKLOADS
    ]
    outcomes[0].failures["go"] = "it <broke>"
    three = [BY_NAME[name] for name in ("threadchat", "c", "node")]
    return Session(3, 2.0, three, "loadgen", ["InspIRCd: inspircd is not installed"], outcomes)


def test_the_table_shows_figures_ratios_and_goals(session: Session) -> None:
    text = table.markdown(session)

    assert (
        "| (a) everybody talks: 100 | deliveries a second | 1,000 | 2,000 | 0.50"
        " | >= 0.9: 44% short |" in text
    )
    assert "| (b) one talks, 1,000 listen | p99, us | 0 | 0 | - | <= 1.3: not measured |" in text
    assert (
        "| (a) everybody talks: 100 | deliveries a second | Node, net (not in one order) | 10"
        " | 100.00 | >= 20: met |" in text
    )
    assert "- InspIRCd: inspircd is not installed" in text
    assert "- (a) everybody talks: 20, go failed: it <broke>" in text


@pytest.mark.parametrize("busy", ["threadchat", "c", "node", "python", "terminals", "ws"])
def test_no_ratio_is_unmarked_that_the_load_generator_may_have_limited(
    session: Session, busy: str
) -> None:
    """Every figure of both phases, in each table, and in the numbers for programs."""
    limits = {"generator_cpu": 1.9, "entry_generator_cpu": 0.49}
    some = {"p50_us": 5, "p99_us": 6, "slowest_us": 7, "frames": 9}
    names = ("threadchat", "c", "node", "terminals", "ws", "python")
    for outcome in session.outcomes:
        for name in names:
            used = limits if name == busy else {}
            outcome.runs[name] = [result(**used, **some)]
    other = Peer("python", "threadchat on 3.14t", peers.threadchat(), is_threadchat=True)
    all_of_them = [BY_NAME[name] for name in names[:-1]]
    session = dataclasses.replace(session, peers=[*all_of_them, other])

    text = table.markdown(session)
    goals, of_peers, of_python = (
        [line for line in part.splitlines() if line.startswith("| (")]
        for part in text.split("\n## ")[1:4]
    )

    for line in goals:
        limit = "terminals" if line[3] in "hi" else "c"
        assert_marked(line, first=2, ratio=4, peers=("threadchat", limit), busy=busy)
    titles = {BY_NAME[name].title: name for name in names[:-1]}
    for line in of_peers:
        peer = titles[line.split(" | ")[2]]
        assert_marked(line, first=3, ratio=4, peers=(peer, "threadchat"), busy=busy)
    for line in of_python:
        assert_marked(line, first=2, ratio=4, peers=("threadchat", "python"), busy=busy)
    for workload in json.loads(table.as_json(session))["workloads"]:
        for figure in workload["figures"]:
            is_limited = figure["title"] != MEMORY.title
            assert figure["generator_was_busy"] == ([busy] if is_limited else [])
            marked = figure["ratio_maybe_limited"]
            assert (busy in marked) is (is_limited and busy != "threadchat")
            assert len(marked) == (0 if not is_limited else 5 if busy == "threadchat" else 1)


def test_what_is_measured_while_people_come_in_is_marked_for_that(session: Session) -> None:
    for outcome in session.outcomes:
        outcome.runs["c"] = [result(entry_generator_cpu=0.2)]

    marked = {
        figure["title"]
        for workload in json.loads(table.as_json(session))["workloads"]
        for figure in workload["figures"]
        if figure["generator_was_busy"]
    }

    assert marked == {ENTRY.title, SENT.title}


def assert_marked(line: str, first: int, ratio: int, peers: tuple[str, str], busy: str) -> None:
    cells = line.strip("| ").split(" | ")
    is_limited = cells[1] != MEMORY.title
    for place, name in zip(range(first, ratio), peers[: ratio - first], strict=True):
        assert cells[place].endswith(" *") is (is_limited and name == busy)
    assert cells[ratio].endswith(" *") is (is_limited and busy in peers)


def test_the_rows_of_a_table_are_as_wide_as_its_head(session: Session) -> None:
    cells = 0
    for line in table.markdown(session).splitlines():
        if line.startswith("|"):
            cells = cells or line.count("|")
            assert line.count("|") == cells
        else:
            cells = 0


def test_another_python_is_shown_beside_the_ordinary_one(session: Session) -> None:
    other = Peer("python", "threadchat on 3.14t", peers.threadchat(), is_threadchat=True)
    session.outcomes[0].runs["python"] = [result(delivered=3000)]

    text = table.markdown(dataclasses.replace(session, peers=[*session.peers, other]))

    assert "| (a) everybody talks: 20 | deliveries a second | 1,000 | 1,500 | 1.50 |" in text


def test_the_numbers_of_every_run_are_kept(session: Session) -> None:
    kept = json.loads(table.as_json(session))

    assert kept["workloads"][0]["runs"]["c"][0]["delivered"] == 4000
    assert kept["left_out"] == ["InspIRCd: inspircd is not installed"]


def test_the_plot_has_a_chart_for_all_that_grows(session: Session) -> None:
    svg = plot.draw(session)

    root = xml.etree.ElementTree.fromstring(svg)
    words = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    for title in ("people", "rooms, 1,000 people", "messages a second, 100 people"):
        assert title in words
    assert words.count("threadchat") == words.count("C, epoll, batches") == 7
    assert "NaN" not in svg
    assert "prefers-color-scheme: dark" in svg


def test_a_plot_of_nothing_is_one(session: Session) -> None:
    nothing = dataclasses.replace(session, outcomes=[])

    root = xml.etree.ElementTree.fromstring(plot.draw(nothing))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert not root.findall(".//{http://www.w3.org/2000/svg}polyline")


def test_what_grows_is_measured_in_processor_time_and_deliveries() -> None:
    assert {workload.x[0] for workload in SCALE if workload.x} == {
        "people",
        "rooms",
        "messages a second",
    }
    assert all(set(workload.figures) == {RATE, CPU} for workload in SCALE)
    assert any(workload.goals.get(MEMORY) == Goal(25.0, is_ratio=False) for workload in WORKLOADS)
