"""Columns of a product: names, types and whether they may be null.

The types are few and each has one meaning in every engine: 64-bit integers, IEEE doubles, decimals
with a fixed scale, UTF-8 text, instants in UTC with microseconds, dates, structs, lists, and JSON text
for what a contract allows but no column type can hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Scalar(StrEnum):
    """Column types without parameters."""

    BOOLEAN = "boolean"
    INT64 = "int64"
    FLOAT64 = "float64"
    STRING = "string"
    TIMESTAMP = "timestamp"  # microseconds since the epoch, UTC
    DATE = "date"  # days since the epoch
    JSON = "json"  # canonical JSON text


@dataclass(frozen=True, slots=True)
class Decimal:
    """An exact decimal: ``precision`` digits in all (at most 38), ``scale`` after the point."""

    precision: int
    scale: int


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list whose elements have one type."""

    element: ColumnType
    element_nullable: bool = False


@dataclass(frozen=True, slots=True)
class Struct:
    """A nested object with declared properties."""

    fields: tuple[Column, ...]


ColumnType = Scalar | Decimal | ListOf | Struct


@dataclass(frozen=True, slots=True)
class Column:
    """One column, or one field of a struct."""

    name: str
    type: ColumnType
    nullable: bool = False


#: The position of a row: it makes rows of a stream unique and ends every sort order.
POSITION_COLUMNS = (
    Column("_stream", Scalar.STRING),
    Column("_partition", Scalar.STRING),
    Column("_offset", Scalar.INT64),
)

#: Holds undeclared properties as JSON text, where the contract allows them.
ADDITIONAL_COLUMN = "_additional"


def type_as_json(column_type: ColumnType) -> Any:
    """Write a type as it stands in manifests."""
    match column_type:
        case Scalar():
            return column_type.value
        case Decimal(precision, scale):
            return {"decimal": [precision, scale]}
        case ListOf(element, nullable):
            return {"list": type_as_json(element), "nullable": nullable}
        case Struct(fields):
            return {"struct": [column_as_json(field) for field in fields]}


def column_as_json(column: Column) -> dict[str, Any]:
    """Write a column as it stands in manifests."""
    return {"name": column.name, "type": type_as_json(column.type), "nullable": column.nullable}


def type_from_json(value: Any) -> ColumnType:
    """Read what `type_as_json` wrote.

    Raises:
        ValueError: the value is no column type.
    """
    if isinstance(value, str):
        return Scalar(value)
    if isinstance(value, dict) and "decimal" in value:
        precision, scale = value["decimal"]
        return Decimal(precision, scale)
    if isinstance(value, dict) and "list" in value:
        return ListOf(type_from_json(value["list"]), value["nullable"])
    if isinstance(value, dict) and "struct" in value:
        return Struct(tuple(column_from_json(field) for field in value["struct"]))
    raise ValueError(f"{value!r} is no column type")


def column_from_json(value: Any) -> Column:
    """Read what `column_as_json` wrote."""
    return Column(value["name"], type_from_json(value["type"]), value["nullable"])
