"""The axes of a lane's plots: where a moment or a value stands, and the ticks in round numbers.

Places run from 0 to 1. All plots over time share one time axis, so that what happened at one moment
stands above one another. Labels of finer ticks are for wide screens; a phone shows the coarse ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from platform_assets.reports.lane_figures import SECOND, significant

if TYPE_CHECKING:
    from platform_assets.reports.lane_model import Dimension

_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 43_200, 86_400)
_COARSE = 5
_FINE = 12
_MINUTE = 60
_HOUR = 3_600
_ROUND = (1, 2, 5)
#: Width of a character, with some air, on a phone's plot, as part of the plot's width.
_CHARACTER = 0.029
_TICKS = 5
#: Free space above the largest value, of the whole.
_ROOM = 0.04
#: Decades that a logarithmic axis may span and still have its 2 and 5 labelled.
_FEW_DECADES = 2.4


@dataclass(frozen=True, slots=True)
class Tick:
    """A round value, where it stands and how it is written; a fine one has a label if it is wide."""

    place: float
    label: str
    fine: bool = False


class Axis(Protocol):
    """Where something stands between the two ends of an axis."""

    def place(self, at: float, /) -> float:
        """Return where it stands, from 0 to 1; what lies beyond an end stands at that end."""
        ...


class Scale(Axis, Protocol):
    """The axis of the values, from the bottom to the top."""

    @property
    def bottom(self) -> float:
        """The value at the bottom."""
        ...

    @property
    def top(self) -> float:
        """The value at the top."""
        ...

    @property
    def ticks(self) -> tuple[Tick, ...]:
        """The ticks, from the bottom."""
        ...


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """The time of a lane, from the first event to the end of the drain, in microseconds."""

    end: int

    def place(self, moment: float) -> float:
        """Return where a moment stands."""
        return min(max(moment / self.end, 0.0), 1.0)

    def percent(self, moment: float) -> float:
        """Return where a moment stands, in per cent with two decimals."""
        return round(100 * self.place(moment), 2)

    @property
    def ticks(self) -> tuple[Tick, ...]:
        """Ticks at round times; the fine ones lie between."""
        seconds = self.end / SECOND
        coarse = next((step for step in _STEPS if seconds / step <= _COARSE), _STEPS[-1])
        fine = next(
            (s for s in _STEPS if seconds / s <= _FINE and coarse % s == 0 and s < coarse), coarse
        )
        return tuple(
            Tick(self.place(at * SECOND), _moment(at, coarse), fine=at % coarse != 0)
            for at in range(0, int(seconds) + 1, fine)
        )


@dataclass(frozen=True, slots=True)
class Linear:
    """Values from one round number, mostly 0, to another."""

    bottom: float
    top: float
    step: float
    unit: float
    suffix: str

    @classmethod
    def over(cls, least: float, most: float, dimension: Dimension) -> Linear:
        """Return a scale that holds values from ``least`` to ``most``, and a little above them."""
        unit, suffix = _unit(most, dimension)
        span = max(most - least, most / 100)
        least_step = 1.0 if dimension == "count" and unit == 1 else 0.0  # no half descriptor
        step = max(_round_step(span / unit / _TICKS), least_step)
        bottom = step * math.floor(least / unit / step)
        top = step * math.ceil((most + span * _ROOM) / unit / step)
        return cls(bottom * unit, max(top, bottom + step) * unit, step * unit, unit, suffix)

    def place(self, value: float) -> float:
        """Return where a value stands."""
        return min(max((value - self.bottom) / (self.top - self.bottom), 0.0), 1.0)

    @property
    def ticks(self) -> tuple[Tick, ...]:
        """Ticks from the bottom to the top."""
        number = round((self.top - self.bottom) / self.step)
        return tuple(self._tick(n / number, self.bottom + n * self.step) for n in range(number + 1))

    def _tick(self, place: float, value: float) -> Tick:
        label = f"{significant(value / self.unit, 4)}{self.suffix}"
        return Tick(place, label if value else "0")


@dataclass(frozen=True, slots=True)
class Logarithmic:
    """Times from one round number to another; what is smaller stands at the bottom."""

    bottom: float
    top: float

    @classmethod
    def over(cls, least: float, most: float) -> Logarithmic:
        """Return a scale that holds what is between two values, in round numbers."""
        least = max(min(least, most), 1.0)
        bottom, top = _round_below(least), _round_above(max(most, least))
        return cls(bottom, top if top > bottom else bottom * 10)

    def place(self, value: float) -> float:
        """Return where a value stands."""
        share = math.log(max(value, self.bottom) / self.bottom) / math.log(self.top / self.bottom)
        return min(share, 1.0)

    @property
    def ticks(self) -> tuple[Tick, ...]:
        """Ticks at powers of ten, and at 2 and 5 where there are few of them."""
        decades = math.log10(self.top / self.bottom)
        wanted = _ROUND if decades <= _FEW_DECADES else (1,)
        first, last = math.floor(math.log10(self.bottom)), math.ceil(math.log10(self.top))
        values = [digit * 10.0**power for power in range(first, last + 1) for digit in wanted]
        return tuple(
            Tick(self.place(value), _duration(value))
            for value in values
            if self.bottom * 0.999 <= value <= self.top * 1.001
        )


@dataclass(frozen=True, slots=True)
class Nines:
    """Shares of all events up to all but one in ``top``: each nine takes the same space."""

    top: float

    def place(self, one_in: float) -> float:
        """Return where all but one in so many events stand."""
        return min(math.log(max(one_in, 1.0)) / math.log(max(self.top, 2.0)), 1.0)

    @property
    def ticks(self) -> tuple[Tick, ...]:
        """Ticks at the nines that there are, and at a half."""
        nines = range(1, math.floor(math.log10(max(self.top, 2.0))) + 1)
        ticks, free = [Tick(0.0, "0 %"), Tick(self.place(2), "50 %", fine=True)], 0.0
        for number in nines:
            label, place = f"{_nines(number)} %", self.place(10**number)
            half = len(label) * _CHARACTER / 2
            ticks.append(Tick(place, label, fine=place - half < free))
            free = free if ticks[-1].fine else place + half
        return tuple(ticks)


def _nines(number: int) -> str:
    return "90" if number == 1 else f"99.{'9' * (number - 2)}".rstrip(".")


def _moment(seconds: int, step: int) -> str:
    if seconds == 0:
        return "0"
    if step < _MINUTE:
        return f"{seconds} s"
    if step < _HOUR:
        return f"{seconds / _MINUTE:g} min"
    return f"{seconds / _HOUR:g} h"


def _duration(microseconds: float) -> str:
    if microseconds < SECOND / 1_000:
        return f"{microseconds:,.0f} µs"
    if microseconds < SECOND:
        return f"{microseconds * 1_000 / SECOND:,.0f} ms"
    return f"{microseconds / SECOND:,.0f} s"


def _unit(most: float, dimension: Dimension) -> tuple[float, str]:
    match dimension:
        case "time":
            sizes = [(SECOND, " s"), (SECOND / 1_000, " ms"), (1.0, " µs")]
        case "bytes":
            sizes = [(2.0**30, " GiB"), (2.0**20, " MiB"), (2.0**10, " KiB"), (1.0, " B")]
        case "share":
            sizes = [(10_000.0, " %")]
        case "rate":
            sizes = [(1e6, " M/s"), (1e3, " k/s"), (1.0, "/s")]
        case _:
            sizes = [(1e6, " M"), (1e3, " k"), (1.0, "")]
    return next((size for size in sizes if most >= size[0]), sizes[-1])


def _round_step(least: float) -> float:
    if least <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(least))
    return next(digit * power for digit in (1, 2, 5, 10) if digit * power >= least * 0.999)


def _round_below(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return max(digit * power for digit in _ROUND if digit * power <= value * 1.001)


def _round_above(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return min(digit * power for digit in (1, 2, 5, 10) if digit * power >= value * 0.999)
