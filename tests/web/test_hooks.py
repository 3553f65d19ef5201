"""Posts to hooks at the web port: who may send one, and what the sender is answered."""

import http.client
import json
import shutil
import socket
import ssl
import subprocess
import threading
from pathlib import Path
from urllib.parse import quote_plus

import pytest

from tests.end_to_end.test_escape_injection import TEXTS, UNSAFE
from tests.net.test_tls import DATA
from tests.support.clock import Clock
from tests.support.pages import Page
from tests.support.servers import WatchingConsole, run_server
from threadchat import ChatServer, Limits, parse_allowed
from threadchat.access.bans import parse_target
from threadchat.access.passphrase import make
from threadchat.monitoring.eventlog import EventLog
from threadchat.net.certificate import Certificate
from threadchat.storage.records import Records
from threadchat.storage.sqlitehistory import StoredHistory
from threadchat.testing import DEADLINE, Client
from threadchat.web import requests
from threadchat.web.hooks import MAX_POST
from threadchat.web.http import Stage

Served = tuple[ChatServer, WatchingConsole]

Answer = tuple[int, str]


def port_of(server: ChatServer) -> int:
    assert server.web_listener is not None
    return int(server.web_listener.server_address[1])


def add(server: ChatServer, name: str = "ci", room: str = "lobby") -> str:
    """Make a hook, and return its path."""
    return f"/hook/{server.chat.hooks.add(name, room)[1]}"


def post(
    server: ChatServer,
    path: str,
    body: bytes | str = "hi",
    headers: dict[str, str] | None = None,
    method: str = "POST",
) -> Answer:
    status, _, answer = exchange(server, path, body, headers, method)
    return status, answer


def exchange(
    server: ChatServer,
    path: str,
    body: bytes | str = "hi",
    headers: dict[str, str] | None = None,
    method: str = "POST",
) -> tuple[int, dict[str, str], str]:
    connection = http.client.HTTPConnection("127.0.0.1", port_of(server), timeout=DEADLINE)
    try:
        data = body.encode() if isinstance(body, str) else body
        connection.request(method, path, data, headers or {})
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read().decode()
    finally:
        connection.close()


def raw_answer(server: ChatServer, *parts: bytes) -> bytes:
    """Send `parts`, and return all that comes until the server ends the connection."""
    with socket.create_connection(("127.0.0.1", port_of(server)), DEADLINE) as raw:
        for part in parts:
            raw.sendall(part)
        answer = b""
        while more := raw.recv(65536):
            answer += more
        return answer


NO_HOOK = "There is no such hook. Ask the person who runs the server for another.\n"


