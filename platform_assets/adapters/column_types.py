"""The Polars type of each column type, and how a dotted path becomes an expression.

A frame has a product's columns when names and types are exactly these. Nothing is cast on the way
into a part or a digest: a frame of other types was made wrongly, and a silent cast would hide it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from platform_assets.contracts.columns import Column, ColumnType, Decimal, ListOf, Scalar, Struct

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SCALARS: dict[Scalar, pl.DataType] = {
    Scalar.BOOLEAN: pl.Boolean(),
    Scalar.INT64: pl.Int64(),
    Scalar.FLOAT64: pl.Float64(),
    Scalar.STRING: pl.String(),
    Scalar.TIMESTAMP: pl.Datetime("us", "UTC"),
    Scalar.DATE: pl.Date(),
    Scalar.JSON: pl.String(),
}


def polars_type(column_type: ColumnType) -> pl.DataType:
    """Return the one Polars type that holds values of a column type."""
    match column_type:
        case Scalar():
            return _SCALARS[column_type]
        case Decimal(precision, scale):
            return pl.Decimal(precision, scale)
        case ListOf(element):
            return pl.List(polars_type(element))
        case Struct(fields):
            return pl.Struct([pl.Field(field.name, polars_type(field.type)) for field in fields])


def polars_schema(columns: Sequence[Column]) -> pl.Schema:
    """Return the schema of a frame with exactly these columns."""
    return pl.Schema({column.name: polars_type(column.type) for column in columns})


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


def resolve(columns: Sequence[Column], path: str) -> tuple[pl.Expr, ColumnType]:
    """Return expression and type of a column, or of a field of a struct given as a dotted path.

    A column whose own name holds dots comes before a path into structs.

    Raises:
        KeyError: the path names nothing.
    """
    for column in columns:
        if column.name == path:
            return pl.col(path), column.type
    name, _, rest = path.partition(".")
    for column in columns:
        if column.name == name and rest:
            return _descend(pl.col(name), column.type, rest, path)
    raise KeyError(f"there is no column {path}")


def leaves(columns: Sequence[Column]) -> Iterator[tuple[str, ColumnType]]:
    """Give the dotted path and the type of each column that is no struct, structs flattened."""
    for column in columns:
        if isinstance(column.type, Struct):
            for path, kind in leaves(column.type.fields):
                yield f"{column.name}.{path}", kind
        else:
            yield column.name, column.type


def _descend(
    expression: pl.Expr, column_type: ColumnType, rest: str, path: str
) -> tuple[pl.Expr, ColumnType]:
    if isinstance(column_type, Struct):
        for field in column_type.fields:
            inner = expression.struct.field(field.name)
            if field.name == rest:
                return inner, field.type
            if rest.startswith(field.name + "."):
                return _descend(inner, field.type, rest[len(field.name) + 1 :], path)
    raise KeyError(f"there is no column {path}")
