"""Polars without guarantees: the same files, deduplicated by id, in the same order, as zstd Parquet.

One lazy query through the streaming engine, which has no limit of memory to be set. Repetitions are
dropped after the sort, which puts them side by side: that takes half the time of ``unique``. The schema
is given; times and amounts stay text; nothing is checked or accounted for.
"""

from __future__ import annotations

import json
import sys

import polars as pl

from benchmarks.feed import SORT

_SCHEMA = {
    "event_id": pl.String,
    "type": pl.String,
    "account_id": pl.String,
    "merchant": pl.Struct({"id": pl.String, "mcc": pl.String, "country": pl.String}),
    "card": pl.Struct({"network": pl.String, "present": pl.Boolean}),
    "amount_minor": pl.Int64,
    "amount": pl.String,
    "currency": pl.String,
    "occurred_at": pl.String,
    "response": pl.String,
    "device": pl.String,
}


def main() -> None:
    arguments = json.loads(sys.argv[1])
    ordered = pl.scan_ndjson(arguments["segments"], schema=_SCHEMA).sort(*SORT)
    first = pl.col("event_id") != pl.col("event_id").shift(1).fill_null("")
    ordered.filter(first).sink_parquet(arguments["target"], compression="zstd", engine="streaming")
    rows = pl.scan_parquet(arguments["target"]).select(pl.len()).collect().item()
    print(json.dumps({"records": arguments["records"], "rows": rows}))


if __name__ == "__main__":
    main()
