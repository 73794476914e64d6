"""Draws the time of each row over the number of rows as SVG, both axes logarithmic.

A flat line is a job whose time grows with its rows and no faster. Contenders of which a slice was
measured are drawn as dashed lines: their work is linear in the records. The colours stand out from a
light and from a dark page.
"""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

from benchmarks.peers import TITLES
from benchmarks.sizes import label

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.measure import Measurement
    from benchmarks.scale import Results

_WIDTH, _HEIGHT = 760, 380
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 560, 30, 330
_GREY = "#808890"
_COLOURS = {
    "platform": "#1f77d0",
    "duckdb": "#d98a00",
    "duckdb_copy": "#a86a00",
    "polars": "#2a9d60",
    "spark": "#d1495b",
    "loop": "#8b62c9",
    "dlt": "#808890",
}
_LABEL_GAP = 16


class _Axes:
    """Where values stand in the picture."""

    def __init__(self, sizes: Sequence[int], times: Sequence[float]) -> None:
        self.sizes = sorted(sizes)
        self.least = 10.0 ** math.floor(math.log10(min(times)))
        self.most = 10.0 ** math.ceil(math.log10(max(times)))

    def x(self, events: int) -> float:
        if len(self.sizes) == 1:
            return (_LEFT + _RIGHT) / 2
        first, last = self.sizes[0], self.sizes[-1]
        share = math.log(events / first) / math.log(last / first)
        return round(_LEFT + 20 + share * (_RIGHT - _LEFT - 40), 1)

    def y(self, microseconds: float) -> float:
        share = math.log(microseconds / self.least) / math.log(self.most / self.least)
        return round(_BOTTOM - share * (_BOTTOM - _TOP), 1)


def draw(results: Results) -> str:
    """Return the picture.

    Raises:
        ValueError: nothing was measured.
    """
    lines: dict[str, list[tuple[int, float]]] = {}
    for events, runs in sorted(results.sizes.items()):
        for name, run in runs.items():
            lines.setdefault(name, []).append((events, _microseconds(run)))
    slices = {name: _microseconds(run) for name, run in results.slices.items()}
    times = [*slices.values(), *(time for points in lines.values() for _, time in points)]
    if not lines:
        raise ValueError("no contender was measured on a whole log; there is nothing to draw")
    axes = _Axes(list(results.sizes), times)
    drawn = [*_grid(axes), *_sliced(axes, slices), *_lines(axes, lines)]
    ends = {name: axes.y(points[-1][1]) for name, points in lines.items()}
    ends |= {name: axes.y(time) for name, time in slices.items()}
    drawn += _names(ends)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">',
            '<g font-family="sans-serif" font-size="13">',
            "<title>Microseconds for each row over the number of rows</title>",
            *drawn,
            "</g>",
            "</svg>\n",
        ]
    )


def _microseconds(run: Measurement) -> float:
    return 1e6 * run.wall_seconds / run.records


def _grid(axes: _Axes) -> Iterator[str]:
    power = axes.least
    while power <= axes.most * 1.001:
        y = axes.y(power)
        yield f'<path d="M{_LEFT} {y}H{_RIGHT}" stroke="{_GREY}" stroke-opacity=".35"/>'
        yield _text(_LEFT - 8, y + 4, f"{power:g}", "end")
        power *= 10
    for events in axes.sizes:
        yield _text(axes.x(events), _BOTTOM + 20, label(events), "middle")
    yield _text((_LEFT + _RIGHT) / 2, _BOTTOM + 42, "events", "middle")
    yield _text(_LEFT - 50, _TOP - 12, "µs for each event, start to end", "start")


def _sliced(axes: _Axes, slices: dict[str, float]) -> Iterator[str]:
    for name, time in slices.items():
        stroke = f'stroke="{_COLOURS[name]}" stroke-width="2" stroke-dasharray="5 5"'
        yield f'<path d="M{_LEFT} {axes.y(time)}H{_RIGHT}" {stroke}/>'


def _lines(axes: _Axes, lines: dict[str, list[tuple[int, float]]]) -> Iterator[str]:
    for name, points in lines.items():
        places = [(axes.x(events), axes.y(time)) for events, time in points]
        path = "L".join(f"{x} {y}" for x, y in places)
        width = 3 if name == "platform" else 2
        yield (f'<path d="M{path}" fill="none" stroke="{_COLOURS[name]}" stroke-width="{width}"/>')
        for (x, y), (_, time) in zip(places, points, strict=True):
            yield (
                f'<circle cx="{x}" cy="{y}" r="{width + 1}" fill="{_COLOURS[name]}">'
                f"<title>{escape(TITLES[name])}: {time:.2f} µs</title></circle>"
            )


def _names(ends: dict[str, float]) -> Iterator[str]:
    """Yield the names beside the ends of their lines, pushed apart where lines end close together."""
    lowest = -math.inf
    for name, y in sorted(ends.items(), key=lambda end: end[1]):
        lowest = max(y + 4, lowest + _LABEL_GAP)
        yield _text(_RIGHT + 12, lowest, TITLES[name], "start", _COLOURS[name])


def _text(x: float, y: float, words: str, anchor: str, colour: str = _GREY) -> str:
    return (
        f'<text x="{x}" y="{round(y, 1)}" text-anchor="{anchor}" fill="{colour}">'
        f"{escape(words)}</text>"
    )
