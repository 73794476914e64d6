"""Whether a gauge was sampled all the time that it has to answer for.

A series that was cut off, or has holes, says nothing of what happened there. So the samples have to
begin and end with the time that is asked about, with no gap of more than five seconds, and together
they have to speak for 95 % of it. A sample speaks for the second that follows it, and for half of
another one, because no sampler is on time to the millisecond.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from platform_assets.lanes.measured import SAMPLE_MICROSECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Stretch = tuple[int, int]

LONGEST_GAP = 5 * SAMPLE_MICROSECONDS
LEAST_PERCENT = 95
_SPEAKS_FOR = SAMPLE_MICROSECONDS * 3 // 2


def joined(stretches: Iterable[Stretch]) -> list[Stretch]:
    """Return stretches of time in order, those that meet as one, empty ones left out."""
    found: list[Stretch] = []
    for begin, end in sorted(stretches):
        if begin >= end:
            continue
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((begin, end))
    return found


def problem_of_coverage(moments: Sequence[int], stretches: Iterable[Stretch]) -> str:
    """Say where moments, which are in order, do not cover stretches of time; nothing if they do."""
    for begin, end in joined(stretches):
        within = [at for at in moments if begin <= at < end]
        if not within:
            return f"no sample from {_seconds(begin)} to {_seconds(end)}"
        for before, after in pairwise([begin, *within, end]):
            if after - before > LONGEST_GAP:
                return f"no sample from {_seconds(before)} to {_seconds(after)}"
        covered = min(within[0] - begin, _SPEAKS_FOR - SAMPLE_MICROSECONDS)
        covered += sum(min(b - a, _SPEAKS_FOR) for a, b in pairwise([*within, end]))
        if covered * 100 < (end - begin) * LEAST_PERCENT:
            percent = covered * 100 // (end - begin)
            return f"samples of {percent} % of the time from {_seconds(begin)} to {_seconds(end)}"
    return ""


def _seconds(microseconds: int) -> str:
    return f"{microseconds / 1_000_000:.1f} s"
