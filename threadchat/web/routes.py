"""Find out what is answered at a path of the web port, and what may not be asked there."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from threadchat.web.http import BadRequest, Request, Response, wrong_method
from threadchat.web.pagefiles import security_headers

Answer = Callable[[Request], Response]
"""Returns the answer to a request."""

Check = Callable[[Request], None]
"""Raises `BadRequest` for a request that gets no other answer."""


def allow_all(request: Request) -> None:
    """Raise nothing."""


@dataclass(frozen=True, slots=True)
class Route:
    """What is answered at a path, or at all paths below one.

    `check` is called once the head is there, before any body is read, and again before the answer.
    """

    answer: Answer
    methods: Sequence[str] = ("GET", "HEAD")
    max_body: int = 0
    """The most bytes of a request's body."""
    check: Check = allow_all


class Routes:
    """The routes of the web port by their paths.

    A path that ends with a slash stands for all below it, too. `otherwise` answers at all paths
    that are none of these, where no request may have a body. `check` is that of all of them.
    """

    def __init__(
        self, routes: Mapping[str, Route], otherwise: Answer, check: Check = allow_all
    ) -> None:
        self._routes = routes
        self._otherwise = otherwise
        self._check = check

    def max_body(self, request: Request) -> int:
        """Return how many bytes the body of `request` may have; raise `BadRequest`."""
        self._check(request)
        route = self._find(request.path)
        if route is None or not route.max_body:
            return 0
        _check_route(route, request)
        return route.max_body

    def answer(self, request: Request) -> Response:
        """Return the answer to `request`; raise `BadRequest`."""
        self._check(request)
        route = self._find(request.path)
        if route is None:
            return self._otherwise(request)
        _check_route(route, request)
        return route.answer(request)

    def _find(self, path: str) -> Route | None:
        above = "/".join(path.split("/", 2)[:2])
        return self._routes.get(path) or self._routes.get(f"{above}/")


def _check_route(route: Route, request: Request) -> None:
    if request.method not in route.methods:
        allowed = ("Allow", ", ".join(route.methods))
        headers = security_headers(request.value("host"))
        raise BadRequest(405, wrong_method(request, route.methods), [allowed, *headers])
    route.check(request)
