"""Show the figures of a server to Prometheus, in its text format or in OpenMetrics.

This needs the extra `metrics` (`prometheus_client`), so it is imported only where somebody asks.
The registry is one of its own: several servers in one process do not meet, and what an embedding
program has in the library's own registry stays there.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from threadchat.monitoring.stats import Snapshot
from threadchat.monitoring.tally import BOUNDS, BatchTimes

Stats = Callable[[], Snapshot]

_VERSIONS = {"", "0.0.1", "0.0.4", "1.0.0"}
"""The versions of the two formats. The library takes a client's word for any other, or fails."""


class Metrics:
    """The metrics of one server. `stats` returns its figures; any thread may ask.

    Where the system has them, those of the process and of Python are among them.
    """

    def __init__(self, stats: Stats, version: str) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Figures(stats, version))
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)

    def render(self, accept: str) -> tuple[str, bytes]:
        """Return the type and the text in the format that the `Accept` of a request asks for."""
        known = [it for it in accept.split(",") if _versions_in(it) <= _VERSIONS]
        encode, content_type = choose_encoder(",".join(known))
        return content_type, encode(self._registry)


def _versions_in(offer: str) -> set[str]:
    """Return the versions of a format that a part of `Accept` names."""
    parameters = (it.strip().partition("=") for it in offer.split(";"))
    return {value for name, _, value in parameters if name == "version"}


class _Figures(Collector):
    """Takes the figures of one moment, for each scrape once, and makes metrics of them."""

    def __init__(self, stats: Stats, version: str) -> None:
        self._stats = stats
        self._version = version

    def collect(self) -> Iterable[Metric]:
        yield InfoMetricFamily(
            "threadchat", "The version of threadchat.", value={"version": self._version}
        )
        now = self._stats()
        for part in (_of_people, _of_traffic, _of_reasons, _of_files, _of_link, _of_process):
            yield from part(now)


def _of_people(now: Snapshot) -> Iterator[Metric]:
    yield _gauge("start_time_seconds", "When the server was started, in Unix time.", now.since)
    yield _gauges(
        "people", "People and programs in rooms, by their door.", "door", now.people_by_door
    )
    connections = {door: it for door, it in now.connections_by_door.items() if door != "program"}
    yield _gauges("connections", "Clients, those without a name too.", "door", connections)
    yield _gauge("rooms", "Rooms that are open, the lobby included.", now.rooms)


def _of_traffic(now: Snapshot) -> Iterator[Metric]:
    yield _counter(
        "messages", "Messages that rooms have shown, joins and leaves included.", now.messages
    )
    yield _counter("deliveries", "Lines that these made for all members.", now.deliveries)
    yield _counter("hook_posts", "Posts by which hooks have spoken.", now.posts)
    yield _histogram(
        "batch_seconds",
        "How long a batch of messages took until it was handed to all members.",
        now.batches,
    )
    yield _gauge("pending_messages", "Messages that wait for their rooms.", now.pending)
    yield _counter("received_bytes", "Bytes that have come from clients.", now.received)
    yield _counter("sent_bytes", "Bytes that clients have been sent.", now.sent)
    yield _gauge("queued_bytes", "Bytes that wait until clients take them.", now.queued)
    yield _gauge(
        "longest_queue_bytes", "Those for the client that is furthest behind.", now.longest_queue
    )
    yield _gauge("clients_behind", "Clients for which something waits.", now.behind)


def _of_reasons(now: Snapshot) -> Iterator[Metric]:
    yield _counters("refusals", "Clients that were turned away, by reason.", "reason", now.refusals)
    yield _counters("disconnects", "Connections that have ended, by reason.", "reason", now.ends)


def _of_files(now: Snapshot) -> Iterator[Metric]:
    if now.history is not None:
        yield _gauge(
            "history_written",
            "1 while the history file can be written, 0 while it cannot.",
            now.history.is_written,
        )
        yield _gauge(
            "history_waiting_messages",
            "Messages that wait in memory until the history file can be written.",
            now.history.waiting,
        )
        yield _counter(
            "history_lost_messages",
            "Messages that the history file lacks because too many waited.",
            now.history.lost,
        )
    yield _counter(
        "log_left_out_lines", "Lines that the log file lacks because too many waited.", now.left_out
    )


def _of_link(now: Snapshot) -> Iterator[Metric]:
    if now.link is None:
        return
    yield _gauge("link_up", "1 while the link with other servers works.", now.link.is_linked)
    servers = len(now.link.servers)
    yield _gauge("link_servers", "Other servers that are linked.", servers)
    people = sum(number for _, number in now.link.servers)
    yield _gauge("link_people", "People on these servers.", people)
    if now.link.lag is not None:
        yield _gauge(
            "link_lag_seconds",
            "How long a line takes to its place in the order of all servers.",
            now.link.lag,
        )
    yield _gauge("link_waiting_bytes", "Bytes that wait for their place.", now.link.waiting)


def _of_process(now: Snapshot) -> Iterator[Metric]:
    yield _gauge("threads", "Threads of the process.", now.threads)
    if now.memory is not None and now.memory.is_peak:
        yield _gauge("peak_memory_bytes", "The most resident memory so far.", now.memory.size)
    elif now.memory is not None:
        yield _gauge("memory_bytes", "Resident memory of the process.", now.memory.size)


def _gauge(name: str, help: str, value: float) -> Metric:
    return GaugeMetricFamily(f"threadchat_{name}", help, value=value)


def _counter(name: str, help: str, value: float) -> Metric:
    return CounterMetricFamily(f"threadchat_{name}", help, value=value)


def _gauges(name: str, help: str, label: str, values: Mapping[str, int]) -> Metric:
    metric = GaugeMetricFamily(f"threadchat_{name}", help, labels=[label])
    for key, value in values.items():
        metric.add_metric([key], value)
    return metric


def _counters(name: str, help: str, label: str, values: Mapping[str, int]) -> Metric:
    metric = CounterMetricFamily(f"threadchat_{name}", help, labels=[label])
    for key, value in values.items():
        metric.add_metric([key], value)
    return metric


def _histogram(name: str, help: str, times: BatchTimes) -> Metric:
    bounds = [*map(str, BOUNDS), "+Inf"]
    buckets = list(zip(bounds, accumulate(times.counts), strict=True))
    return HistogramMetricFamily(
        f"threadchat_{name}", help, buckets=buckets, sum_value=times.seconds
    )
