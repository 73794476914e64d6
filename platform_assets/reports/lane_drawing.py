"""What the plots of a lane are made of, as geometry that the templates draw.

Across, places are in per cent of the plot's width, or in columns of its canvas, so that one drawing
suits every screen; up and down they are in pixels, or in rows of the canvas. Text is never stretched.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from platform_assets.reports.lane_axes import TimeAxis
from platform_assets.reports.lane_faults import FaultMark, fault_marks
from platform_assets.reports.lane_figures import clock, significant
from platform_assets.reports.lane_lines import COLUMNS, ROWS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platform_assets.reports.lane_axes import Tick
    from platform_assets.reports.lane_model import LaneReport

#: Height of the strip above a plot in which the phases have their names, in pixels.
_NAMES = 16
#: Height of the strip in which the faults have the numbers of their kinds.
_NUMBERS = 13
_BELOW = 22
#: A phase at least so wide, in per cent, has its name in the plot: on every screen, on a wide one.
_NAMED = 17.0
_NAMED_WHERE_WIDE = 5.5
_LABEL_APART = 13.0
_ANCHORED_RIGHT = 45.0


@dataclass(frozen=True, slots=True)
class Band:
    """A phase behind a plot, in per cent; ``named`` is where there is room for its name."""

    begin: float
    width: float
    name: str
    about: str
    dark: bool
    named: str  # always, wide, never


@dataclass(frozen=True, slots=True)
class Line:
    """A line or dots on a plot: its look, its name, figures for its legend, its path and its band."""

    look: str
    name: str
    figures: str
    path: str
    band: str = ""
    dots: bool = False


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit as a line from ``begin`` to ``end`` per cent at ``y`` pixels, with its label."""

    y: float
    begin: float
    end: float
    label: str
    failed: bool
    label_y: float

    @property
    def right(self) -> bool:
        """Whether the label ends where the line ends; else it begins where the line begins."""
        return self.end >= _ANCHORED_RIGHT


@dataclass(frozen=True, slots=True)
class Plot:
    """One plot; without lines it is not drawn, and says what is missing."""

    key: str
    title: str
    about: str
    height: int
    ticks: tuple[Tick, ...] = ()
    lines: tuple[Line, ...] = ()
    limits: tuple[Limit, ...] = ()
    trends: tuple[Line, ...] = ()
    beyond: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """What the plot shows, for who cannot see it."""
        return "; ".join(f"{line.name}: {line.figures}" for line in (*self.lines, *self.trends))


@dataclass(frozen=True, slots=True)
class Frame:
    """What all plots over time share: axis, phases and faults."""

    time: TimeAxis
    bands: tuple[Band, ...]
    faults: tuple[FaultMark, ...]
    columns: int = COLUMNS
    rows: int = ROWS
    below: int = _BELOW

    @property
    def top(self) -> int:
        """Where the plot itself begins, in pixels."""
        return _NAMES + (_NUMBERS if self.faults else 0)

    @property
    def ticks(self) -> tuple[Tick, ...]:
        """The ticks of the time axis."""
        return self.time.ticks

    def extent(self, phases: Sequence[str]) -> tuple[float, float]:
        """Return from where to where phases go, in per cent; no phase means all of them."""
        chosen = [band for band in self.bands if band.name in phases]
        if not chosen:
            return 0.0, 100.0
        return min(b.begin for b in chosen), max(round(b.begin + b.width, 2) for b in chosen)


def frame_of(view: LaneReport) -> Frame:
    """Return the frame of a lane's plots; it holds everything that has a moment."""
    moments = [phase.end for phase in view.phases]
    moments += [points[-1][0] for points in (each.points for each in view.series) if points]
    moments += [run.closed or run.pinned for run in view.runs]
    moments += [fault.steady or fault.at for fault in view.faults]
    time = TimeAxis(max([*moments, 1]))
    return Frame(time, _bands(view, time), fault_marks(view.faults, time))


def apart(limits: Sequence[Limit], lowest: float) -> tuple[Limit, ...]:
    """Return limits from the top with labels that do not cover one another."""
    placed: list[Limit] = []
    for limit in sorted(limits, key=lambda each: (each.y, each.label)):
        free = limit.y - 4
        for other in placed:
            if other.right == limit.right and free - other.label_y < _LABEL_APART:
                free = other.label_y + _LABEL_APART
        placed.append(
            Limit(
                limit.y,
                limit.begin,
                limit.end,
                limit.label,
                limit.failed,
                round(min(free, lowest), 1),
            )
        )
    return tuple(placed)


def _bands(view: LaneReport, time: TimeAxis) -> tuple[Band, ...]:
    bands = []
    for index, phase in enumerate(view.phases):
        begin = time.percent(phase.begin)
        width = round(time.percent(phase.end) - begin, 2)
        room = "wide" if width >= _NAMED_WHERE_WIDE else "never"
        load = f", {significant(phase.rate)} events/s" if phase.rate is not None else ""
        about = f"{phase.name}: {clock(phase.begin)} to {clock(phase.end)}{load}"
        named = "always" if width >= _NAMED else room
        bands.append(Band(begin, width, phase.name, about, index % 2 == 1, named))
    return tuple(bands)
