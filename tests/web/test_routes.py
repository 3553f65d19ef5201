"""What is answered at which path, and what is refused before."""

import pytest

from threadchat.web.http import BadRequest, Request, Response, plain_text
from threadchat.web.routes import Route, Routes


def answer(words: str) -> Response:
    return plain_text(200, words)


def refuse(request: Request) -> None:
    if request.query == "bad":
        raise BadRequest(403, "No.")


ROUTES = Routes(
    {
        "/health": Route(lambda request: answer("health")),
        "/post/": Route(lambda request: answer(request.path), ("POST",), 9, refuse),
    },
    lambda request: answer("page"),
)


def body(path: str, method: str = "GET", query: str = "") -> bytes:
    return ROUTES.answer(Request(method, path, query, [("host", "desk")])).body


def test_each_path_has_its_answer() -> None:
    assert body("/health") == b"health\n"
    assert body("/health", "HEAD") == b"health\n"
    for path in ("/", "/health/", "/health/x", "/posts", "//post/"):
        assert body(path) == b"page\n"
    for path in ("/post/x", "/post/", "/post", "/post/x/y"):
        assert body(path, "POST") == f"{path}\n".encode()


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("POST", "/health", "GET, HEAD"), ("GET", "/post/x", "POST"), ("PUT", "/post/x", "POST")],
)
def test_other_methods_are_refused(method: str, path: str, allowed: str) -> None:
    with pytest.raises(BadRequest) as caught:
        body(path, method)
    assert caught.value.response.status == 405
    assert dict(caught.value.response.headers)["Allow"] == allowed
    line = f"{method} does nothing here. Send {allowed.replace(', ', ' or ')}.\n"
    assert caught.value.response.body == line.encode()


def test_a_body_is_refused_before_it_is_read() -> None:
    assert ROUTES.max_body(Request("POST", "/post/x", "", [])) == 9
    assert ROUTES.max_body(Request("POST", "/health", "", [])) == 0
    assert ROUTES.max_body(Request("POST", "/other", "", [])) == 0
    for method, query, status in (("POST", "bad", 403), ("PUT", "", 405)):
        with pytest.raises(BadRequest) as caught:
            ROUTES.max_body(Request(method, "/post/x", query, []))
        assert caught.value.response.status == status
    with pytest.raises(BadRequest):
        body("/post/x", "POST", "bad")


def test_what_is_refused_everywhere() -> None:
    routes = Routes({"/health": Route(lambda request: answer("health"))}, answer_page, refuse)
    for path in ("/health", "/"):
        with pytest.raises(BadRequest, match="No"):
            routes.answer(Request("GET", path, "bad", []))
        with pytest.raises(BadRequest, match="No"):
            routes.max_body(Request("GET", path, "bad", []))


def answer_page(request: Request) -> Response:
    return answer("page")
