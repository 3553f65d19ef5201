"""Requests of HTTP/1.1: read whole, cut at every byte, and beyond their bounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadchat.web.http import (
    MAX_FIELDS,
    MAX_HEAD,
    BadRequest,
    HttpConnection,
    Request,
    Response,
    plain_text,
)

GET = b"GET /style.css?v=2 HTTP/1.1\r\nHost: 192.168.1.7:8080\r\nAccept: */*\r\n\r\n"


def request_in(*chunks: bytes) -> Request | None:
    http = HttpConnection()
    for chunk in chunks:
        if (request := http.receive(chunk)) is not None:
            return request
    return None


class TestReading:
    def test_a_request_has_method_path_query_and_fields(self) -> None:
        request = request_in(GET)
        assert request is not None
        assert (request.method, request.path, request.query) == ("GET", "/style.css", "v=2")
        assert request.value("host") == "192.168.1.7:8080"
        assert request.value("cookie") == ""

    @pytest.mark.parametrize("cut", range(1, len(GET)))
    def test_it_may_be_cut_anywhere(self, cut: int) -> None:
        assert request_in(GET[:cut], GET[cut:]) == request_in(GET)

    def test_a_field_that_comes_twice_has_no_single_value(self) -> None:
        request = request_in(b"GET / HTTP/1.1\r\nHost: a\r\nOrigin: x\r\nOrigin: y\r\n\r\n")
        assert request is not None
        assert request.value("origin") == ""
        assert request.values("origin") == ["x", "y"]

    def test_another_request_may_follow(self) -> None:
        http = HttpConnection()
        first = http.receive(GET + GET)
        assert first is not None
        assert http.answer(plain_text(200, "ok"), to=first).startswith(b"HTTP/1.1 200 OK\r\n")
        assert http.can_go_on()
        assert http.next_request() == first

    def test_none_may_follow_one_that_closes(self) -> None:
        http = HttpConnection()
        request = http.receive(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        http.answer(plain_text(200, "ok"), to=request)
        assert not http.can_go_on()

    def test_what_follows_an_upgrade_is_kept(self) -> None:
        http = HttpConnection()
        asked = b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        assert http.receive(asked + b"\x81\x00") is not None
        assert http.rest == b"\x81\x00"

    def test_empty_lines_before_it_are_nothing(self) -> None:
        assert request_in(b"\r\n\r\n" + GET) == request_in(GET)
        assert request_in(b"\r", b"\n", GET) == request_in(GET)

    @pytest.mark.parametrize("scheme", [b"http://", b"HTTPS://"])
    def test_the_authority_of_a_whole_target_counts_in_place_of_the_host(
        self, scheme: bytes
    ) -> None:
        rest = b" HTTP/1.1\r\nHost: desk\r\n\r\n"
        request = request_in(b"GET " + scheme + b"evil.example:1/ws?resume" + rest)
        assert request is not None
        assert (request.path, request.query) == ("/ws", "resume")
        assert request.values("host") == ["evil.example:1"]
        request = request_in(b"GET " + scheme + b"desk" + rest)
        assert request is not None
        assert (request.path, request.value("host")) == ("/", "desk")

    def test_its_version_is_known(self) -> None:
        request = request_in(b"GET / HTTP/1.0\r\nHost: a\r\n\r\n")
        assert request is not None
        assert request.version == "1.0"


BROKEN = {
    "no request": (b"hello\r\n\r\n", 400),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 40, 400),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "the name of another server": (b"CONNECT desk:80 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "no page at all": (b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "two hosts": (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
    "a blank behind a name": (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
    "two lengths": (
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\n",
        400,
    ),
    "a length below 0": (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400),
    "a body that waits to be asked for": (
        b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n",
        413,
    ),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "a body": (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", 413),
    "a chunked body": (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 413),
    "many fields": (
        b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * MAX_FIELDS + b"\r\n",
        431,
    ),
    "a long head": (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * MAX_HEAD, 431),
    "a long target": (b"GET /" + b"y" * MAX_HEAD, 431),
}


class TestWhatIsRefused:
    @pytest.mark.parametrize("name", BROKEN)
    def test_it_gets_a_short_answer(self, name: str) -> None:
        data, status = BROKEN[name]
        http = HttpConnection()
        with pytest.raises(BadRequest) as caught:
            http.receive(data)
        assert caught.value.response.status == status
        answer = http.answer(caught.value.response)
        assert answer.startswith(b"HTTP/1.1 %d " % status)
        assert b"\r\n\r\n" in answer
        assert len(answer) < 400

    @given(st.lists(st.binary(max_size=40), max_size=6))
    def test_no_bytes_raise_anything_else(self, chunks: list[bytes]) -> None:
        http = HttpConnection()
        answer = b"HTTP/1.1 4"
        try:
            for chunk in chunks:
                if chunk and http.receive(chunk) is not None:
                    break
        except BadRequest as error:
            answer = http.answer(error.response)
        assert answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 505 "))


def test_head_is_answered_without_the_body() -> None:
    http = HttpConnection()
    request = http.receive(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
    answer = http.answer(Response(200, [("Content-Type", "text/plain")], b"hello"), to=request)
    assert b"content-length: 5" in answer.lower()
    assert answer.endswith(b"\r\n\r\n")
