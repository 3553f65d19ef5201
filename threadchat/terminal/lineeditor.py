"""Turn keystrokes into lines and screen updates, for clients that send every key at once.

In character mode the server echoes: it alone decides what is on the person's screen.
`LineEditor` takes decoded text, and returns events and terminal output. It reads no socket, decodes
no bytes, knows no telnet, and does not judge the lines: the caller cleans them.

The screen is a function of the editor's state. Keys only change the state; `output` compares
what is drawn with what should be and writes the difference. So a paste of any length is drawn
once, and the screen never depends on how the input was cut into reads.

Promise 6 is kept here: a message that arrives while somebody types appears above the line, and
the line stays as it was.
"""

import codecs
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, TypeAlias

from threadchat.terminal import costs
from threadchat.terminal.editbuffer import UNSHOWABLE, EditBuffer, split
from threadchat.terminal.editscreen import Picture, around_cursor, difference, draw, rows_of_names
from threadchat.terminal.keys import EDITING_KEYS, KeyReader
from threadchat.terminal.linebuffer import LineTooLong
from threadchat.text.clean import MAX_LINE

MAX_REMEMBERED = 8192
"""Characters kept of a person's earlier lines. The last line is kept, however long."""

MAX_TABS = 4
"""Tabs obeyed in one `feed`: one completes, the next one lists, and more would list the same."""

Completion: TypeAlias = tuple[int, Sequence[str]]
"""Where the word begins, and what may replace it: each with its ending, as in "al: "."""

Completer: TypeAlias = Callable[[str], Completion]
"""Finds completions for the text before the cursor."""


@dataclass(frozen=True, slots=True)
class EndOfInput:
    """Ctrl-D was pressed on an empty line: the person wants to leave."""


Event: TypeAlias = str | LineTooLong | EndOfInput


