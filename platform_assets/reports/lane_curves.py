"""The plots of a lane without time: the whole distribution of its latencies, and a probe's windows.

The distribution is drawn as HdrHistogram draws it: across, each nine takes the same space, so that the
rare slow events have as much room as all the others. The last point is the slowest event of all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from platform_assets.reports.lane_axes import Logarithmic, Nines
from platform_assets.reports.lane_drawing import Line
from platform_assets.reports.lane_figures import LIMIT_AT, figure, limit, statistic
from platform_assets.reports.lane_lines import COLUMNS, ROWS, Canvas

if TYPE_CHECKING:
    from collections.abc import Iterator

    from platform_assets.reports.lane_axes import Tick
    from platform_assets.reports.lane_model import (
        Dimension,
        DistributionView,
        LaneReport,
        ProbeView,
        ThresholdView,
        WindowView,
    )

_DRAWN = (
    ("latency", "End to end", "s1 strong"),
    ("acknowledgement", "Acknowledgement", "s2"),
    ("slip", "Sent late by the generator", "s3"),
)
_ONE_IN = {"p50": 2.0, "p95": 20.0, "p99": 100.0, "p99_9": 1_000.0}
_HEIGHT = 240
_RIGHT = 60.0


@dataclass(frozen=True, slots=True)
class Bound:
    """A limit of a percentile, where it stands on the curve, in per cent and pixels."""

    place: float
    y: float
    label: str
    failed: bool

    @property
    def left(self) -> bool:
        """Whether the label stands to the left of it."""
        return self.place > _RIGHT


@dataclass(frozen=True, slots=True)
class Curve:
    """The distributions of a lane; without lines it says what is missing."""

    height: int
    across: tuple[Tick, ...] = ()
    ticks: tuple[Tick, ...] = ()
    lines: tuple[Line, ...] = ()
    bounds: tuple[Bound, ...] = ()
    missing: tuple[str, ...] = ()
    columns: int = COLUMNS
    rows: int = ROWS


@dataclass(frozen=True, slots=True)
class Taken:
    """What a window took of something: a bar in per cent, with its figure."""

    fill: float
    over: bool
    text: str


@dataclass(frozen=True, slots=True)
class WindowRow:
    """A window of a probe with what it took of its limits."""

    window: WindowView
    duration: Taken | None
    memory: Taken | None
    spilled: Taken | None


def curve(view: LaneReport, top: int) -> Curve:
    """Return the percentile curves of a lane; the plot begins ``top`` pixels below its top."""
    found = [
        (name, look, distribution)
        for metric, name, look in _DRAWN
        if (distribution := view.distribution(metric)) is not None and distribution.curve
    ]
    missing = tuple(metric for metric, *_ in _DRAWN if view.distribution(metric) is None)
    if not found:
        return Curve(_HEIGHT, missing=missing)
    limits = [
        each
        for each in view.thresholds
        if each.metric in {metric for metric, *_ in _DRAWN}
        and (each.statistic in _ONE_IN or each.statistic == "max")
    ]
    values = [value for *_, each in found for _, value in each.curve]
    values += [round(each.limit) for each in limits]
    across = Nines(max(one_in for *_, each in found for one_in, _ in each.curve))
    scale = Logarithmic.over(max(min(values), 100), max(values))
    canvas = Canvas(across, scale)
    return Curve(
        height=_HEIGHT,
        across=across.ticks,
        ticks=scale.ticks,
        lines=tuple(
            Line(look, name, _figures(each), _rising(each, canvas)) for name, look, each in found
        ),
        bounds=tuple(_bounds(limits, across, scale, top)),
        missing=missing,
    )


def window_rows(probe: ProbeView) -> tuple[WindowRow, ...]:
    """Return the windows of a probe, the smallest first."""
    ordered = sorted(probe.windows, key=lambda window: (window.events, window.run_id))
    return tuple(
        WindowRow(
            window,
            _taken(window.duration, probe.time_limit, "time"),
            _taken(window.memory, probe.memory_limit, "bytes"),
            _taken(window.spilled, probe.spill_limit, "bytes"),
        )
        for window in ordered
    )


def _taken(value: int | None, most: int, dimension: Dimension) -> Taken | None:
    if value is None:
        return None
    fill = min(value / most * LIMIT_AT, 100.0)
    return Taken(round(fill, 1), value > most, figure(value, dimension))


def _rising(distribution: DistributionView, canvas: Canvas) -> str:
    return canvas.line(distribution.curve, gap=10**15)


def _figures(distribution: DistributionView) -> str:
    shares = ((2, "p50"), (100, "p99"), (1_000, "p99.9"))
    known = ((name, distribution.all_but_one_in(n)) for n, name in shares)
    parts = [f"{name} {figure(value, 'time')}" for name, value in known if value is not None]
    return ", ".join([*parts, f"slowest {figure(distribution.most or 0, 'time')}"])


def _bounds(
    limits: list[ThresholdView], across: Nines, scale: Logarithmic, top: int
) -> Iterator[Bound]:
    names = {metric: name for metric, name, _ in _DRAWN}
    for each in limits:
        place = across.place(_ONE_IN.get(each.statistic, across.top))
        y = top + (1 - scale.place(each.limit)) * _HEIGHT
        phases = f" in {', '.join(each.phases)}" if each.phases else ""
        label = f"{names[each.metric]} {statistic(each)} {limit(each)}{phases}"
        yield Bound(round(100 * place, 2), round(y, 1), label, each.verdict == "FAIL")
