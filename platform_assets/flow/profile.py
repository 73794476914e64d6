"""Profiles: what the columns of a product hold, in numbers that are the same whoever computes them.

A profile is a value of the multiset of a product's rows. Each of its parts is a sum, a minimum, a
maximum, or the smallest of a set, so that two profiles merge by the same operation in any order:
neither batches, threads, engines nor the order of rows leave a trace in it.

1. Rows, nulls and NaNs are counted. Least and greatest value are exact; of text they are the first
   `TEXT` characters.
2. Of a text, integer, date or boolean column with at most `LISTED` different values, each of at most
   `TEXT` bytes, every value is listed with its exact count. Of any other column none is.
3. The number of different values is exact where values are listed. Else it is estimated from the
   `SMALLEST` smallest 64-bit hashes, which is exact up to so many values, and has a relative standard
   error of 1/sqrt(SMALLEST - 2), 6.3 %, above (K. Beyer et al., On synopses for distinct-value
   estimation under multiset operations, SIGMOD 2007).
4. Numbers fall into buckets whose borders follow from the number alone: the sign, the exponent and
   the first five bits of the mantissa of its double. A quantile is the middle of its bucket, with a
   relative error of at most 1/64 (in the way of C. Masson et al., DDSketch, VLDB 2019, with the cuts
   of HdrHistogram). Of texts and lists the buckets hold lengths, in bytes or elements. Of instants a
   relative error would say nothing, since they are far from their origin: the buckets are the 96
   quarter hours of the UTC day.

Integers are in base units: unscaled decimals, microseconds or days since the epoch.
"""

from __future__ import annotations

import math
import struct
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: Most different values of a column whose values are listed.
LISTED = 256
#: Bytes of a listed value at most, and characters of the least and the greatest text.
TEXT = 64
#: How many of the smallest hashes are kept.
SMALLEST = 256
#: Bits of a double below those that name its bucket.
BELOW_BUCKET = 47

_HASH_BITS = 64
_HASH_DIGITS = 16
Limit = int | float | str


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """What one column holds; a field of a struct is a column of its own, with a dotted path.

    Attributes:
        path: the column, or the path into a struct.
        type: the name of its type: of a scalar, or ``decimal``, ``list``, ``struct``.
        nulls: values that are absent.
        nans: values that are no number.
        low: the least value, None where there is none or the type has no order here.
        high: the greatest value.
        hashes: the smallest hashes of its values, ascending, each once.
        values: value -> how often, None where they are not listed.
        buckets: bucket -> how many values fall into it.
    """

    path: str
    type: str
    nulls: int = 0
    nans: int = 0
    low: Limit | None = None
    high: Limit | None = None
    hashes: tuple[int, ...] = ()
    values: Mapping[str, int] | None = None
    buckets: Mapping[int, int] = field(default_factory=dict)

    def merge(self, other: ColumnProfile) -> ColumnProfile:
        """Return the profile of the values of both.

        Raises:
            ValueError: the two are of different columns.
        """
        if (self.path, self.type) != (other.path, other.type):
            raise ValueError(f"{other.path} ({other.type}) is not {self.path} ({self.type})")
        return ColumnProfile(
            self.path,
            self.type,
            self.nulls + other.nulls,
            self.nans + other.nans,
            _chosen(min, self.low, other.low),
            _chosen(max, self.high, other.high),
            smallest((*self.hashes, *other.hashes)),
            _listed(self.values, other.values),
            Counter(self.buckets) + Counter(other.buckets),
        )

    @property
    def distinct(self) -> int | None:
        """How many different values there are, about; None where that was not looked at."""
        if self.values is not None:
            return len(self.values)
        if self.type in ("list", "struct"):
            return None
        if len(self.hashes) < SMALLEST:
            return len(self.hashes)
        return ((SMALLEST - 1) << _HASH_BITS) // self.hashes[-1]

    def without_values(self) -> ColumnProfile:
        """Return what may be told of a strict product: nothing but the number of nulls."""
        return ColumnProfile(self.path, self.type, self.nulls)

    def as_json(self) -> dict[str, Any]:
        """Write it as it stands in records: pairs are sorted, limits are text."""
        told: dict[str, Any] = {"path": self.path, "type": self.type, "nulls": self.nulls}
        if self.nans:
            told["nans"] = self.nans
        if self.low is not None:
            told |= {"low": _text(self.low), "high": _text(self.high)}
        if self.hashes:
            told["hashes"] = "".join(f"{each:0{_HASH_DIGITS}x}" for each in self.hashes)
        if self.values is not None:
            told["values"] = [[value, self.values[value]] for value in sorted(self.values)]
        if self.buckets:
            told["buckets"] = [[bucket, self.buckets[bucket]] for bucket in sorted(self.buckets)]
        return told

    def as_baseline(self) -> dict[str, Any]:
        """Write it as baselines hold it: the number of different values in place of their hashes."""
        told = {name: value for name, value in self.as_json().items() if name != "hashes"}
        return told if self.distinct is None else {**told, "distinct": self.distinct}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> ColumnProfile:
        """Read what `as_json` wrote, or `as_baseline`; hashes are then none."""
        hashes = told.get("hashes", "")
        values = told.get("values")
        return cls(
            told["path"],
            told["type"],
            told["nulls"],
            told.get("nans", 0),
            _limit(told["type"], told.get("low")),
            _limit(told["type"], told.get("high")),
            tuple(
                int(hashes[at : at + _HASH_DIGITS], 16)
                for at in range(0, len(hashes), _HASH_DIGITS)
            ),
            None if values is None else {value: count for value, count in values},  # noqa: C416 - typed
            {bucket: count for bucket, count in told.get("buckets", ())},  # noqa: C416 - as above
        )


