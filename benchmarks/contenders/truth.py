"""The platform's answers as of a moment, and its join in time, with all their rules."""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from benchmarks.truth_inputs import SECONDS
from platform_assets.adapters.budget import Budget
from platform_assets.adapters.external_sort import Room
from platform_assets.truth.as_of import Cutoffs, Policy, Status, as_of
from platform_assets.truth.point_in_time import PointInTime, point_in_time_of_files

#: What is known is what was observed in the first nine tenths.
KNOWLEDGE = datetime.fromtimestamp(SECONDS * 9 // 10, UTC)


def answers(folder: Path) -> int:
    """Return how many targets have a value, or several."""
    found = as_of(
        pl.scan_parquet(folder / "labels-*.parquet"),
        pl.scan_parquet(folder / "asked.parquet"),
        Cutoffs("until", KNOWLEDGE),
        Policy.REFUSE,
    ).collect()
    return found.filter(pl.col("status") != Status.NOT_FOUND).height


def join(folder: Path, spill: Path, memory: int) -> int:
    """Write the joined rows, and return how many targets have a feature."""
    budget = Budget.of(memory, None, spill)
    room = Room(budget.engine_memory, budget.cores, spill)
    sides = (sorted(folder.glob(f"{side}-*.parquet")) for side in ("targets", "features"))
    found = 0
    with point_in_time_of_files(
        *sides, PointInTime(), moment="at", prefix="f_", room=room
    ) as batches:
        first = next(batches).to_arrow()
        with pq.ParquetWriter(spill / "joined.parquet", first.schema) as writer:
            writer.write_table(first)
            found += len(first) - first["f_amount"].null_count
            for batch in batches:
                writer.write_table(batch.to_arrow())
                found += batch.height - batch["f_amount"].null_count()
    return found


def main() -> None:
    given = json.loads(sys.argv[1])
    folder = Path(given["folder"])
    begun = time.monotonic()
    if given["act"] == "answers":
        rows = answers(folder)
    else:
        rows = join(folder, Path(given["spill"]), given["memory"])
    taken = time.monotonic() - begun
    print(json.dumps({"records": given["records"], "rows": rows, "steps": {"act": taken}}))


if __name__ == "__main__":
    main()
