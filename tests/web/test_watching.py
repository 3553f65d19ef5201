"""What programs that watch the server are answered: who may ask, and that it names nobody."""

import re
import sqlite3
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from threading import Event, Lock
from types import SimpleNamespace
from typing import Any, get_args

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from prometheus_client.parser import text_string_to_metric_families

import threadchat.web.watching
from tests.support.clients import Client
from tests.support.pages import Page, ask
from tests.support.servers import no_stats, run_server
from tests.support.waiting import wait_until
from tests.web.test_hooks import add, post
from threadchat import ChatServer, Limits
from threadchat.access.limiter import RequestLimiter
from threadchat.access.limits import MetricsFor, parse_allowed
from threadchat.monitoring.linkstate import LinkState
from threadchat.storage.historystate import HistoryState
from threadchat.storage.sqlitehistory import StoredHistory
from threadchat.testing import UNLIMITED
from threadchat.web.http import Request, Response
from threadchat.web.watching import Watching


def get(server: ChatServer, path: str, method: str = "GET", fields: str = "") -> tuple[int, str]:
    """Return the status of an answer, and its body."""
    request = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{fields}Connection: close\r\n\r\n"
    head, _, body = ask(server, request.encode()).decode().partition("\r\n\r\n")
    return int(head.split(" ")[1]), body


def counters(server: ChatServer) -> Mapping[tuple[str, str], float]:
    """Return what a scrape says of all that only grows, by name and labels."""
    status, text = get(server, "/metrics")
    assert status == 200
    return {
        (it.name, str(sorted(it.labels.items()))): it.value
        for metric in text_string_to_metric_families(text)
        if metric.type in ("counter", "histogram")
        for it in metric.samples
    }


def gauges(server: ChatServer) -> Mapping[tuple[str, str], float]:
    """Return what a scrape says of all that goes up and down, by name and label."""
    _, text = get(server, "/metrics")
    return {
        (it.name, ",".join(it.labels.values())): it.value
        for metric in text_string_to_metric_families(text)
        if metric.type == "gauge"
        for it in metric.samples
    }


