"""Hypothesis strategies shared by tests: column lists, and rows of any columns."""

from __future__ import annotations

import datetime as dt
import decimal
from typing import Any

from hypothesis import strategies as st

from platform_assets.contracts.columns import (
    Column,
    ColumnType,
    Decimal,
    ListOf,
    Scalar,
    Struct,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)

_VALUES: dict[Scalar, st.SearchStrategy[Any]] = {
    Scalar.BOOLEAN: st.booleans(),
    Scalar.INT64: st.integers(-(2**63), 2**63 - 1),
    Scalar.FLOAT64: st.floats(),
    Scalar.STRING: TEXT,
    Scalar.TIMESTAMP: st.datetimes(timezones=st.just(dt.UTC)),
    Scalar.DATE: st.dates(),
    Scalar.JSON: st.sampled_from(["null", "{}", '{"a":[1,"\u00e9"]}', ""]),
}


def column_types(depth: int = 2) -> st.SearchStrategy[ColumnType]:
    """Types of all kinds, nested at most so deep."""
    flat = st.one_of(
        st.sampled_from(list(Scalar)),
        st.integers(1, 38).flatmap(lambda p: st.builds(Decimal, st.just(p), st.integers(0, p))),
    )
    if depth == 0:
        return flat
    inner = column_types(depth - 1)
    return st.one_of(
        flat,
        st.builds(ListOf, inner, st.booleans()),
        st.builds(Struct, columns(inner).map(tuple)),
    )


def columns(
    types: st.SearchStrategy[ColumnType] | None = None, max_size: int = 3
) -> st.SearchStrategy[list[Column]]:
    """Lists of columns of different names."""
    names = st.lists(
        st.sampled_from(["a", "b", "_c", "d e", "\u00e9"]),
        min_size=1,
        max_size=max_size,
        unique=True,
    )
    one_type = column_types() if types is None else types
    return names.flatmap(
        lambda chosen: st.tuples(
            *(st.builds(Column, st.just(name), one_type, st.booleans()) for name in chosen)
        ).map(list)
    )


def values(column_type: ColumnType) -> st.SearchStrategy[Any]:
    """Values of a type that are not null themselves."""
    match column_type:
        case Scalar():
            return _VALUES[column_type]
        case Decimal(precision, scale):
            limit = 10**precision - 1
            return st.integers(-limit, limit).map(
                lambda unscaled: decimal.Decimal(unscaled).scaleb(-scale, decimal.Context(prec=80))
            )
        case ListOf(element, nullable):
            return st.lists(maybe(values(element), nullable=nullable), max_size=3)
        case Struct(fields):
            return rows(fields)


def maybe(some: st.SearchStrategy[Any], *, nullable: bool) -> st.SearchStrategy[Any]:
    """Return the strategy, with null where null may be."""
    return st.none() | some if nullable else some


def rows(of: list[Column] | tuple[Column, ...]) -> st.SearchStrategy[dict[str, Any]]:
    """Rows of these columns as mappings."""
    return st.fixed_dictionaries(
        {column.name: maybe(values(column.type), nullable=column.nullable) for column in of}
    )


def tables(max_rows: int = 6) -> st.SearchStrategy[tuple[list[Column], list[dict[str, Any]]]]:
    """Columns and rows of them."""
    return columns().flatmap(
        lambda of: st.tuples(st.just(of), st.lists(rows(of), max_size=max_rows))
    )
