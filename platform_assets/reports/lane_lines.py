"""Lines of many samples, drawn with few points that hide no extreme.

A plot is a fixed number of columns wide. Of the samples that fall into one column, the first, the
least, the largest and the last are drawn, in the order in which they were taken: what is drawn touches
the same pixels as all of them would. Where there are so many that a line would only be a smear, a band
goes from the least to the largest of each bin, and a line through their means. Both are broken where
samples are missing, so that a gap is seen and not bridged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from platform_assets.reports.lane_figures import SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from platform_assets.reports.lane_axes import Axis, Scale

#: How wide a plot is, in columns.
COLUMNS = 800
#: How high a plot is, in rows; it is drawn a fifth of that in pixels.
ROWS = 800
#: Of more samples than two a bin, a band and a line of means are drawn.
BINS = 200
#: A gauge is sampled once a second; after more than that without a sample, its line is broken.
GAP = 5 * SECOND

Point = tuple[float, int]


@dataclass(frozen=True, slots=True)
class Canvas:
    """Turns moments and values into columns and rows; row 0 is on top."""

    across: Axis
    scale: Scale

    def column(self, moment: float) -> int:
        """Return the column in which a moment falls."""
        return round(self.across.place(moment) * COLUMNS)

    def row(self, value: float) -> int:
        """Return the row on which a value stands."""
        return round((1 - self.scale.place(value)) * ROWS)

    def line(self, points: Sequence[Point], gap: int = GAP) -> str:
        """Return the path of a line through samples."""
        parts = (self._placed(thinned(part, self)) for part in unbroken(points, gap))
        return "".join(_relative(part) for part in parts)

    def band(self, points: Sequence[Point], gap: int = GAP) -> tuple[str, str]:
        """Return the paths of a band from the least to the largest of each bin, and of the means."""
        areas, means = [], []
        for part in unbroken(points, gap):
            bins = list(self._bins(part))
            begin, end = self.column(part[0][0]), max(self.column(part[-1][0]), 1)
            above = [(x, self.row(max(values))) for x, values in bins]
            below = [(x, self.row(min(values))) for x, values in bins]
            above = [(begin, above[0][1]), *above, (end, above[-1][1])]
            below = [(begin, below[0][1]), *below, (end, below[-1][1])]
            areas.append(_relative([*above, *reversed(below)]) + "z")
            means.append(_relative([(x, self.row(sum(v) / len(v))) for x, v in bins]))
        return "".join(areas), "".join(means)

    def steps(self, points: Sequence[Point], gap: int = GAP) -> str:
        """Return the path of a line that holds each value until the next."""
        parts = (self._placed(thinned(part, self)) for part in unbroken(points, gap))
        return "".join(_relative(list(_corners(part))) for part in parts)

    def dots(self, points: Iterable[Point]) -> str:
        """Return a path of dots, one for each pixel that has a sample."""
        places = sorted({(self.column(moment), self.row(value)) for moment, value in points})
        return "".join(f"M{x} {y}h0" for x, y in places)

    def _bins(self, points: Sequence[Point]) -> Iterator[tuple[int, list[int]]]:
        """Yield the samples of each bin with the column in its middle."""
        wide = COLUMNS // BINS
        found: dict[int, list[int]] = {}
        for moment, value in points:
            found.setdefault(min(self.column(moment) // wide, BINS - 1), []).append(value)
        for number, values in found.items():
            yield number * wide + wide // 2, values

    def _placed(self, points: Iterable[Point]) -> list[tuple[int, int]]:
        return [(self.column(moment), self.row(value)) for moment, value in points]


def thinned(points: Sequence[Point], canvas: Canvas) -> Iterator[Point]:
    """Yield the first, least, largest and last sample of each column, in their order."""
    for members in _by_column(points, canvas):
        values = [value for _, value in members]
        kept = {0, values.index(min(values)), values.index(max(values)), len(members) - 1}
        for index in sorted(kept):
            yield members[index]


def unbroken(points: Sequence[Point], gap: int) -> Iterator[Sequence[Point]]:
    """Yield the stretches of samples of which none is more than ``gap`` after the one before."""
    begin = 0
    for index in range(1, len(points)):
        if points[index][0] - points[index - 1][0] > gap:
            yield points[begin:index]
            begin = index
    if points:
        yield points[begin:]


def trailing_mean(points: Sequence[Point], span: int) -> tuple[Point, ...]:
    """Return the mean of the samples in ``(at - span, at]`` for each sample, as far as they go back."""
    means, total, begin = [], 0, 0
    for index, (moment, value) in enumerate(points):
        total += value
        while points[begin][0] <= moment - span:
            total -= points[begin][1]
            begin += 1
        means.append((moment, round(total / (index - begin + 1))))
    return tuple(means)


def _by_column(points: Sequence[Point], canvas: Canvas) -> Iterator[list[Point]]:
    members: list[Point] = []
    column = -1
    for point in points:
        at = canvas.column(point[0])
        if members and at != column:
            yield members
            members = []
        column = at
        members.append(point)
    if members:
        yield members


def _corners(places: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    for index, (x, y) in enumerate(places):
        if index:
            yield x, places[index - 1][1]
        yield x, y


def _relative(places: Sequence[tuple[int, int]]) -> str:
    """Write a path with relative steps, which are shorter; points that do not move are left out."""
    (x, y), steps = places[0], []
    for nx, ny in places[1:]:
        if (nx, ny) != (x, y):
            steps.append(f"{nx - x} {ny - y}")
            x, y = nx, ny
    start = f"M{places[0][0]} {places[0][1]}"
    return f"{start}l{' '.join(steps)}".replace(" -", "-") if steps else f"{start}h0"
