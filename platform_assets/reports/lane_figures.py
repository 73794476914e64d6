"""Figures of a lane as a person reads them: with a unit, three digits, and never rounded into a lie.

A value and its limit are written in the unit of the plan, so that they compare at a glance; where
rounding would make a value look equal to a limit from which it differs, it keeps its digits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from platform_assets.reports import wording

if TYPE_CHECKING:
    from platform_assets.reports.lane_model import Dimension, ThresholdView

_MILLISECOND = 1_000
SECOND = 1_000_000
_MINUTE = 60 * SECOND
_HOUR = 60 * _MINUTE
_IN_SECONDS = 10 * _MINUTE
_PER_CENT = 10_000
_DOUBLE = 2
#: A value below so much of its unit is written in a smaller one.
_TINY = 0.01
#: Where the limit stands on the bar of a margin, in per cent of its width.
LIMIT_AT = 64.0
#: How units of a plan are written; others stand as they are.
_UNITS = {"1": "", "us": " µs", "/s": "/s"}


@dataclass(frozen=True, slots=True)
class Margin:
    """How far a value is from its limit: a bar in per cent of its width, and in words."""

    fill: float
    limit: float
    beyond: bool
    words: str


def significant(value: float, digits: int = 3) -> str:
    """Write a number with three digits, or with all of its integer part."""
    whole = abs(value)
    if whole and whole < 1:
        return f"{value:.{digits}g}" if whole >= 10**-4 else f"{value:.0e}"
    places = max(digits - (len(str(int(whole)))), 0)
    text = f"{value:,.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def figure(value: float, dimension: Dimension) -> str:
    """Write a value in base units with the unit that suits its size."""
    match dimension:
        case "time":
            return _time(value)
        case "bytes":
            sign = "-" if value < 0 else ""
            return sign + wording.size(abs(round(value)))
        case "rate":
            return f"{significant(value)}/s"
        case "share":
            return f"{significant(value / _PER_CENT)} %"
        case _:
            return significant(value)


def clock(moment: int) -> str:
    """Write a moment of the lane: how long after the load began."""
    seconds = abs(moment) // SECOND
    sign = "-" if moment < 0 else ""
    hours, rest = divmod(seconds, 3_600)
    minutes, seconds = divmod(rest, 60)
    if hours:
        return f"{sign}{hours}:{minutes:02d}:{seconds:02d}"
    return f"{sign}{minutes}:{seconds:02d}"


def in_unit(value: float, threshold: ThresholdView) -> str:
    """Write a value in the unit of a threshold, a very small one in its own; a slope's is per hour."""
    shown = _digits(value, threshold)
    unit = _UNITS.get(threshold.unit, f" {threshold.unit}")
    if 0 < abs(value) < threshold.scale * _TINY:
        shown, unit = figure(value, threshold.dimension), ""
    if threshold.statistic == "slope":
        return f"{shown}{unit} per hour" if threshold.unit in {"1", "/s"} else f"{shown}{unit}/h"
    return shown + unit


def limit(threshold: ThresholdView) -> str:
    """Write the limit of a threshold with its direction."""
    return f"{'≤' if threshold.at_most else '≥'} {in_unit(threshold.limit, threshold)}"


def statistic(threshold: ThresholdView) -> str:
    """Write which statistic of which samples is held against the limit."""
    names = {"p99_9": "p99.9", "max": "largest", "min": "least", "sum": "total"}
    name = names.get(threshold.statistic, threshold.statistic)
    return "trend" if name == "slope" else name


def margin(threshold: ThresholdView) -> Margin | None:
    """Return how far a value is from its limit; of no value there is none."""
    if threshold.value is None:
        return None
    beyond = threshold.excess > 0
    words = _margin_words(threshold)
    if threshold.limit <= 0:
        return Margin(100.0 if beyond else 0.0, 0.0, beyond, words)
    fill = min(max(threshold.value / threshold.limit * LIMIT_AT, 0.0), 100.0)
    return Margin(round(fill, 1), LIMIT_AT, beyond, words)


def _margin_words(threshold: ThresholdView) -> str:
    value, bound = threshold.value or 0.0, threshold.limit
    if value == bound:
        return "at the limit" if bound else "none, as it must be"
    if bound <= 0:
        over = in_unit(abs(value - bound), threshold)
        return f"{over} {_side(threshold)}"
    if threshold.at_most and value >= _DOUBLE * bound:
        return f"{significant(value / bound)} times the limit"
    if threshold.at_most and threshold.excess <= 0:
        return f"{_percent(-threshold.excess)} to spare"
    return f"{_percent(abs(threshold.excess))} {_side(threshold)}"


def _side(threshold: ThresholdView) -> str:
    below = (threshold.value or 0.0) < threshold.limit
    if threshold.excess > 0:
        return "short" if below else "over"
    return "below" if below else "above"


def _percent(part: float) -> str:
    if part >= 1 and math.isfinite(part):
        return f"{100 * part:,.0f} %"
    return wording.share(round(part * 1_000_000), 1_000_000)


def _digits(value: float, threshold: ThresholdView) -> str:
    """Write a number so that it differs from the limit if it does."""
    number, bound = value / threshold.scale, threshold.limit / threshold.scale
    shown = significant(number)
    if number != bound and shown == significant(bound):
        return f"{number:,.6f}".rstrip("0").rstrip(".")
    return shown


def _time(value: float) -> str:
    size = abs(value)
    if size == 0:
        return "0 s"
    if size < _MILLISECOND:
        return f"{significant(value)} µs"
    if size < SECOND:
        return f"{significant(value / _MILLISECOND)} ms"
    if size < _IN_SECONDS:
        return f"{significant(value / SECOND)} s"
    if size < _HOUR:
        return f"{significant(value / _MINUTE)} min"
    return f"{significant(value / _HOUR)} h"
