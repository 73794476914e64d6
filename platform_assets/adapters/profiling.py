"""The profile of columns in memory: `flow.profile`, a batch of rows at a time.

Each value is looked at once, as part of an Arrow array. Where a column has few different values, these
are counted first, and everything else is computed of them. Hashes are XXH64 of a text's UTF-8 bytes
with seed 0, and of any other value the finaliser of SplitMix64 (G. Steele et al., Fast splittable
pseudorandom number generators, OOPSLA 2014) over its bits.

Nothing here rounds, but the way of an integer or a decimal into a double, and that is the same on every
machine: a decimal beyond 64 bits is the sum of the doubles of its two halves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl
import polars_hash as plh
import pyarrow as pa
import pyarrow.compute as pc

from platform_assets.contracts.columns import ColumnType, Decimal, ListOf, Scalar, Struct
from platform_assets.flow.profile import (
    BELOW_BUCKET,
    LISTED,
    SMALLEST,
    TEXT,
    ColumnProfile,
    Profile,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from platform_assets.contracts.columns import Column

Integers = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]
Hashes = npt.NDArray[np.uint64]

#: So many rows tell of most columns that they have too many different values to be listed.
_SAMPLE = 4 * LISTED
_QUARTER_HOUR, _QUARTERS = 900_000_000, 96
_NEGATIVE = 2 ** (63 - BELOW_BUCKET)
_SIGN = np.int64(63)
_ALL_HASHES = 2.0**64
#: How many of the hashes of a batch are sorted at first, about.
_SORTED = 4 * SMALLEST
#: Integers of so narrow a range are counted without being compared.
_NARROW = 8 * LISTED


@dataclass(frozen=True, slots=True)
class _Values:
    """Values that are not null; where ``counts`` says how often each occurs, each stands here once."""

    series: pl.Series
    counts: npt.NDArray[np.int64] | None


def profile_arrays(arrays: Sequence[pa.Array], columns: Sequence[Column]) -> Profile:
    """Return the profile of the rows of Arrow arrays, one for each column; there is at least one."""
    found = [
        profiled
        for array, column in zip(arrays, columns, strict=True)
        for profiled in _profiles(array, column.name, column.type)
    ]
    return Profile(len(arrays[0]), tuple(found))


def profile_array(array: pa.Array, path: str, column_type: ColumnType) -> ColumnProfile:
    """Return the profile of one column, and of a struct that of the struct alone."""
    return next(_profiles(array, path, column_type))


def _profiles(array: pa.Array, path: str, column_type: ColumnType) -> Iterator[ColumnProfile]:
    match column_type:
        case Struct(fields):
            yield ColumnProfile(path, "struct", array.null_count)
            # Arrow's flatten, other than its field access, makes fields of absent structs absent.
            for child, field in zip(array.flatten(), fields, strict=True):
                yield from _profiles(child, f"{path}.{field.name}", field.type)
        case ListOf():
            lengths = pc.list_value_length(array).drop_null().to_numpy()
            told = log_buckets(lengths.astype(np.float64))
            yield ColumnProfile(path, "list", array.null_count, buckets=told)
        case Decimal():
            yield _decimals(array, path)
        case Scalar():
            present = array.drop_null() if array.null_count else array
            yield _scalars(present, path, column_type, array.null_count)


def _scalars(present: pa.Array, path: str, kind: Scalar, nulls: int) -> ColumnProfile:
    match kind:
        case Scalar.STRING | Scalar.JSON:
            return _texts(pl.Series(present.cast(pa.large_string())), path, kind, nulls)
        case Scalar.FLOAT64:
            return _floats(present.to_numpy(zero_copy_only=False), path, nulls)
        case Scalar.TIMESTAMP:
            return _instants(present.view(pa.int64()).to_numpy(), path, nulls)
        case Scalar.BOOLEAN:
            trues = pc.sum(present).as_py() or 0
            counts = {"false": len(present) - trues, "true": trues}
            listed = {value: count for value, count in counts.items() if count}
            return ColumnProfile(path, kind.value, nulls, values=listed)
        case _:
            integers = present.view(pa.int32()) if kind is Scalar.DATE else present
            return _integers(integers.to_numpy().astype(np.int64), path, kind, nulls)


def _texts(texts: pl.Series, path: str, kind: Scalar, nulls: int) -> ColumnProfile:
    low, high = (texts.min(), texts.max()) if kind is Scalar.STRING else (None, None)
    if len(texts) and low is not None and low == high:
        seen = _Values(texts.head(1), np.array([len(texts)], dtype=np.int64))
    else:
        seen = _counted(texts) if kind is Scalar.STRING else _Values(texts, None)
    lengths = seen.series.str.len_bytes().to_numpy().astype(np.float64)
    longest = lengths.max(initial=0)
    listed = None
    if kind is Scalar.STRING and seen.counts is not None and longest <= TEXT:
        listed = dict(zip(seen.series.to_list(), seen.counts.tolist(), strict=True))
    hashed = pl.DataFrame({"value": seen.series}).select(plh.col("value").nchash.xxhash64())
    return ColumnProfile(
        path,
        kind.value,
        nulls,
        low=low[:TEXT] if isinstance(low, str) else None,
        high=high[:TEXT] if isinstance(high, str) else None,
        hashes=_smallest(hashed.to_series().to_numpy()),
        values=listed,
        buckets=log_buckets(lengths, seen.counts),
    )


def _integers(integers: Integers, path: str, kind: Scalar, nulls: int) -> ColumnProfile:
    each, counts = _counted_integers(integers)
    listed = None
    if counts is not None:
        listed = dict(zip(map(str, each.tolist()), counts.tolist(), strict=True))
    buckets = log_buckets(each.astype(np.float64), counts) if kind is Scalar.INT64 else {}
    hashes = _smallest(_mixed(each.view(np.uint64)))
    return ColumnProfile(
        path,
        kind.value,
        nulls,
        low=int(each.min()) if len(each) else None,
        high=int(each.max()) if len(each) else None,
        hashes=hashes,
        values=listed,
        buckets=buckets,
    )


def _floats(values: Doubles, path: str, nulls: int) -> ColumnProfile:
    nan = np.isnan(values)
    numbers = values[~nan] + 0.0  # adding zero turns minus zero into zero
    nans = int(nan.sum())
    hashes = _smallest(_mixed(numbers.view(np.uint64)))
    low, high = (float(numbers.min()), float(numbers.max())) if len(numbers) else (None, None)
    buckets = log_buckets(numbers)
    return ColumnProfile(path, "float64", nulls, nans, low, high, hashes, buckets=buckets)


def _instants(instants: Integers, path: str, nulls: int) -> ColumnProfile:
    low, high = (int(instants.min()), int(instants.max())) if len(instants) else (None, None)
    hashes = _smallest(_mixed(instants.view(np.uint64)))
    buckets = _tally(instants // _QUARTER_HOUR % _QUARTERS, None)
    kind = Scalar.TIMESTAMP.value
    return ColumnProfile(path, kind, nulls, 0, low, high, hashes, buckets=buckets)


def _decimals(array: pa.Array, path: str) -> ColumnProfile:
    present = array.drop_null() if array.null_count else array
    words = np.frombuffer(
        present.buffers()[1], dtype="<u8", count=2 * len(present), offset=16 * present.offset
    ).reshape(-1, 2)
    lower, upper = words[:, 0].copy(), words[:, 1].copy()
    signed = lower.view(np.int64)
    low: int | None = None
    high: int | None = None
    if (signed >> _SIGN == upper.view(np.int64)).all():  # of 64 bits
        doubles = signed.astype(np.float64)
        if len(signed):
            low, high = int(signed.min()), int(signed.max())
    else:
        doubles = _doubles(lower, upper)
        limits = pc.min_max(present)
        low, high = _unscaled(limits["min"]), _unscaled(limits["max"])
    hashes = _smallest(_mixed(lower ^ _mixed(upper)))
    buckets = log_buckets(doubles)
    return ColumnProfile(path, "decimal", array.null_count, 0, low, high, hashes, buckets=buckets)


def _unscaled(limit: Any) -> int:
    sign, digits, _ = limit.as_py().as_tuple()
    magnitude = int("".join(map(str, digits)))
    return -magnitude if sign else magnitude


def _doubles(lower: Hashes, upper: Hashes) -> Doubles:
    """Return integers of 128 bits in two's complement as doubles."""
    negative = upper >> np.uint64(63) == 1
    low = np.where(negative, ~lower + np.uint64(1), lower)
    carried = (negative & (lower == 0)).astype(np.uint64)
    high = np.where(negative, ~upper + carried, upper)
    magnitude = high.astype(np.float64) * _ALL_HASHES + low.astype(np.float64)
    return np.where(negative, -magnitude, magnitude)