class TestMetrics:
    def test_they_come_in_both_formats(self, server: ChatServer) -> None:
        status, text = get(server, "/metrics")
        assert status == 200
        assert 'threadchat_people{door="terminal"} 0.0\n' in text
        assert not text.endswith("# EOF\n")
        fields = "Accept: text/html\r\nAccept: application/openmetrics-text; version=1.0.0\r\n"
        status, text = get(server, "/metrics", fields=fields)
        assert (status, text.endswith("# EOF\n")) == (200, True)

    def test_head_has_no_body_and_nothing_else_is_served(self, server: ChatServer) -> None:
        for path in ("/metrics", "/health"):
            assert get(server, path, "HEAD") == (200, "")
            assert get(server, path, "POST") == (405, "POST does nothing here. Send GET or HEAD.\n")
            assert get(server, f"{path}/", "GET")[0] == 404

    def test_they_are_kept_by_no_cache_and_of_no_use_to_a_page(self, server: ChatServer) -> None:
        request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        head = ask(server, request).partition(b"\r\n\r\n")[0]
        assert b"\r\nCache-Control: no-store\r\n" in head
        assert b"\r\nCross-Origin-Resource-Policy: same-origin\r\n" in head
        assert b"\r\nX-Content-Type-Options: nosniff\r\n" in head

    @pytest.mark.parametrize("code", ["raise ImportError", "1 / 0"])
    def test_a_library_that_is_broken_is_one_line(
        self, server: ChatServer, monkeypatch: pytest.MonkeyPatch, code: str
    ) -> None:
        class Broken:
            def find_spec(self, name: str, *_: object) -> None:
                if name == "threadchat.monitoring.metrics":
                    exec(code)

        monkeypatch.delitem(sys.modules, "threadchat.monitoring.metrics", raising=False)
        monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
        status, line = get(server, "/metrics")
        assert (status, line.count("\n")) == (501, 1)
        assert "The figures cannot be served: what that needs is installed, but broken" in line
        assert get(server, "/health")[0] == 200

    def test_another_host_gets_none(self, server: ChatServer) -> None:
        request = b"GET /metrics HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
        assert ask(server, request).startswith(b"HTTP/1.1 421 ")

    def test_a_scrape_is_no_client(self, monkeypatch: pytest.MonkeyPatch) -> None:
        # That many requests of one address wait is tested elsewhere; here they would for 40 s.
        monkeypatch.setattr(RequestLimiter, "delay_after", lambda *_: 0.0)
        with run_server(
            web_address=("127.0.0.1", 0), limits=Limits(max_connects=1, max_per_address=1)
        ) as (server, console):
            before = counters(server)
            for _ in range(3):
                assert get(server, "/metrics")[0] == get(server, "/health")[0] == 200
            after = counters(server)
            changed = {name for name, _ in before if not name.startswith("process_")} & {
                name for (name, labels), value in after.items() if before[name, labels] != value
            }
            assert changed == set()
            assert console.file.getvalue() == ""

    def test_they_agree_with_the_figures_of_the_operator(self, server: ChatServer) -> None:
        # No page: the server sends one the numbers of the rooms at any time.
        with Client(server, "al") as al, Client(server, "bo") as bo:
            al.type("hi")
            bo.expect("al: hi")
            al.sync()
            wait_until(lambda: server.stats().messages == 3, "all is counted")
            now, found, grown = server.stats(), gauges(server), counters(server)
            assert found["threadchat_people", "terminal"] == now.people == 2
            assert found["threadchat_rooms", ""] == now.rooms
            assert grown["threadchat_messages_total", "[]"] == now.messages
            assert grown["threadchat_deliveries_total", "[]"] == now.deliveries
            assert grown["threadchat_received_bytes_total", "[]"] == now.received
            assert grown["threadchat_sent_bytes_total", "[]"] == now.sent
            assert grown["threadchat_batch_seconds_count", "[]"] == sum(now.batches.counts)

    def test_nobody_is_named(self, tmp_path: Path) -> None:
        people, rooms = ("Zaphod42", "trillian_x", "маrvin"), ("heartofgold", "милливэйс")
        history = StoredHistory(tmp_path / "secretfile.db", lambda words: None)
        with run_server(web_address=("127.0.0.1", 0), history=history) as (server, _):
            server.add_member("eddie", lambda member, message: None)
            path = add(server, "slartibartfast", "fjords")
            assert post(server, path, "norway")[0] == 200
            assert post(server, f"{path}x")[0] == 404
            found = counters(server)
            assert found["threadchat_hook_posts_total", "[]"] == 1
            assert found["threadchat_refusals_total", "[('reason', 'no such hook')]"] == 1
            for name, room in zip(people[:2], rooms, strict=True):
                with Client(server, name) as client:
                    client.type(f"/join {room}")
                    client.expect("You are in")
                    client.type(f"/topic about {name}")
                    client.type(f"/msg eddie {name} is here")
                    client.sync()
                    texts = [get(server, path)[1] for path in ("/metrics", "/health")]
                    client.type(f"/quit so long, {name}")
                    client.expect_end()
                    (handler, *_) = [*server.clients.handlers(), None]
                    if handler is not None:
                        handler.client.end(f"{name} has gone", "")
                texts += [get(server, path)[1] for path in ("/metrics", "/health")]
                for text in texts:
                    hidden = ("slartibartfast", "fjords", "norway", path[6:], "eddie", "127.0.0.1")
                    for word in (*people, *rooms, *hidden, "secretfile", "so long"):
                        assert word.lower() not in text.lower()


def asked(watching: Watching, host: str, *headers: tuple[str, str]) -> Response | None:
    route = watching.routes(host).get("/metrics")
    if route is None:
        return None
    return route.answer(Request("GET", "/metrics", "", [("host", "h"), *headers]))


def watching(metrics_for: MetricsFor, **host: Any) -> Watching:
    chat = SimpleNamespace(history_state=host.get("history"))
    watched: Any = SimpleNamespace(
        stats=no_stats, chat=chat, stopping=Event(), link_state=lambda: host.get("link")
    )
    if host.get("stops"):
        watched.stopping.set()
    return Watching(metrics_for, "1", watched)


