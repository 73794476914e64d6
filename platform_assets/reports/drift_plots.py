"""The plot of a product against its baseline: for each bin the two shares, one bar above the other.

Bars are in units of the plot's view box, whose width stands for the greatest share of all bins. The
bins are those of the baseline, in its order; where they are too many, the rarest are left out and
counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platform_assets.flow.drift import Bin

WIDTH = 1_000.0
MOST = 32


@dataclass(frozen=True, slots=True)
class DriftBar:
    """One bin: its counts and the widths of its two bars."""

    label: str
    expected: int
    found: int
    expected_width: float
    found_width: float


@dataclass(frozen=True, slots=True)
class DriftPlot:
    """A column of a product beside what the baseline of a check holds of it."""

    check: str
    column: str
    baseline: int
    expected_total: int
    found_total: int
    bars: tuple[DriftBar, ...]
    left_out: int


def drift_plot(check: str, column: str, baseline: int, bins: Sequence[Bin]) -> DriftPlot:
    """Return the plot of the bins of a check."""
    totals = [sum(each.expected for each in bins), sum(each.found for each in bins)]
    shares = [
        [count / total if total else 0.0 for count, total in zip(counts, totals, strict=True)]
        for counts in ((each.expected, each.found) for each in bins)
    ]
    greatest = max((share for pair in shares for share in pair), default=0.0) or 1.0
    common = sorted(range(len(bins)), key=lambda n: (-max(shares[n]), n))[:MOST]
    return DriftPlot(
        check,
        column,
        baseline,
        totals[0],
        totals[1],
        tuple(
            DriftBar(
                bins[n].label,
                bins[n].expected,
                bins[n].found,
                *(round(WIDTH * share / greatest, 1) for share in shares[n]),
            )
            for n in sorted(common)
        ),
        len(bins) - len(common),
    )
