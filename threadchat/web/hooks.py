"""Take posts to hooks: who may send one, what it says, and what the sender is answered.

The token of a hook is a part of the address that is posted to. It is in no log and in no answer.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

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


def _wait(seconds: int, line: str) -> BadRequest:
    return BadRequest(429, line, [("Retry-After", str(seconds))])


@dataclass(frozen=True, slots=True)
class HookDoor:
    """The door for posts that come in on one connection.

    `note_refusal` logs one, `origin` is the sender's address and that of ours which it reached,
    `address` the sender's with its port. `fallback` is the encoding of what is no UTF-8.
    """

    hooks: Hooks
    tries: Tries
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
            raise BadRequest(403, "A page in a browser may not do that. Use curl, or a program.")
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
                raise _wait(seconds, line) from None
            raise BadRequest(404, str(error)) from None

    def _answer(self, request: Request) -> Response:
        words = words_in(request, self.fallback)
        try:
            self.hooks.say(self._find(request), words, self.origin[0], self.address)
        except TooFast as error:
            raise _wait(error.seconds, str(error)) from None
        except (NothingToSay, MayNotSpeak, NoSuchHook, TooManyLines) as error:
            raise BadRequest(_STATUS[type(error)], str(error)) from None
        # To the letter what Slack answers: senders compare it.
        headers = [("Content-Type", "text/plain"), *security_headers(request.value("host"))]
        return Response(200, headers, b"ok")
