"""Draw what was measured, as an SVG of small charts with logarithmic axes.

Written by hand, so that it needs nothing: one file, readable on a light and on a dark page.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from tests.benchmarks.measure import Outcome
from tests.benchmarks.table import Session
from tests.benchmarks.workloads import CPU, P50, RATE, Figure

Point = tuple[float, float]

WIDTH, HEIGHT = 460, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 130, 34, 40
"""What stands around a chart's area: numbers, names of the lines, title, and the axis below."""

_NAME_HEIGHT = 14

_STYLE = """
svg { color: #1f2328; font: 12px sans-serif; }
.page { fill: #ffffff; }
text { fill: currentColor; }
.title { font-weight: bold; }
.grid { stroke: currentColor; stroke-opacity: 0.15; }
.s0 { stroke: #d1495b; fill: #d1495b; } .s1 { stroke: #2f7fd0; fill: #2f7fd0; }
.s2 { stroke: #3a9a5b; fill: #3a9a5b; } .s3 { stroke: #b07d12; fill: #b07d12; }
.s4 { stroke: #8a63d2; fill: #8a63d2; } .s5 { stroke: #1c9aa0; fill: #1c9aa0; }
.s6 { stroke: #c2569b; fill: #c2569b; } .s7 { stroke: #77808a; fill: #77808a; }
.line { fill: none; stroke-width: 2; }
.name { stroke: none; }
@media (prefers-color-scheme: dark) { svg { color: #e6edf3; } .page { fill: #0d1117; } }
"""


@dataclass(frozen=True)
class Chart:
    """Lines over what they depend on. Numbers are above 0."""

    title: str
    x_title: str
    lines: Sequence[tuple[str, int, Sequence[Point]]]
    """Each with its name and the number of its colour."""


def draw(session: Session) -> str:
    """Return the SVG for all that can be drawn of a session."""
    charts = [chart for chart in _charts(session) if chart.lines]
    rows = max(1, math.ceil(len(charts) / 2))
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg"'
        f' viewBox="0 0 {2 * WIDTH} {rows * HEIGHT}" role="img">',
        "<title>threadchat beside other chat servers</title>",
        f"<style>{_STYLE}</style>",
        f'<rect class="page" width="{2 * WIDTH}" height="{rows * HEIGHT}"/>',
    ]
    for place, chart in enumerate(charts):
        x, y = place % 2 * WIDTH, place // 2 * HEIGHT
        parts += (f'<g transform="translate({x} {y})">', *_draw_chart(chart), "</g>")
    return "\n".join((*parts, "</svg>", ""))


def _charts(session: Session) -> Iterator[Chart]:
    talks = [outcome for outcome in session.outcomes if outcome.workload.letter == "a"]
    yield _chart(session, talks, RATE, "Everybody talks: deliveries a second", "people")
    yield _chart(session, talks, P50, "Everybody talks: p50 of a message, us", "people")
    for what in ("people", "rooms", "messages a second"):
        grown = [it for it in session.outcomes if it.workload.x and it.workload.x[0] == what]
        people = {it.workload.clients for it in grown}
        x_title = f"{what}, {people.pop():,} people" if len(people) == 1 else what
        yield _chart(session, grown, CPU, "Scale: server CPU a delivery, us", x_title)
        yield _chart(session, grown, RATE, "Scale: deliveries a second", x_title)


def _chart(
    session: Session, outcomes: Sequence[Outcome], figure: Figure, title: str, x_title: str
) -> Chart:
    lines = []
    for colour, peer in enumerate(session.peers):
        points = []
        for outcome in outcomes:
            workload = outcome.workload
            value = outcome.median(peer.name, figure)
            if value is not None and value > 0:
                points.append((workload.x[1] if workload.x else workload.clients, value))
        if points:
            lines.append((peer.title, colour % 8, points))
    return Chart(title, x_title, lines)


class _Axis:
    """A logarithmic scale from a range of numbers to a range of pixels."""

    def __init__(self, values: Sequence[float], begin: float, end: float) -> None:
        self._low = math.log10(min(values))
        self._high = math.log10(max(values))
        if self._high - self._low < 0.1:
            self._low, self._high = self._low - 0.5, self._high + 0.5
        self._begin, self._end = begin, end

    def place(self, value: float) -> float:
        """Return where a number stands."""
        share = (math.log10(value) - self._low) / (self._high - self._low)
        return self._begin + share * (self._end - self._begin)

    def ticks(self) -> list[float]:
        """Return the round numbers to mark: powers of ten, with 2 and 5 times them if few."""
        powers = range(math.floor(self._low), math.ceil(self._high) + 1)
        digits = (1,) if self._high - self._low > 2 else (1, 2, 5)
        ticks = [digit * 10.0**power for power in powers for digit in digits]
        return [tick for tick in ticks if self._low - 0.01 <= math.log10(tick) <= self._high + 0.01]


def _draw_chart(chart: Chart) -> Iterator[str]:
    points = [point for _, _, line in chart.lines for point in line]
    across = _Axis([x for x, _ in points], _LEFT, WIDTH - _RIGHT)
    up = _Axis([y for _, y in points], HEIGHT - _BOTTOM, _TOP)
    yield f'<text class="title" x="{_LEFT}" y="20">{escape(chart.title)}</text>'
    yield from _draw_axes(across, up, chart.x_title)
    lines = sorted(chart.lines, key=lambda it: -it[2][-1][1])  # from the top
    rows = _spread([up.place(line[-1][1]) for _, _, line in lines])
    for (name, colour, line), row in zip(lines, rows, strict=True):
        dots = [(across.place(x), up.place(y)) for x, y in line]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in dots)
        yield f'<polyline class="line s{colour}" points="{path}"/>'
        for x, y in dots:
            yield f'<circle class="s{colour}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>'
        x = dots[-1][0] + 8
        yield f'<text class="name s{colour}" x="{x:.1f}" y="{row + 4:.1f}">{escape(name)}</text>'


def _spread(rows: Sequence[float]) -> list[float]:
    """Move names apart that would stand on each other, and up from below the axis."""
    spread = list(rows)
    for place in range(1, len(spread)):
        spread[place] = max(spread[place], spread[place - 1] + _NAME_HEIGHT)
    lowest = HEIGHT - _BOTTOM - 4.0
    for place in reversed(range(len(spread))):
        spread[place] = min(spread[place], lowest)
        lowest = spread[place] - _NAME_HEIGHT
    return spread


def _draw_axes(across: _Axis, up: _Axis, x_title: str) -> Iterator[str]:
    bottom, right = HEIGHT - _BOTTOM, WIDTH - _RIGHT
    for tick in up.ticks():
        y = f"{up.place(tick):.1f}"
        yield f'<line class="grid" x1="{_LEFT}" x2="{right}" y1="{y}" y2="{y}"/>'
        yield f'<text x="{_LEFT - 6}" y="{y}" dy="4" text-anchor="end">{_short(tick)}</text>'
    for tick in across.ticks():
        x = f"{across.place(tick):.1f}"
        yield f'<line class="grid" x1="{x}" x2="{x}" y1="{_TOP}" y2="{bottom}"/>'
        yield f'<text x="{x}" y="{bottom + 16}" text-anchor="middle">{_short(tick)}</text>'
    middle = (_LEFT + right) / 2
    yield f'<text x="{middle}" y="{bottom + 34}" text-anchor="middle">{escape(x_title)}</text>'


def _short(value: float) -> str:
    """Return a round number in few characters: 20k, 5M."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"
