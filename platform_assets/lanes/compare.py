"""Whether a second run of a lane is worse than a first one, beyond the noise.

Only runs of the same lane, the same profile and the same workload are compared. For each subject that
both have, the ratio of the second to the first is told, with its interval, from pairs (see `sequences`
and `paired`), and with the noise: how far two runs of the same thing lie apart. That is measured where
two such runs are given; in any case it is at least what each of the runs differs from itself.

A regression is a ratio whose whole interval lies beyond the noise and beyond the tolerance in the bad
direction, and which is no chance of looking at many figures at once. The same in the good direction is
an improvement. Too few pairs are no data, which is said and is no verdict on the figure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from platform_assets.errors import LanesDiffer, UnknownThing
from platform_assets.lanes.paired import CONFIDENCE, chance_beyond, estimate, holm
from platform_assets.lanes.sequences import Subject, in_order, paired, self_difference, sequences

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from platform_assets.lanes.measured import Measured
    from platform_assets.lanes.paired import Estimate
    from platform_assets.lanes.plan import LanePlan
    from platform_assets.lanes.sequences import Phases

    Measures = Mapping[Subject, Phases]

#: A change smaller than this is of no interest, however sure it is.
TOLERANCE = Decimal("0.05")
#: With fewer pairs no ratio can be told from chance among as many figures as a lane has.
LEAST_PAIRS = 12

#: What is compared, and which way is bad. What the generator does, and what has to be zero and is
#: judged in each lane's own verdict, is not here.
WORSE: Mapping[str, Literal["higher", "lower"]] = MappingProxyType(
    {
        **dict.fromkeys(("certified", "largest_window"), "lower"),
        **dict.fromkeys(("acknowledgement", "latency", "backlog", "lag", "open_runs"), "higher"),
        **dict.fromkeys(("run_duration", "step_duration", "step_memory", "spilled"), "higher"),
        **dict.fromkeys(("memory", "memory_held", "memory_floor", "cpu"), "higher"),
        **dict.fromkeys(("descriptors", "threads"), "higher"),
        **dict.fromkeys(("store_size", "scratch_size", "log_size", "database_size"), "higher"),
        **dict.fromkeys(("drain", "recovery"), "higher"),
    }
)


class Change(StrEnum):
    """What became of a figure."""

    REGRESSION = "REGRESSION"
    IMPROVEMENT = "IMPROVEMENT"
    NO_CHANGE = "NO_CHANGE"
    NO_DATA = "NO_DATA"


@dataclass(frozen=True, slots=True)
class Compared:
    """One figure of two runs.

    Attributes:
        subject: which.
        change: what became of it; ``NO_CHANGE`` if none beyond the noise was shown.
        pairs: how many pairs there were.
        found: the ratio as a logarithm with its interval; None where there are no data.
        noise: how far runs of the same thing lie apart, as a logarithm.
        chance: to find this where the change is not beyond noise and tolerance, corrected for all
            figures together.
        medians: of the values of both runs, in base units.
        why: what there is too little of, where there are no data.
    """

    subject: Subject
    change: Change
    pairs: int
    found: Estimate | None = None
    noise: float = 0.0
    chance: float = 1.0
    medians: tuple[int, int] = (0, 0)
    why: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it as the command line's ``--json`` prints it, ratios as factors."""
        metric, label, statistic = self.subject
        told = {"metric": metric, "label": label, "statistic": statistic, "pairs": self.pairs}
        if self.found is None:
            return {**told, "change": self.change, "why": self.why}
        factors = {
            "ratio": self.found.middle,
            "low": self.found.low,
            "high": self.found.high,
            "noise": self.noise,
        }
        rounded = {name: round(math.exp(value), 4) for name, value in factors.items()}
        before, after = self.medians
        return {
            **told,
            "change": self.change,
            "before": before,
            "after": after,
            **rounded,
            "chance": float(f"{self.chance:.3g}"),
        }


def require_comparable(first: LanePlan, second: LanePlan) -> None:
    """Require that two runs can be compared: same lane, profile and workload.

    Raises:
        LanesDiffer: they cannot; every value that differs is named.
    """
    plans = [plan.record() for plan in (first, second)]
    before, after = (
        {name: plan[name] for name in ("lane", "profile", "workload")} for plan in plans
    )
    found = list(differences(before, after))
    if found:
        raise LanesDiffer(
            f"{first.lane} {first.profile} and {second.lane} {second.profile}",
            expected="two runs of the same lane, profile and workload",
            found=found,
            remedy="Compare runs of one plan: run the lane again as one of them was run.",
        )


