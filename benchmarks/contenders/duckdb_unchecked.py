"""DuckDB without guarantees: the same files, deduplicated by id, in the same order, as zstd Parquet.

One statement under a memory limit. ``DISTINCT ON`` the id is the fastest way of several that were tried
(`row_number`, `lag`, `DISTINCT` of whole rows, an anti join of the ids that occur twice). Columns and
types are given; nothing is checked, accounted for or kept of what was refused.
"""

from __future__ import annotations

import json
import sys

import duckdb

from benchmarks.feed import SORT

_COLUMNS = {
    "event_id": "VARCHAR",
    "type": "VARCHAR",
    "account_id": "VARCHAR",
    "merchant": "STRUCT(id VARCHAR, mcc VARCHAR, country VARCHAR)",
    "card": "STRUCT(network VARCHAR, present BOOLEAN)",
    "amount_minor": "BIGINT",
    "amount": "DECIMAL(18, 2)",
    "currency": "VARCHAR",
    "occurred_at": "TIMESTAMPTZ",
    "response": "VARCHAR",
    "device": "VARCHAR",
}


def main() -> None:
    arguments = json.loads(sys.argv[1])
    settings = {
        "memory_limit": f"{arguments['memory']}B",
        "threads": arguments["cores"],
        "temp_directory": arguments["spill"],
        "preserve_insertion_order": False,  # its own advice for large files; the sort orders them
    }
    connection = duckdb.connect(config=settings)
    events = connection.read_json(
        arguments["segments"],
        format="newline_delimited",
        compression="zstd",
        columns=_COLUMNS,
    )
    distinct = events.query("events", "SELECT DISTINCT ON (event_id) * FROM events")
    distinct.order(", ".join(SORT)).write_parquet(arguments["target"], compression="zstd")
    rows = connection.read_parquet(arguments["target"]).count("*").fetchall()[0][0]
    print(json.dumps({"records": arguments["records"], "rows": rows}))


if __name__ == "__main__":
    main()
