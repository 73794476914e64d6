"""From accepted files to parts: read, exclude, sort by ranges, cut, write.

1. Every file has exactly the declared columns; Spark would make null of those that it lacks.
2. Rows whose position stands in an excluded file are left out.
3. The rest is sorted into runs by the total order. There are exactly as many as the receipt says.
4. Each part is written from its slices of the runs.

Whatever attempts died on the way, the files of each step are those that the winning attempts named.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from platform_assets.adapters.spark.description import JobResult, library_versions
from platform_assets.adapters.spark.files import is_local, opened
from platform_assets.adapters.spark.part_tasks import write_part
from platform_assets.adapters.spark.runs import RUN_SCHEMA, Run, cut, write_run
from platform_assets.adapters.spark.schema import (
    plain_name,
    plain_names,
    spark_schema,
    total_order,
)
from platform_assets.adapters.spark.session import executors_of
from platform_assets.contracts.columns import POSITION_COLUMNS
from platform_assets.contracts.frames import polars_schema
from platform_assets.errors import AdmissionInconsistent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import DataFrame, SparkSession

    from platform_assets.adapters.spark.description import JobDescription, WrittenPart
    from platform_assets.contracts.columns import Column

#: Rows of a range at most, where nobody says how many ranges there are.
RANGE_ROWS = 250_000

_READ_AT_ONCE = 16
_PATTERN_SIGNS = re.compile(r"([\\{}\[\]*?])")
_POSITION = ("_partition", "_offset")


def make_product(session: SparkSession, job: JobDescription) -> JobResult:
    """Make the product that a job describes.

    Raises:
        AdmissionInconsistent: a file has other columns, or there are more or fewer rows.
    """
    _require_columns(job.accepted, job.columns)  # 1
    _require_columns(job.excluded, [c for c in POSITION_COLUMNS if c.name in _POSITION])
    runs = _sorted_runs(session, job) if job.accepted else []
    found = sum(run.rows for run in runs)
    if found != job.rows:
        raise AdmissionInconsistent(
            f"the rows of {job.name}",
            expected=f"{job.rows:,} admitted rows, as the receipt says",
            found=f"{found:,}",
            remedy="The store was changed from outside. Restore the files of the admission.",
        )
    parts, retried = _written(session, job, runs)  # 4
    executors, lost = executors_of(session)
    return JobResult(
        parts=tuple(parts),
        spark_version=session.version,
        application=session.sparkContext.applicationId,
        libraries=library_versions(),
        executors=executors,
        executors_lost=lost,
        retried=retried + sum(run.attempt > 0 for run in runs),
    )


def _require_columns(files: Sequence[str], columns: Sequence[Column]) -> None:
    expected = polars_schema(columns)

    def wrong(uri: str) -> str | None:
        with opened(uri) as file:
            found = pl.read_parquet_schema(file)
        differing = [name for name, kind in expected.items() if found.get(name) != kind]
        return f"{uri}: {', '.join(differing)}" if differing else None

    with ThreadPoolExecutor(_READ_AT_ONCE) as threads:
        problems = [problem for problem in threads.map(wrong, files) if problem]
    if problems:
        raise AdmissionInconsistent(
            "admitted files",
            expected=f"columns {', '.join(expected)} of the contract's types",
            found=problems,
            remedy="The store was changed from outside. Restore the files of the admission.",
        )


def _sorted_runs(session: SparkSession, job: JobDescription) -> list[Run]:
    rows = _read(session, job.accepted, job.columns)
    if job.excluded:
        place = [column for column in job.columns if column.name in _POSITION]
        names = [plain_name(job.columns, column.name) for column in place]
        excluded = _read(session, job.excluded, place).toDF(*names)
        rows = rows.join(excluded, names, "left_anti")  # 2
        rows = rows.select(plain_names(job.columns))
    keys = total_order(job.columns, job.sort)
    ranges = job.partitions or max(
        session.sparkContext.defaultParallelism, -(-job.rows // RANGE_ROWS)
    )
    ordered = rows.repartitionByRange(ranges, *keys).sortWithinPartitions(*keys)  # 3
    told = ordered.mapInArrow(partial(write_run, job.folder), RUN_SCHEMA).collect()
    return [Run(row.file, tuple(row.batches), row.attempt) for row in sorted(told)]


def _read(session: SparkSession, files: Sequence[str], columns: Sequence[Column]) -> DataFrame:
    read = session.read.schema(spark_schema(columns)).parquet(*(_literally(f) for f in files))
    return read.toDF(*plain_names(columns))


def _literally(file: str) -> str:
    # Spark takes a path for a pattern, and a folder may have brackets in its name.
    path = _PATTERN_SIGNS.sub(r"\\\1", file)
    return f"file://{path}" if is_local(file) else path


def _written(
    session: SparkSession, job: JobDescription, runs: Sequence[Run]
) -> tuple[list[WrittenPart], int]:
    tasks = list(enumerate(cut(runs, job.part_rows)))
    write = partial(write_part, job.columns, job.folder)
    written = session.sparkContext.parallelize(tasks, len(tasks)).map(write).collect()
    return [part for part, _ in written], sum(attempt > 0 for _, attempt in written)
