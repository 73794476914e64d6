"""Columns as Spark types, and the total order as Spark expressions.

Each column type has one Spark type with the same values. Columns are numbered while Spark has them: it
reads dots and backticks in names as syntax, though not within structs. Spark orders as the platform
does: text by its UTF-8 bytes, minus zero as zero, NaN above all numbers; absent values are put last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions
from pyspark.sql import types as spark

from platform_assets.contracts.columns import (
    POSITION_COLUMNS,
    Column,
    ColumnType,
    Decimal,
    ListOf,
    Scalar,
    Struct,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pyspark.sql import Column as Expression

_TYPES: dict[Scalar, spark.DataType] = {
    Scalar.BOOLEAN: spark.BooleanType(),
    Scalar.INT64: spark.LongType(),
    Scalar.FLOAT64: spark.DoubleType(),
    Scalar.STRING: spark.StringType(),
    Scalar.TIMESTAMP: spark.TimestampType(),
    Scalar.DATE: spark.DateType(),
    Scalar.JSON: spark.StringType(),
}


def spark_type(column_type: ColumnType) -> spark.DataType:
    """Return the Spark type of a column type."""
    match column_type:
        case Scalar():
            return _TYPES[column_type]
        case Decimal(precision, scale):
            return spark.DecimalType(precision, scale)
        case ListOf(element):
            return spark.ArrayType(spark_type(element))
        case Struct(fields):
            return spark_schema(fields)


def spark_schema(columns: Iterable[Column]) -> spark.StructType:
    """Return the Spark schema of columns, in their order."""
    return spark.StructType(
        [spark.StructField(column.name, spark_type(column.type)) for column in columns]
    )


def total_order(columns: Sequence[Column], sort: Sequence[str]) -> list[Expression]:
    """Return the declared keys, then stream, partition and offset, of columns with plain names.

    Raises:
        KeyError: a key names no column.
    """
    ties = [column.name for column in POSITION_COLUMNS if column.name not in sort]
    return [_key(columns, path).asc_nulls_last() for path in (*sort, *ties)]


def plain_names(columns: Sequence[Column]) -> list[str]:
    """Return names for the columns that Spark takes for nothing but names, whatever they hold."""
    return [f"c{number}" for number in range(len(columns))]


def plain_name(columns: Sequence[Column], name: str) -> str:
    """Return the plain name of a column.

    Raises:
        ValueError: there is no such column.
    """
    return plain_names(columns)[[column.name for column in columns].index(name)]


def _key(columns: Sequence[Column], path: str) -> Expression:
    first, *inner = names_of(columns, path)
    key = functions.col(plain_name(columns, first))
    for name in inner:
        key = key.getField(name)
    return key


def names_of(columns: Sequence[Column], path: str) -> list[str]:
    """Return the column, and the fields within it, that a dotted path names.

    A column whose own name holds dots comes before a path into structs.

    Raises:
        KeyError: the path names nothing.
    """
    found = _descend(columns, path)
    if found is None:
        raise KeyError(f"there is no column {path}")
    return found


def _descend(columns: Sequence[Column], path: str) -> list[str] | None:
    for column in columns:
        if column.name == path:
            return [path]
    for column in columns:
        if path.startswith(column.name + ".") and isinstance(column.type, Struct):
            inner = _descend(column.type.fields, path[len(column.name) + 1 :])
            if inner is not None:
                return [column.name, *inner]
    return None