def differences(before: Any, after: Any, at: str = "") -> Iterator[str]:
    """Yield where two record values differ, each with both values."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted(before.keys() | after.keys()):
            inner = f"{at}.{name}" if at else name
            yield from differences(before.get(name), after.get(name), inner)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from differences(one, other, f"{at}[{number}]")
    elif before != after:
        yield f"{at}: {before} and {after}"


def compare(
    first: Measured,
    second: Measured,
    *,
    noise: tuple[Measured, Measured] | None = None,
    metrics: Sequence[str] = (),
    tolerance: Decimal = TOLERANCE,
) -> list[Compared]:
    """Compare what was measured in two runs of one plan.

    Args:
        first: what is compared with.
        second: what is judged.
        noise: two runs of the same thing, of which the noise is measured.
        metrics: these alone; all that can be compared, if none are named.
        tolerance: the share that a figure may be worse.

    Raises:
        UnknownThing: a metric of that name is not compared.
    """
    chosen = _chosen(metrics)
    before, after = sequences(first, chosen), sequences(second, chosen)
    measured = {subject.metric for subject in (*before, *after)}
    subjects = [
        *sorted(before.keys() | after.keys()),
        *(Subject(metric, "", "") for metric in chosen if metric not in measured),
    ]
    same = [sequences(each, chosen) for each in noise or ()]
    told = [_figure(each, before, after, same, float(tolerance)) for each in subjects]
    chances = iter(holm([each.chance for each in told if each.found]))
    return [_judged(each, next(chances), float(tolerance)) if each.found else each for each in told]


def _figure(
    subject: Subject,
    before: Measures,
    after: Measures,
    same: Sequence[Measures],
    tolerance: float,
) -> Compared:
    """Return the ratio of a subject and its noise, not yet judged; no data where there are too few."""
    sides = [side.get(subject, {}) for side in (before, after)]
    ratios = paired(*sides)
    if len(ratios) < LEAST_PAIRS:
        counts = [sum(map(len, side.values())) for side in sides]
        why = f"{len(ratios)} pairs of {counts[0]} and {counts[1]} values; {LEAST_PAIRS} are needed"
        return Compared(subject, Change.NO_DATA, len(ratios), why=why)
    noises = [self_difference(side) for side in sides]
    if same:
        between = paired(*(side.get(subject, {}) for side in same))
        if len(between) < LEAST_PAIRS:
            why = f"{len(between)} pairs to measure the noise of; {LEAST_PAIRS} are needed"
            return Compared(subject, Change.NO_DATA, len(ratios), why=why)
        alike = estimate(between)
        noises += [abs(alike.low), abs(alike.high)]
    found, noise = estimate(ratios), max(noises)
    medians = [round(float(np.median(np.concatenate(in_order(side))))) for side in sides]
    return Compared(
        subject,
        Change.NO_CHANGE,
        len(ratios),
        found,
        noise,
        chance_beyond(ratios, found, _margin(noise, tolerance)),
        (medians[0], medians[1]),
    )


def _judged(figure: Compared, chance: float, tolerance: float) -> Compared:
    """Return a figure with what became of it, given the corrected chance."""
    if figure.found is None:
        raise RuntimeError("a figure without data is judged")
    margin = _margin(figure.noise, tolerance)
    change = Change.NO_CHANGE
    if chance < 1 - CONFIDENCE:
        higher, lower = Change.REGRESSION, Change.IMPROVEMENT
        if WORSE[figure.subject.metric] == "lower":
            higher, lower = lower, higher
        if figure.found.low > margin:
            change = higher
        elif figure.found.high < -margin:
            change = lower
    return replace(figure, change=change, chance=chance)


def _margin(noise: float, tolerance: float) -> float:
    return max(noise, math.log1p(tolerance))


def _chosen(metrics: Sequence[str]) -> Sequence[str]:
    unknown = [metric for metric in metrics if metric not in WORSE]
    if unknown:
        raise UnknownThing(
            f"metric {', '.join(unknown)}",
            expected=f"one of {', '.join(WORSE)}",
            found="none that is compared",
            remedy="What the load does, and what has to be zero, is judged in each lane's verdict.",
        )
    return metrics or list(WORSE)
