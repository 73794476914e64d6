"""I5: Spark gives the rows, the order, the digest and even the part bytes that this process gives."""

from __future__ import annotations

import datetime as dt
import decimal
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings

from platform_assets.adapters.spark.description import library_versions
from platform_assets.adapters.spark.engine import SparkEngine
from platform_assets.adapters.spark.exchange import SharedFolder
from platform_assets.adapters.spark.launched import Launched
from platform_assets.contracts.columns import (
    POSITION_COLUMNS,
    Column,
    Decimal,
    ListOf,
    Scalar,
    Struct,
)
from platform_assets.contracts.frames import polars_schema
from platform_assets.errors import AdmissionInconsistent, EngineMissing, JobFailed
from platform_assets.flow.content_digest import ContentDigest
from platform_assets_tests import strategies
from platform_assets_tests.spark_engine.in_this_process import Changed, Damaged, InThisProcess
from platform_assets_tests.spark_engine.small_spark import embedded, job_of
from platform_assets_tests.vectors import make_content_digest_vectors as vectors

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession

    from platform_assets.ports.engines import ProductJob, ProductParts

Rows = list[dict[str, Any]]

_WHERE = Struct(
    (
        Column("x.y", Scalar.INT64, True),
        Column("Note", Scalar.STRING, True),
        Column("note", Scalar.DATE, True),
    )
)
COLUMNS = (
    Column("a `b`.c", Scalar.STRING, nullable=True),
    Column("number", Scalar.FLOAT64, nullable=True),
    Column("Number", Decimal(38, 10), nullable=True),
    Column("at", Scalar.TIMESTAMP, nullable=True),
    Column("where", _WHERE, nullable=True),
    Column("tags", ListOf(_WHERE, element_nullable=True), nullable=True),
    Column("flag", Scalar.BOOLEAN, nullable=True),
    *POSITION_COLUMNS,
)
TEXTS = [None, "", "a", "Z", "z", "\u00e9", "e\u0301", "\ufffd", "\U0001f30d", "a\u0000", " a"]
FLOATS = [None, float("nan"), float("inf"), float("-inf"), -0.0, 0.0, 5e-324, 1.5, -1.5]
TIMES = [
    None,
    dt.datetime(1, 1, 1, tzinfo=dt.UTC),
    dt.datetime(1582, 10, 10, 12, tzinfo=dt.UTC),
    dt.datetime(1890, 5, 6, 7, 8, 9, 123456, tzinfo=dt.UTC),
    dt.datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=dt.UTC),
]
WHERES = [
    None,
    {"x.y": None, "Note": None, "note": None},
    {"x.y": 7, "Note": "N", "note": dt.date(1, 1, 1)},
    {"x.y": -7, "Note": "", "note": dt.date(1582, 10, 8)},
]
DECIMALS = [None, decimal.Decimal("9" * 28 + "." + "9" * 10), decimal.Decimal("-0.0000000001")]


def made(session: SparkSession, job: ProductJob, folder: Path, partitions: int = 4) -> ProductParts:
    launcher = InThisProcess(session)
    exchange = SharedFolder(folder / "exchange [1]")
    engine = SparkEngine(
        Launched("tests", launcher, exchange), properties={}, partitions=partitions
    )
    parts = engine.make(job, folder / "spark")
    assert engine.identity == {"name": "spark", "version": session.version}
    assert not (folder / "exchange [1]").exists()
    return parts


def positions(rows: Rows) -> Rows:
    return [
        {**row, "_stream": "s", "_partition": str(n % 11), "_offset": n}
        for n, row in enumerate(rows)
    ]


def every_kind_of_row(count: int) -> pl.DataFrame:
    rows = [
        {
            "a `b`.c": TEXTS[n % len(TEXTS)],
            "number": FLOATS[n % len(FLOATS)],
            "Number": DECIMALS[n % len(DECIMALS)],
            "at": TIMES[n % len(TIMES)],
            "where": WHERES[n % len(WHERES)],
            "tags": [None, [], [WHERES[n % len(WHERES)], None]][n % 3],
            "flag": [None, True, False][n % 3],
        }
        for n in range(count)
    ]
    return pl.DataFrame(positions(rows), schema=polars_schema(COLUMNS), orient="row")


@pytest.mark.parametrize(
    "sort",
    [
        ("a `b`.c",),
        ("number", "Number"),
        ("at", "flag"),
        ("where.x.y", "where.Note", "where.note"),
        ("_offset",),
    ],
    ids=lambda sort: sort[0],
)
def test_i05_spark_gives_the_parts_of_this_process(
    session: SparkSession, tmp_path: Path, sort: tuple[str, ...]
) -> None:
    frame = every_kind_of_row(2_000)
    excluded = frame.filter(pl.col("_offset") % 7 == 0).select("_partition", "_offset")
    job = job_of(frame, COLUMNS, tmp_path, sort=sort, excluded=excluded, part_rows=700)
    kept = frame.filter(pl.col("_offset") % 7 != 0)
    expected = embedded(kept, COLUMNS, tmp_path / "embedded", job)
    found = made(session, job, tmp_path)
    assert found.content_digest == expected.content_digest
    assert [part.rows for part in found.parts] == [700, 700, kept.height - 1400]
    assert [(p.name, p.sha256) for p in found.parts] == [(p.name, p.sha256) for p in expected.parts]
    assert found.profile == expected.profile


