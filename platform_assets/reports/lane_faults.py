"""The faults of a lane: markers on every plot, a track for each kind, and how soon all was steady.

Kinds are numbered in the order in which they first struck, and the numbers are the same everywhere. A
fault after which nothing was steady again is drawn to the end, and never left out.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

from platform_assets.reports.lane_axes import Linear
from platform_assets.reports.lane_figures import clock, figure
from platform_assets.reports.lane_lines import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platform_assets.reports.lane_axes import Tick, TimeAxis
    from platform_assets.reports.lane_model import FaultView

#: Labels at least so far apart, in per cent, can be read: on every screen, on a wide one.
_READABLE = 7.0
_READABLE_WHERE_WIDE = 1.7
#: Dots of a strip stand on so many lines, so that equal ones are seen side by side.
_LINES = 3


@dataclass(frozen=True, slots=True)
class FaultMark:
    """A fault on a plot: its column and place, and where its kind's number can be read."""

    number: int
    kind: int
    column: int
    place: float
    about: str
    within: bool
    named: str  # always, wide, never


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault on the track of its kind: from the strike until all was steady, in per cent."""

    begin: float
    end: float
    about: str
    within: bool


@dataclass(frozen=True, slots=True)
class Track:
    """All faults of a kind over the time of the lane."""

    number: int
    kind: str
    strikes: tuple[Strike, ...]


@dataclass(frozen=True, slots=True)
class Dot:
    """A fault by how long it took until all was steady; ``lane`` keeps neighbours apart."""

    place: float
    lane: int
    about: str
    within: bool
    steady: bool


@dataclass(frozen=True, slots=True)
class Strip:
    """All faults of a kind by how long they took, with their limit, in per cent of the width."""

    number: int
    kind: str
    struck: int
    within: int
    median: str
    worst: str
    limit: str
    limit_place: float
    dots: tuple[Dot, ...]


@dataclass(frozen=True, slots=True)
class Recovery:
    """The strips of all kinds, with one scale."""

    strips: tuple[Strip, ...]
    ticks: tuple[Tick, ...]


def numbered_kinds(faults: Sequence[FaultView]) -> dict[str, int]:
    """Return the number of each kind, in the order in which they first struck."""
    kinds = dict.fromkeys(fault.kind for fault in sorted(faults, key=lambda f: (f.at, f.number)))
    return {kind: number for number, kind in enumerate(kinds, 1)}


def outcome(fault: FaultView) -> str:
    """Return what became of a fault, in words."""
    if fault.recovery is None:
        return "not steady again"
    return f"steady after {figure(fault.recovery, 'time')}"


def fault_marks(faults: Sequence[FaultView], time: TimeAxis) -> tuple[FaultMark, ...]:
    """Return the faults as markers, in their order."""
    kinds = numbered_kinds(faults)
    marks = []
    always, wide = -_READABLE, -_READABLE_WHERE_WIDE
    for fault in sorted(faults, key=lambda f: (f.at, f.number)):
        place = time.percent(fault.at)
        named = "never"
        if place - wide >= _READABLE_WHERE_WIDE:
            named, wide = "wide", place
            if place - always >= _READABLE:
                named, always = "always", place
        about = f"{fault.number} {fault.kind} {clock(fault.at)}, {outcome(fault)}"
        column = round(time.place(fault.at) * COLUMNS)
        kind = kinds[fault.kind]
        marks.append(FaultMark(fault.number, kind, column, place, about, fault.within, named))
    return tuple(marks)


def tracks(faults: Sequence[FaultView], time: TimeAxis) -> tuple[Track, ...]:
    """Return a track for each kind, in the order of their numbers."""
    return tuple(
        Track(number, kind, tuple(_strike(f, time) for f in faults if f.kind == kind))
        for kind, number in numbered_kinds(faults).items()
    )


def recovery(faults: Sequence[FaultView]) -> Recovery | None:
    """Return how soon all was steady after the faults of each kind, where any struck."""
    if not faults:
        return None
    longest = max(max(fault.recovery or 0, fault.limit) for fault in faults)
    scale = Linear.over(0, longest, "time")
    strips = tuple(
        _strip(number, kind, [f for f in faults if f.kind == kind], scale)
        for kind, number in numbered_kinds(faults).items()
    )
    return Recovery(strips, scale.ticks)


def _strike(fault: FaultView, time: TimeAxis) -> Strike:
    end = time.end if fault.steady is None else fault.steady
    about = f"Fault {fault.number}, {fault.kind}, at {clock(fault.at)}: {outcome(fault)}"
    return Strike(time.percent(fault.at), time.percent(end), about, fault.within)


def _strip(number: int, kind: str, faults: Sequence[FaultView], scale: Linear) -> Strip:
    times = sorted(fault.recovery for fault in faults if fault.recovery is not None)
    never = len(times) < len(faults)
    limit = min(fault.limit for fault in faults)
    return Strip(
        number=number,
        kind=kind,
        struck=len(faults),
        within=sum(fault.within for fault in faults),
        median=figure(statistics.median_low(times), "time") if times else "never",
        worst="never steady" if never else figure(times[-1], "time"),
        limit=figure(limit, "time"),
        limit_place=round(100 * scale.place(limit), 2),
        dots=tuple(_dot(index, fault, scale) for index, fault in enumerate(faults)),
    )


def _dot(index: int, fault: FaultView, scale: Linear) -> Dot:
    place = 1.0 if fault.recovery is None else scale.place(fault.recovery)
    about = f"Fault {fault.number} at {clock(fault.at)}: {outcome(fault)}"
    steady = fault.recovery is not None
    return Dot(round(100 * place, 2), index % _LINES, about, fault.within, steady)
