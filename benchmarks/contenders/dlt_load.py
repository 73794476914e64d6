"""(b) dlt loading the same files to local Parquet with a schema contract.

Its own filesystem source and JSONL reader, columns declared with their types, rows that do not fit
discarded, filesystem destination. Tuned as its performance guide advises: larger buffers, extracted
files rotated, so that one normalise worker for each core has work. dlt does not check patterns,
lengths, ranges or formats, does not deduplicate on append, does not sort and keeps no proof.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

_COLUMNS = {
    "event_id": "text",
    "type": "text",
    "account_id": "text",
    "merchant__id": "text",
    "merchant__mcc": "text",
    "merchant__country": "text",
    "card__network": "text",
    "card__present": "bool",
    "amount_minor": "bigint",
    "amount": "decimal",
    "currency": "text",
    "occurred_at": "timestamp",
    "response": "text",
    "device": "text",
}


def _configure(arguments: dict[str, Any]) -> None:
    os.environ |= {
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "RUNTIME__LOG_LEVEL": "ERROR",
        "NORMALIZE__WORKERS": str(arguments["cores"]),
        "DATA_WRITER__BUFFER_MAX_ITEMS": "20000",
        "DATA_WRITER__FILE_MAX_ITEMS": "100000",
    }


def main() -> None:
    arguments = json.loads(sys.argv[1])
    _configure(arguments)
    import dlt  # noqa: PLC0415 - dlt reads its configuration from the environment set above
    from dlt.sources.filesystem import filesystem, read_jsonl  # noqa: PLC0415 - as above

    folder = Path(arguments["target"])
    files = filesystem(bucket_url=f"file://{arguments['log']}", file_glob="**/*.ndjson")
    resource = (files | read_jsonl(chunksize=10_000)).with_name("authorisations")
    columns: dict[str, Any] = {
        name: {"name": name, "data_type": kind, "nullable": name == "device"}
        for name, kind in _COLUMNS.items()
    }
    columns["amount"] |= {"precision": 18, "scale": 2}
    resource.apply_hints(
        columns=columns,
        write_disposition="append",
        schema_contract={"tables": "evolve", "columns": "discard_row", "data_type": "discard_row"},
    )
    pipeline = dlt.pipeline(
        "spine",
        destination=dlt.destinations.filesystem(bucket_url=f"file://{folder / 'parquet'}"),
        dataset_name="payments",
        pipelines_dir=str(folder / "state"),
    )
    pipeline.run(resource, loader_file_format="parquet")
    rows = pipeline.last_trace.last_normalize_info.row_counts["authorisations"]
    print(json.dumps({"records": arguments["records"], "rows": rows}))


if __name__ == "__main__":
    main()
