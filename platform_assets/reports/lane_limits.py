"""The limits of a lane on its plots: as heights over the phases in which they count, and as slopes.

A limit far above everything measured would flatten the plot; it is named beside the plot instead. The
slope of a trend is the judged one, drawn through the medians of its samples; its limit begins where the
trend does, so that the two lie open like a pair of compasses.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

from platform_assets.reports.lane_drawing import Limit, Line, apart
from platform_assets.reports.lane_figures import SECOND, figure, in_unit, limit, statistic

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from platform_assets.reports.lane_axes import Scale
    from platform_assets.reports.lane_drawing import Frame
    from platform_assets.reports.lane_lines import Canvas, Point
    from platform_assets.reports.lane_model import LaneReport, ThresholdView
    from platform_assets.reports.lane_wanted import Wanted

#: A limit up to so many times the largest value is drawn; beyond that it is named.
_FARTHEST = 4.0
#: Free space above a limit that is drawn, for its label.
ROOM = 1.1
_HOUR = 3_600 * SECOND
#: Statistics whose limits are heights on a plot; a total and a trend are not.
_HEIGHTS = frozenset({"max", "min", "mean", "last", "p50", "p95", "p99", "p99_9"})


@dataclass(frozen=True, slots=True)
class Series:
    """What is drawn of a metric: its name, its look and its samples."""

    name: str
    look: str
    metric: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Height:
    """A limit before it has its place."""

    value: float
    label: str
    phases: tuple[str, ...] = ()
    failed: bool = False

    def is_near(self, most: float) -> bool:
        """Whether it can be drawn together with values up to ``most``."""
        return self.value <= most * _FARTHEST or most == 0


def heights_of(view: LaneReport, wanted: Wanted, *, several: bool) -> list[Height]:
    """Return the limits that are heights on a plot; of several lines, each label names its own."""
    names = {each.metric: each.name if several else "" for each in wanted.drawn}
    limits = heights_on(view, names)
    if wanted.key == "memory" and view.memory_budget:
        label = f"budget {figure(view.memory_budget, 'bytes')}"
        limits.append(Height(view.memory_budget, label))
    if wanted.key == "cpu" and view.cores:
        cores = "1 core" if view.cores == 1 else f"{view.cores} cores"
        limits.append(Height(1_000_000 * view.cores, cores))
    return limits


def heights_on(view: LaneReport, names: Mapping[str, str]) -> list[Height]:
    """Return the limits of metrics that are heights; the metrics have names for their labels."""
    return [
        Height(each.limit, _label_of(each, names[each.metric]), each.phases, each.verdict == "FAIL")
        for each in view.thresholds
        if each.metric in names and each.statistic in _HEIGHTS
    ]


def placed(limits: Sequence[Height], frame: Frame, scale: Scale, height: int) -> tuple[Limit, ...]:
    """Return limits with their places on a plot that is so many pixels high."""
    found = []
    for each in limits:
        y = round(frame.top + (1 - scale.place(each.value)) * height, 1)
        found.append(Limit(y, *frame.extent(each.phases), each.label, each.failed, y))
    return apart(found, frame.top + height - 4)


def trends(view: LaneReport, found: Sequence[Series], canvas: Canvas) -> Iterator[Line]:
    """Yield the trends that were judged, and their limits, of the metrics on a plot."""
    for threshold in view.thresholds:
        if threshold.statistic != "slope" or threshold.value is None:
            continue
        for series in found:
            if series.metric == threshold.metric:
                yield from _trend(threshold, threshold.value, series, view, canvas)


def _trend(
    threshold: ThresholdView, slope: float, series: Series, view: LaneReport, canvas: Canvas
) -> Iterator[Line]:
    spans = [(p.begin, p.end) for p in view.phases if p.name in threshold.phases]
    points = [
        (at, value)
        for at, value in series.points
        if not spans or any(begin <= at < end for begin, end in spans)
    ]
    if not points:
        return
    first, last = points[0][0], points[-1][0]
    middle = statistics.median(at for at, _ in points)
    start = statistics.median(value for _, value in points) + slope * (first - middle) / _HOUR
    failed = " failed" if threshold.verdict == "FAIL" else ""
    name = series.name.lower()
    for title, look, rise in (
        (f"Trend of {name}", "trend" + failed, slope),
        (f"Limit of the trend of {name}", "slope", threshold.limit),
    ):
        path = _segment((first, start), (last, start + rise * (last - first) / _HOUR), canvas)
        yield Line(look, title, in_unit(rise, threshold), path)


def _segment(begin: tuple[float, float], end: tuple[float, float], canvas: Canvas) -> str:
    """Return the path of what lies within the scale of a straight line; the rest is cut off."""
    (first, start), (last, stop) = begin, end
    low, high = canvas.scale.bottom, canvas.scale.top
    if start == stop:
        shares = (0.0, 1.0)
    else:
        cuts = sorted(((low - start) / (stop - start), (high - start) / (stop - start)))
        shares = (max(cuts[0], 0.0), min(cuts[1], 1.0))
    if shares[0] >= shares[1]:
        return ""
    places = (
        (canvas.column(first + share * (last - first)), canvas.row(start + share * (stop - start)))
        for share in shares
    )
    return "M" + "L".join(f"{x} {y}" for x, y in places)


def _label_of(threshold: ThresholdView, name: str) -> str:
    parts = (name, threshold.label or "", statistic(threshold), limit(threshold))
    return " ".join(part for part in parts if part)
