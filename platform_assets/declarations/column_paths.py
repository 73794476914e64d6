"""Columns by the dotted paths that declarations name them with, and what a wrong one may mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_assets.contracts.columns import Column, Scalar, Struct
from platform_assets.declarations.mistakes import suggestion

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: Type of a value in YAML -> type of the columns in which it may be found.
TYPE_OF_VALUE = {str: Scalar.STRING, int: Scalar.INT64, bool: Scalar.BOOLEAN}


def find_column(columns: Sequence[Column], path: str) -> Column | None:
    """Return the column, or the field within structs, that a dotted path names."""
    first, _, rest = path.partition(".")
    for column in columns:
        if column.name == first:
            if not rest:
                return column
            return (
                find_column(column.type.fields, rest) if isinstance(column.type, Struct) else None
            )
    return None


def no_column(product: str, path: str, columns: Sequence[Column]) -> str:
    """Say that a product has no column of a path."""
    return f"{product} has no column {path}{meant(path, columns)}"


def meant(path: str, columns: Sequence[Column]) -> str:
    """Return what a path that names nothing may have meant, else what there is."""
    names = list(_paths(columns))
    return suggestion(path, names) or f"; it has {', '.join(column.name for column in columns)}"


def _paths(columns: Sequence[Column], before: str = "") -> Iterator[str]:
    for column in columns:
        yield f"{before}{column.name}"
        if isinstance(column.type, Struct):
            yield from _paths(column.type.fields, f"{before}{column.name}.")
