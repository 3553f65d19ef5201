"""Take posts to hooks: who may send one, what it says, and what the sender is answered.

The token of a hook is a part of the address that is posted to. It is in no log and in no answer.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event

from threadchat.access.limiter import Refusal, RefusedFor, Tries
from threadchat.chat.hooks import (
    Hook,
    Hooks,
    MayNotSpeak,
    NoSuchHook,
    NothingToSay,
    TooFast,
    TooManyLines,
)
from threadchat.web.guards import is_from_a_page
from threadchat.web.http import BadRequest, Request, Response
from threadchat.web.pagefiles import security_headers
from threadchat.web.posts import words_in
from threadchat.web.routes import Route

PATH = "/hook/"
"""The path of all hooks; behind it stands the token."""

MAX_POST = 16 * 1024
"""The most bytes of a post."""

_STATUS = {
    NothingToSay: 400,
    MayNotSpeak: 403,
    NoSuchHook: 404,
    TooManyLines: 413,
}


def _refused(
    request: Request, status: int, error: Exception | str, wait: int | None = None
) -> BadRequest:
    """Return a refusal; with `wait`, it says after how many seconds to come again."""
    headers = security_headers(request.value("host"))
    if wait is not None:
        headers = [("Retry-After", str(wait)), *headers]
    return BadRequest(status, str(error), headers)


@dataclass(frozen=True, slots=True)
class HookDoor:
    """The door for posts that come in on one connection.

    `stopping` is set once the server stops. `note_refusal` logs a refusal. `origin` is the sender's
    address and that of ours which it reached, `address` the sender's with its port. `fallback` is
    the encoding of what is no UTF-8.
    """

    hooks: Hooks
    tries: Tries
    stopping: Event
    note_refusal: Callable[[Refusal], None]
    origin: tuple[str, str]
    address: str
    fallback: str

    @property
    def route(self) -> Route:
        """What is answered below `PATH`."""
        return Route(self._answer, ("POST",), MAX_POST, self._check)

    def _check(self, request: Request) -> None:
        if is_from_a_page(request):
            line = "A page in a browser may not do that. Use curl, or a program."
            raise _refused(request, 403, line)
        self._find(request)

    def _find(self, request: Request) -> Hook:
        try:
            return self.hooks.find(request.path.removeprefix(PATH))
        except NoSuchHook as error:
            # A right token is let in whatever came before: many programs may share an address, and
            # one of them may have an old token. What keeps guesses out is the length of tokens.
            self.note_refusal(Refusal(RefusedFor.NO_SUCH_HOOK, str(error)))
            if delay := self.tries.delay_for(*self.origin):
                seconds = math.ceil(delay)
                line = f"That was no hook, and others before were none. Wait {seconds} s."
                raise _refused(request, 429, line, seconds) from None
            raise _refused(request, 404, error) from None

    def _answer(self, request: Request) -> Response:
        if self.stopping.is_set():
            line = "The server is stopping. Send that again when it is back."
            raise _refused(request, 503, line)
        words = words_in(request, self.fallback)
        try:
            self.hooks.say(self._find(request), words, self.origin[0], self.address)
        except TooFast as error:
            raise _refused(request, 429, error, error.seconds) from None
        except (NothingToSay, MayNotSpeak, NoSuchHook, TooManyLines) as error:
            raise _refused(request, _STATUS[type(error)], error) from None
        # To the letter what Slack answers: senders compare it.
        headers = [("Content-Type", "text/plain"), *security_headers(request.value("host"))]
        return Response(200, headers, b"ok")
