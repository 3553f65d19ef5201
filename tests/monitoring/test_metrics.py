"""The figures as Prometheus reads them: both formats, the names, and every figure to the digit."""

import re
import sys
from collections.abc import Mapping
from dataclasses import replace

import prometheus_client
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text

from tests.monitoring.test_stats import SNAPSHOT
from threadchat.monitoring.linkstate import LinkState
from threadchat.monitoring.metrics import Metrics
from threadchat.monitoring.stats import Keeping, Memory, Snapshot
from threadchat.monitoring.tally import BOUNDS, BatchTimes, Tally
from threadchat.net.disconnect import Reason

FULL = replace(
    SNAPSHOT,
    batches=BatchTimes((5, 4, 3, 2, 1, 0, 0, 0, 1), 9.5),
    ends=Tally().figures().ends,
    refusals=Tally().figures().refusals,
    history=Keeping(False, 7, 3),
    link=LinkState("office", [("a:1", 3), ("b:1", 4)], True, "", 0.25, 77),
)
OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def metrics_in(content_type: str, text: str) -> list[Metric]:
    """Return the metrics that the library's own parser for that format reads."""
    parse = parse_openmetrics if "openmetrics" in content_type else parse_text
    return list(parse(text))


def scraped(snapshot: Snapshot, accept: str = "") -> list[Metric]:
    """Return what a scrape has of these figures."""
    content_type, text = Metrics(lambda: snapshot, "1.2").render(accept)
    return metrics_in(content_type, text.decode())


def samples(metrics: list[Metric]) -> Mapping[tuple[str, str], float]:
    """Return the value of each sample by its name and its labels."""
    return {
        (it.name, ",".join(it.labels.values())): it.value
        for metric in metrics
        for it in metric.samples
    }


def ours(metrics: list[Metric]) -> list[Metric]:
    return [metric for metric in metrics if metric.name.startswith("threadchat")]


@pytest.mark.parametrize("accept", ["", OPENMETRICS])
def test_each_figure_is_there(accept: str) -> None:
    found = samples(scraped(FULL, accept))
    assert found["threadchat_info", "1.2"] == 1
    assert found["threadchat_start_time_seconds", ""] == FULL.since
    assert found["threadchat_people", "terminal"] == 11
    assert found["threadchat_connections", "browser TLS"] == 1
    assert found["threadchat_rooms", ""] == 3
    assert found["threadchat_messages_total", ""] == 10_234
    assert found["threadchat_deliveries_total", ""] == 510_234
    assert found["threadchat_hook_posts_total", ""] == 6
    assert found["threadchat_received_bytes_total", ""] == 1023
    assert found["threadchat_sent_bytes_total", ""] == 5 * 1024**2 // 2
    assert found["threadchat_queued_bytes", ""] == 3 * 1024
    assert found["threadchat_longest_queue_bytes", ""] == 2048
    assert found["threadchat_clients_behind", ""] == 2
    assert found["threadchat_pending_messages", ""] == 1
    assert found["threadchat_history_written", ""] == 0
    assert found["threadchat_history_waiting_messages", ""] == 7
    assert found["threadchat_history_lost_messages_total", ""] == 3
    assert found["threadchat_log_left_out_lines_total", ""] == 0
    assert found["threadchat_link_up", ""] == 1
    assert found["threadchat_link_servers", ""] == 2
    assert found["threadchat_link_people", ""] == 7
    assert found["threadchat_link_lag_seconds", ""] == 0.25
    assert found["threadchat_link_waiting_bytes", ""] == 77
    assert found["threadchat_threads", ""] == 17
    assert found["threadchat_memory_bytes", ""] == 3 * 1024**3
    buckets = [found["threadchat_batch_seconds_bucket", str(bound)] for bound in BOUNDS]
    assert buckets == [5, 9, 12, 14, 15, 15, 15, 15]
    assert found["threadchat_batch_seconds_bucket", "+Inf"] == 16
    assert found["threadchat_batch_seconds_count", ""] == 16
    assert found["threadchat_batch_seconds_sum", ""] == 9.5


@pytest.mark.parametrize("accept", ["", OPENMETRICS])
def test_every_reason_is_there_from_the_beginning(accept: str) -> None:
    found = samples(scraped(FULL, accept))
    for reason in Reason:
        assert found["threadchat_disconnects_total", reason] == 0
    assert found["threadchat_refusals_total", "the room is full"] == 0


def test_names_and_words_are_as_prometheus_wants_them() -> None:
    # https://prometheus.io/docs/practices/naming/: a prefix, base units, the unit at the end.
    for metric in ours(scraped(FULL, OPENMETRICS)):
        assert re.fullmatch(r"threadchat(_[a-z]+)*", metric.name)
        assert re.fullmatch(r"[A-Z0-9][^\n]*[a-z]\.", metric.documentation)
        assert not re.search(r"_(ms|milliseconds|kb|kib|total|count|sum)$", metric.name)
        for name in (it.name for it in metric.samples):
            assert name.endswith("_total") == (metric.type == "counter")


def test_a_link_that_has_carried_nothing_has_no_lag() -> None:
    link = LinkState("office", [], False, "refused", None, 0)
    found = samples(scraped(replace(FULL, link=link)))
    assert found["threadchat_link_up", ""] == 0
    assert ("threadchat_link_lag_seconds", "") not in found


