"""PySpark without guarantees: the same files, deduplicated by id, in the same order, as zstd Parquet.

Spark on one machine (``local``), a heap of what the memory limit leaves beside Python and the JVM's own
needs. The schema is given; nothing is checked, accounted for or kept of what was refused.
"""

from __future__ import annotations

import json
import sys

from pyspark.sql import SparkSession

from benchmarks.feed import SORT

_SCHEMA = """
    event_id STRING, type STRING, account_id STRING,
    merchant STRUCT<id: STRING, mcc: STRING, country: STRING>,
    card STRUCT<network: STRING, present: BOOLEAN>,
    amount_minor BIGINT, amount DECIMAL(18, 2), currency STRING, occurred_at TIMESTAMP,
    response STRING, device STRING
"""
#: Python, the JVM's code and stacks, and buffers outside of the heap.
_BESIDE_HEAP = 640 * 1024**2
_ROWS_A_PARTITION = 500_000


def main() -> None:
    arguments = json.loads(sys.argv[1])
    heap = (arguments["memory"] - _BESIDE_HEAP) // 1024**2
    partitions = max(2 * arguments["cores"], arguments["records"] // _ROWS_A_PARTITION)
    session = (
        SparkSession.builder.master(f"local[{arguments['cores']}]")
        .config("spark.driver.memory", f"{heap}m")
        .config("spark.local.dir", arguments["spill"])
        .config("spark.sql.shuffle.partitions", partitions)
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.parquet.compression.codec", "zstd")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .getOrCreate()
    )
    events = session.read.schema(_SCHEMA).json(arguments["segments"])
    ordered = events.dropDuplicates(["event_id"]).orderBy(*SORT)
    ordered.write.mode("overwrite").parquet(arguments["target"])
    rows = session.read.parquet(arguments["target"]).count()
    _stop(session)
    print(json.dumps({"records": arguments["records"], "rows": rows}))


def _stop(session: SparkSession) -> None:
    """End the JVM and wait for it: only then does the kernel account its CPU time to this process."""
    gateway = session.sparkContext._gateway  # noqa: SLF001 - Spark has no other way to it
    session.stop()
    gateway.shutdown()
    gateway.proc.stdin.close()
    gateway.proc.wait()


if __name__ == "__main__":
    main()