class TestSaying:
    def test_it_is_said_by_the_hook_to_everybody(self, server: ChatServer) -> None:
        path = add(server)
        with Client(server, "al") as al, Page(server, "bo") as bo:
            assert post(server, path, "build 512 failed") == (200, "ok")
            al.expect("ci: build 512 failed\r\n")
            line = bo.expect("say", name="ci", text="build 512 failed", room="lobby")
            assert line["seq"] == 1
            al.type("oh")
            bo.expect("say", name="al", text="oh", seq=2)

    def test_json_is_understood(self, server: ChatServer) -> None:
        path = add(server)
        with Client(server, "al") as al:
            message = json.dumps({"text": "one\ntwo", "username": "operator"})
            assert post(server, path, message, {"Content-Type": "application/json"})[0] == 200
            al.expect("ci: one\r\nci: two\r\n")

    def test_what_it_says_is_made_safe(self, server: ChatServer) -> None:
        path = add(server)
        with Client(server, "al") as al:
            assert post(server, path, "\x1b[31mred\x07\r\nbo: forged\r\x1b]0;x\x07=== y")[0] == 200
            al.expect("ci: red\r\nci: bo: forged\r\nci: === y\r\n")

    def test_nothing_that_could_harm_a_screen_comes_through(self, server: ChatServer) -> None:
        path = add(server)
        hook = server.chat.hooks.find(path.removeprefix("/hook/"))
        hook.allowance._burst = hook.allowance._left = 1e9
        with Client(server, "al") as al, Page(server, "bo") as bo:
            for text in TEXTS:
                for body, kind in (
                    (text, "text/plain"),
                    (json.dumps({"text": text}), "application/json"),
                    (f"text={quote_plus(text)}", "application/x-www-form-urlencoded"),
                ):
                    assert post(server, path, body, {"Content-Type": kind})[0] == 200
            assert post(server, path, "fence")[0] == 200
            al.expect("ci: fence\r\n")
            bo.expect("say", text="fence")
            lines = al.received.decode().split("\r\n")
            # A line that is said begins with who says it, whatever it holds.
            said_lines = lines[1 + next(at for at, it in enumerate(lines) if "Welcome" in it) : -1]
            assert all(it.startswith(("ci: ", "--> bo joined")) for it in said_lines)
            shown = "".join(lines) + "".join(it["text"] for it in bo.kinds("say"))
            assert UNSAFE.isdisjoint(shown)

    def test_it_is_said_over_tls_too(self) -> None:
        certificate = Certificate(str(DATA / "certificate.pem"), str(DATA / "key.pem"))
        with run_server(
            web_address=("127.0.0.1", 0), tls=certificate, tls_address=("127.0.0.1", 0)
        ) as (server, console):
            trusting = ssl.create_default_context()
            trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
            connection = http.client.HTTPSConnection(
                "127.0.0.1", port_of(server), timeout=DEADLINE, context=trusting
            )
            with Client(server, "al") as al:
                connection.request("POST", add(server), b"by https")
                assert connection.getresponse().read() == b"ok"
                connection.close()
                al.expect("ci: by https\r\n")
            console.troubles.clear()  # of a certificate that ends soon

    def test_it_is_remembered_and_logged_by_its_name_and_its_token_is_nowhere(
        self, tmp_path: Path
    ) -> None:
        file, log_file = tmp_path / "chat.db", tmp_path / "log.jsonl"
        history, records = StoredHistory(file, print), Records(file)
        log = EventLog(log_file, print, messages=True)
        with run_server(
            watchers=[log], web_address=("127.0.0.1", 0), history=history, records=records
        ) as (server, console):
            path = add(server, "ci", "games")
            assert post(server, path, "build 512 failed")[0] == 200
            assert post(server, path, "x", {"Content-Type": "image/png"})[0] == 415
            assert post(server, path + "x")[0] == 404
            with Client(server, "al") as al:
                al.type("/join games")
                al.expect("ci: build 512 failed\r\n")
                al.type("/search 512")
                al.expect("games ci: build 512 failed\r\n")
        log.close()
        lines = [json.loads(line) for line in log_file.read_text().splitlines()]
        (said,) = (line for line in lines if line["event"] == "say")
        assert (said["name"], said["room"], said["text"]) == ("ci", "games", "build 512 failed")
        (posted,) = (line for line in lines if line["event"] == "posted")
        assert posted["door"] == "hook"
        assert posted["address"].startswith("127.0.0.1:")
        (refused,) = (line for line in lines if line["event"] == "refused")
        assert refused["why"] == "no such hook"
        token = path.removeprefix("/hook/")
        shown = console.file.getvalue()
        assert "no such hook" in shown
        for text in (shown, log_file.read_text(), *map(str, server.chat.hooks.all())):
            assert token not in text
        for stored in tmp_path.iterdir():
            assert token.encode() not in stored.read_bytes()

    def test_it_is_no_client(self, served: Served) -> None:
        server, console = served
        for name in ("ci", "cron", "backup"):
            assert post(server, add(server, name))[0] == 200
        assert "connected" not in console.file.getvalue()
        assert server.stats().connections == 0
        assert server.stats().messages == 3

    def test_a_connection_may_bring_several(self, server: ChatServer) -> None:
        path = add(server).encode()
        request = b"POST " + path + b" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\n"
        with Client(server, "al") as al:
            answer = raw_answer(server, request + b"one" + request + b"two", b"nonsense\r\n\r\n")
            assert answer.count(b"HTTP/1.1 200 ") == 2
            al.expect("ci: one\r\nci: two\r\n")


