"""Read where a link goes: the address of the broker, and the name of the servers together.

The form is that of a Redis client, with the name behind `#`: `redis://host:6379/0#office`.
"""

from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from threadchat.errors import OperatorError
from threadchat.text.names import BadName, clean_name, fold_name

EXAMPLE = "redis://127.0.0.1:6379/0#office"

_SCHEMES = ("redis", "rediss", "unix")


class BadLink(OperatorError):
    """A link cannot be made like that. The text is one line: what is wrong, and the way out."""


@dataclass(frozen=True, slots=True)
class LinkAddress:
    """A broker, and the name under which several servers are one there.

    `url` is for the client, with its password if there is one. `shown` may be shown to anybody.
    """

    url: str
    cluster: str
    shown: str


def parse_link(text: str, password: str = "") -> LinkAddress:
    """Return what `text` says; `password` is the broker's, if it is not in the text.

    Raise `BadLink`.
    """
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise _bad("the machine or the port behind it cannot be read") from None
    if parts.scheme not in _SCHEMES:
        raise _bad("it begins with redis://, with rediss:// for TLS, or with unix://")
    if parts.scheme == "unix" and not parts.path.strip("/"):
        raise _bad("unix:// needs the path of a socket")
    if parts.scheme != "unix":
        if not parts.hostname:
            raise _bad("it needs the name or the address of the broker's machine")
        if not (parts.path.strip("/") or "0").isdecimal():
            raise _bad("the database behind the port is a number, such as 0")
        if port == 0:
            raise _bad("the port is a number from 1 to 65535")
    if parts.query:
        raise _bad("it takes no options behind a ?")
    if not parts.fragment:
        raise _bad("it needs a name behind a #, the same for all servers that are to be one")
    try:
        cluster = fold_name(clean_name(parts.fragment))
    except BadName as error:
        why = str(error).removesuffix(".")
        raise _bad(f"the servers cannot be called that. {why}") from None
    if parts.password and password:
        raise _bad("it has a password, and there is a file with one, too: leave out one of them")
    shown = parts.netloc.rpartition("@")[2]
    netloc = parts.netloc
    if password:
        user = quote(parts.username or "", safe="")
        netloc = f"{user}:{quote(password, safe='')}@{shown}"
    return LinkAddress(
        f"{parts.scheme}://{netloc}{parts.path}",
        cluster,
        f"{parts.scheme}://{shown}{parts.path}#{cluster}",
    )


def _bad(why: str) -> BadLink:
    # The text itself is not repeated: it may have a password in it.
    return BadLink(f"that is no link: {why}. An example: {EXAMPLE}")
