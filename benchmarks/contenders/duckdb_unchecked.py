"""DuckDB without guarantees: the same files, deduplicated by id, in the same order, as zstd Parquet.

Under a memory limit, and by the way that took the least of several: load the files into a table (in
memory where it fits, else in a file, which is compressed), find the few ids that occur twice, leave out
all but one row of each, sort, write. Where the rows do not fit in memory, that has three quarters of
the CPU time of ``DISTINCT ON`` the id, and writes less than half as much to the disk; ``row_number``
and ``lag`` write more than it. Columns and types are given; nothing is checked, accounted for or kept
of what was refused.
"""

from __future__ import annotations

import json
import sys
from typing import Any

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
#: What a loaded row takes, and as much again for sorting it.
_ROW_BYTES = 400
_REPEATED = """
    CREATE TEMP TABLE repeated AS
    SELECT event_id, min(rowid) AS kept FROM loaded.events GROUP BY event_id HAVING count(*) > 1
"""
_DISTINCT = """
    SELECT events.* FROM loaded.events LEFT JOIN repeated USING (event_id)
    WHERE kept IS NULL OR kept = events.rowid
"""


def main() -> None:
    arguments = json.loads(sys.argv[1])
    connection = connected(arguments)
    fits = arguments["records"] * _ROW_BYTES < arguments["memory"]
    place = ":memory:" if fits else f"{arguments['spill']}/events.db"
    connection.execute(f"ATTACH '{place}' AS loaded")
    read_events(connection, arguments).create("loaded.events")
    connection.execute(_REPEATED)
    distinct = connection.sql(_DISTINCT)
    distinct.order(", ".join(SORT)).write_parquet(arguments["target"], compression="zstd")
    rows = rows_of(connection, arguments)
    print(json.dumps({"records": arguments["records"], "rows": rows}))


def connected(arguments: dict[str, Any]) -> duckdb.DuckDBPyConnection:
    """Return a connection with the memory, cores and spill folder of the contest."""
    settings = {
        "memory_limit": f"{arguments['memory']}B",
        "threads": arguments["cores"],
        "temp_directory": arguments["spill"],
        "preserve_insertion_order": False,  # its own advice for large files; the sort orders them
    }
    return duckdb.connect(config=settings)


def read_events(
    connection: duckdb.DuckDBPyConnection, arguments: dict[str, Any]
) -> duckdb.DuckDBPyRelation:
    """Return the events of the log, to be read."""
    return connection.read_json(
        arguments["segments"],
        format="newline_delimited",
        compression="zstd",
        columns=_COLUMNS,
    )


def rows_of(connection: duckdb.DuckDBPyConnection, arguments: dict[str, Any]) -> int:
    """Return how many rows were written."""
    return int(connection.read_parquet(arguments["target"]).count("*").fetchall()[0][0])


if __name__ == "__main__":
    main()
