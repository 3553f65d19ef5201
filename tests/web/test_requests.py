"""Requests at the web port: each has its answer, and none may take long."""

import socket
import struct
import threading

import pytest

from tests.support.pages import Page, ask, web_address
from tests.support.servers import WatchingConsole
from threadchat import ChatServer
from threadchat.net.sendqueue import SendQueue
from threadchat.testing import DEADLINE
from threadchat.web import requests
from threadchat.web.http import Stage

Served = tuple[ChatServer, WatchingConsole]


class TestRequests:
    def test_the_page_comes_with_its_safeguards(self, server: ChatServer) -> None:
        answer = ask(server, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        assert b"default-src 'none'" in head
        assert b"nosniff" in head
        assert b"<!doctype html>" in body.lower()

    def test_a_file_that_is_known_is_not_sent_again(self, server: ChatServer) -> None:
        request = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n%s\r\n"
        etag = next(
            it for it in ask(server, request % b"").split(b"\r\n") if it.lower().startswith(b"etag")
        ).split(b" ")[1]
        answer = ask(server, request % b"If-None-Match: %s\r\n" % etag)
        assert answer.startswith(b"HTTP/1.1 304 ")
        assert answer.endswith(b"\r\n\r\n")

    @pytest.mark.parametrize(
        ("request_line", "fields", "status"),
        [
            (b"GET /", b"Host: evil.example\r\n", 421),
            (b"GET /ws", b"Host: evil.example\r\n", 421),
            (b"GET /missing", b"Host: localhost\r\n", 404),
            (b"GET /../setup.cfg", b"Host: localhost\r\n", 404),
            (b"DELETE /", b"Host: localhost\r\n", 405),
            (b"GET /ws", b"Host: localhost\r\n", 400),
            (b"GET /ws", b"Host: localhost\r\nOrigin: http://evil.example\r\n", 403),
            (b"GET /ws", b"Host: localhost\r\nSec-Fetch-Mode: websocket\r\n", 403),
            (b"GET /health", b"Host: localhost\r\n", 200),
            (b"HEAD /qr.svg", b"Host: localhost\r\n", 200),
            (b"POST /qr.svg", b"Host: localhost\r\n", 405),
            (b"GET /qr.svg", b"Host: evil.example\r\n", 421),
            (b"POST /health", b"Host: localhost\r\n", 405),
            (b"GET http://localhost/health", b"Host: evil.example\r\n", 200),
            (b"GET http://evil.example/health", b"Host: localhost\r\n", 421),
            (b"GET http://evil.example/ws", b"Host: localhost\r\n", 421),
            (b"GET //evil.example/", b"Host: localhost\r\n", 404),
            (b"GET /%2e%2e/setup.cfg", b"Host: localhost\r\n", 404),
        ],
    )
    def test_each_has_its_answer(
        self, server: ChatServer, request_line: bytes, fields: bytes, status: int
    ) -> None:
        answer = ask(
            server, request_line + b" HTTP/1.1\r\n" + fields + b"Connection: close\r\n\r\n"
        )
        assert answer.startswith(b"HTTP/1.1 %d " % status)

    @pytest.mark.parametrize("path", [b"/", b"/health", b"/ws", b"/missing"])
    def test_where_nothing_is_to_be_sent_no_body_is_read(
        self, server: ChatServer, path: bytes
    ) -> None:
        answer = ask(
            server,
            b"POST " + path + b" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999\r\n\r\n",
        )
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b"\r\nConnection: close\r\n" in answer

    def test_requests_may_come_one_behind_another(self, server: ChatServer) -> None:
        request = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
        answer = ask(server, request * 30 + b"nonsense\r\n\r\n")
        assert answer.count(b"HTTP/1.1 200 ") == 30
        assert answer.count(b"HTTP/1.1 400 ") == 1

    def test_what_is_no_request_gets_a_short_answer(self, served: Served) -> None:
        server, console = served
        assert ask(server, b"hello\r\n\r\n").startswith(b"HTTP/1.1 400 ")
        assert "connected" not in console.file.getvalue()

    def test_a_connection_that_breaks_is_closed_in_order(
        self, server: ChatServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        closed = threading.Event()
        close = SendQueue.close

        def note(send_queue: SendQueue) -> None:
            close(send_queue)
            closed.set()

        monkeypatch.setattr(SendQueue, "close", note)
        with socket.create_connection(web_address(server), DEADLINE) as raw:
            raw.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nGET ")
            raw.recv(1)
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        assert closed.wait(DEADLINE)

    def test_a_secret_is_no_answer_to_another_question(self, server: ChatServer) -> None:
        with Page(server) as page:
            page.expect("ask", what="name")
            page.send("secret", text="hunter2")
            page.send("password", text="hunter2")
            page.send("name", text="al")
            page.expect("session", name="al")

    def test_a_head_that_does_not_come_in_time_is_answered_so(
        self, server: ChatServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(requests._IN_TIME, Stage.HEAD, 0.02)
        answer = ask(server, b"POST / HTTP/1.1\r\nHost: localhost\r\n")
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"The head of the request did not come in time." in answer

    def test_where_nothing_at_all_comes_there_is_no_answer(
        self, server: ChatServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seconds = iter((DEADLINE, 0.02))  # for the request, and for another one behind it

        class InTime(dict[Stage, float]):
            def __getitem__(self, stage: Stage) -> float:
                return next(seconds)

        monkeypatch.setattr(requests, "_IN_TIME", InTime())
        answer = ask(server, b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert answer.endswith(b"\r\n\r\nok\n")
