"""Drift: how far the values of a column are from those of a baseline.

1. Bins come from the baseline. Of text and booleans each value that it lists is a bin, and all others
   are one more. Of numbers they are its ten deciles, cut at the borders of the buckets of profiles, so
   that counts are exact. Of instants they are the hours of the UTC day.
2. Nulls and NaNs are no values; a check of nulls tells of them.
3. Statistics are of the shares of the bins, p of the baseline and q of the product.

   - ``psi``, the population stability index: the sum of (q - p) ln(q / p), where a share below 0.0001
     is taken for 0.0001, so that an empty bin does not make it infinite (N. Siddiqi, Credit Risk
     Scorecards, 2006; below 0.1 is little by custom, above 0.25 is much).
   - ``jensen_shannon``: the square root of the divergence to the base 2, from 0 to 1 (J. Lin,
     Divergence measures based on the Shannon entropy, IEEE Transactions on Information Theory 37,
     1991).
   - ``ks``, of Kolmogorov and Smirnov: the greatest difference of the two cumulative shares, from 0 to
     1. It takes the buckets themselves, which are at most 1/32 of a value wide, in place of deciles.

What is computed is rounded to six digits after the point, and then compared exactly.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate
from typing import TYPE_CHECKING

from platform_assets.flow.profile import bucket_start

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from platform_assets.flow.profile import ColumnProfile, Profile

STATISTICS = ("psi", "ks", "jensen_shannon")

_LEAST_SHARE = 0.0001
_DECILES = 10
_QUARTERS_OF_AN_HOUR = 4


@dataclass(frozen=True, slots=True)
class Baseline:
    """A pinned baseline: its number, the digest of its record, and what columns held."""

    number: int
    digest: str
    profile: Profile


@dataclass(frozen=True, slots=True)
class Bin:
    """One bin, with how many values of the baseline and of the product fall into it."""

    label: str
    expected: int
    found: int


def distance(statistic: str, baseline: ColumnProfile, found: ColumnProfile) -> Decimal | None:
    """Return how far the values of a column are from the baseline's; None where either has none.

    Raises:
        ValueError: values of one of the two are not listed, and the type of the column needs that.
    """
    if statistic == "ks":
        buckets = sorted({*baseline.buckets, *found.buckets})
        counts = [[each.buckets.get(b, 0) for b in buckets] for each in (baseline, found)]
    else:
        binned = bins(baseline, found)
        counts = [[each.expected for each in binned], [each.found for each in binned]]
    if not all(map(sum, counts)):
        return None
    computed = {"psi": psi, "ks": ks, "jensen_shannon": jensen_shannon}[statistic](*counts)
    return Decimal(f"{computed:.6f}")


def values_in(column: ColumnProfile) -> int:
    """Return how many values a column has that are neither null nor NaN."""
    counts = column.buckets if column.values is None else column.values
    return sum(counts.values())


def psi(expected: Sequence[int], found: Sequence[int]) -> float:
    """Return the population stability index of counts in the same bins."""
    p, q = ([max(share, _LEAST_SHARE) for share in _shares(each)] for each in (expected, found))
    return math.fsum((b - a) * math.log(b / a) for a, b in zip(p, q, strict=True))


def ks(expected: Sequence[int], found: Sequence[int]) -> float:
    """Return the statistic of Kolmogorov and Smirnov of counts in the same ordered bins."""
    p, q = (accumulate(each) for each in (expected, found))
    totals = sum(expected), sum(found)
    return max(abs(a / totals[0] - b / totals[1]) for a, b in zip(p, q, strict=True))


def jensen_shannon(expected: Sequence[int], found: Sequence[int]) -> float:
    """Return the distance of Jensen and Shannon, to the base 2, of counts in the same bins."""
    p, q = _shares(expected), _shares(found)
    middle = [(a + b) / 2 for a, b in zip(p, q, strict=True)]
    divergence = (_entropy(p, middle) + _entropy(q, middle)) / 2
    return math.sqrt(max(0.0, divergence))


def bins(baseline: ColumnProfile, found: ColumnProfile) -> list[Bin]:
    """Return the bins of a column with their counts, in order (rule 1).

    Raises:
        ValueError: values of one of the two are not listed, and the type of the column needs that.
    """
    match baseline.type:
        case "string" | "boolean":
            return _by_value(_listed(baseline, "baseline"), _listed(found, "product"))
        case "timestamp":
            hours = [Counter[int](), Counter[int]()]
            for counted, column in zip(hours, (baseline, found), strict=True):
                for quarter, count in column.buckets.items():
                    counted[quarter // _QUARTERS_OF_AN_HOUR] += count
            return [Bin(f"{hour:02d} h", hours[0][hour], hours[1][hour]) for hour in range(24)]
        case _:
            return _by_decile(baseline, found)


def _listed(column: ColumnProfile, whose: str) -> Mapping[str, int]:
    if column.values is None:
        raise ValueError(
            f"{column.path} has too many different values in the {whose} to be compared"
        )
    return column.values


def _by_value(baseline: Mapping[str, int], found: Mapping[str, int]) -> list[Bin]:
    others = sum(count for value, count in found.items() if value not in baseline)
    listed = [Bin(value, baseline[value], found.get(value, 0)) for value in sorted(baseline)]
    return [*listed, Bin("all others", 0, others)]


def _by_decile(baseline: ColumnProfile, found: ColumnProfile) -> list[Bin]:
    """Return counts between the baseline's deciles; a bin ends with the bucket that reaches one."""
    total = sum(baseline.buckets.values())
    borders: list[int] = []
    passed = reached = 0
    for bucket in sorted(baseline.buckets):
        passed += baseline.buckets[bucket]
        if passed * _DECILES >= total * (reached + 1):
            reached = passed * _DECILES // total
            borders.append(bucket)
    inner = borders[:-1]
    counts = [_between(inner, each.buckets) for each in (baseline, found)]
    labels = [*(_label(baseline.type, n, bucket) for n, bucket in enumerate(inner, 1)), "the rest"]
    return [Bin(*each) for each in zip(labels, *counts, strict=True)]


def _label(kind: str, number: int, last: int) -> str:
    """Name a bin by where its last bucket ends; a decimal's scale is not known here."""
    if kind == "decimal":
        return f"decile {number}"
    return f"up to {bucket_start(last):.6g}" if last < 0 else f"below {bucket_start(last + 1):.6g}"


def _between(borders: Sequence[int], counts: Mapping[int, int]) -> list[int]:
    sums = [0] * (len(borders) + 1)
    for bucket, count in counts.items():
        sums[sum(bucket > border for border in borders)] += count
    return sums


def _shares(counts: Sequence[int]) -> list[float]:
    total = sum(counts)
    return [count / total for count in counts]


def _entropy(shares: Sequence[float], middle: Sequence[float]) -> float:
    """Return the divergence of Kullback and Leibler of shares from their middle."""
    return math.fsum(a * math.log2(a / m) for a, m in zip(shares, middle, strict=True) if a)
