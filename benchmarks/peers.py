"""Who takes part in ``python -m benchmarks``, and what each of them is given.

All get the same log, the same cores and, as far as they can be told, the same memory. Contenders of
constant speed get a plain slice of it, because their work is linear in the records and long. Whoever
gives other counts than the generator's ledger did other work, and is not compared.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psutil

from benchmarks import inputs
from benchmarks.feed import STREAM, write_home
from benchmarks.measure import Measurement, measure
from benchmarks.sizes import label
from benchmarks.tables import GIB

if TYPE_CHECKING:
    from pathlib import Path

TITLES = {
    "platform": "pinned, certified, closed",
    "duckdb": "DuckDB at its best, unchecked",
    "duckdb_copy": "DuckDB, one COPY, unchecked",
    "polars": "Polars, unchecked",
    "spark": "PySpark, unchecked",
    "loop": "plain Python loop",
    "dlt": "dlt, schema contract",
}
#: Measured on a slice; the others on each log.
SLICED = ("loop", "dlt")
#: What DuckDB's process takes beyond its limit, which leaves out buffers of JSON and of Parquet.
_DUCKDB_BESIDE = 256 * 1024**2
#: What Polars was seen to hold of each event of a log that it sorts.
_POLARS_BYTES = 600
#: What the platform's store, its spill and a peer's output take of the disk for each event.
_DISK_BYTES = 250


class Skipped(Exception):
    """A contender cannot take part here."""


@dataclass(frozen=True, slots=True)
class Field:
    """Where a contest takes place: a folder with room, memory in bytes, cores."""

    work: Path
    memory: int
    cores: int = os.cpu_count() or 1

    def input(self, events: int) -> Path:
        """Return the folder of a log of that size."""
        return self.work / f"input-{label(events)}"

    def clear(self) -> None:
        """Remove what the last contender left; the inputs stay."""
        for name in ("home", "spill"):
            _remove(self.work / name)

    def require_room(self, events: int) -> None:
        """Refuse to begin what would fill the disk."""
        free, needed = shutil.disk_usage(self.work).free, events * _DISK_BYTES
        if free < needed:
            raise SystemExit(
                f"{label(events)} events need about {needed / GIB:.0f} GiB below {self.work}, which "
                f"has {free / GIB:.0f} GiB free. Name another folder by --work, or fewer --sizes."
            )


def platform(field: Field, events: int, counts: inputs.Counts) -> Measurement:
    """Measure the platform, from pinning to closed; its home stays for `digest_cpu`."""
    spill = field.work / "spill"
    settings = {"memory_budget": field.memory, "cores": field.cores, "spill_dir": str(spill)}
    write_home(field.work / "home", field.input(events) / "log", settings)
    return _expect(measure("platform", {"home": field.work / "home"}, spill), counts.admitted)


def digest_cpu(field: Field, most_rows: int) -> float:
    """Return the CPU seconds of both content digests for each row of the run that `platform` left."""
    given = {"home": field.work / "home", "most_rows": most_rows}
    alone = measure("content_digest", given)
    return alone.steps["CPU"] / alone.rows


def peer(name: str, field: Field, events: int, counts: inputs.Counts) -> Measurement:
    """Measure a peer on the whole log.

    Raises:
        Skipped: it cannot run here.
    """
    _require_possible(name, events)
    spill, target = field.work / "spill", field.work / f"{name}.parquet"
    shutil.rmtree(spill, ignore_errors=True)
    spill.mkdir(parents=True)
    beside = _DUCKDB_BESIDE if name.startswith("duckdb") else 0
    given = {
        "segments": inputs.segments(field.input(events)),
        "records": counts.delivered,
        "target": target,
        "spill": spill,
        "memory": field.memory - beside,
        "cores": field.cores,
    }
    try:
        return _expect(measure(f"{name}_unchecked", given, spill), counts.admitted)
    finally:
        _remove(spill)
        _remove(target)


def sliced(name: str, field: Field, events: int, records: int) -> Measurement:
    """Measure a contender of constant speed on the first records of the log."""
    folder, target = field.work / "slice", field.work / "slice-target"
    _remove(folder)
    _remove(target)
    plain = folder / STREAM / "0" / f"{0:020d}.ndjson"
    written = inputs.write_slice(field.input(events), plain, records)
    given: dict[str, Any] = {"target": target, "records": written, "cores": field.cores}
    try:
        if name == "loop":
            return measure("plain_loop", given | {"segments": [plain]})
        return _expect(measure("dlt_load", given | {"log": folder / STREAM}), written)
    finally:
        _remove(folder)
        _remove(target)


def _require_possible(name: str, events: int) -> None:
    if name == "polars" and events * _POLARS_BYTES > psutil.virtual_memory().available:
        raise Skipped(f"sorting takes it about {events * _POLARS_BYTES / GIB:.0f} GiB of memory")
    if name == "spark" and not (importlib.util.find_spec("pyspark") and shutil.which("java")):
        raise Skipped("pyspark or Java is not installed")


def _expect(run: Measurement, rows: int) -> Measurement:
    if run.rows != rows:
        raise RuntimeError(f"expected {rows:,} rows, found {run.rows:,}")
    return run


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
