"""The first row in which two tables differ, each given as its parts in order.

Rows are compared in their order, in pieces, so that memory stays bounded. Of the row that differs its
place and its first differing column are told, never a value: a comparison shows no payload.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_PIECE_ROWS = 122_880
_POSITIONS = (("_stream", "_partition", "_offset"), (None, "partition", "offset"))
_NAMES = ("stream", "partition", "offset")


@dataclass(frozen=True, slots=True)
class RowDifference:
    """A row that differs: its number, its column, and the positions on both sides where rows have them.

    A side that has no such row has no position; ``column`` is empty where it is another row altogether.
    """

    row: int
    column: str
    recorded: dict[str, Any] | None
    rebuilt: dict[str, Any] | None
    missing: str = ""


def part_frame(paths: Sequence[Path]) -> pl.LazyFrame:
    """Return the rows of parts, in order. Every byte of a part that is compared is read here."""
    return pl.scan_parquet(list(paths), glob=False, hive_partitioning=False)


def first_difference(recorded: Sequence[Path], rebuilt: Sequence[Path]) -> RowDifference | None:
    """Return where two tables first differ, None where all rows are the same in the same order."""
    if not recorded or not rebuilt:
        return _of_one(recorded, rebuilt)
    ours, theirs = part_frame(recorded), part_frame(rebuilt)
    if ours.collect_schema() != theirs.collect_schema():
        return _other_columns(ours, theirs)
    start = 0
    while True:
        left, right = (each.slice(start, _PIECE_ROWS).collect() for each in (ours, theirs))
        if not left.equals(right):
            return _located(left, right, start)
        if left.height < _PIECE_ROWS:
            return None
        start += left.height


def _located(left: pl.DataFrame, right: pl.DataFrame, start: int) -> RowDifference:
    same, differs = 0, min(left.height, right.height)
    while (
        same < differs
    ):  # the first `same` rows agree; where `differs` rows are taken, they may not
        middle = (same + differs + 1) // 2
        if left[same:middle].equals(right[same:middle]):
            same = middle
        else:
            differs = middle - 1
    here, there = (frame[same : same + 1] for frame in (left, right))
    recorded, rebuilt = _position(here), _position(there)
    missing = "recorded" if not here.height else "rebuilt" if not there.height else ""
    column = ""
    if not missing and recorded == rebuilt:
        column = next(name for name in left.columns if not here[name].equals(there[name]))
    return RowDifference(start + same, column, recorded, rebuilt, missing)


def _position(row: pl.DataFrame) -> dict[str, Any] | None:
    if not row.height:
        return None
    for columns in _POSITIONS:
        if all(column is None or column in row.columns for column in columns):
            return {
                name: row[column][0]
                for name, column in zip(_NAMES, columns, strict=True)
                if column is not None
            }
    return None


def _of_one(recorded: Sequence[Path], rebuilt: Sequence[Path]) -> RowDifference | None:
    paths = recorded or rebuilt
    if not paths:
        return None
    first = _position(part_frame(paths).head(1).collect())
    if first is None:
        return None
    if recorded:
        return RowDifference(0, "", first, None, "rebuilt")
    return RowDifference(0, "", None, first, "recorded")


def _other_columns(ours: pl.LazyFrame, theirs: pl.LazyFrame) -> RowDifference:
    left, right = ours.collect_schema(), theirs.collect_schema()
    names = [name for name in (*left, *right) if left.get(name) != right.get(name)]
    column = names[0] if names else next(iter(left))
    recorded, rebuilt = (_position(frame.head(1).collect()) for frame in (ours, theirs))
    return RowDifference(0, column, recorded, rebuilt)