def test_i05_spark_gives_the_shared_vectors(session: SparkSession, tmp_path: Path) -> None:
    """All cases in one table, because a job takes a second: absent where a case has fewer rows."""
    cases = vectors.read_cases()
    columns = [
        Column(f"{number}.{column.name}", column.type, nullable=True)
        for number, case in enumerate(cases)
        for column in case["columns"]
    ]
    rows: Rows = [
        {
            f"{number}.{column.name}": case["rows"][n][column.name]
            if n < len(case["rows"])
            else None
            for number, case in enumerate(cases)
            for column in case["columns"]
        }
        for n in range(max(len(case["rows"]) for case in cases))
    ]
    check(session, tmp_path, [*columns, *POSITION_COLUMNS], positions(rows))


@settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(table=strategies.tables(max_rows=9))
def test_i05_spark_and_the_reference_agree_on_any_table(
    session: SparkSession,
    tmp_path_factory: pytest.TempPathFactory,
    table: tuple[list[Column], Rows],
) -> None:
    columns, rows = table
    check(session, tmp_path_factory.mktemp("any"), [*columns, *POSITION_COLUMNS], positions(rows))


def check(session: SparkSession, folder: Path, columns: list[Column], rows: Rows) -> None:
    frame = pl.DataFrame(rows, schema=polars_schema(columns), orient="row", strict=True)
    job = job_of(frame, columns, folder, part_rows=4)
    expected = embedded(frame, columns, folder / "embedded", job)
    found = made(session, job, folder, partitions=2)
    assert found.content_digest == ContentDigest.of_rows(columns, rows).value
    assert found.content_digest == expected.content_digest
    assert [part.sha256 for part in found.parts] == [part.sha256 for part in expected.parts]


def test_no_rows_make_one_part_that_holds_the_schema(session: SparkSession, tmp_path: Path) -> None:
    frame = every_kind_of_row(0)
    job = job_of(frame, COLUMNS, tmp_path)
    (part,) = made(session, job, tmp_path).parts
    (expected,) = embedded(frame, COLUMNS, tmp_path / "embedded", job).parts
    assert (part.rows, part.sha256) == (0, expected.sha256)


def test_more_rows_than_the_receipt_says_are_refused(session: SparkSession, tmp_path: Path) -> None:
    job = job_of(every_kind_of_row(30), COLUMNS, tmp_path)
    less = type(job.admitted)(job.admitted.accepted, job.admitted.excluded, 29)
    with pytest.raises(AdmissionInconsistent, match=r"expected 29 admitted rows.*found 30"):
        made(session, type(job)(less, job.columns, job.sort, job.part_rows), tmp_path)


def test_a_file_without_a_column_is_refused_where_spark_would_read_nulls(
    session: SparkSession, tmp_path: Path
) -> None:
    job = job_of(every_kind_of_row(30).drop("flag"), COLUMNS, tmp_path)
    with pytest.raises(AdmissionInconsistent, match=r"accepted-00000000\.parquet: flag"):
        made(session, job, tmp_path)


def test_a_part_that_is_not_what_its_writer_hashed_is_not_taken(
    session: SparkSession, tmp_path: Path
) -> None:
    job = job_of(every_kind_of_row(30), COLUMNS, tmp_path)
    engine = SparkEngine(
        Launched("tests", Damaged(session, "part-*"), SharedFolder(tmp_path / "x")), properties={}
    )
    with pytest.raises(JobFailed, match="sha256"):
        engine.make(job, tmp_path / "spark")


def test_a_result_that_lacks_a_part_is_not_taken(session: SparkSession, tmp_path: Path) -> None:
    job = job_of(every_kind_of_row(30), COLUMNS, tmp_path, part_rows=10)
    launcher = Changed(session, lambda result: replace(result, parts=result.parts[:-1]))
    engine = SparkEngine(Launched("tests", launcher, SharedFolder(tmp_path / "x")), properties={})
    with pytest.raises(JobFailed, match=r"parts of \[10, 10, 10\] rows, found \[10, 10\]"):
        engine.make(job, tmp_path / "spark")


def test_parts_that_other_libraries_wrote_are_not_taken(
    session: SparkSession, tmp_path: Path
) -> None:
    job = job_of(every_kind_of_row(30), COLUMNS, tmp_path)
    older = {**library_versions(), "polars": "1.0.0"}
    launcher = Changed(session, lambda result: replace(result, libraries=older))
    engine = SparkEngine(Launched("tests", launcher, SharedFolder(tmp_path / "x")), properties={})
    with pytest.raises(EngineMissing, match=r"'polars': '1\.0\.0'"):
        engine.make(job, tmp_path / "spark")
