"""Lay a prompt and a line being typed out on a terminal's rows, and draw what changed.

Only CR, LF, BS and CSI A, C and J are written: Windows' telnet understands few sequences, and
none of these makes a terminal answer.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from threadchat.terminal.editbuffer import cluster_width
from threadchat.terminal.editbuffer import slack as cluster_slack

MAX_LISTED = 60
"""Candidates that a second Tab lists."""


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


@dataclass(slots=True)
class _Place:
    """Where the next cluster goes, and by how much terminals may differ about this row so far."""

    row: int = 0
    column: int = 0
    slack: int = 0

    def next_row(self) -> None:
        self.row, self.column, self.slack = self.row + 1, 0, 0

    def has_room_for(self, cluster: str, columns: int) -> bool:
        """Say whether `cluster` fits in this row, on every terminal."""
        slack = self.slack + cluster_slack(cluster)
        needed = self.column + cluster_width(cluster) + slack
        # Where they may differ, the row must not become full: some would wrap, others not.
        return needed < columns if slack and self.column else needed - slack <= columns


def _flow(clusters: Sequence[str], place: _Place, columns: int) -> str:
    """Lay `clusters` out from `place`, which moves behind them; return the text to write.

    A wide cluster does not fit in the last column. Most terminals leave that cell empty by
    themselves, some draw half of it there; written as a space, the cell is the same on all. A row
    about whose width terminals differ is ended early and by hand, so that at least the number of
    rows is the same on all: else a message would be written over another.
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
    """Return the last of `clusters` that fit, behind `mark` if some do not."""
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
