"""Draw the QR code of an address, for a phone's camera to read it off the terminal.

Each row of text shows two rows of modules, by half blocks. The colours are set, black on white,
because a code in the terminal's own colours may be light on dark, which not every camera reads.
"""

from rich.text import Text

from threadchat.text.qrcode import qr_modules

_STYLE = "rgb(0,0,0) on rgb(255,255,255)"
_HALVES = {(0, 0): " ", (1, 0): "\u2580", (0, 1): "\u2584", (1, 1): "\u2588"}

BLOCKS = "".join(_HALVES.values())
"""The characters of which a code is drawn."""


def qr_code(url: str, width: int) -> Text | None:
    """Return the QR code of `url` with the URL below it.

    None if it does not fit into `width` columns, or if the package for it, `segno`, is missing.
    """
    rows = qr_modules(url)
    if rows is None or len(rows[0]) > width:
        return None
    if len(rows) % 2:
        rows = [*rows, [False] * len(rows[0])]
    text = Text()
    for upper, lower in zip(rows[::2], rows[1::2], strict=True):
        line = "".join(_HALVES[pair] for pair in zip(upper, lower, strict=True))
        text.append(line, _STYLE)
        text.append("\n")
    return text.append(url)
