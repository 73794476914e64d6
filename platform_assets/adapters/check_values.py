"""Checks that look at each value by itself: not_null, null_fraction, range, allowed_values, freshness.

Each is a set of aggregates of a row group and a conclusion drawn from those of all rows. They merge
exactly, because they are counts and newest values. Columns may be dotted paths into structs; a field of
an absent struct is null.

What null, NaN and emptiness mean:

- not_null, null_fraction: null counts, NaN does not. No rows: PASS, there is no null among none.
- range, allowed_values: null does not count; NaN is outside any range. No values: PASS.
- freshness: null does not count. No values: FAIL, since there is nothing that could be fresh; only no
  rows PASS, where the check says that they may be none.

A range on a float column compares with the double that the limit is read as, just as the data was; on
integers and decimals the comparison is exact.
"""

from __future__ import annotations

import datetime as dt
import decimal
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from platform_assets.adapters.column_types import resolve
from platform_assets.canonical import rfc3339
from platform_assets.flow.checks import CheckObservation, counted, within_fraction

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from platform_assets.adapters.check_pass import RowGroup
    from platform_assets.declarations.checks import (
        AllowedValuesCheck,
        FreshnessCheck,
        NotNullCheck,
        NullFractionCheck,
        RangeCheck,
    )

_Aggregate = int | dt.datetime | None
_EXACT = decimal.Context(prec=400)