def log_buckets(numbers: Doubles, counts: npt.NDArray[np.int64] | None = None) -> dict[int, int]:
    """Return bucket -> how many numbers fall into it; none of them is NaN or minus zero.

    Args:
        numbers: doubles.
        counts: how often each of them occurs, None for once.
    """
    # the sign bit makes a negative integer, that counts from the magnitude of zero upwards
    found = _tally(numbers.view(np.int64) >> BELOW_BUCKET, counts)
    return {b if b >= 0 else -1 - _NEGATIVE - b: count for b, count in found.items()}


def _tally(indices: Integers, counts: npt.NDArray[np.int64] | None) -> dict[int, int]:
    if not len(indices):
        return {}
    first = int(indices.min())
    if counts is None:
        sums = np.bincount(indices - first)
    else:
        sums = np.zeros(int(indices.max()) - first + 1, dtype=np.int64)
        np.add.at(sums, indices - first, counts)
    there = np.flatnonzero(sums)
    return dict(zip((there + first).tolist(), sums[there].tolist(), strict=True))


def _counted_integers(values: Integers) -> tuple[Integers, npt.NDArray[np.int64] | None]:
    """Return different values with their counts where they are few, else the values as they are."""
    if len(values) and int(values.max()) - int(values.min()) < _NARROW:
        found = _tally(values, None)
        if len(found) > LISTED:
            return values, None
        return np.array([*found], dtype=np.int64), np.array([*found.values()], dtype=np.int64)
    seen = _counted(pl.Series(values))
    return seen.series.to_numpy(), seen.counts


def _counted(values: pl.Series) -> _Values:
    """Return different values with their counts where they are few enough to be listed."""
    if values.head(_SAMPLE).n_unique() > LISTED:
        return _Values(values, None)
    counts = values.alias("value").value_counts(name="count")
    if counts.height > LISTED:
        return _Values(values, None)
    return _Values(counts["value"], counts["count"].to_numpy().astype(np.int64))


def _smallest(hashes: Hashes) -> tuple[int, ...]:
    """Return the smallest of hashes; few of many are sorted, unless most of these are equal."""
    share = _SORTED / max(1, len(hashes))
    while share < 1:
        lowest = np.unique(hashes[hashes < np.uint64(share * _ALL_HASHES)])
        if len(lowest) >= SMALLEST:
            return tuple(lowest[:SMALLEST].tolist())
        share *= 8
    return tuple(np.unique(hashes)[:SMALLEST].tolist())


def _mixed(values: Hashes) -> Hashes:
    """Return the finaliser of SplitMix64 of each value."""
    mixed = values + np.uint64(0x9E37_79B9_7F4A_7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58_476D_1CE4_E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D0_49BB_1331_11EB)
    return mixed ^ (mixed >> np.uint64(31))