class TestBodies:
    def test_one_that_waits_to_be_asked_for(self, server: ChatServer) -> None:
        head = b"POST %s HTTP/1.1\r\nHost: localhost\r\n" % add(server).encode()
        head += b"Expect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n"
        with socket.create_connection(("127.0.0.1", port_of(server)), DEADLINE) as raw:
            raw.sendall(head)
            assert raw.recv(65536).startswith(b"HTTP/1.1 100 Continue\r\n")
            raw.sendall(b"hi")
            assert raw.recv(65536).startswith(b"HTTP/1.1 200 ")

    @pytest.mark.parametrize(
        ("path", "headers", "status"),
        [
            ("/hook/wrong", b"", 404),
            ("", b"Origin: http://localhost\r\n", 403),
            ("", b"Content-Length: 99999\r\n", 413),
        ],
    )
    def test_what_is_refused_is_refused_without_its_body(
        self, server: ChatServer, path: str, headers: bytes, status: int
    ) -> None:
        length = b"" if b"Length" in headers else b"Content-Length: 9000\r\n"
        target = (path or add(server)).encode()
        answer = raw_answer(
            server,
            b"POST %s HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n" % target,
            headers + length + b"\r\n",
        )
        assert answer.startswith(b"HTTP/1.1 %d " % status)
        assert b"100 Continue" not in answer

    def test_one_in_chunks(self, server: ChatServer) -> None:
        head = b"POST %s HTTP/1.1\r\nHost: localhost\r\n" % add(server).encode()
        head += b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        with Client(server, "al") as al:
            answer = raw_answer(server, head, b"2\r\nhi\r\n", b"1;x=y\r\n!\r\n0\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 200 ")
            al.expect("ci: hi!\r\n")

    def test_one_of_java_which_offers_another_protocol(self, server: ChatServer) -> None:
        head = b"POST %s HTTP/1.1\r\nHost: localhost\r\n" % add(server).encode()
        head += b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAA"
        with socket.create_connection(("127.0.0.1", port_of(server)), DEADLINE) as raw:
            raw.sendall(head + b"\r\nContent-Length: 2\r\n\r\nhi")
            assert raw.recv(65536).startswith(b"HTTP/1.1 200 ")

    def test_one_of_16_kib_is_taken_and_a_longer_one_not(self, server: ChatServer) -> None:
        path = add(server)
        words = "x" * (MAX_POST - 4)
        line = "The body may have 16384 bytes. Send less, or a link to all of it.\n"
        assert post(server, path, f"{words}12345") == (413, line)
        chunks = b"POST %s HTTP/1.1\r\nHost: localhost\r\n" % path.encode()
        chunks += b"Transfer-Encoding: chunked\r\n\r\n4001\r\n" + b"x" * 0x4001 + b"\r\n0\r\n\r\n"
        assert raw_answer(server, chunks).startswith(b"HTTP/1.1 413 ")
        with Client(server, "al") as al:
            assert post(server, path, f"{words}1234") == (200, "ok")
            al.expect("x1234\r\n")

    @pytest.mark.parametrize("sent", [b"", b"hi"])
    def test_one_that_does_not_come_is_waited_for_in_vain_only_a_while(
        self, server: ChatServer, monkeypatch: pytest.MonkeyPatch, sent: bytes
    ) -> None:
        monkeypatch.setitem(requests._IN_TIME, Stage.BODY, 0.05)
        head = b"POST %s HTTP/1.1\r\nHost: localhost\r\n" % add(server).encode()
        answer = raw_answer(server, head, b"Content-Length: 3\r\n\r\n" + sent)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert answer.endswith(b"The body of the request did not come in time.\n")

    def test_one_that_is_cut_off_says_nothing(self, server: ChatServer) -> None:
        path = add(server)
        head = b"POST %s HTTP/1.1\r\nHost: localhost\r\n" % path.encode()
        with Client(server, "al") as al:
            with socket.create_connection(("127.0.0.1", port_of(server)), DEADLINE) as raw:
                raw.sendall(head + b"Content-Length: 9\r\n\r\nhalf")
                raw.shutdown(socket.SHUT_WR)
                assert raw.recv(1) == b""
            assert post(server, path, "whole")[0] == 200
            assert "half" not in al.expect("ci: whole\r\n")


