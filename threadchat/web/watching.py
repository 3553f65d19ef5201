"""Answer programs that watch the server: is it well (`/health`), and its figures (`/metrics`).

What is answered names neither people nor rooms.
"""

from collections.abc import Mapping
from threading import Event
from typing import TYPE_CHECKING, Protocol

from threadchat.access.limits import MetricsFor
from threadchat.chat.chat import Chat
from threadchat.monitoring.linkstate import LinkState
from threadchat.monitoring.stats import Snapshot
from threadchat.net.addresses import address_of
from threadchat.text.extras import why_unusable
from threadchat.web.http import Request, Response, plain_text
from threadchat.web.pagefiles import security_headers
from threadchat.web.routes import Route

if TYPE_CHECKING:
    from threadchat.monitoring.metrics import Metrics

PATIENCE_SECONDS = 2.0
"""How long a write to the history may take before the server is called unwell."""

_NO_CACHE = ("Cache-Control", "no-store")


class Watched(Protocol):
    """What this needs of the server."""

    chat: Chat
    stopping: Event

    def stats(self) -> Snapshot:
        """Return the figures of this moment."""

    def link_state(self) -> LinkState | None:
        """Return how the link with other servers is doing; None for a server that is alone."""


class Watching:
    """What one server answers to such programs. Any thread may use it.

    `metrics_for` says which clients may have the figures, and `host` is the server that has them.
    """

    def __init__(self, metrics_for: MetricsFor, version: str, host: Watched) -> None:
        self._metrics_for = metrics_for
        self._version = version
        self._host = host
        self._metrics: Metrics | None = None

    def routes(self, host: str) -> Mapping[str, Route]:
        """Return the routes for a client at the address `host`."""
        routes = {"/health": Route(self._health)}
        if self._metrics_for != "off":
            may_read = self._metrics_for == "lan" or address_of(host).is_loopback
            routes["/metrics"] = Route(self._figures if may_read else _for_others)
        return routes

    def _health(self, request: Request) -> Response:
        trouble = self._trouble()
        return _answer(request, 503 if trouble else 200, trouble or self._well())

    def _well(self) -> str:
        """Return "ok", and how the link with other servers is doing if there is to be one.

        A server without its link is well: people are served, and what they say is not lost.
        """
        state = self._host.link_state()
        return "ok" if state is None else "; ".join(filter(None, ("ok", state.line, state.pace)))

    def _trouble(self) -> str:
        """Return why the server is not well, in one line; "" if it is."""
        if self._host.stopping.is_set():
            return "The server is stopping."
        history = self._host.chat.history_state
        if history is None:
            return ""
        if not history.is_answering(PATIENCE_SECONDS):
            return "The history does not answer: the disk with its file is slow, or hangs."
        now = history.now()
        if now.is_written:
            return ""
        words = "The history cannot be written. Messages that wait in memory until it can"
        return f"{words}: {now.waiting}"

    def _figures(self, request: Request) -> Response:
        if why := why_no_figures():
            return _answer(request, 501, f"The figures cannot be served: {why}")
        metrics = self._made()
        content_type, text = metrics.render(",".join(request.values("accept")))
        headers = [("Content-Type", content_type), _NO_CACHE]
        return Response(200, [*headers, *security_headers(request.value("host"))], text)

    def _made(self) -> "Metrics":
        # Only here: most servers are never asked, and the extra may be missing.
        from threadchat.monitoring.metrics import Metrics

        # Two threads may both make one; each is as good as the other.
        self._metrics = metrics = self._metrics or Metrics(self._host.stats, self._version)
        return metrics


def why_no_figures() -> str:
    """Return why no server has figures, as the end of a line, and the way out; "" if they have."""
    return why_unusable("threadchat.monitoring.metrics", "metrics")


def _for_others(request: Request) -> Response:
    words = (
        "The figures are for this machine alone. Start the server with --metrics lan for others."
    )
    return _answer(request, 403, words)


def _answer(request: Request, status: int, line: str) -> Response:
    return plain_text(status, line, [_NO_CACHE, *security_headers(request.value("host"))])
