"""Which checks fit which columns: a range needs numbers, freshness a timestamp, values their type.

A check on a column of another type could only crash, which is a failed check at every run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_assets.contracts.columns import Column, Decimal, ListOf, Scalar, Struct
from platform_assets.declarations.checks import (
    AllowedValuesCheck,
    DriftCheck,
    FreshnessCheck,
    RangeCheck,
)

if TYPE_CHECKING:
    from platform_assets.contracts.columns import ColumnType
    from platform_assets.declarations.checks import CheckDeclaration

_NUMBERS = (Scalar.INT64, Scalar.FLOAT64)
_SPREAD = (*_NUMBERS, Scalar.STRING, Scalar.BOOLEAN, Scalar.TIMESTAMP)
_LISTED = {Scalar.STRING: str, Scalar.INT64: int, Scalar.BOOLEAN: bool}


def misfit(check: CheckDeclaration, column: Column | None) -> str | None:
    """Return why a check can never pass on its column, None where it can."""
    if column is None:
        return None
    match check:
        case RangeCheck() if not _is_number(column):
            return f"a range needs numbers, and {check.column} is {_named(column.type)}"
        case FreshnessCheck() if column.type != Scalar.TIMESTAMP:
            return f"freshness needs a timestamp, and {check.column} is {_named(column.type)}"
        case DriftCheck():
            return _drift_misfit(check, column)
        case AllowedValuesCheck():
            wanted = _LISTED.get(column.type) if isinstance(column.type, Scalar) else None
            wrong = [value for value in check.values if type(value) is not wanted]
            if wrong:
                return f"{check.column} is {_named(column.type)} and can never be {wrong[0]!r}"
    return None


def _drift_misfit(check: DriftCheck, column: Column) -> str | None:
    if _is_number(column) or (check.statistic != "ks" and column.type in _SPREAD):
        return None
    needed = "numbers" if check.statistic == "ks" else "numbers, text, booleans or timestamps"
    return f"{check.statistic} needs {needed}, and {check.column} is {_named(column.type)}"


def _is_number(column: Column) -> bool:
    return isinstance(column.type, Decimal) or column.type in _NUMBERS


def _named(kind: ColumnType) -> str:
    match kind:
        case Scalar():
            return kind.value
        case Decimal():
            return "decimal"
        case ListOf():
            return "a list"
        case Struct():
            return "a struct"
