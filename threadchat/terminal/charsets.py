"""Choose a client's encoding: from what it offers (RFC 2066), and what Windows' console uses.

Pure functions: `ClientTerminal` applies what they return.
"""

from threadchat.text.encodings import usable_encoding

MAX_CHARSETS = 16
"""How many of the charsets that a client offers are looked at."""

REQUEST, _ACCEPTED, _REJECTED = b"\x01", b"\x02", b"\x03"
"""The first byte of a CHARSET subnegotiation."""

OEM_CODE_PAGES = {
    "cp1250": "cp852",
    "cp1251": "cp866",
    "cp1252": "cp437",
    "cp1253": "cp737",
    "cp1254": "cp857",
    "cp1255": "cp862",
    "cp1257": "cp775",
    "cp1258": "cp1258",
}
"""The code page of Windows' windows, and the one of its console. telnet.exe uses the second."""

COMMON_ENCODINGS = frozenset({*OEM_CODE_PAGES, *OEM_CODE_PAGES.values(), "cp850", "latin-1"})
"""The usual encodings of clients that do not send UTF-8."""


def oem_code_page(fallback: str) -> str:
    """Return the encoding of a Windows console where that of other clients is `fallback`."""
    return OEM_CODE_PAGES.get(fallback, "cp437")


def answer_request(payload: bytes) -> tuple[str | None, bytes]:
    """Return the encoding to use, if any, and the answer to a CHARSET REQUEST (RFC 2066).

    UTF-8 is taken if it is offered, else the first charset that we know.
    """
    offer = payload.removeprefix(REQUEST)
    if offer.startswith(b"[TTABLE]"):
        offer = offer[len(b"[TTABLE]") + 1 :]
    names = offer[1:].split(offer[:1]) if offer else []
    for name in sorted(names[:MAX_CHARSETS], key=lambda name: name.upper() != b"UTF-8"):
        try:
            return usable_encoding(name.decode("ascii")), _ACCEPTED + name
        except (LookupError, UnicodeError, ValueError):
            continue
    return None, _REJECTED
