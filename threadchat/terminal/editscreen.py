"""Lay out a prompt and a line being typed on a terminal's rows, and draw what changed.

Only CR, LF, BS and CSI A, C and J are written: Windows' telnet understands few sequences, and
none of these makes a terminal answer.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from threadchat.terminal.editbuffer import cluster_width
from threadchat.terminal.editbuffer import slack as cluster_slack

MAX_LISTED = 60
"""The most candidates that a second Tab lists."""


def _up(rows: int) -> str:
    return f"\x1b[{rows}A" if rows else ""


def _right(cells: int) -> str:
    return f"\x1b[{cells}C" if cells else ""  # terminals take a 0 for a 1


@dataclass(frozen=True, slots=True)
class Picture:
    """Prompt and input as the screen shows them, or will show them.

    Rows are counted from the prompt's row. `body` is the text, and `tail` is written after it.
    """

    body: str
    tail: str
    end_row: int
    row: int
    column: int
    at_end: bool

    @property
    def hide(self) -> str:
        """What takes it off the screen. The cursor ends where the prompt began."""
        return f"\r{_up(self.row)}\x1b[J"

    @property
    def show(self) -> str:
        """What draws it. The cursor has to be at the start of an empty row."""
        written = self.body + self.tail
        return written if self.at_end else written + self.place_cursor(self.end_row)

    def place_cursor(self, row: int) -> str:
        """Return what moves the cursor from `row` to its place."""
        # LF moves down. It cannot scroll, because the rows below have been drawn.
        vertical = _up(row - self.row) if row > self.row else "\n" * (self.row - row)
        return f"\r{vertical}{_right(self.column)}"


@dataclass(slots=True)
class _Place:
    """Where the next cluster goes, and how many cells terminals may differ by in this row."""

    row: int = 0
    column: int = 0
    slack: int = 0

    def next_row(self) -> None:
        self.row, self.column, self.slack = self.row + 1, 0, 0

    def has_room_for(self, cluster: str, columns: int) -> bool:
        """Say whether `cluster` fits in this row on every terminal."""
        slack = self.slack + cluster_slack(cluster)
        needed = self.column + cluster_width(cluster) + slack
        # If terminals may differ, the row must not become full: some would wrap it, others not.
        return needed < columns if slack and self.column else needed - slack <= columns


def _flow(clusters: Sequence[str], place: _Place, columns: int) -> str:
    """Lay out `clusters` from `place` on, move `place` after them, and return the text to write.

    A wide cluster does not fit in the last column. Most terminals leave that cell empty, and some
    draw half of the cluster there. We write a space, so that the cell is the same on all. Where
    terminals differ about the width of a row, we end the row early with CR LF. So the number of
    rows is the same on all; otherwise one message would be written over another.
    """
    text = "".join(clusters)
    if text.isascii() and not place.slack:
        rows, place.column = divmod(place.column + len(text), columns)
        place.row += rows
        return text
    pieces = []
    for cluster in clusters:
        if not place.has_room_for(cluster, columns):
            differs = place.slack or cluster_slack(cluster)
            pieces.append("\r\n" if differs else " " * (columns - place.column))
            place.next_row()
        pieces.append(cluster)
        place.column += cluster_width(cluster)
        place.slack += cluster_slack(cluster)
        if place.column >= columns:
            place.next_row()
    return "".join(pieces)


def around_cursor(left: list[str], right: list[str], cells: int) -> tuple[list[str], list[str]]:
    """Return as much of both sides of the cursor as fits into `cells`, with `<` and `>` for more.

    `right` is reversed, as in `EditBuffer`.
    """
    if 2 * (len(left) + len(right)) <= cells:
        return left, right  # even if every cluster is wide
    kept_right = _nearest(right, cells // 4, ">")
    kept_left = _nearest(left, cells - sum(map(cluster_width, kept_right)), "<")
    return kept_left, kept_right


def _nearest(clusters: list[str], cells: int, mark: str) -> list[str]:
    """Return the last of `clusters` that fit, after `mark` if some do not."""
    begin = len(clusters)
    while begin and cells >= cluster_width(clusters[begin - 1]):
        begin -= 1
        cells -= cluster_width(clusters[begin])
    return [mark, *clusters[begin:]] if begin else clusters


def draw(prompt: list[str], left: list[str], right: list[str], columns: int) -> Picture:
    """Lay out prompt and input (`right` reversed, as in `EditBuffer`) with the cursor between."""
    place = _Place()
    before = _flow(prompt + left, place, columns)
    row, column = place.row, place.column
    if right and not place.has_room_for(right[-1], columns):
        row, column = row + 1, 0
    after = _flow(right[::-1], place, columns)
    end_row, end_column = place.row, place.column
    # After a full row, some terminals (VT100 and its heirs) keep the cursor in the last column
    # until one more character comes; others (Windows) go to the next row at once. A space brings
    # both to the next row, and CR to its start. CR LF would leave an empty row on the second kind.
    tail = " \r" if end_row and end_column == 0 else ""
    return Picture(before + after, tail, end_row, row, column, not right)


def difference(old: Picture, new: Picture) -> str:
    """Return what changes the picture on the screen from `old` to `new`.

    Plain typing at the end is added. All else is drawn anew from the prompt on: terminals disagree
    about the width of emoji, and the errors of relative movements would add up.
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


def rows_of_names(candidates: Iterable[str], columns: int) -> str:
    """Return the first candidates as the server's answer, in rows that fit."""
    names = [candidate.rstrip(": ") for candidate in candidates]
    if len(names) > MAX_LISTED:
        names[MAX_LISTED:] = [f"and {len(names) - MAX_LISTED} more"]
    rows = ["==="]
    for name in names:
        if cell_len(rows[-1]) + 2 + cell_len(name) >= columns and rows[-1] != "===":
            rows.append("===")
        rows[-1] += f"  {name}" if rows[-1] != "===" else f" {name}"
    return "".join(f"{row}\r\n" for row in rows)
