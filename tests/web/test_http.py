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
    Stage,
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

    @pytest.mark.parametrize("more", [0, 1])
    def test_it_has_at_most_so_many_fields(self, more: int) -> None:
        fields = b"".join(b"X-%d: y\r\n" % number for number in range(MAX_FIELDS - 1 + more))
        data = b"GET / HTTP/1.1\r\nHost: a\r\n" + fields + b"\r\n"
        if more:
            with pytest.raises(BadRequest) as caught:
                request_in(data)
            assert caught.value.response.status == 431
        else:
            assert request_in(data) is not None

    @pytest.mark.parametrize("more", [0, 1])
    @pytest.mark.parametrize("size", [1, 4096, 2 * MAX_HEAD])
    @pytest.mark.parametrize("before", [b"", GET])
    def test_its_head_has_at_most_so_many_bytes(self, before: bytes, size: int, more: int) -> None:
        head = GET[:-4] + b"\r\nX: "
        head += b"y" * (MAX_HEAD + more - len(head) - 4) + b"\r\n\r\n"
        http = HttpConnection()
        if before:
            first = http.receive(before)
            http.answer(plain_text(200, "ok"), to=first)
            assert http.can_go_on()
        chunks = [head[at : at + size] for at in range(0, len(head), size)]
        for chunk in chunks[:-1]:
            assert http.receive(chunk) is None
        if more:
            with pytest.raises(BadRequest) as caught:
                http.receive(chunks[-1])
            assert caught.value.response.status == 431
            assert http.answer(caught.value.response).startswith(b"HTTP/1.1 431 ")
        else:
            assert http.receive(chunks[-1]) is not None

    def test_one_behind_another_has_no_larger_head_either(self) -> None:
        http = HttpConnection()
        first = http.receive(GET + GET[:-2] + b"X: " + b"y" * MAX_HEAD)
        http.answer(plain_text(200, "ok"), to=first)
        assert http.can_go_on()
        with pytest.raises(BadRequest) as caught:
            http.next_request()
        assert caught.value.response.status == 431

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


HEAD = b"POST /hook/x HTTP/1.1\r\nHost: a\r\n"
WHOLE = HEAD + b"Content-Length: 5\r\n\r\n\r\n\r\nx"
CHUNKED = (
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n\r\n\r\n3;a=b\r\n\r\nx\r\n0\r\nA: b\r\n\r\n"
)


class TestBodies:
    def taking(self, most: int) -> HttpConnection:
        return HttpConnection(lambda request: most)

    @pytest.mark.parametrize("data", [WHOLE, CHUNKED])
    def test_one_may_be_cut_anywhere(self, data: bytes) -> None:
        for cut in range(1, len(data)):
            http = self.taking(5)
            assert http.receive(data[:cut]) is None
            request = http.receive(data[cut:])
            assert request is not None
            assert request.body == b"\r\n\r\nx"
            http.answer(plain_text(200, "ok"), to=request)
            assert http.can_go_on()
        http = self.taking(5)
        for byte in data[:-1]:
            assert http.receive(bytes([byte])) is None
        request = http.receive(data[-1:])
        assert request is not None
        assert request.body == b"\r\n\r\nx"

    @pytest.mark.parametrize("data", [WHOLE, CHUNKED])
    def test_a_longer_one_is_refused(self, data: bytes) -> None:
        http = self.taking(4)
        with pytest.raises(BadRequest, match="may have 4 bytes") as caught:
            http.receive(data)
        assert caught.value.response.status == 413
        assert http.answer(caught.value.response).startswith(b"HTTP/1.1 413 ")

    def test_the_second_of_two_requests_has_its_own(self) -> None:
        http = self.taking(5)
        first = http.receive(WHOLE + WHOLE.replace(b"x", b"y"))
        http.answer(plain_text(200, "ok"), to=first)
        assert http.can_go_on()
        second = http.next_request()
        assert second is not None
        assert second.body == b"\r\n\r\ny"

    def test_how_far_it_has_come_is_known(self) -> None:
        http = self.taking(5)
        stages = [http.stage]
        for data in (b"\r\n", WHOLE[:9], WHOLE[9:-1]):
            http.receive(data)
            stages.append(http.stage)
        assert stages == [Stage.NOTHING, Stage.NOTHING, Stage.HEAD, Stage.BODY]

    def test_a_client_that_waits_is_asked_for_it_once(self) -> None:
        http = self.taking(5)
        http.receive(HEAD)
        assert http.ask_for_body() == b""
        http.receive(b"Expect: 100-Continue\r\nContent-Length: 5\r\n\r\n")
        assert http.ask_for_body().startswith(b"HTTP/1.1 100 ")
        assert http.ask_for_body() == b""
        assert http.receive(b"hello") is not None

    def test_a_client_that_does_not_wait_is_not(self) -> None:
        http = self.taking(5)
        http.receive(HEAD + b"Content-Length: 5\r\n\r\n")
        assert http.ask_for_body() == b""

    def test_a_request_that_would_change_the_protocol_may_have_one(self) -> None:
        http = self.taking(5)
        asked = HEAD + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 5\r\n\r\nhello"
        request = http.receive(asked)
        assert request is not None
        assert request.body == b"hello"
        assert http.answer(plain_text(200, "ok"), to=request).startswith(b"HTTP/1.1 200 ")
        assert http.can_go_on()

    def test_a_length_that_is_longer_than_its_bytes_can_say_is_refused(self) -> None:
        with pytest.raises(BadRequest):
            self.taking(5).receive(HEAD + b"Content-Length: " + b"9" * 100 + b"\r\n\r\n")


def test_head_is_answered_without_the_body() -> None:
    http = HttpConnection()
    request = http.receive(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
    answer = http.answer(Response(200, [("Content-Type", "text/plain")], b"hello"), to=request)
    assert b"content-length: 5" in answer.lower()
    assert answer.endswith(b"\r\n\r\n")
