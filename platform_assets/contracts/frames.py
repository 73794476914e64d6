"""Columns as Polars and Arrow types.

Text and JSON are strings, timestamps are microseconds in UTC. The types are exact: a frame with any
other schema is a defect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa

from platform_assets.contracts.columns import Column, ColumnType, Decimal, ListOf, Scalar, Struct

if TYPE_CHECKING:
    from collections.abc import Iterable

_POLARS: dict[Scalar, pl.DataType] = {
    Scalar.BOOLEAN: pl.Boolean(),
    Scalar.INT64: pl.Int64(),
    Scalar.FLOAT64: pl.Float64(),
    Scalar.STRING: pl.String(),
    Scalar.TIMESTAMP: pl.Datetime("us", "UTC"),
    Scalar.DATE: pl.Date(),
    Scalar.JSON: pl.String(),
}
_ARROW = {
    Scalar.BOOLEAN: pa.bool_(),
    Scalar.INT64: pa.int64(),
    Scalar.FLOAT64: pa.float64(),
    Scalar.STRING: pa.large_string(),
    Scalar.TIMESTAMP: pa.timestamp("us", tz="UTC"),
    Scalar.DATE: pa.date32(),
    Scalar.JSON: pa.large_string(),
}


def polars_type(column_type: ColumnType) -> pl.DataType:
    """Return the Polars type of a column type."""
    match column_type:
        case Scalar():
            return _POLARS[column_type]
        case Decimal(precision, scale):
            return pl.Decimal(precision, scale)
        case ListOf(element):
            return pl.List(polars_type(element))
        case Struct(fields):
            return pl.Struct({field.name: polars_type(field.type) for field in fields})


def polars_schema(columns: Iterable[Column]) -> pl.Schema:
    """Return the Polars schema of columns, in their order."""
    return pl.Schema({column.name: polars_type(column.type) for column in columns})


def arrow_type(column_type: ColumnType) -> pa.DataType:
    """Return the Arrow type of a column type."""
    match column_type:
        case Scalar():
            return _ARROW[column_type]
        case Decimal(precision, scale):
            return pa.decimal128(precision, scale)
        case ListOf(element):
            return pa.large_list(arrow_type(element))
        case Struct(fields):
            return pa.struct([arrow_field(field) for field in fields])


def arrow_field(column: Column) -> pa.Field:
    """Return the Arrow field of a column, with its nullability."""
    return pa.field(column.name, arrow_type(column.type), nullable=column.nullable)
