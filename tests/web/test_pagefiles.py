"""The files of the page: how they are answered."""

import gzip
from pathlib import Path

import pytest

from threadchat.web.http import HttpConnection, Request
from threadchat.web.pagefiles import Page, security_headers

ROOT = Path(__file__).parents[2]
PAGE = Page(8000)


def asked(path: str, *headers: tuple[str, str], method: str = "GET") -> Request:
    return Request(method, path, "", [("host", "desk:8080"), *headers])


@pytest.mark.parametrize("path", PAGE.paths)
def test_each_file_is_answered_with_its_type_and_its_tag(path: str) -> None:
    response = PAGE.answer(asked(path))
    headers = dict(response.headers)
    assert response.status == 200
    assert response.body
    assert headers["Cache-Control"] == "no-cache"
    assert headers["X-Content-Type-Options"] == "nosniff"
    known = PAGE.answer(asked(path, ("if-none-match", headers["ETag"])))
    assert (known.status, known.body) == (304, b"")
    assert dict(known.headers)["ETag"] == headers["ETag"]


@pytest.mark.parametrize("path", PAGE.paths)
def test_each_file_comes_compressed_to_a_client_that_takes_that(path: str) -> None:
    plain = PAGE.answer(asked(path))
    packed = PAGE.answer(asked(path, ("accept-encoding", "br, GZIP;q=0.5")))
    assert gzip.decompress(packed.body) == plain.body
    headers, before = dict(packed.headers), dict(plain.headers)
    assert headers.pop("Content-Encoding") == "gzip"
    assert headers.pop("ETag") != before.pop("ETag")
    assert headers == before
    assert headers["Vary"] == "Accept-Encoding"
    etag = dict(packed.headers)["ETag"]
    known = asked(path, ("accept-encoding", "gzip"), ("if-none-match", etag))
    assert (PAGE.answer(known).status, PAGE.answer(known).body) == (304, b"")
    assert "Content-Encoding" not in dict(PAGE.answer(known).headers)
    # The other bytes have another tag.
    assert PAGE.answer(asked(path, ("if-none-match", etag))).status == 200


@pytest.mark.parametrize("accepted", ["", "br", "gzip;q=0", "gzip; q=0.000", "identity, xgzip"])
def test_another_client_gets_it_as_it_is(accepted: str) -> None:
    response = PAGE.answer(asked("/main.js", ("accept-encoding", accepted)))
    assert "Content-Encoding" not in dict(response.headers)
    assert b"import" in response.body


def test_all_that_a_browser_gets_is_little() -> None:
    sent = 0
    for path in PAGE.paths:
        http = HttpConnection()
        head = f"GET {path} HTTP/1.1\r\nHost: desk\r\nAccept-Encoding: gzip\r\n\r\n"
        request = http.receive(head.encode())
        assert request is not None
        sent += len(http.answer(PAGE.answer(request), to=request))
    assert sent < 50_000


@pytest.mark.parametrize("tags", ["W/{}", '"other", {}', "*"])
def test_a_tag_may_be_written_in_other_ways(tags: str) -> None:
    etag = dict(PAGE.answer(asked("/")).headers)["ETag"]
    assert PAGE.answer(asked("/", ("if-none-match", tags.format(etag)))).status == 304


def test_another_tag_is_not_known() -> None:
    assert PAGE.answer(asked("/", ("if-none-match", '"other"'))).status == 200


@pytest.mark.parametrize("path", ["/page/", "/index.html", "//", "/../web/handler.py", "/%2e%2e/"])
def test_nothing_else_is_there(path: str) -> None:
    assert PAGE.answer(asked(path)).status == 404


def test_the_policy_allows_no_script_of_elsewhere() -> None:
    policy = dict(security_headers("desk:8080"))["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "connect-src 'self' ws://desk:8080 wss://desk:8080;" in policy
    assert "frame-ancestors 'none'" in policy


def test_the_files_are_small_and_ask_for_nothing_from_elsewhere() -> None:
    bodies = [PAGE.answer(asked(path)).body for path in PAGE.paths]
    assert sum(map(len, bodies)) < 60 * 1024
    for body in bodies:
        assert b"innerHTML" not in body
        for address in (b"http://", b"https://"):
            for at in range(body.count(address)):
                rest = body.split(address)[at + 1]
                assert rest.startswith((b"www.w3.org/", b"/", b"'", b'"', b"`", b"|", b"[", b")"))


def test_all_modules_are_asked_for_at_once() -> None:
    link = dict(PAGE.answer(asked("/")).headers)["Link"]
    modules = [path for path in PAGE.paths if path.endswith(".js")]
    assert "/outbox.js" in modules
    assert link == ", ".join(f"<{path}>; rel=modulepreload" for path in modules)


@pytest.mark.parametrize(
    ("host", "shown"), [("desk:8080", "desk"), ("[fd00::1]:8080", "fd00::1"), ("a<b", "")]
)
def test_without_scripts_it_says_how_to_join(host: str, shown: str) -> None:
    answer = PAGE.answer(Request("GET", "/", "", [("host", host)]))
    assert f"<pre>telnet {shown} 8000</pre>".encode() in answer.body
    other = Page(8000).answer(Request("GET", "/", "", [("host", "other")]))
    assert dict(other.headers)["ETag"] != dict(answer.headers)["ETag"]
