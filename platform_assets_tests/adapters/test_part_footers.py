from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from platform_assets.adapters.part_footers import Footers
from platform_assets.adapters.parts import write_frame

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


def footers(
    folder: Path, *frames: pl.DataFrame, statistics: Sequence[str] | None = None
) -> Footers:
    return Footers.read(
        [
            write_frame(frame, folder / f"{number}.parquet", statistics=statistics).path
            for number, frame in enumerate(frames)
        ]
    )


def test_a_text_that_is_the_same_in_all_rows_is_told(tmp_path: Path) -> None:
    frames = [
        pl.DataFrame({"type": ["sale"] * 3, "id": ["a", "b", "c"], "é": ["\0"] * 3, "n": [1] * 3}),
        pl.DataFrame({"type": ["sale"], "id": ["d"], "é": ["\0"], "n": [1]}),
        pl.DataFrame(schema={"type": pl.String, "id": pl.String, "é": pl.String, "n": pl.Int64}),
    ]
    assert footers(tmp_path, *frames).constant == {"type": "sale", "é": "\0"}


@pytest.mark.parametrize(
    "others",
    [
        {"t": ["b"]},
        {"t": ["a", "b"]},
        {"t": [None]},
        {"t": ["a", None]},
        {"t": [None, "a"]},
        {"t": ["a\0"]},
        {"t": ["a" * 5_000 + "b", "a" * 5_000 + "c"]},
    ],
    ids=[
        "another",
        "another as well",
        "null",
        "ends in null",
        "begins with null",
        "longer",
        "a long one",
    ],
)
def test_a_text_that_differs_anywhere_is_not_constant(
    tmp_path: Path, others: Mapping[str, list[Any]]
) -> None:
    same = pl.DataFrame({"t": ["a", "a"]})
    other = pl.DataFrame(others, schema={"t": pl.String})
    for number, frames in enumerate(([same, other], [other, same], [same, other, same])):
        assert footers(tmp_path / str(number), *frames).constant == {}


def test_what_has_no_statistics_or_no_rows_is_not_constant(tmp_path: Path) -> None:
    same = pl.DataFrame({"t": ["a", "a"], "u": ["b", "b"]})
    assert footers(tmp_path / "1", same, statistics=["u"]).constant == {"u": "b"}
    assert footers(tmp_path / "2", same.head(0)).constant == {}
    assert footers(tmp_path / "3").constant == {}


def test_a_field_of_a_struct_is_not_taken_for_a_column(tmp_path: Path) -> None:
    frame = pl.DataFrame({"s": [{"t": "a"}, {"t": "a"}], "s.t": ["b", "b"]})
    assert footers(tmp_path, frame).constant == {}
