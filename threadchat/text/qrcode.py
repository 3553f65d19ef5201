"""Make the QR code of an address, as rows of dark and light modules."""

from collections.abc import Sequence

from threadchat.text.extras import why_unusable

QUIET = 2
"""The light modules around the code."""


def why_no_codes() -> str:
    """Return why there are no codes, as the end of a line, and the way out; "" if there are."""
    return why_unusable("segno", "web")


def qr_modules(url: str) -> Sequence[Sequence[bool]] | None:
    """Return the rows of the code, True where it is dark; None without the package `segno`."""
    if why_no_codes():
        return None
    import segno

    # In capitals the smallest code does; scheme and host may be written so (RFC 3986, 6.2.2.1).
    # The path is "/" alone, and may be left out.
    code = segno.make(url.rstrip("/").upper(), error="l", boost_error=False, micro=False)
    return [[bool(module) for module in row] for row in code.matrix_iter(border=QUIET)]
