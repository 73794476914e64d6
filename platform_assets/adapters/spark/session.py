"""The Spark session of a job, and what became of its executors.

What decides the rows and their order is set here and is no matter of configuration: names are told
apart by case, times are UTC and proleptic, text is compared by its bytes.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from subprocess import TimeoutExpired
from typing import TYPE_CHECKING

from pyspark.sql import SparkSession

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What a run is sent to Python in: batches of so many rows.
BATCH_ROWS = 16_384

#: How long a stopped JVM may take to end.
_ENDING_SECONDS = 60

_MEANING = {
    "spark.sql.caseSensitive": "true",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.session.collation.default": "UTF8_BINARY",
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.int96RebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.filterPushdown": "false",
    "spark.sql.files.ignoreCorruptFiles": "false",
    "spark.sql.files.ignoreMissingFiles": "false",
    "spark.sql.execution.arrow.maxRecordsPerBatch": str(BATCH_ROWS),
    "spark.sql.execution.arrow.useLargeVarTypes": "false",
}


def open_session(name: str, properties: Mapping[str, str]) -> SparkSession:
    """Open the session; where ``spark-submit`` started the job, its master and memory stand."""
    # What starts Python workers reads these; the engines in them share the cores, they do not
    # multiply them.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ["POLARS_MAX_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"
    builder = SparkSession.builder.appName(name)
    for key, value in {**properties, **_MEANING}.items():
        builder = builder.config(key, value)
    for variable in ("POLARS_MAX_THREADS", "OMP_NUM_THREADS"):
        builder = builder.config(f"spark.executorEnv.{variable}", "1")
    return builder.getOrCreate()


def close_session(session: SparkSession) -> None:
    """Stop the session and wait for the JVM that this process started, where it did.

    A process that nobody waits for is counted by nobody: what Spark took would be missing where the
    step is told what it used.
    """
    jvm = getattr(session.sparkContext._gateway, "proc", None)  # noqa: SLF001 - PySpark has no call
    session.stop()
    if jvm is not None:
        jvm.stdin.close()  # by which the JVM is told to end
        with suppress(TimeoutExpired):  # it is no part of the answer
            jvm.wait(_ENDING_SECONDS)


def executors_of(session: SparkSession) -> tuple[int, int]:
    """Return how many executors the job had in all, and how many of them died; the driver is none."""
    context = session.sparkContext._jsc.sc()  # noqa: SLF001 - PySpark has no call for it
    listed = context.statusStore().executorList(False)
    executors = [listed.apply(number) for number in range(listed.size())]
    workers = [each for each in executors if each.id() != "driver"]
    return len(workers), sum(not each.isActive() for each in workers)
