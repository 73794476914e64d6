"""The embedded engine: this process sorts, digests and writes a product, within its memory.

1. Few rows are sorted by Polars, where they are; DuckDB sorts more of them and spills.
2. Either way they pass one writer in the same order, so the parts are the same bytes.
3. There have to be exactly as many rows as the receipt says.

Rows whose key is a whole struct or list are sorted by Polars, however many: DuckDB orders these
otherwise.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from platform_assets.adapters.column_types import resolve
from platform_assets.adapters.external_sort import Room, sorted_batches
from platform_assets.adapters.part_footers import Footers
from platform_assets.adapters.part_writer import PartWriter
from platform_assets.adapters.parts import frame_batches, read_parts, sort_frame
from platform_assets.contracts.frames import polars_schema
from platform_assets.errors import AdmissionInconsistent
from platform_assets.installed import version_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    import pyarrow as pa

    from platform_assets.adapters.budget import Budget
    from platform_assets.contracts.columns import Column
    from platform_assets.ports.engines import AdmittedRows, ProductJob, ProductParts

#: Bytes of rows, before compression, that are sorted in memory.
IN_MEMORY_BYTES = 32 * 1024 * 1024

#: What DuckDB is told to keep to, of what the engine may take: it takes a quarter more.
_LIMIT_SHARE = 0.75
#: What a thread of DuckDB needs to read Parquet and sort at all.
_THREAD_BYTES = 128 * 1024 * 1024
_LIBRARIES = ("duckdb", "polars", "pyarrow")


@dataclass(frozen=True, slots=True)
class EmbeddedEngine:
    """Makes products in this process; ``spill`` is a folder for what does not fit in memory."""

    budget: Budget
    spill: Path
    in_memory_bytes: int = IN_MEMORY_BYTES

    @property
    def identity(self) -> dict[str, str]:
        """The libraries that sort and write, by version."""
        versions = ", ".join(f"{name} {version_of(name)}" for name in _LIBRARIES)
        return {"name": "embedded", "version": versions}

    @property
    def room(self) -> Room:
        """What a sort may use."""
        budget = self.budget
        memory = int(budget.engine_memory * _LIMIT_SHARE)
        threads = max(1, min(budget.cores, memory // _THREAD_BYTES))
        return Room(memory, threads, self.spill, budget.spill_limit)

    def make(self, job: ProductJob, into: Path) -> ProductParts:
        """Write the product's parts into a folder.

        Raises:
            SpillExhausted: there is not enough room for what does not fit in memory.
            MemoryExceeded: the memory does not suffice to sort, however much is spilled.
            AdmissionInconsistent: there are more or fewer rows than the job says.
        """
        into.mkdir(parents=True, exist_ok=True)
        with (
            self._sorted(job) as batches,
            PartWriter(
                job.columns, into, part_rows=job.part_rows, threads=self.budget.cores
            ) as writer,
        ):
            for batch in batches:
                writer.add(batch)  # 2
            made = writer.finish()
        if made.rows != job.admitted.rows:  # 3
            raise AdmissionInconsistent(
                "admitted rows of a product",
                expected=f"{job.admitted.rows} rows, as the receipt says",
                found=f"{made.rows}",
                remedy="The store was changed from outside. Restore the receipt and its parts.",
            )
        return made

    def _sorted(self, job: ProductJob) -> AbstractContextManager[Iterator[pa.RecordBatch]]:
        admitted = job.admitted
        parts = Footers.read(admitted.accepted)
        if parts.size <= self.in_memory_bytes or _nested(job):  # 1
            return _in_memory(admitted, job.columns, job.sort)
        return sorted_batches(parts, job.columns, job.sort, admitted.excluded, self.room)


@contextmanager
def _in_memory(
    admitted: AdmittedRows, columns: Sequence[Column], sort: Sequence[str]
) -> Iterator[Iterator[pa.RecordBatch]]:
    yield frame_batches(sort_frame(_rows(admitted, columns), sort))


def _rows(admitted: AdmittedRows, columns: Sequence[Column]) -> pl.DataFrame:
    if not admitted.accepted:
        return pl.DataFrame(schema=polars_schema(columns))
    rows = read_parts(admitted.accepted, columns)
    if admitted.excluded:
        place = ["_partition", "_offset"]
        excluded = pl.concat(
            pl.scan_parquet(path, glob=False, hive_partitioning=False).select(place)
            for path in admitted.excluded
        )
        rows = rows.join(excluded, on=place, how="anti")
    return rows.collect()


def _nested(job: ProductJob) -> bool:
    schema = polars_schema(job.columns)
    return any(resolve(schema, key)[1].is_nested() for key in job.sort)
