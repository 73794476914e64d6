"""Columns of Polars frames: whether a frame has them, and what a dotted path means in it.

A frame has a product's columns when names and types are exactly the declared ones. Nothing is cast on
the way into a part or a digest: a frame of other types was made wrongly, and a silent cast would hide
it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from platform_assets.contracts.columns import Column, ColumnType, Decimal, ListOf, Scalar, Struct
from platform_assets.contracts.frames import polars_type

if TYPE_CHECKING:
    from collections.abc import Sequence

_TYPES: dict[type[pl.DataType], Scalar] = {
    pl.Boolean: Scalar.BOOLEAN,
    pl.Int64: Scalar.INT64,
    pl.Float64: Scalar.FLOAT64,
    pl.String: Scalar.STRING,
    pl.Date: Scalar.DATE,
}


def require_columns(frame: pl.DataFrame, columns: Sequence[Column]) -> pl.DataFrame:
    """Return the frame with these columns in this order; other columns are left out.

    Raises:
        TypeError: a column is missing or has another type than declared.
    """
    wrong = [
        f"{column.name} is {frame.schema.get(column.name, 'missing')}, not "
        f"{polars_type(column.type)}"
        for column in columns
        if frame.schema.get(column.name) != polars_type(column.type)
    ]
    if wrong:
        raise TypeError("the frame has not the declared columns: " + "; ".join(wrong))
    return frame.select([column.name for column in columns])


def columns_of(schema: pl.Schema) -> tuple[Column, ...]:
    """Return the columns that a frame of this schema has, each nullable; JSON text is text.

    Raises:
        TypeError: a type is none of a product's.
    """
    return tuple(Column(name, _column_type(kind), nullable=True) for name, kind in schema.items())


def resolve(schema: pl.Schema, path: str) -> tuple[pl.Expr, pl.DataType]:
    """Return expression and type of a column, or of a field of a struct given as a dotted path.

    A column whose own name holds dots comes before a path into structs.

    Raises:
        KeyError: the path names nothing.
    """
    if path in schema:
        return pl.col(path), schema[path]
    for name, kind in schema.items():
        if path.startswith(name + "."):
            found = _descend(pl.col(name), kind, path[len(name) + 1 :])
            if found is not None:
                return found
    raise KeyError(f"there is no column {path}")


def fields_of(kind: pl.Struct) -> pl.Schema:
    """Return the fields of a struct with their types."""
    return pl.Schema(kind.to_schema())


def element_of(kind: pl.List) -> pl.DataType:
    """Return the type of a list's elements."""
    return pl.Schema({"element": kind.inner})["element"]


def _descend(
    expression: pl.Expr, kind: pl.DataType, rest: str
) -> tuple[pl.Expr, pl.DataType] | None:
    if not isinstance(kind, pl.Struct):
        return None
    for name, inner in fields_of(kind).items():
        field = expression.struct.field(name)
        if name == rest:
            return field, inner
        if rest.startswith(name + "."):
            found = _descend(field, inner, rest[len(name) + 1 :])
            if found is not None:
                return found
    return None


def _column_type(kind: pl.DataType) -> ColumnType:
    if isinstance(kind, pl.Struct):
        return Struct(columns_of(fields_of(kind)))
    if isinstance(kind, pl.List):
        return ListOf(_column_type(element_of(kind)), element_nullable=True)
    if isinstance(kind, pl.Decimal) and kind.precision is not None:
        return Decimal(kind.precision, kind.scale)
    if kind == pl.Datetime("us", "UTC"):
        return Scalar.TIMESTAMP
    for known, scalar in _TYPES.items():
        if isinstance(kind, known):
            return scalar
    raise TypeError(f"no column has the type {kind}")