class TestRefusals:
    def test_wrong_and_missing_tokens_are_answered_alike(
        self, server: ChatServer, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert server.web_listener is not None
        add(server)
        answers = []
        for path in ("/hook/", "/hook", "/hook/wrong", "/hook/a/b", "/hook/" + "x" * 4000):
            monkeypatch.setattr(server.web_listener.door.tries, "delay_for", lambda *_: 0.0)
            answers.append(exchange(server, path))
        assert {answer[0] for answer in answers} == {404}
        assert {answer[2] for answer in answers} == {NO_HOOK}
        assert len({str(answer[1]) for answer in answers}) == 1

    def test_whoever_guesses_is_slowed_down_and_nobody_else_is(self) -> None:
        clock = Clock()
        with run_server(web_address=("127.0.0.1", 0), clock=clock) as (server, _):
            path = add(server)
            for wait in (1, 2, 4, 8):
                assert post(server, "/hook/wrong")[0] == 404
                status, headers, line = exchange(server, "/hook/wrong2")
                assert (status, headers["Retry-After"]) == (429, str(wait))
                assert f"Wait {wait} s." in line
                # A program at the same address that has a right one is let in all the same.
                assert post(server, path) == (200, "ok")
                clock.now += wait

    def test_guesses_do_not_keep_people_from_their_passphrases(self) -> None:
        records = Records(None)
        records.protect("al", make("correct horse"))
        with run_server(web_address=("127.0.0.1", 0), records=records) as (server, _):
            for _ in range(5):
                assert post(server, "/hook/wrong")[0] in (404, 429)
            with Client(server) as al:
                al.expect("Your name: ")
                al.type("al")
                al.expect("Passphrase of al")
                al.type("correct horse")
                al.expect("Welcome, al.")

    @pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])
    @pytest.mark.parametrize("is_known", [True, False])
    def test_only_post_is_for_hooks(self, server: ChatServer, method: str, is_known: bool) -> None:
        path = add(server) if is_known else "/hook/wrong"
        status, headers, line = exchange(server, path, "", method=method)
        assert (status, headers["Allow"]) == (405, "POST")
        assert line == ("" if method == "HEAD" else f"{method} does nothing here. Send POST.\n")

    @pytest.mark.parametrize(
        "headers",
        [
            {"Origin": "http://evil.example"},
            {"Origin": "null"},
            {"Origin": "http://localhost"},
            {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
            {"Sec-Fetch-Site": "same-origin"},
        ],
    )
    def test_no_page_may_post(self, server: ChatServer, headers: dict[str, str]) -> None:
        with Client(server, "al") as al:
            status, line = post(server, add(server), "evil", headers)
            assert (status, line.count("\n")) == (403, 1)
            assert post(server, add(server, "cron"), "good")[0] == 200
            assert "evil" not in al.expect("cron: good\r\n")

    def test_a_program_in_node_may(self, server: ChatServer) -> None:
        headers = {"Sec-Fetch-Mode": "cors", "User-Agent": "node"}
        assert post(server, add(server), "hi", headers)[0] == 200

    def test_by_another_name_it_is_told_which_option_helps(self, server: ChatServer) -> None:
        status, line = post(server, add(server), "hi", {"Host": "ci-chat:8080"})
        assert status == 421
        assert "--web-host" in line

    def test_by_a_name_that_the_operator_gave_it_is_right(self) -> None:
        with run_server(web_address=("127.0.0.1", 0), web_hosts=["ci-chat"]) as (server, _):
            assert post(server, add(server), "hi", {"Host": "ci-chat:8080"})[0] == 200

    @pytest.mark.parametrize(
        ("body", "headers", "status"),
        [
            ("", {}, 400),
            ("\x1b[31m", {}, 400),
            ("x\n" * 21, {}, 413),
            ("{}", {"Content-Type": "application/json"}, 400),
            ("x", {"Content-Type": "multipart/form-data; boundary=x"}, 415),
        ],
    )
    def test_what_cannot_be_said_gets_one_line(
        self, server: ChatServer, body: str, headers: dict[str, str], status: int
    ) -> None:
        answered, line = post(server, add(server), body, headers)
        assert (answered, line.count("\n")) == (status, 1)

    def test_too_much_at_once_is_told_when_to_come_again(self) -> None:
        clock = Clock()
        with run_server(web_address=("127.0.0.1", 0), clock=clock) as (server, _):
            path = add(server)
            for _ in range(3):
                assert post(server, path, "x\n" * 20)[0] == 200
            status, headers, line = exchange(server, path, "x\n" * 5)
            assert (status, headers["Retry-After"]) == (429, "5")
            assert "Wait 5 s" in line
            clock.now += 5
            assert post(server, path, "x\n" * 5)[0] == 200

    def test_an_operator_may_silence_it(self, server: ChatServer) -> None:
        path = add(server)
        server.chat.moderation.mute("ci", 60.0)
        status, line = post(server, path)
        assert (status, line.count("\n")) == (403, 1)
        assert "ci is muted" in line
        server.chat.moderation.unmute("ci")
        server.chat.records.ban(parse_target("127.0.0.1"), "op")
        assert "banned" in post(server, path)[1]

    def test_while_the_server_stops_nothing_is_said(self, server: ChatServer) -> None:
        path = add(server)
        server.stopping.set()
        try:
            status, line = post(server, path)
        finally:
            server.stopping.clear()
        assert (status, line.count("\n")) == (503, 1)
        assert server.chat.hooks.all()[0].used == 0

    def test_one_that_was_ended_is_there_no_more(self, server: ChatServer) -> None:
        path = add(server)
        server.chat.hooks.remove("ci")
        assert post(server, path) == (404, NO_HOOK)
        with Client(server, "ci") as ci:
            ci.type("/quit")

    def test_the_end_counts_for_a_post_whose_body_is_still_to_come(
        self, server: ChatServer
    ) -> None:
        head = b"POST %s HTTP/1.1\r\nHost: localhost\r\n" % add(server).encode()
        head += b"Expect: 100-continue\r\nContent-Length: 4\r\n\r\n"
        with (
            Client(server, "al") as al,
            socket.create_connection(("127.0.0.1", port_of(server)), DEADLINE) as raw,
        ):
            raw.sendall(head)
            assert b" 100 " in raw.recv(65536)
            server.chat.hooks.remove("ci")
            raw.sendall(b"late")
            assert raw.recv(65536).startswith(b"HTTP/1.1 404 ")
            al.type("/who")
            assert "late" not in al.expect("person is here")

    def test_clients_that_are_not_served_cannot_post(self) -> None:
        limits = Limits(parse_allowed(["203.0.113.0/24"]), flood=None)
        with run_server(web_address=("127.0.0.1", 0), limits=limits) as (server, console):
            with pytest.raises((http.client.HTTPException, OSError)):
                post(server, add(server))
            console.troubles.clear()


def test_slow_posts_hold_up_nobody(server: ChatServer) -> None:
    path = add(server)
    head = b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n" % path.encode()
    slow = []
    try:
        for _ in range(20):
            raw = socket.create_connection(("127.0.0.1", port_of(server)), DEADLINE)
            slow.append(raw)
            raw.sendall(head + b"half")
        with Client(server, "al") as al, Client(server, "bo") as bo:
            bo.type("hi")
            al.expect("bo: hi\r\n")
            assert post(server, path, "quick")[0] == 200
            al.expect("ci: quick\r\n")
    finally:
        for raw in slow:
            raw.close()


def test_many_posts_at_once_are_all_said(server: ChatServer) -> None:
    paths = [add(server, f"ci-{name}") for name in "abcdefgh"]
    answers: list[Answer] = []

    def send(path: str) -> None:
        for number in range(5):
            answers.append(post(server, path, f"{number}"))

    threads = [threading.Thread(target=send, args=(path,)) for path in paths]
    with Client(server, "al") as al:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(DEADLINE)
        assert answers == [(200, "ok")] * 40
        assert post(server, add(server, "end"), "fence")[0] == 200
        lines = al.expect("end: fence\r\n").splitlines()
        for name in "abcdefgh":
            own = [line for line in lines if line.startswith(f"ci-{name}: ")]
            assert own == [f"ci-{name}: {number}" for number in range(5)]


CURL = shutil.which("curl")


@pytest.mark.skipif(CURL is None, reason="curl is not installed")
class TestCurl:
    """What the program sends that most people post with."""

    def run(self, server: ChatServer, *arguments: str, path: str = "") -> Answer:
        assert CURL is not None
        known = subprocess.run([CURL, *arguments, "--version"], capture_output=True)
        if known.returncode == 2:
            pytest.skip("this curl cannot send that")
        url = f"http://127.0.0.1:{port_of(server)}{path or add(server)}"
        run = subprocess.run(
            [CURL, "-sS", "--noproxy", "*", "-w", " %{http_code}", *arguments, url],
            capture_output=True,
            timeout=3 * DEADLINE,
        )
        assert run.stderr == b""
        body, _, status = run.stdout.decode().rpartition(" ")
        return int(status), body

    @pytest.mark.parametrize(
        ("arguments", "line"),
        [
            (("-d", "build 512 failed"), "build 512 failed"),
            (("-d", "a=b & c"), "a=b & c"),
            (("-d", '{"text": "hi"}'), "hi"),
            (("-H", "Content-Type: application/json", "-d", '{"text": "hi"}'), "hi"),
            (("--json", '{"text": "hi"}'), "hi"),
            (("-d", "text=a+form"), "a form"),
            (("--data-urlencode", "text=50% & more"), "50% & more"),
            (("-d", 'payload={"text": "a & b"}'), "a & b"),
            (("--data-urlencode", 'payload={"text": "a & b"}'), "a & b"),
            (("-H", "Content-Type: text/plain", "-d", "text=plain"), "text=plain"),
            (("-H", "Transfer-Encoding: chunked", "-d", "in chunks"), "in chunks"),
            (("-H", "Expect: 100-continue", "-d", "asked for"), "asked for"),
            (("--http1.0", "-d", "old"), "old"),
            (("--http2", "-d", "new"), "new"),
        ],
    )
    def test_each_body_is_said(
        self, server: ChatServer, arguments: tuple[str, ...], line: str
    ) -> None:
        with Client(server, "al") as al:
            assert self.run(server, *arguments) == (200, "ok")
            al.expect(f"ci: {line}\r\n")

    def test_a_file_of_several_lines(self, server: ChatServer, tmp_path: Path) -> None:
        file = tmp_path / "words"
        file.write_bytes("one é\r\ntwo\n\nthree".encode())
        with Client(server, "al") as al:
            assert self.run(server, "--data-binary", f"@{file}") == (200, "ok")
            al.expect("ci: one é\r\nci: two\r\nci: three\r\n")

    def test_a_large_one_is_refused_without_a_wait(
        self, server: ChatServer, tmp_path: Path
    ) -> None:
        file = tmp_path / "words"
        file.write_bytes(b"x" * 2_000_000)
        assert self.run(server, "--data-binary", f"@{file}")[0] == 413

    def test_what_curl_sends_to_a_wrong_hook(self, server: ChatServer) -> None:
        assert self.run(server, "-d", "x", path="/hook/wrong") == (404, NO_HOOK)
        assert self.run(server, "-F", "text=x")[0] == 415
        assert self.run(server, "-I", path="/hook/wrong")[0] == 405
