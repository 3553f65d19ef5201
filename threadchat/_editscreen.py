"""Lay a prompt and a line being typed out on a terminal's rows, and draw what changed.

Only CR, LF, BS and CSI A, C and J are written: Windows' telnet understands few sequences, and
none of these makes a terminal answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from threadchat._editbuffer import cluster_width


def _up(rows: int) -> str:
    return f"\x1b[{rows}A" if rows else ""


def _right(cells: int) -> str:
    return f"\x1b[{cells}C" if cells else ""  # terminals take a 0 for a 1


@dataclass(frozen=True, slots=True)
class Picture:
    """Prompt and input as they stand, or are to stand, on the screen.

    Rows count from the prompt's. `body` is the text; `tail` follows it once it has been drawn.
    """

    body: str
    tail: str
    end_row: int
    row: int
    column: int
    at_end: bool

    @property
    def hide(self) -> str:
        """What takes it off the screen, leaving the cursor where the prompt began."""
        return f"\r{_up(self.row)}\x1b[J"

    @property
    def show(self) -> str:
        """What draws it, from the start of an empty row."""
        written = self.body + self.tail
        return written if self.at_end else written + self.place_cursor(self.end_row)

    def place_cursor(self, row: int) -> str:
        """Return what brings the cursor from `row` to its place."""
        # Down by LF, which cannot scroll: the rows below have been drawn.
        vertical = _up(row - self.row) if row > self.row else "\n" * (self.row - row)
        return f"\r{vertical}{_right(self.column)}"


def _flow(clusters: Sequence[str], row: int, column: int, columns: int) -> tuple[str, int, int]:
    """Lay `clusters` out from a position; return the text to write and the position behind it.

    A wide cluster does not fit in the last column. Most terminals leave that cell empty by
    themselves, some draw half of it there; written as a space, the cell is the same on all.
    """
    text = "".join(clusters)
    if text.isascii():
        rows, column = divmod(column + len(text), columns)
        return text, row + rows, column
    pieces = []
    for cluster in clusters:
        width = cluster_width(cluster)
        if column + width > columns:
            pieces.append(" " * (columns - column))
            row, column = row + 1, 0
        pieces.append(cluster)
        column += width
        if column == columns:
            row, column = row + 1, 0
    return "".join(pieces), row, column


def draw(prompt: list[str], left: list[str], right: list[str], columns: int) -> Picture:
    """Lay out prompt and input (`right` reversed, as in `EditBuffer`) with the cursor between."""
    before, row, column = _flow(prompt + left, 0, 0, columns)
    after, end_row, end_column = _flow(right[::-1], row, column, columns)
    if right and column + cluster_width(right[-1]) > columns:
        row, column = row + 1, 0
    # Behind a full row some terminals (VT100 and its heirs) keep the cursor in the last column
    # until one more character comes, others (Windows) go on at once. Writing that character puts
    # it on the next row for both, and CR before it; CR LF would leave an empty row on the latter.
    tail = " \r" if end_row and end_column == 0 else ""
    return Picture(before + after, tail, end_row, row, column, not right)


def difference(old: Picture, new: Picture) -> str:
    """Return what turns the one picture on the screen into the other.

    Everything but plain typing at the end is drawn anew from the prompt on: terminals disagree
    about the width of emoji, and relative movements would add their errors up.
    """
    if old == new:
        return ""
    if old.at_end and new.at_end:
        added = new.body[len(old.body) :]
        if new.body.startswith(old.body) and added.isascii():
            return added + new.tail
        if old.column and old.body[:-1] == new.body and old.body[-1].isascii():
            return "\b \b"
    if old.body == new.body:
        return new.place_cursor(old.row)
    return old.hide + new.show
