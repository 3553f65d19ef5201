"""Make the QR code of an address, as rows of dark and light modules."""

from collections.abc import Sequence

QUIET = 2
"""The light modules around the code."""


def qr_modules(url: str) -> Sequence[Sequence[bool]] | None:
    """Return the rows of the code, True where it is dark; None without the package `segno`."""
    try:
        import segno
    except ImportError:
        return None
    # In capitals the smallest code does; scheme and host may be written so (RFC 3986, 6.2.2.1).
    # The path is "/" alone, and may be left out.
    code = segno.make(url.rstrip("/").upper(), error="l", boost_error=False, micro=False)
    return [[bool(module) for module in row] for row in code.matrix_iter(border=QUIET)]
