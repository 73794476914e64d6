from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from platform_assets.adapters.external_sort import Room
from platform_assets.adapters.parts import read_parts
from platform_assets.contracts.columns import Column, Decimal, ListOf, Scalar, Struct
from platform_assets.contracts.frames import polars_schema
from platform_assets.errors import ConsumerFailed
from platform_assets.pipeline.answers import require_conforming, written_answer

if TYPE_CHECKING:
    from pathlib import Path

COLUMNS = [
    Column("id", Scalar.STRING),
    Column("at", Scalar.TIMESTAMP),
    Column("sum", Decimal(20, 3), nullable=True),
    Column("tags", ListOf(Struct((Column("x", Scalar.STRING, nullable=True),))), nullable=True),
]


def frame(rows: int = 100) -> pl.DataFrame:
    at = pl.int_range(rows, dtype=pl.Int64, eager=True)
    made = pl.select(
        tags=pl.concat_list(pl.struct(x=at.cast(pl.String))),
        id="id-" + at.cast(pl.String),
        at=at.cast(pl.Datetime("us", "UTC")),
        sum=at.cast(pl.Decimal(20, 3)),
    )
    return made.with_columns(pl.when(at % 3 != 0).then("tags").alias("tags"))


def problems(answer: Any, folder: Path) -> str:
    file = folder / "answer.parquet"
    written = written_answer(answer, COLUMNS, file)
    room = Room(256 * 1024**2, 1, folder)
    try:
        require_conforming(written, COLUMNS, ["id"], room, "consumer x of feed-00000001")
    except ConsumerFailed as error:
        return error.found
    expected = answer.lazy().collect().select([column.name for column in COLUMNS])
    assert read_parts([file], COLUMNS).collect().equals(expected)
    assert written.rows == expected.height
    return ""


def test_a_lazy_answer_is_streamed_into_the_file_and_never_collected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = []

    def generated(*_: Any) -> Any:
        for piece in frame().iter_slices(7):
            taken.append(piece.height)
            yield piece

    lazy = pl.io.plugins.register_io_source(generated, schema=frame().schema)
    collect = pl.LazyFrame.collect

    def of_one_row(plan: pl.LazyFrame, **options: Any) -> Any:
        found = collect(plan, **options)
        assert found.height <= 1, "rows were collected"
        return found

    monkeypatch.setattr(pl.LazyFrame, "collect", of_one_row)
    written = written_answer(lazy, COLUMNS, tmp_path / "answer.parquet")
    assert (written.rows, sum(taken)) == (100, 100)


@pytest.mark.parametrize("answer", [frame(), frame().lazy(), frame(0), frame(0).lazy()])
def test_an_answer_of_exactly_the_columns_conforms_in_any_order_of_them(
    answer: Any, tmp_path: Path
) -> None:
    assert problems(answer, tmp_path) == ""


def test_an_answer_of_other_columns_is_named_with_every_difference_and_not_computed(
    tmp_path: Path,
) -> None:
    lazy = frame().lazy().drop("sum").with_columns(pl.col("at").dt.date(), extra=pl.lit(1))
    assert problems(lazy, tmp_path).split("; ") == [
        "column at is Date, not Datetime(time_unit='us', time_zone='UTC')",
        "column sum is absent, not Decimal(precision=20, scale=3)",
        "column extra is undeclared",
    ]
    assert not (tmp_path / "answer.parquet").exists()
    assert problems({"id": 1}, tmp_path) == "a dict instead of a frame"


def test_nulls_and_repeated_keys_are_counted(tmp_path: Path) -> None:
    twice = pl.concat([frame(), frame(4)]).with_columns(
        at=pl.when(pl.col("id") != "id-2").then("at")
    )
    assert problems(twice.lazy(), tmp_path).split("; ") == [
        "column at has 2 nulls",
        "4 rows repeat the key id",
    ]


def test_the_schema_of_the_contract_is_the_one_that_is_tested() -> None:
    assert dict(frame().schema) == dict(polars_schema(COLUMNS))
