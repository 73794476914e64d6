"""(c) The unchecked floor: what the machine needs to parse, sort and write at all.

Types are inferred, times and amounts stay text, nothing is checked, deduplicated or accounted for.
"""

from __future__ import annotations

import json
import sys

import inputs
import polars as pl


def main() -> None:
    arguments = json.loads(sys.argv[1])
    frame = pl.scan_ndjson(arguments["segments"])
    frame.sort(*inputs.SORT).sink_parquet(arguments["target"], compression="zstd")
    rows = pl.scan_parquet(arguments["target"]).select(pl.len()).collect().item()
    print(json.dumps({"records": arguments["records"], "rows": rows}))


if __name__ == "__main__":
    main()
