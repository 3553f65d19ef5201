"""Say what a terminal's input costs, in lines for flood control.

All costs are in proportion to the time that the server works: about a millisecond for a whole line.
They are for the usual rate (`USUAL_RATE` in `access.flood`), at which a person that types as fast
as keys repeat, or pastes a line of any length, does not have to wait.
"""

from typing import Final

COMMAND: Final = 1 / 200
"""The cost of each IAC: of a telnet command, or of its end."""

SUBNEGOTIATION: Final = 1 / 50
"""The cost of what a client tells about an option, besides."""

KEY: Final = 1 / 500
"""The cost of a key that is no text."""

CLUSTER_MOVED: Final = 1 / 100_000
"""The cost of such a key for each character in the line: some keys move all of them."""

MARK_DROPPED: Final = 1 / 1000
"""The cost of a mark that a letter has too many of, or that is on no letter, besides its text."""

COMPLETION: Final = 1 / 2
"""The cost of looking for what completes a word."""

DRAWING: Final = 1 / 100
"""The cost of drawing a line; `of_text` is added for the text."""


def of_text(text: str) -> float:
    """Return the cost of laying out `text`, or of dividing it into clusters."""
    return len(text) / (40_000 if text.isascii() else 5_000)
