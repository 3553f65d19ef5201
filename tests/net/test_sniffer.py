"""First bytes that give another protocol away."""

import pytest

from threadchat.net.sniffer import Foreign, Sniffer, answer_to

CLIENT_HELLO = bytes.fromhex("16 03 01 02 00 01 00 01 fc 03 03") + bytes(range(200))

FOREIGN = [
    ("TLS", CLIENT_HELLO),
    ("TLS", b"\x16\x03\x03\x00\x05hello"),
    ("HTTP", b"GET / HTTP/1.1\r\nHost: chat:8000\r\n\r\n"),
    ("HTTP", b"GET / HTTP/1.0\r\n\r\n"),
    ("HTTP", b"POST /login HTTP/1.1\r\nContent-Length: 0\r\n\r\n"),
    ("HTTP", b"HEAD /a%20b?c=d HTTP/1.1\r\n\r\n"),
    ("HTTP", b"OPTIONS * HTTP/1.1\r\n\r\n"),
    ("HTTP", b"CONNECT example.org:443 HTTP/1.1\r\n\r\n"),
    ("HTTP", b"PROPFIND /dav HTTP/1.1\r\n\r\n"),
    ("HTTP", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ("HTTP", b"GET http://example.org/ HTTP/1.1\r\n\r\n"),
    ("HTTP", b"GET /" + b"a" * 4000 + b" HTTP/1.1\r\n\r\n"),
    ("HTTP", b"GET http://example.org/" + b"a" * 4000 + b" HTTP/1.1\r\n\r\n"),
    ("SSH", b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"),
    ("SSH", b"SSH-1.99-client\r\n"),
    ("IRC", b"CAP LS 302\r\nNICK al\r\nUSER al 0 * :Al\r\n"),
    ("IRC", b"CAP LS\n"),
    ("IRC", b"cap ls 302\r\n"),
    ("IRC", b"CAP REQ :sasl\r\n"),
    ("IRC", b"NICK al\r\n"),
    ("IRC", b"NICK :al\n"),
    ("IRC", b"USER al 0 * :Al Bo\r\n"),
    ("IRC", b"USER al localhost chat al\r\nNICK al\r\n"),
    ("IRC", b"PASS secret\r\nNICK al\r\nUSER al 0 * :Al\r\n"),
    ("IRC", b"PASS :secret word\nCAP LS 302\n"),
]
IDS = [f"{protocol} {data[:24]!r}" for protocol, data in FOREIGN]

PEOPLE = [
    b"al\r\n",
    b"GET\r\n",
    b"GET /\r\n",
    b"Gerd\r\n",
    b"POST\n",
    b"HEAD of department\n",
    b"get / HTTP/1.1\n",
    b"SSH\r\n",
    b"SSH-\r\n",
    b"SSH-fan\r\n",
    b"ssh-2.0-x\r\n",
    b"HTTP/1.1\r\n",
    b"GET me HTTPS\r\n",
    b"I like GET / HTTP/1.1\r\n",
    b"hi\r\nGET / HTTP/1.1\r\n",
    b"hi\rSSH-2.0-x\r\n",
    b"OPTIONS are many, and I could go on about them for " + b"hours and " * 40 + b"\n",
    b"\xff\xfb\x1f\xff\xfb\x20\xff\xfb\x18\xff\xfb\x27\xff\xfd\x01\xff\xfb\x03\xff\xfd\x03",
    b"NICK\r\n",
    b"nick al\r\n",
    b"NICK is my name\r\n",
    b"Nick\r\n",
    b"CAP\r\n",
    b"CAP LSD\r\n",
    b"CAPTAIN\r\n",
    b"USER\r\n",
    b"USER al\r\n",
    b"USER of this\r\n",
    b"PASS\r\n",
    b"PASS word\r\nal\r\nNICK al\r\n",
    b"PASS word\r\nNICK\r\n",
    b"PASS word\r\nUte\r\n",
    b"al\r\nNICK al\r\n",
    b"\x16\r\n",
    b"\x16\x03\r\n",
    b"\x16\x03\x05\r\n",
    b"\x1b[A\r\n",
    "Привет\r\n".encode(),
    b"\n",
]


def verdict(sniffer: Sniffer, *chunks: bytes) -> Foreign | None:
    """Look at the chunks as a handler does: until there is a verdict."""
    for chunk in chunks:
        if not sniffer.done and (foreign := sniffer.look(chunk)):
            return foreign
    return None


class TestForeign:
    @pytest.mark.parametrize(("protocol", "data"), FOREIGN, ids=IDS)
    def test_it_is_recognized(self, protocol: str, data: bytes) -> None:
        foreign = verdict(Sniffer(), data)
        assert foreign is not None
        assert foreign.protocol == protocol

    @pytest.mark.parametrize(("protocol", "data"), FOREIGN, ids=IDS)
    def test_chunks_do_not_matter(self, protocol: str, data: bytes) -> None:
        for cut in range(min(len(data), 300)):
            foreign = verdict(Sniffer(), data[:cut], data[cut:])
            assert foreign is not None, cut
            assert foreign.protocol == protocol, cut

    @pytest.mark.parametrize(("protocol", "data"), FOREIGN, ids=IDS)
    def test_it_may_come_a_byte_at_a_time(self, protocol: str, data: bytes) -> None:
        foreign = verdict(Sniffer(), *(bytes([byte]) for byte in data))
        assert foreign is not None
        assert foreign.protocol == protocol

    def test_the_verdict_is_final(self) -> None:
        sniffer = Sniffer()
        sniffer.look(b"SSH-2.0-x")
        assert sniffer.done


class TestPeople:
    @pytest.mark.parametrize("data", PEOPLE, ids=repr)
    def test_they_are_let_in(self, data: bytes) -> None:
        assert verdict(Sniffer(), data) is None

    @pytest.mark.parametrize("data", PEOPLE, ids=repr)
    def test_chunks_do_not_matter(self, data: bytes) -> None:
        for cut in range(len(data)):
            assert verdict(Sniffer(), data[:cut], data[cut:]) is None, cut

    @pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
    def test_the_first_line_decides(self, end: bytes) -> None:
        sniffer = Sniffer()
        sniffer.look(b"al" + end)
        assert sniffer.done

    def test_before_its_end_nothing_is_decided(self) -> None:
        sniffer = Sniffer()
        sniffer.look(b"al")
        assert not sniffer.done

    def test_a_first_line_without_end_is_not_kept(self) -> None:
        sniffer = Sniffer()
        for _ in range(300):
            sniffer.look(b"a")
        assert sniffer.done


class TestAnswers:
    def answer_to(self, data: bytes) -> bytes:
        foreign = verdict(Sniffer(), data)
        assert foreign is not None
        return foreign.answer

    def test_tls_gets_a_fatal_alert(self) -> None:
        answer = self.answer_to(CLIENT_HELLO)
        record_type, version, length = answer[0], answer[1:3], int.from_bytes(answer[3:5])
        assert (record_type, version[0], length) == (21, 3, len(answer) - 5)
        assert answer[5:] == bytes([2, 70])  # fatal, protocol_version

    def test_http_gets_a_response(self) -> None:
        head, _, body = self.answer_to(b"GET / HTTP/1.1\r\n\r\n").partition(b"\r\n\r\n")
        status, *headers = head.decode("ascii").split("\r\n")
        assert status.startswith("HTTP/1.1 400 ")
        assert f"Content-Length: {len(body)}" in headers
        assert "Connection: close" in headers
        assert body.endswith(b"\r\n")

    def test_irc_gets_an_error_message(self) -> None:
        answer = self.answer_to(b"NICK al\r\n").decode("ascii")
        assert answer.startswith("ERROR :This is no IRC server.")
        assert (answer.count("\r\n"), answer[-2:]) == (1, "\r\n")
        assert len(answer) <= 512  # RFC 2812, section 2.3

    def test_http_says_how_to_come_in(self) -> None:
        assert b"telnet" in self.answer_to(b"GET / HTTP/1.1\r\n\r\n").partition(b"\r\n\r\n")[2]

    def test_http_is_led_to_the_page(self) -> None:
        foreign = verdict(Sniffer(), b"GET / HTTP/1.1\r\n\r\n")
        assert foreign is not None
        page = "http://10.0.0.7:8080/"
        head, _, body = answer_to(foreign, page).partition(b"\r\n\r\n")
        status, *headers = head.decode("ascii").split("\r\n")
        assert status == "HTTP/1.1 303 See Other"
        assert f"Location: {page}" in headers
        assert f"Content-Length: {len(body)}" in headers
        assert page.encode() in body
        assert answer_to(foreign) == foreign.answer

    def test_others_are_not(self) -> None:
        foreign = verdict(Sniffer(), b"SSH-2.0-x\r\n")
        assert foreign is not None
        assert answer_to(foreign, "http://10.0.0.7:8080/") == foreign.answer

    def test_ssh_gets_one_line(self) -> None:
        answer = self.answer_to(b"SSH-2.0-x\r\n")
        assert answer.count(b"\n") == 1
        assert answer.endswith(b"\r\n")
        assert answer.isascii()

    def test_what_ssh_gets_is_not_an_identification(self) -> None:
        assert not self.answer_to(b"SSH-2.0-x\r\n").startswith(b"SSH-")

    @pytest.mark.parametrize("method", ["POST", "PUT", "OPTIONS", "DELETE"])
    @pytest.mark.parametrize("rest", [" / HTTP/1.1\r\n", " /" + 250 * "x"])
    def test_what_a_form_of_another_site_sends_does_not_lead_to_the_page(
        self, method: str, rest: str
    ) -> None:
        foreign = Sniffer().look(f"{method}{rest}".encode("ascii"))
        if method != "DELETE" or "HTTP" in rest:
            assert foreign is not None
            assert foreign.protocol == "HTTP"
            assert b"303" not in answer_to(foreign, "http://10.0.0.7:8080/")
