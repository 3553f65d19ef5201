"""Hold the files of the page, and answer requests for them.

The files are package data. They are read once, when the server starts. An ETag by content lets a
browser keep them and still never run an old script with a new server (RFC 9110, section 8.8.3).
Browsers take them compressed, which is less than half as much.
"""

import gzip
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import resources

from threadchat.web.guards import bare_name
from threadchat.web.http import Header, Request, Response, plain_text, wrong_method

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

_METHODS = ("GET", "HEAD")

_NOT_WANTED = re.compile(r"\s*q\s*=\s*0(\.0*)?\s*", re.IGNORECASE)

_COMMAND = b"telnet HOST PORT"  # in index.html


def security_headers(host: str) -> Sequence[Header]:
    """Return the headers that keep a page from doing what it need not do.

    `host` is the request's Host, already checked: Safari does not take a WebSocket for a part of
    'self'.
    """
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
        f" connect-src 'self' ws://{host} wss://{host}; base-uri 'none';"
        " form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script';"
        " trusted-types 'none'"
    )
    return [
        ("Content-Security-Policy", policy),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        ("X-Frame-Options", "DENY"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
    ]


class Page:
    """The files of the page by their paths. Any thread may use it.

    Without scripts, the page says how to join at `chat_port` from a terminal.
    """

    def __init__(self, chat_port: int) -> None:
        self._chat_port = chat_port
        self._files: Mapping[str, Response] = {
            ("/" if it.name == "index.html" else f"/{it.name}"): _file(it.name, it.read_bytes())
            for it in resources.files("threadchat.web").joinpath("page").iterdir()
            if it.name[it.name.rfind(".") :] in _TYPES
        }
        # The index is another one for each name of the server.
        self._packed = {path: _packed(it.body) for path, it in self._files.items() if path != "/"}

    @property
    def paths(self) -> list[str]:
        """The paths of all files."""
        return sorted(self._files)

    def answer(self, request: Request) -> Response:
        """Return the answer to a request for a file, whose Host is right."""
        extra = security_headers(request.value("host"))
        file = self._files.get(request.path)
        if file is None:
            return plain_text(404, "There is no such page. The chat is at /", extra)
        if request.path == "/":
            file = self._with_command(file, request.value("host"))
        if request.method not in _METHODS:
            line = wrong_method(request, _METHODS)
            return plain_text(405, line, [("Allow", ", ".join(_METHODS)), *extra])
        is_packed = _takes_gzip(request)
        if is_packed:
            file = replace(file, headers=_headers_of_packed(file))
        etag = dict(file.headers)["ETag"]
        known = {tag.strip() for tag in request.value("if-none-match").split(",")}
        if etag in known or f"W/{etag}" in known or "*" in known:
            kept = [it for it in file.headers if not it[0].startswith("Content-")]
            return Response(304, [*kept, *extra])
        body = file.body
        if is_packed:
            body = self._packed.get(request.path) or _packed(body)
        return Response(200, [*file.headers, *extra], body)

    def _with_command(self, index: Response, host: str) -> Response:
        command = f"telnet {bare_name(host)} {self._chat_port}"
        file = _file("index.html", index.body.replace(_COMMAND, command.encode()))
        # The browser asks for all modules at once, and not for each when it has read of it.
        modules = [f"<{path}>; rel=modulepreload" for path in self.paths if path.endswith(".js")]
        return replace(file, headers=[*file.headers, ("Link", ", ".join(modules))])


def _file(name: str, body: bytes) -> Response:
    digest = hashlib.sha256(body).hexdigest()[:20]
    return Response(
        200,
        [
            ("Content-Type", _TYPES[name[name.rfind(".") :]]),
            ("ETag", f'"{digest}"'),
            ("Cache-Control", "no-cache"),
            ("Vary", "Accept-Encoding"),
        ],
        body,
    )


def _packed(body: bytes) -> bytes:
    return gzip.compress(body, mtime=0)


def _headers_of_packed(file: Response) -> list[tuple[str, str]]:
    """Return the headers of `file` compressed. Its tag is another one, as its bytes are others."""
    headers = [
        (name, f'{value[:-1]}-gzip"' if name == "ETag" else value) for name, value in file.headers
    ]
    return [*headers, ("Content-Encoding", "gzip")]


def _takes_gzip(request: Request) -> bool:
    """Return whether the client takes what is compressed (RFC 9110, section 12.5.3)."""
    for coding in ",".join(request.values("accept-encoding")).split(","):
        name, _, weight = coding.partition(";")
        if name.strip().lower() == "gzip":
            return not _NOT_WANTED.fullmatch(weight)
    return False
