"""DuckDB as one writes it: one COPY of the files, deduplicated by id and sorted, as zstd Parquet.

The same rows, order, limits and columns as `duckdb_unchecked`, which is what can be had of it by more
statements.
"""

from __future__ import annotations

import json
import sys

from benchmarks.contenders.duckdb_unchecked import connected, read_events, rows_of
from benchmarks.feed import SORT


def main() -> None:
    arguments = json.loads(sys.argv[1])
    connection = connected(arguments)
    read_events(connection, arguments).create_view("events")
    connection.execute(
        f"COPY (SELECT DISTINCT ON (event_id) * FROM events ORDER BY {', '.join(SORT)})"  # noqa: S608 - our own names
        " TO $target (FORMAT parquet, COMPRESSION zstd)",
        {"target": arguments["target"]},
    )
    rows = rows_of(connection, arguments)
    print(json.dumps({"records": arguments["records"], "rows": rows}))


if __name__ == "__main__":
    main()
