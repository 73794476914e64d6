"""The first differing row is found wherever it is, whatever its type, and no value is told."""

from __future__ import annotations

import datetime as dt
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from platform_assets.adapters import row_difference
from platform_assets.adapters.row_difference import RowDifference, first_difference

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pytest

#: Values of each type that a part may hold, no two of a type the same.
VALUES: dict[str, tuple[pl.DataType, list[Any]]] = {
    "text": (pl.String(), ["", "a", "b", None]),
    "number": (pl.Float64(), [0.0, 1.5, float("nan"), None]),
    "raw": (pl.Binary(), [b"", b"a", b"\xff", None]),
    "at": (pl.Datetime("us", "UTC"), [dt.datetime(2026, 1, d, tzinfo=dt.UTC) for d in (1, 2, 3)]),
    "list": (pl.List(pl.String()), [[], [None], ["a"], ["a", "b"], None]),
    "struct": (
        pl.Struct({"x": pl.Int64(), "y": pl.List(pl.Struct({"z": pl.Boolean()}))}),
        [
            {"x": 1, "y": []},
            {"x": 1, "y": [{"z": True}]},
            {"x": 1, "y": [{"z": None}]},
            {"x": None, "y": None},
        ],
    ),
}


def frame_of(rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    columns = {
        name: pl.Series(name, [row[name] for row in rows], dtype=dtype)
        for name, (dtype, _) in VALUES.items()
    }
    size = range(len(rows))
    place = {
        "_stream": pl.Series("_stream", ["s"] * len(rows), dtype=pl.String),
        "_partition": pl.Series("_partition", ["0"] * len(rows), dtype=pl.String),
        "_offset": pl.Series("_offset", list(size), dtype=pl.Int64),
    }
    return pl.DataFrame({**columns, **place})


def written(frame: pl.DataFrame, folder: Path, part_rows: int) -> list[Path]:
    folder.mkdir(parents=True)
    paths = []
    for number, start in enumerate(range(0, max(1, frame.height), part_rows)):
        paths.append(folder / f"part-{number:05d}.parquet")
        frame[start : start + part_rows].write_parquet(paths[-1])
    return paths


rows = st.lists(
    st.fixed_dictionaries({name: st.sampled_from(v) for name, (_, v) in VALUES.items()}),
    min_size=1,
    max_size=20,
)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), table=rows, cuts=st.tuples(st.integers(1, 7), st.integers(1, 7)))
def test_a_planted_change_is_found_at_its_row_and_column(
    tmp_path_factory: pytest.TempPathFactory,
    data: st.DataObject,
    table: list[dict[str, Any]],
    cuts: tuple[int, int],
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    row = data.draw(st.integers(0, len(table) - 1))
    column = data.draw(st.sampled_from(sorted(VALUES)))
    others = [v for v in VALUES[column][1] if repr(v) != repr(table[row][column])]
    changed = [dict(each) for each in table]
    changed[row][column] = data.draw(st.sampled_from(others))
    piece = row_difference._PIECE_ROWS
    row_difference._PIECE_ROWS = 4  # several pieces, also of few rows
    try:
        recorded = written(frame_of(table), folder / "recorded", cuts[0])
        same = written(frame_of(table), folder / "same", cuts[1])
        other = written(frame_of(changed), folder / "other", cuts[1])
        assert first_difference(recorded, same) is None
        found = first_difference(recorded, other)
    finally:
        row_difference._PIECE_ROWS = piece
    place = {"stream": "s", "partition": "0", "offset": row}
    assert found == RowDifference(row, column, place, place)


@settings(max_examples=30, deadline=None)
@given(data=st.data(), table=rows)
def test_a_row_that_is_missing_is_found_on_its_side(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, table: list[dict[str, Any]]
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    gone = data.draw(st.integers(0, len(table) - 1))
    frame = frame_of(table)
    fewer = pl.concat([frame[:gone], frame[gone + 1 :]])
    whole, less = written(frame, folder / "whole", 3), written(fewer, folder / "less", 3)
    last = gone == len(table) - 1
    found, mirrored = first_difference(whole, less), first_difference(less, whole)
    assert found is not None
    assert mirrored is not None
    assert (found.row, mirrored.row, found.column) == (gone, gone, "")
    assert found.missing == ("rebuilt" if last else "")
    assert mirrored.missing == ("recorded" if last else "")
    assert found.recorded == mirrored.rebuilt == {"stream": "s", "partition": "0", "offset": gone}


def test_other_columns_and_absent_tables_are_differences(tmp_path: Path) -> None:
    frame = frame_of([{name: values[0] for name, (_, values) in VALUES.items()}])
    ours = written(frame, tmp_path / "ours", 3)
    renamed = written(frame.rename({"raw": "other"}), tmp_path / "renamed", 3)
    retyped = written(
        frame.with_columns(pl.col("number").cast(pl.Float32)), tmp_path / "retyped", 3
    )
    for other, column in ((renamed, "raw"), (retyped, "number")):
        found = first_difference(ours, other)
        assert found is not None
        assert found.column == column
    assert first_difference([], []) is None
    for sides, missing in (((ours, []), "rebuilt"), (([], ours), "recorded")):
        found = first_difference(*sides)
        assert found is not None
        assert (found.row, found.missing) == (0, missing)


def test_no_value_is_part_of_a_difference() -> None:
    assert {f.name for f in fields(RowDifference)} == {
        *("row", "column", "recorded", "rebuilt", "missing")
    }
