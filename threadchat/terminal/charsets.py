"""Choose a client's encoding: of those that it offers, or by the windows that it runs under."""

from threadchat.text.encodings import usable_encoding

MAX_CHARSETS = 16
"""How many of the charsets that a client offers are looked at."""

# The code page of Windows' console where the one of its windows is the key: telnet.exe uses it.
_CONSOLE_CODE_PAGES = {
    "cp1250": "cp852",
    "cp1251": "cp866",
    "cp1252": "cp437",
    "cp1253": "cp737",
    "cp1254": "cp857",
    "cp1255": "cp862",
    "cp1257": "cp775",
    "cp1258": "cp1258",
}

COMMON_ENCODINGS = frozenset(
    {*_CONSOLE_CODE_PAGES, *_CONSOLE_CODE_PAGES.values(), "cp850", "latin-1"}
)
"""What clients' bytes are in, as a rule, if not in UTF-8."""

_ACCEPTED, _REJECTED = b"\x02", b"\x03"


def console_code_page(encoding: str) -> str:
    """Return the encoding of Windows' console where its windows have `encoding`."""
    return _CONSOLE_CODE_PAGES.get(encoding, "cp437")


def choose_charset(request: bytes) -> tuple[bytes, str | None]:
    """Choose from a CHARSET REQUEST (RFC 2066): UTF-8 if it is offered, else what we know first.

    Return the answer to send, and the encoding, or None if all had to be rejected.
    """
    if request.startswith(b"[TTABLE]"):
        request = request[len(b"[TTABLE]") + 1 :]
    offered = request[1:].split(request[:1]) if request else []
    for name in sorted(offered[:MAX_CHARSETS], key=lambda name: name.upper() != b"UTF-8"):
        try:
            return _ACCEPTED + name, usable_encoding(name.decode("ascii"))
        except (LookupError, UnicodeError, ValueError):
            continue
    return _REJECTED, None