@dataclass(frozen=True, slots=True)
class Profile:
    """What the columns of so many rows hold, in the order of the columns."""

    rows: int
    columns: tuple[ColumnProfile, ...]

    def merge(self, other: Profile) -> Profile:
        """Return the profile of the rows of both.

        Raises:
            ValueError: the two are of different columns.
        """
        both = zip(self.columns, other.columns, strict=True)
        return Profile(self.rows + other.rows, tuple(mine.merge(theirs) for mine, theirs in both))

    def without_values(self) -> Profile:
        """Return what may be told of a strict product."""
        return Profile(self.rows, tuple(column.without_values() for column in self.columns))

    def column(self, path: str) -> ColumnProfile | None:
        """Return the profile of a column, None where there is none of that path."""
        return next((column for column in self.columns if column.path == path), None)

    def as_json(self) -> dict[str, Any]:
        """Write it as it stands in records."""
        return {"rows": self.rows, "columns": [column.as_json() for column in self.columns]}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Profile:
        """Read what `as_json` wrote."""
        return cls(
            told["rows"], tuple(ColumnProfile.from_json(column) for column in told["columns"])
        )


def smallest(hashes: Iterable[int]) -> tuple[int, ...]:
    """Return the smallest of hashes, ascending, each once."""
    return tuple(sorted(set(hashes))[:SMALLEST])


def bucket_start(bucket: int) -> float:
    """Return the border of a bucket of numbers that is nearer to zero; it belongs to the bucket."""
    magnitude = bucket if bucket >= 0 else -1 - bucket
    start: float = struct.unpack(">d", (magnitude << BELOW_BUCKET).to_bytes(8, "big"))[0]
    return start if bucket >= 0 else -start


def quantile(column: ColumnProfile, parts_per_million: int) -> float | None:
    """Return about the value below which that share of a column's buckets lies; None without any.

    It is the middle of a bucket, but no less and no greater than the least and the greatest value.
    """
    total = sum(column.buckets.values())
    wanted = max(1, -(-total * parts_per_million // 1_000_000))
    passed = 0
    for bucket in sorted(column.buckets):
        passed += column.buckets[bucket]
        if passed >= wanted:
            return _within(column, _middle(bucket))
    return None


def _middle(bucket: int) -> float:
    start = bucket_start(bucket)
    end = bucket_start(bucket + 1 if bucket >= 0 else bucket - 1)
    return start if math.isinf(end) else start + (end - start) / 2


def _within(column: ColumnProfile, value: float) -> float:
    low, high = column.low, column.high
    if isinstance(low, str) or isinstance(high, str) or low is None or high is None:
        return value  # of a length
    return float(min(max(value, low), high))


def _chosen(choose: Any, mine: Limit | None, theirs: Limit | None) -> Limit | None:
    there = [limit for limit in (mine, theirs) if limit is not None]
    chosen: Limit | None = choose(there, default=None)
    return chosen


def _listed(
    mine: Mapping[str, int] | None, theirs: Mapping[str, int] | None
) -> Mapping[str, int] | None:
    if mine is None or theirs is None:
        return None
    merged = Counter(mine) + Counter(theirs)
    return None if len(merged) > LISTED else merged


def _text(limit: Limit | None) -> str:
    return repr(limit) if isinstance(limit, float) else str(limit)


def _limit(kind: str, text: str | None) -> Limit | None:
    if text is None or kind == "string":
        return text
    return float(text) if kind == "float64" else int(text)
