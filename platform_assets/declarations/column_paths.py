"""Columns by the dotted paths that declarations name them with, and what a wrong one may mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_assets.contracts.columns import Column, Struct
from platform_assets.declarations.mistakes import suggestion

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


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


def meant(path: str, columns: Sequence[Column]) -> str:
    """Return what a path that names nothing may have meant, else what there is."""
    names = list(_paths(columns))
    return suggestion(path, names) or f"; it has {', '.join(column.name for column in columns)}"


def _paths(columns: Sequence[Column], before: str = "") -> Iterator[str]:
    for column in columns:
        yield f"{before}{column.name}"
        if isinstance(column.type, Struct):
            yield from _paths(column.type.fields, f"{before}{column.name}.")
