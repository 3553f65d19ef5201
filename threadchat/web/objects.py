"""Read the objects that a page sends, and write those of the server's own.

The README says what they are, in "The wire protocol".
"""

import json
from dataclasses import dataclass

from threadchat.errors import PersonError
from threadchat.messages.codec import as_json

MAX_LINE_NUMBER = 2**53 - 1
"""The largest whole number that JavaScript counts to."""


class BadObject(PersonError):
    """A message is no object of the protocol. The text is one line: what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a question: a name, or a secret."""

    text: str
    is_secret: bool


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it was typed, and its number in the session."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Resume:
    """The wish to go on with an earlier session, from what was seen last."""

    key: str
    room: str
    position: str
    private: int


@dataclass(frozen=True, slots=True)
class Seen:
    """The number `p` of the last private object that the page has."""

    private: int


@dataclass(frozen=True, slots=True)
class Ping:
    """A question whether the server is there."""


@dataclass(frozen=True, slots=True)
class Leave:
    """The end, for good."""


Incoming = Answer | Line | Resume | Seen | Ping | Leave


def read(message: str) -> Incoming:
    """Return what `message` means; raise `BadObject`."""
    try:
        values = json.loads(message)
    except (ValueError, RecursionError):
        raise BadObject("a message is one JSON object") from None
    if not isinstance(values, dict):
        raise BadObject("a message is one JSON object")
    match values.get("kind"):
        case "name":
            return Answer(_text(values, "text"), is_secret=False)
        case "password" | "secret":
            return Answer(_text(values, "text"), is_secret=True)
        case "line":
            return Line(_number(values, "n", 1), _text(values, "text"))
        case "resume":
            return Resume(
                _text(values, "key"),
                _text(values, "room"),
                _text(values, "position"),
                _number(values, "private", 0),
            )
        case "seen":
            return Seen(_number(values, "private", 0))
        case "ping":
            return Ping()
        case "leave":
            return Leave()
        case _:
            raise BadObject(
                "kind is one of name, password, secret, line, resume, seen, ping, leave"
            )


def _text(values: dict[str, object], name: str) -> str:
    text = values.get(name)
    if not isinstance(text, str):
        raise BadObject(f"{name} is a text")
    if text.isprintable():  # nearly always
        return text
    # Half of a surrogate pair is no character, and cannot be sent to anybody.
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return " ".join(whole.splitlines())  # a line is one, and its words stay apart


def _number(values: dict[str, object], name: str, least: int) -> int:
    number = values.get(name)
    if type(number) is not int or not least <= number <= MAX_LINE_NUMBER:
        raise BadObject(f"{name} is a whole number from {least}")
    return number


def taken(number: int) -> bytes:
    """Return the object which says that the line with that number, and all before, are served."""
    return b'{"kind": "taken", "n": %d}\n' % number


def obj(kind: str, **values: object) -> bytes:
    """Return an object of the protocol as a line."""
    return f"{as_json({'kind': kind, **values})}\n".encode("ascii")