@dataclass(frozen=True, slots=True)
class ValuePlan:
    """Aggregates to compute, what follows from them, and which rows offend."""

    aggregates: Mapping[str, pl.Expr]
    conclude: Callable[[Mapping[str, Any]], CheckObservation]
    offending: pl.Expr | None = None

    @property
    def columns(self) -> frozenset[str]:
        """The columns that the aggregates are made of."""
        return frozenset(n for value in self.aggregates.values() for n in value.meta.root_names())

    def observe(self, rows: pl.DataFrame, group: RowGroup) -> dict[str, Any]:
        """Return the aggregates of a row group."""
        del group
        named = [value.alias(name) for name, value in self.aggregates.items()]
        return rows.select(named).row(0, named=True)

    def merge(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
        """Return the aggregates of the rows of both."""
        return {name: _merged(before[name], after[name]) for name in self.aggregates}


def not_null(check: NotNullCheck, schema: pl.Schema) -> ValuePlan:
    """Plan: how many nulls each column holds."""
    nulls = {f"nulls_{path}": resolve(schema, path)[0].is_null() for path in check.columns}

    def conclude(seen: Mapping[str, Any]) -> CheckObservation:
        found = {path: count for path in check.columns if (count := seen[f"nulls_{path}"])}
        observed = [f"{counted(count, 'null')} in {path}" for path, count in found.items()]
        return CheckObservation(
            observed=f"{', '.join(observed) or 'no null'} in {counted(seen['rows'], 'row')}",
            expected=f"no null in {', '.join(check.columns)}",
            passed=not found,
            figures=seen,
        )

    aggregates = {name: null.sum() for name, null in nulls.items()} | {"rows": pl.len()}
    return ValuePlan(aggregates, conclude, pl.any_horizontal(*nulls.values()))


def null_fraction(check: NullFractionCheck, schema: pl.Schema) -> ValuePlan:
    """Plan: how many values of the column are null."""
    null = resolve(schema, check.column)[0].is_null()

    def conclude(seen: Mapping[str, Any]) -> CheckObservation:
        return CheckObservation(
            observed=f"{seen['nulls']:,} of {counted(seen['rows'], 'value')} of {check.column} null",
            expected=f"at most {check.max_fraction:f} of them null",
            passed=within_fraction(seen["nulls"], seen["rows"], check.max_fraction),
            figures=seen,
        )

    return ValuePlan({"nulls": null.sum(), "rows": pl.len()}, conclude, null)


def value_range(check: RangeCheck, schema: pl.Schema) -> ValuePlan:
    """Plan: how many values lie outside the limits.

    Raises:
        TypeError: the column holds no numbers.
    """
    column, kind = resolve(schema, check.column)
    outside = pl.lit(value=False)
    if kind.is_float():
        outside = column.is_nan()
    if check.min is not None:
        outside = outside | _below(column, kind, check.min)
    if check.max is not None:
        outside = outside | _above(column, kind, check.max)
    low, high = ("" if limit is None else f"{limit:f}" for limit in (check.min, check.max))
    return _share(check.column, column, outside, f"outside {low}..{high}", check)


def allowed_values(check: AllowedValuesCheck, schema: pl.Schema) -> ValuePlan:
    """Plan: how many values are none of the listed ones.

    Raises:
        TypeError: the column cannot hold one of the listed values.
    """
    column, kind = resolve(schema, check.column)
    wanted = {pl.String(): str, pl.Int64(): int, pl.Boolean(): bool}.get(kind)
    for value in check.values:
        if wanted is None or type(value) is not wanted:
            raise TypeError(f"{check.column} is {kind} and can never be {value!r}")
    outside = ~column.is_in(pl.Series(list(check.values), dtype=kind).implode())
    listed = ", ".join(str(value) for value in check.values)
    return _share(check.column, column, outside, f"not among {listed}", check)


def freshness(check: FreshnessCheck, schema: pl.Schema, reference: dt.datetime) -> ValuePlan:
    """Plan: how much older than the reference time the newest value is.

    Raises:
        TypeError: the column holds no timestamps.
    """
    column, kind = resolve(schema, check.column)
    if kind != pl.Datetime("us", "UTC"):
        raise TypeError(f"{check.column} is {kind}, not a timestamp")
    limit = dt.timedelta(seconds=check.max_age_seconds)
    expected = f"at most {counted(check.max_age_seconds, 'second')} before {rfc3339(reference)}"
    if check.allow_empty:
        expected += ", or no row"

    def conclude(seen: Mapping[str, Any]) -> CheckObservation:
        newest: dt.datetime | None = seen["newest"]
        if newest is None:
            observed = f"no value of {check.column} in {counted(seen['rows'], 'row')}"
            passed = check.allow_empty is True and seen["rows"] == 0
            return CheckObservation(observed, expected, passed, figures={"rows": seen["rows"]})
        age = reference - newest
        seconds = abs(age) // dt.timedelta(seconds=1)
        relation = "before" if age >= dt.timedelta(0) else "after"
        return CheckObservation(
            observed=f"the newest {check.column} is {rfc3339(newest)}, "
            f"{counted(seconds, 'second')} {relation}",
            expected=expected,
            passed=age <= limit,
            figures={
                "rows": seen["rows"],
                "newest": rfc3339(newest),
                "age_microseconds": age // dt.timedelta(microseconds=1),
            },
        )

    return ValuePlan({"newest": column.max(), "rows": pl.len()}, conclude)


def _merged(before: _Aggregate, after: _Aggregate) -> _Aggregate:
    """Add counts; of times, which may be absent, the newest is looked for."""
    if isinstance(before, int) and isinstance(after, int):
        return before + after
    return max((each for each in (before, after) if isinstance(each, dt.datetime)), default=None)


def _share(
    path: str,
    column: pl.Expr,
    outside: pl.Expr,
    wording: str,
    check: RangeCheck | AllowedValuesCheck,
) -> ValuePlan:
    """Plan: which share of the values that are not null offends."""
    offending = column.is_not_null() & outside

    def conclude(seen: Mapping[str, Any]) -> CheckObservation:
        nulls = seen["rows"] - seen["values"]
        limit = check.max_fraction_outside
        return CheckObservation(
            observed=f"{seen['outside']:,} of {counted(seen['values'], 'value')} of {path} {wording}"
            + (f" ({counted(nulls, 'null')} not counted)" if nulls else ""),
            expected=f"none {wording}" if limit == 0 else f"at most {limit:f} of them {wording}",
            passed=within_fraction(seen["outside"], seen["values"], limit),
            figures=seen,
        )

    aggregates = {"outside": offending.sum(), "values": column.count(), "rows": pl.len()}
    return ValuePlan(aggregates, conclude, offending)


def _below(column: pl.Expr, kind: pl.DataType, limit: decimal.Decimal) -> pl.Expr:
    if kind.is_float():
        return column < float(limit)
    scale, least, most = _exact_limits(kind)
    unscaled = math.ceil(_EXACT.scaleb(limit, scale))
    if not least <= unscaled <= most:
        return pl.lit(value=unscaled > most)
    return column < _literal(unscaled, kind)


def _above(column: pl.Expr, kind: pl.DataType, limit: decimal.Decimal) -> pl.Expr:
    if kind.is_float():
        return column > float(limit)
    scale, least, most = _exact_limits(kind)
    unscaled = math.floor(_EXACT.scaleb(limit, scale))
    if not least <= unscaled <= most:
        return pl.lit(value=unscaled < least)
    return column > _literal(unscaled, kind)


def _exact_limits(kind: pl.DataType) -> tuple[int, int, int]:
    """Return scale, least and most unscaled value of an exact type."""
    if isinstance(kind, pl.Decimal) and kind.precision is not None:
        most = 10**kind.precision - 1
        return kind.scale, -most, most
    if kind == pl.Int64():
        return 0, -(2**63), 2**63 - 1
    raise TypeError(f"a range needs numbers, the column is {kind}")


def _literal(unscaled: int, kind: pl.DataType) -> pl.Expr:
    if not isinstance(kind, pl.Decimal):
        return pl.lit(unscaled, dtype=kind)
    exact = _EXACT.scaleb(decimal.Decimal(unscaled), -kind.scale)
    return pl.lit(pl.Series("limit", [exact], dtype=kind)).first()
