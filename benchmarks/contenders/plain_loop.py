"""(a) What a careful person writes in plain Python: a loop with orjson, jsonschema, a dict and pyarrow.

Each line is parsed, held against the contract (Draft 2020-12, format checker on, shared shapes written
in), its time and amount are converted, its identity is looked up in a dict with the digest of the
payload; then all rows are sorted and written as zstd Parquet. jsonschema checks ``date-time`` only with
a package that it does not install, so the conversion does. Violations are listed for bad records only.
"""

from __future__ import annotations

import hashlib
import json
import sys
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import feed


def main() -> None:
    arguments = json.loads(sys.argv[1])
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    validator = jsonschema.Draft202012Validator(feed.inlined_contract(), format_checker=checker)
    seen: dict[str, bytes] = {}
    rows: list[dict[str, Any]] = []
    quarantined: list[tuple[bytes, list[str]]] = []
    records = duplicates = 0
    for path in arguments["segments"]:
        with Path(path).open("rb") as lines:
            for line in lines:
                records += 1
                try:
                    row = orjson.loads(line)
                    if not validator.is_valid(row):
                        errors = [error.message for error in validator.iter_errors(row)]
                        quarantined.append((line, errors))
                        continue
                    row["occurred_at"] = datetime.fromisoformat(row["occurred_at"])
                except ValueError as error:
                    quarantined.append((line, [str(error)]))
                    continue
                row["amount"] = Decimal(row["amount"])
                payload = hashlib.sha256(line).digest()
                first = seen.setdefault(row["event_id"], payload)
                if first is not payload:
                    if first == payload:
                        duplicates += 1
                    else:
                        quarantined.append((line, ["payload mismatch"]))
                    continue
                rows.append(row)
    rows.sort(key=lambda row: tuple(row[name] for name in feed.SORT))
    pq.write_table(pa.Table.from_pylist(rows), arguments["target"], compression="zstd")
    if records != len(rows) + duplicates + len(quarantined):
        raise RuntimeError("the loop lost records")
    print(json.dumps({"records": records, "rows": len(rows)}))


if __name__ == "__main__":
    main()
