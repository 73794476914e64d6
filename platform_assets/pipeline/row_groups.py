"""Rows of certified parts, a row group at a time: the same memory whatever the size of a part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platform_assets.adapters.part_format import ROW_GROUP_ROWS
from platform_assets.adapters.parts import read_parts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import polars as pl

    from platform_assets.contracts.columns import Column


def row_groups(
    paths: Sequence[Path], columns: Sequence[Column], parts: Sequence[Mapping[str, Any]]
) -> Iterator[pl.DataFrame]:
    """Return the rows of files that a manifest lists as parts, in order."""
    for path, part in zip(paths, parts, strict=True):
        rows = read_parts([path], columns)
        for start in range(0, part["rows"], ROW_GROUP_ROWS):
            yield rows.slice(start, ROW_GROUP_ROWS).collect()