def test_what_there_is_none_of_is_left_out() -> None:
    alone = {metric.name for metric in scraped(replace(FULL, link=None))}
    assert not {name for name in alone if "threadchat_link" in name}
    names = {metric.name for metric in scraped(replace(FULL, history=None, memory=None))}
    assert not {name for name in names if "threadchat_history" in name}
    assert not {name for name in names if "threadchat_memory" in name}
    peak = samples(scraped(replace(FULL, memory=Memory(5, is_peak=True))))
    assert peak["threadchat_peak_memory_bytes", ""] == 5
    assert ("threadchat_memory_bytes", "") not in peak


def test_several_servers_do_not_meet_and_the_common_registry_has_nothing() -> None:
    first = Metrics(lambda: FULL, "1")
    second = Metrics(lambda: replace(FULL, rooms=99), "2")
    for _ in range(2):
        assert b"\nthreadchat_rooms 3.0\n" in first.render("")[1]
        assert b"\nthreadchat_rooms 99.0\n" in second.render("")[1]
    assert b"threadchat" not in prometheus_client.generate_latest()


def test_the_figures_of_python_and_of_the_process_are_there() -> None:
    names = {metric.name for metric in scraped(FULL)}
    assert "python_info" in names
    if sys.platform == "linux":  # where the library can read them
        assert "process_resident_memory_bytes" in names


def test_one_scrape_reads_the_figures_once() -> None:
    read: list[int] = []

    def stats() -> Snapshot:
        read.append(1)
        return FULL

    metrics = Metrics(stats, "1")
    assert read == []
    metrics.render("")
    metrics.render(OPENMETRICS)
    assert len(read) == 2


@pytest.mark.parametrize(
    ("accept", "begin"),
    [
        ("", "text/plain; version=0.0.4"),
        ("*/*", "text/plain; version=0.0.4"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/plain; version=0.0.4"),
        ("text/plain;version=1.0.0", "text/plain; version=1.0.0"),
        ("application/openmetrics-text", "application/openmetrics-text; version=1.0.0"),
        ("application/openmetrics-text;version=abc", "text/plain; version=0.0.4"),
        ("application/openmetrics-text;version=99.0", "text/plain; version=0.0.4"),
        ("application/openmetrics-text;version=1.0.0.é", "text/plain; version=0.0.4"),
        ("application/openmetrics-text;x-version=1.0.0; version=9", "text/plain; version=0.0.4"),
        (  # of Prometheus 3
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
            "application/openmetrics-text;version=0.0.1;q=0.4,"
            "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
            "text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
            "application/openmetrics-text; version=1.0.0",
        ),
    ],
)
def test_the_format_is_what_was_asked_for_or_plain_text(accept: str, begin: str) -> None:
    content_type, _ = Metrics(lambda: FULL, "1").render(accept)
    assert content_type.startswith(f"{begin}; charset=utf-8")


@given(
    st.lists(
        st.sampled_from(
            [
                *"application/openmetrics-text text/plain version= escaping= 1.0.0".split(),
                *';,=. "x9',
            ]
        )
        | st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=3),
        max_size=12,
    ).map("".join)
)
def test_whatever_is_asked_for_the_answer_can_be_read(accept: str) -> None:
    content_type, text = Metrics(lambda: FULL, "1").render(accept)
    assert content_type.isascii()
    if "escaping=dots" not in content_type and "escaping=values" not in content_type:
        assert ours(metrics_in(content_type, text.decode()))


COUNTS = st.integers(0, 2**53)
LABELLED = st.dictionaries(st.text(max_size=20), COUNTS, max_size=4)


@given(
    st.builds(
        Snapshot,
        since=st.floats(0, 1e10),
        seconds=st.just(0.0),
        people_by_door=LABELLED,
        connections_by_door=LABELLED,
        refusals=LABELLED,
        ends=LABELLED,
        batches=st.builds(
            BatchTimes,
            st.lists(st.integers(0, 2**40), min_size=9, max_size=9).map(tuple),
            st.floats(0, 1e9),
        ),
        history=st.none() | st.builds(Keeping, st.booleans(), COUNTS, COUNTS),
        memory=st.none() | st.builds(Memory, COUNTS, st.booleans()),
        **dict.fromkeys(
            "rooms messages deliveries posts received sent queued longest_queue behind pending"
            " left_out threads".split(),
            COUNTS,
        ),
        messages_per_second=st.just(0.0),
        deliveries_per_second=st.just(0.0),
    ),
    st.sampled_from(["", OPENMETRICS]),
)
def test_whatever_the_figures_they_come_out_as_they_went_in(now: Snapshot, accept: str) -> None:
    found = samples(scraped(now, accept))
    for what in ("messages", "deliveries", "received_bytes", "sent_bytes", "log_left_out_lines"):
        field = {"log_left_out_lines": "left_out"}.get(what, what.removesuffix("_bytes"))
        assert found[f"threadchat_{what}_total", ""] == getattr(now, field)
    for reason, number in now.ends.items():
        assert found["threadchat_disconnects_total", reason] == number
    for door, number in now.people_by_door.items():
        assert found["threadchat_people", door] == number
    assert found["threadchat_batch_seconds_count", ""] == sum(now.batches.counts)
