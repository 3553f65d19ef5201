"""Draw the picture by which people bring in others: a QR code of the page, with its address below.

An own SVG rather than that of `segno`, as the page shows it as a picture and cannot add the words.
"""

import ipaddress
from collections.abc import Callable, Sequence
from html import escape

from threadchat.text.qrcode import qr_modules
from threadchat.web.http import Response

_TEXT_ROWS = 4  # modules of height for the line with the address


def address_for_others(
    host: str, scheme: str, reached: str, on_the_lan: Callable[[], Sequence[str]]
) -> str:
    """Return the address of the page that others are to open.

    It is the one that this page has, with its `host` and `scheme`. If that came in at a loopback
    address, which means another machine elsewhere, it is the first of `on_the_lan()`.
    """
    if ipaddress.ip_address(reached.partition("%")[0]).is_loopback:
        return next(iter(on_the_lan()), f"{scheme}://{host}/")
    return f"{scheme}://{host}/"


def invitation(url: str) -> Response:
    """Return the picture for `url`: the address alone if there is no package for QR codes."""
    rows = qr_modules(url) or []
    width = len(rows) or 33
    height = len(rows) + _TEXT_ROWS
    size = min(2.2, 1.6 * width / len(url))  # a letter of a plain font is at most 0.6 em wide
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">'
        f'<rect width="{width}" height="{height}" fill="#fff"/>'
        f'<path d="{"".join(_runs(rows))}" shape-rendering="crispEdges"/>'
        f'<text x="{width / 2}" y="{height - _TEXT_ROWS / 2}" font-size="{size:.2f}"'
        f' font-family="system-ui, sans-serif" text-anchor="middle">{escape(url)}</text></svg>'
    )
    headers = [("Content-Type", "image/svg+xml"), ("Cache-Control", "no-store")]
    return Response(200, headers, svg.encode())


def _runs(rows: Sequence[Sequence[bool]]) -> list[str]:
    """Return a path for each row of dark modules that stand together."""
    paths = []
    for y, row in enumerate(rows):
        x = 0
        while x < len(row):
            length = 0
            while row[x + length]:
                length += 1
            if length:
                paths.append(f"M{x} {y}h{length}v1h-{length}z")
            x += length + 1
    return paths
