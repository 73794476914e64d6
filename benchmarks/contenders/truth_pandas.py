"""The same by pandas as one writes it: no conflicts, no candidates, and everything in memory.

``answers`` keeps the last entry of each fact and takes ``merge_asof`` over what is left. ``join`` takes
``merge_asof`` over when features were available, which prefers what came last to what happened last.
``feast`` joins as Feast's file store does: every pair of a target and a feature of its subject, of
which those of the future are left out, and the last one is kept.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pandas as pd

from benchmarks.contenders.truth import KNOWLEDGE


def answers(folder: Path) -> int:
    """Return how many targets have a value."""
    entries = _read(folder, "labels-*.parquet")
    entries = entries[(entries["observed_at"] <= KNOWLEDGE) & entries["refused"].isna()]
    last = entries.sort_values("sequence").drop_duplicates("fact", keep="last")
    known = last[last["kind"] != "retract"].sort_values("effective_at")
    asked = _read(folder, "asked.parquet").sort_values("until")
    columns = known[["subject", "effective_at", "value"]]
    found = pd.merge_asof(asked, columns, left_on="until", right_on="effective_at", by="subject")
    return int(found["value"].notna().sum())


def join(folder: Path, targets: int) -> int:
    """Return how many of the first targets have a feature."""
    rows, features = _sides(folder, targets)
    features = features.sort_values("available_at")
    found = pd.merge_asof(
        rows.sort_values("at"), features, left_on="at", right_on="available_at", by="subject"
    )
    return int(found["amount"].notna().sum())


def feast(folder: Path, targets: int) -> int:
    """Return how many of the first targets have a feature."""
    rows, features = _sides(folder, targets)
    pairs = rows.merge(features, on="subject", how="left")
    usable = pairs[pairs["available_at"] <= pairs["at"]]
    found = usable.sort_values(["effective_at", "observed_at"]).drop_duplicates("row", keep="last")
    return len(found)


def _sides(folder: Path, targets: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    features = _read(folder, "features-*.parquet")
    features["available_at"] = features[["effective_at", "observed_at"]].max(axis=1)
    return _read(folder, "targets-*.parquet", targets), features


def _read(folder: Path, pattern: str, rows: int | None = None) -> pd.DataFrame:
    found: list[pd.DataFrame] = []
    for path in sorted(folder.glob(pattern)):
        if rows is not None and sum(map(len, found)) >= rows:
            break
        found.append(pd.read_parquet(path))
    return pd.concat(found)[:rows]


def main() -> None:
    given = json.loads(sys.argv[1])
    folder = Path(given["folder"])
    begun = time.monotonic()
    if given["act"] == "answers":
        rows = answers(folder)
    else:
        rows = {"join": join, "feast": feast}[given["act"]](folder, given["records"])
    taken = time.monotonic() - begun
    print(json.dumps({"records": given["records"], "rows": rows, "steps": {"act": taken}}))


if __name__ == "__main__":
    main()
