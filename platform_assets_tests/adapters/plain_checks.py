"""What the checks of rows are to find, in plain Python over all rows at once."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

from platform_assets.canonical import rfc3339
from platform_assets.contracts.columns import ListOf, Struct
from platform_assets.flow.content_digest import ContentDigest, encode_row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platform_assets.adapters.polars_checks import CheckContext
    from platform_assets.contracts.columns import ColumnType
    from platform_assets.declarations.checks import CheckDeclaration

Row = dict[str, Any]


def plain_figures(
    check: CheckDeclaration, rows: Sequence[Row], context: CheckContext
) -> dict[str, Any]:
    """Return the figures of a check, less those that do not depend on rows."""
    match check.check:
        case "schema" | "sorted" | "unique" | "digest":
            return {"rows": len(rows), **_of_rows(check, rows, context)}
        case "not_null":
            nulls = {f"nulls_{p}": sum(_at(row, p) is None for row in rows) for p in check.columns}
            return {"rows": len(rows), **nulls}
        case "null_fraction":
            return {"rows": len(rows), "nulls": sum(_at(r, check.column) is None for r in rows)}
        case "referential":
            known = context.referenced(check.product, check.references, 0).collect()
            there = {_comparable(value) for value in known.to_series().to_list()}
            values = [_comparable(value) for value in _values(rows, check.column)]
            return {"values": len(values), "missing": sum(v not in there for v in values)}
        case _:
            return {"rows": len(rows), **_of_values(check, _values(rows, check.column))}


def _of_rows(check: Any, rows: Sequence[Row], context: CheckContext) -> dict[str, Any]:
    if check.check == "schema":
        broken = [
            _breaks(row[c.name], c.type, nullable=c.nullable)
            for row in rows
            for c in context.columns
        ]
        return {"forbidden_nulls": sum(broken)}
    if check.check == "sorted":
        return {"out_of_order": len(out_of_order(rows, context))}
    if check.check == "digest":
        return {"content_digest": ContentDigest.of_rows(context.columns, rows).value}
    keys = Counter(tuple(_comparable(_at(row, p)) for p in check.columns) for row in rows)
    return {"repeated": len(rows) - len(keys)}


def _of_values(check: Any, values: Sequence[Any]) -> dict[str, Any]:
    if check.check == "freshness":
        newest = max(values, default=None)
        return {} if newest is None else {"newest": rfc3339(newest)}
    if check.check == "allowed_values":
        outside = [value for value in values if value not in check.values]
    else:
        outside = [
            value
            for value in values
            if math.isnan(value)
            or (check.min is not None and value < check.min)
            or (check.max is not None and value > check.max)
        ]
    return {"values": len(values), "outside": len(outside)}


def out_of_order(rows: Sequence[Row], context: CheckContext) -> list[int]:
    """Return the rows that belong before the row above them."""
    positions = [n for n in ("_stream", "_partition", "_offset") if n in rows[0]] if rows else []
    columns = sorted(context.columns, key=lambda column: column.name)

    def place(row: Row) -> tuple[Any, ...]:
        keys = [_ordered(_at(row, key)) for key in (*context.sort, *positions)]
        return tuple(keys) if positions else (*keys, encode_row(columns, row))

    return [n for n in range(1, len(rows)) if place(rows[n]) < place(rows[n - 1])]


def _values(rows: Sequence[Row], path: str) -> list[Any]:
    return [value for row in rows if (value := _at(row, path)) is not None]


def _at(row: Row, path: str) -> Any:
    value: Any = row
    for name in path.split("."):
        value = None if value is None else value[name]
    return value


def _breaks(value: Any, column_type: ColumnType, *, nullable: bool) -> bool:
    if value is None:
        return not nullable
    if isinstance(column_type, Struct):
        return any(_breaks(value[f.name], f.type, nullable=f.nullable) for f in column_type.fields)
    if isinstance(column_type, ListOf):
        inner, absent = column_type.element, column_type.element_nullable
        return any(_breaks(each, inner, nullable=absent) for each in value)
    return False


def _comparable(value: Any) -> Any:
    """Return the value with one NaN and one zero, at any depth."""
    if isinstance(value, dict):
        return tuple((name, _comparable(each)) for name, each in sorted(value.items()))
    if isinstance(value, list):
        return tuple(_comparable(each) for each in value)
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else value + 0.0
    return value


def _ordered(value: Any) -> tuple[Any, ...]:
    """Return what orders a value: null last, NaN above all numbers, text by its bytes."""
    if value is None:
        return (2,)
    if isinstance(value, float):
        return (1,) if math.isnan(value) else (0, value)
    return (0, value.encode() if isinstance(value, str) else value)