class LineEditor:
    """Edit one person's line: `feed` keys, handle the events, send `output`.

    `columns` is the terminal's width (20 to 500, 0 for unknown), `limit` the longest line in
    characters, `remember` the number of the person's earlier lines that are kept. `complete` finds
    completions, and must not raise. `encoding` is the client's: a character that it lacks is drawn,
    and counted, as '?'. `show_above` is for a caller that draws more than the line: it gets what a
    second Tab lists, as rows that end in CR LF. Without it, the editor draws these rows above the
    line.

    Nothing is drawn until `start`. To show a message above the line, write `hide`, the message and
    `show` in one write. They are right for the screen after `output`: take and send `output` first,
    and take them again after each call that changes something.
    """

    def __init__(
        self,
        *,
        columns: int = 80,
        limit: int = MAX_LINE,
        remember: int = 100,
        complete: Completer | None = None,
        encoding: str = "utf-8",
        show_above: Callable[[str], None] | None = None,
    ) -> None:
        """Begin with an empty line and no prompt."""
        self._limit = limit
        self._complete = complete
        self._show_above = show_above
        self._encoding = codecs.lookup(encoding).name
        self._prompt = ""
        self._prompt_clusters: list[str] = []
        self._secret = False
        self._buffer = EditBuffer()
        self._keys = KeyReader()
        self._events: list[Event] = []
        self._cost = 0.0
        self._told_too_long = False
        self._tabs_left = 0
        self._after_tab = False

        self._history: deque[str] = deque(maxlen=remember)
        self._entries_back = 0  # 0 is the line being typed
        self._typed = ""  # that line, while an earlier one is shown

        self._output: list[str] = []
        self._visible = False
        self._drawn: Picture | None = None  # None: the cursor is at the start of an empty row
        self._up_to_date = True
        self._draw_all = False
        self._is_resized = False
        self.resize(columns)

    # Keys and lines

    def feed(self, text: str) -> list[Event]:
        """Take keys, cut anywhere, with each line end as one LF; return the events."""
        self._tabs_left = MAX_TABS
        self._up_to_date = False
        for read, is_text in self._keys.read(text):
            if is_text:
                self._after_tab = False
                self._type(read)
            else:
                self._press(read)
        events, self._events = self._events, []  # what came is not kept until more comes
        return events

    def take_cost(self) -> float:
        """Return what was done since the last call costs, in lines: see `costs`."""
        cost, self._cost = self._cost, 0.0
        return cost

    def end_key(self) -> None:
        """Forget a key's sequence that has begun: what comes next is text."""
        self._keys.clear()

    @property
    def text(self) -> str:
        """The line as typed so far."""
        return self._buffer.text_before + self._buffer.text_after

    def erase_line(self) -> None:
        """Erase the whole line, wherever the cursor is (telnet EL)."""
        self._buffer = EditBuffer()
        self._entries_back = 0
        self._typed = ""
        self._told_too_long = False
        self._up_to_date = False

    def interrupt(self) -> None:
        """Forget the line, and a key sequence that has begun (Ctrl-C, telnet IP and BRK)."""
        self._keys.clear()
        self.erase_line()

    def forget(self, line: str) -> None:
        """Remove `line` from the earlier lines: it has turned out to be a password."""
        kept = [earlier for earlier in self._history if earlier != line]
        self._history.clear()
        self._history.extend(kept)
        self._entries_back = 0
        self._typed = ""

    # Screen

    def output(self) -> str:
        """Return what to write to the terminal since the last call."""
        self._update()
        output = "".join(self._output)
        self._output.clear()
        return output

    def hide(self) -> str:
        """Return what takes prompt and input off the screen; the cursor ends where they began."""
        self._update()
        return self._drawn.hide if self._drawn else ""

    def show(self) -> str:
        """Return what draws prompt and input, if the cursor is at the start of an empty row."""
        self._update()
        return self._drawn.show if self._drawn else ""

    def start(self) -> None:
        """Begin to draw; the cursor's row may show already what has been typed."""
        self._output.append(self._drawn.hide if self._drawn else "\r\x1b[J")
        self._drawn = None
        self._visible = True
        self._up_to_date = False

    def stop(self) -> None:
        """Take prompt and input off the screen and draw no more; `text` keeps the input."""
        self._visible = False
        self._up_to_date = False

    def resize(self, columns: int, rows: int = 0) -> None:
        """Draw for a terminal of this size: 20 to 500 columns; 0 is unknown, and is 80 by 24."""
        self._columns = min(max(columns, 20), 500) if columns > 0 else 80
        self._rows = min(max(rows, 4), 500) if rows > 0 else 24
        self._draw_all = self._is_resized = True
        self._up_to_date = False

    def set_prompt(self, prompt: str) -> None:
        """Put `prompt`, one line without controls, before the input."""
        self._prompt = prompt
        self._prompt_clusters = split(self._showable(prompt))
        self._up_to_date = False

    def set_encoding(self, encoding: str) -> None:
        """Draw for a client that has changed to `encoding`; raise LookupError if it is unknown."""
        self._encoding = codecs.lookup(encoding).name
        self.set_prompt(self._prompt)

    @property
    def secret(self) -> bool:
        """Whether a password is being typed: it is not shown, not remembered, not completed.

        Enter leaves the prompt on its row and goes to the next one. Input that is waiting when this
        is switched on becomes part of the secret. Input that is waiting when it is switched off is
        thrown away, so that half a password never appears.
        """
        return self._secret

    @secret.setter
    def secret(self, secret: bool) -> None:
        if self._secret and not secret:
            self.erase_line()
        self._set_secret(secret)

    def end_secret(self) -> None:
        """Switch `secret` off and keep what is waiting: the secret has come from elsewhere."""
        self._set_secret(False)

    def _set_secret(self, secret: bool) -> None:
        self._secret = secret
        self._entries_back = 0
        self._typed = ""
        self._up_to_date = False

    # The rest is the editor's own

    def _update(self) -> None:
        if not self._up_to_date:
            self._draw()
            self._up_to_date = True

    def _draw(self) -> None:
        """Write what makes the screen show the present state."""
        old, new = self._drawn, None
        if self._visible:
            left, right = ([], []) if self._secret else self._shown_clusters()
            # Input that fills the screen would push every message off it.
            cells = max(self._rows - 3, 1) * self._columns
            left, right = around_cursor(left, right, cells)
            new = draw(self._prompt_clusters, left, right, self._columns)
            self._cost += costs.DRAWING + costs.of_text(new.body)
        if old and new and self._is_resized:
            # Some terminals wrap their rows anew, others leave them alone. If we take off too few
            # rows, a row of the person's own input may stay. If we took off too many, somebody
            # else's message would be lost.
            old = replace(old, row=min(old.row, new.row))
        if old and new and not self._draw_all:
            self._output.append(difference(old, new))
        else:
            self._output.append((old.hide if old else "") + (new.show if new else ""))
        self._drawn = new
        self._draw_all = self._is_resized = False

    def _shown_clusters(self) -> tuple[list[str], list[str]]:
        """Return the clusters left and right of the cursor, as the client's encoding shows them."""
        left, right = self._buffer.left, self._buffer.right
        if self._encoding == "utf-8":
            return left, right
        before, after = self._buffer.text_before, self._buffer.text_after
        return split(self._showable(before)), split(self._showable(after))[::-1]

    def _showable(self, text: str) -> str:
        """Return `text` as the client will show it, in its encoding."""
        kept = UNSHOWABLE.sub("", text)
        return kept.encode(self._encoding, "replace").decode(self._encoding, "replace")

    def _press(self, key: str) -> None:
        self._cost += costs.KEY + costs.CLUSTER_MOVED * self._buffer.length
        if edit := EDITING_KEYS.get(key):
            edit(self._buffer)
        elif act := self._KEYS.get(key):
            act(self)
        self._after_tab = key == "\t"

    def _type(self, text: str) -> None:
        self._cost += costs.of_text(text)
        shown, before = UNSHOWABLE.sub("", text), self._buffer.length
        fitted = self._buffer.insert(shown, self._limit)
        if fitted:
            dropped = len(shown) - (self._buffer.length - before)
            self._cost += costs.MARK_DROPPED * dropped
        if not fitted and not self._told_too_long:
            self._told_too_long = True
            self._events.append(LineTooLong(self._limit))

    def _enter(self) -> None:
        line = self.text
        if self._secret:
            self._leave_prompt_standing()
        # A line that was too long is not sent in part. Once it has been shortened, it is sent.
        if not (self._told_too_long and self._buffer.length >= self._limit):
            if not self._secret:
                self._remember(line)
            self._events.append(line)
        self.erase_line()

    def _remember(self, line: str) -> None:
        if line.strip() and (not self._history or self._history[-1] != line):
            self._history.append(line)
            while sum(map(len, self._history)) > MAX_REMEMBERED and len(self._history) > 1:
                self._history.popleft()

    def _leave_prompt_standing(self) -> None:
        self._draw()
        if self._drawn:
            self._output.append("\r\n")
            self._drawn = None

    def _draw_anew(self) -> None:
        self._draw_all = True

    def _erase_right_or_end(self) -> None:
        if self._buffer.length:
            self._buffer.erase_right()
        else:
            self._events.append(EndOfInput())

    def _recall_earlier(self) -> None:
        self._recall(self._entries_back + 1)

    def _recall_later(self) -> None:
        self._recall(self._entries_back - 1)

    def _recall(self, entries_back: int) -> None:
        if self._secret or not 0 <= entries_back <= len(self._history):
            return
        if self._entries_back == 0:
            self._typed = self.text
        self._entries_back = entries_back
        recalled = self._history[-entries_back] if entries_back else self._typed
        self._cost += costs.of_text(recalled)
        self._buffer.replace(self._showable(recalled))

    def _complete_word(self) -> None:
        if self._complete is None or self._secret or not self._tabs_left:
            return
        self._tabs_left -= 1
        self._cost += costs.COMPLETION
        before = self._buffer.text_before
        start, found = self._complete(before)
        candidates = list(dict.fromkeys(filter(None, map(self._showable, found))))
        if len(candidates) > 1 and self._after_tab:
            (self._show_above or self._draw_above)(rows_of_names(candidates, self._columns))
            return
        kept, common = before[:start], _common_start(candidates)
        added = len(kept) + len(common) - len(before)
        if added >= 0 and self._buffer.length + added <= self._limit:
            self._buffer.replace(kept + common, self._buffer.text_after)

    def _draw_above(self, rows: str) -> None:
        self._draw()
        if self._drawn:
            self._output.append(f"{self._drawn.hide}{rows}{self._drawn.show}")

    _KEYS: ClassVar[dict[str, Callable[["LineEditor"], None]]] = {
        "\x03": interrupt,
        "\x04": _erase_right_or_end,
        "\t": _complete_word,
        "\n": _enter,
        "\x0c": _draw_anew,
        "\x0e": _recall_later,
        "\x10": _recall_earlier,
        "arrow A": _recall_earlier,
        "arrow B": _recall_later,
    }


def _common_start(candidates: Sequence[str]) -> str:
    """Return the longest start that all share, whatever its case, as the first one writes it."""
    if not candidates:
        return ""
    length = 0
    for characters in zip(*candidates, strict=False):
        if len({character.casefold() for character in characters}) > 1:
            break
        length += 1
    return candidates[0][:length]