class TestWhoMayHaveThem:
    HERE = ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1")
    ELSEWHERE = (
        *("192.168.1.20", "::ffff:192.168.1.20", "fe80::1%eth0", "fd00::7", "10.0.0.1"),
        *("::", "0.0.0.0", "128.0.0.1", "::2", "::127.0.0.1", "172.17.0.1"),
    )

    @pytest.mark.parametrize("host", HERE)
    def test_this_machine_by_default(self, host: str) -> None:
        answer = asked(watching("loopback"), host)
        assert answer is not None
        assert answer.status == 200

    @pytest.mark.parametrize("host", ELSEWHERE)
    @pytest.mark.parametrize(
        "header",
        [
            ("user-agent", "x"),
            ("x-forwarded-for", "127.0.0.1"),
            ("forwarded", "for=127.0.0.1"),
            ("x-real-ip", "::1"),
        ],
    )
    def test_nobody_else_whatever_they_say(self, host: str, header: tuple[str, str]) -> None:
        answer = asked(watching("loopback"), host, header)
        assert answer is not None
        assert answer.status == 403
        assert answer.body.count(b"\n") == 1
        assert b"--metrics lan" in answer.body

    def test_who_a_proxy_says_it_asks_for_does_not_count(self) -> None:
        answer = asked(watching("loopback"), "127.0.0.1", ("x-forwarded-for", "203.0.113.9"))
        assert answer is not None
        assert answer.status == 200

    @pytest.mark.parametrize("host", [*HERE, *ELSEWHERE])
    def test_everybody_or_nobody_if_the_operator_says_so(self, host: str) -> None:
        answer = asked(watching("lan"), host)
        assert answer is not None
        assert answer.status == 200
        assert asked(watching("off"), host) is None

    def test_switched_off_it_is_a_page_that_is_not_there(self) -> None:
        with run_server(web_address=("127.0.0.1", 0), metrics="off") as (server, _):
            assert get(server, "/metrics") == get(server, "/missing")
            assert get(server, "/health") == (200, "ok\n")

    def test_those_that_are_not_served_get_nothing_at_all(self) -> None:
        limits = Limits(parse_allowed(["192.0.2.0/24"]))
        with run_server(web_address=("127.0.0.1", 0), metrics="lan", limits=limits) as (
            server,
            console,
        ):
            assert ask(server, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n") == b""
            console.troubles.clear()

    def test_without_the_library_one_line_says_how_to_get_it(
        self, server: ChatServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "prometheus_client", None)
        monkeypatch.delitem(sys.modules, "threadchat.monitoring.metrics", raising=False)
        for _ in range(2):
            status, line = get(server, "/metrics")
            assert status == 501
            assert line.count("\n") == 1
            assert "pip install 'threadchat[metrics]'" in line
        assert get(server, "/health") == (200, "ok\n")

    def test_the_options_are_those_of_the_type(self) -> None:
        assert get_args(MetricsFor) == ("off", "loopback", "lan")


class TestHealth:
    def test_all_is_well(self, server: ChatServer) -> None:
        assert get(server, "/health") == (200, "ok\n")

    def asked(self, **host: Any) -> tuple[int, bytes]:
        route = watching("off", **host).routes("192.168.1.20")["/health"]
        answer = route.answer(Request("GET", "/health", "", [("host", "h")]))
        return answer.status, answer.body

    def test_a_history_that_cannot_be_written(self) -> None:
        state = HistoryState([1, 2, 3], Lock())
        state.is_written = False
        status, line = self.asked(history=state)
        assert (status, line.count(b"\n")) == (503, 1)
        assert line.startswith(b"The history cannot be written.")
        assert line.endswith(b": 3\n")
        state.is_written = True
        assert self.asked(history=state) == (200, b"ok\n")

    def test_a_history_whose_file_is_gone(self) -> None:
        state = HistoryState([], Lock())
        state.rescue_at = 1.0
        assert self.asked(history=state)[0] == 503

    def test_a_write_that_hangs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(threadchat.web.watching, "PATIENCE_SECONDS", 0.01)
        lock = Lock()
        with lock:
            status, line = self.asked(history=HistoryState([], lock))
        assert (status, line.count(b"\n")) == (503, 1)
        assert line.startswith(b"The history does not answer")
        assert self.asked(history=HistoryState([], lock)) == (200, b"ok\n")

    def test_a_server_that_stops(self) -> None:
        assert self.asked(stops=True) == (503, b"The server is stopping.\n")

    @pytest.mark.parametrize(
        ("link", "words"),
        [
            (LinkState("office", [("b:1", 2)], True, "", None, 0), b"linked to 1 server as office"),
            (
                LinkState("office", [], True, "", 0.0012, 0),
                b"linked to 0 servers as office; lines take 1.2 ms",
            ),
            (LinkState("office", [], False, "refused", None, 0), b"no link as office"),
        ],
    )
    def test_a_server_is_well_without_its_link_and_says_how_that_is(
        self, link: LinkState, words: bytes
    ) -> None:
        assert self.asked(link=link) == (200, b"ok; " + words + b"\n")

    def test_it_follows_the_history_of_a_server(self, tmp_path: Path) -> None:
        path = tmp_path / "chat.db"
        history = StoredHistory(path, lambda words: None, retry_seconds=0.01)
        with run_server(web_address=("127.0.0.1", 0), history=history) as (server, _):
            with Client(server, "al") as al, closing(sqlite3.connect(path)) as other:
                other.isolation_level = None
                other.execute("BEGIN IMMEDIATE")
                al.type("hi")
                al.sync()
                status, line = get(server, "/health")
                assert status == 503
                assert str(tmp_path) not in line
                other.execute("ROLLBACK")
            wait_until(lambda: get(server, "/health") == (200, "ok\n"), "it is well again")


class Watched(RuleBasedStateMachine):
    """People come, talk, move and go, in whatever way; the files are read again; nothing falls."""

    def __init__(self) -> None:
        super().__init__()
        self.running = run_server(web_address=("127.0.0.1", 0), limits=UNLIMITED)
        self.server, _ = self.running.__enter__()
        self.clients: list[Client] = []
        self.pages: list[Page] = []
        self.number = 0
        self.before = counters(self.server)

    def name(self) -> str:
        self.number += 1
        return f"n{self.number}"

    @precondition(lambda self: len(self.clients) < 3)
    @rule()
    def somebody_comes(self) -> None:
        self.clients.append(Client(self.server, self.name()))

    @precondition(lambda self: len(self.pages) < 2)
    @rule()
    def a_page_comes(self) -> None:
        self.pages.append(Page(self.server, self.name()))

    @rule()
    def somebody_looks_in(self) -> None:
        with Client(self.server) as client:
            client.expect("Your name: ")

    @precondition(lambda self: self.clients)
    @rule(room=st.sampled_from(["games", "den"]))
    def somebody_moves(self, room: str) -> None:
        self.clients[0].type(f"/join {room}")
        self.clients[0].sync()
        self.clients.append(self.clients.pop(0))

    @precondition(lambda self: self.clients)
    @rule(lines=st.integers(1, 20))
    def somebody_talks(self, lines: int) -> None:
        for _ in range(lines):
            self.clients[0].type("x" * 200)
        self.clients[0].sync()

    @precondition(lambda self: self.clients)
    @rule(is_reset=st.booleans())
    def somebody_goes(self, is_reset: bool) -> None:
        client = self.clients.pop()
        if is_reset:
            client.reset()
        else:
            client.type("/quit")
            client.expect_end()
        client.close()

    @precondition(lambda self: self.pages)
    @rule()
    def a_page_goes(self) -> None:
        page = self.pages.pop()
        page.send("leave")
        page.code()
        page.__exit__()

    @precondition(lambda self: self.pages)
    @rule()
    def a_page_goes_on_elsewhere(self) -> None:
        page = self.pages.pop(0)
        again = Page(self.server, resumes=True)
        again.send("resume", key=page.session["key"], room="lobby", position="", private=0)
        again.session = again.expect("session")
        self.pages.append(again)
        page.__exit__()

    @rule()
    def a_program_comes_and_goes(self) -> None:
        self.server.add_member(self.name(), lambda member, message: None).leave()

    @rule()
    def the_files_are_read_again(self) -> None:
        self.server.reread()

    @invariant()
    def nothing_falls(self) -> None:
        now = counters(self.server)
        fallen = {key for key, value in self.before.items() if now.get(key, -1) < value}
        assert fallen == set()
        self.before = now

    def teardown(self) -> None:
        for client in self.clients:
            client.close()
        for page in self.pages:
            page.__exit__()
        self.running.__exit__(None, None, None)


@pytest.mark.slow
def test_counters_never_fall() -> None:
    run_state_machine_as_test(Watched, settings=settings(max_examples=5, stateful_step_count=15))


def test_the_readme_lists_the_metrics_and_no_others(server: ChatServer) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    section = readme.partition("\n### Watch it\n")[2].partition("\n### ")[0].partition("\n## ")[0]
    listed = set(re.findall(r"`(threadchat_[a-z_]+)`", section))
    text = get(server, "/metrics")[1]
    served = set(re.findall(r"^# TYPE (threadchat_\w+) ", text, re.MULTILINE))
    with_history = {it for it in listed if it.startswith("threadchat_history_")}
    assert len(with_history) == 3
    linked = {it for it in listed if it.startswith("threadchat_link_")}
    assert len(linked) == 5
    # Systems tell one of these, or none.
    memory = {"threadchat_memory_bytes", "threadchat_peak_memory_bytes"}
    assert memory <= listed
    assert listed - with_history - linked - memory == served - memory
