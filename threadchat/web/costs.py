"""Say what input of a page costs that is no line, in lines for flood control.

As in `terminal.costs`, all costs are in proportion to the time that the server works, for the usual
rate (`USUAL_RATE` in `access.flood`).
"""

from typing import Final

from threadchat.access.flood import ANSWER_COST, CHUNK_COST

PIECE: Final = 4 * CHUNK_COST
"""The cost of one piece of input that is received, however small it is.

It is more than a terminal's, as pages do not send each key.
"""

FRAME: Final = 1 / 60
"""The cost of a frame that ended no message, or of a part of one: a ping, say."""


def of_input(objects: int, frames: int) -> float:
    """Return the cost of a piece of input, with so many objects and frames that were no line."""
    return PIECE + objects * ANSWER_COST + frames * FRAME
