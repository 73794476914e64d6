"""Landed records as Parquet parts whose bytes follow from the records alone.

Parts are cut by the records, not by how they arrived: a part holds records of one partition and ends
with the record that brings it to `PART_BYTES` or `PART_ROWS`. So two landings of one range give the
same parts, however the source cut its batches. A part is one row group of one chunk, because the
writer ends pages at chunk borders.

Parts are compressed and hashed on threads while the next ones are read. At most `WRITERS` parts are
under way, so the memory is bounded by a few parts, and by the largest record. The memory of a part's
keys and values, which are most of it, is used again for a later one.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from platform_assets.adapters.byte_columns import ByteColumn, value_ends
from platform_assets.adapters.parts import PartFile, sha256_file
from platform_assets.ports.streams import LANDING_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import TracebackType

    import numpy.typing as npt

#: Keys and values of a part, in bytes, before compression. Headers are not counted.
PART_BYTES = 32 * 1024**2
PART_ROWS = 262_144
WRITERS = 2

_PAGE_BYTES = 1024**2
_COMPRESSION_LEVEL = 1
_BYTES = ("key", "value")
_OTHERS = [name for name in LANDING_SCHEMA.names if name not in _BYTES]


class LandingParts:
    """Takes the batches of a stream in order and writes its parts into a folder.

    Each finished part is handed to ``store`` in the order of the parts and on the caller's thread, so
    that the order of durable writes is always the same. Used as a context, it leaves no thread behind.
    """

    def __init__(self, folder: Path, store: Callable[[PartFile], dict[str, object]]) -> None:
        self.bytes = 0
        self._folder = folder
        self._store = store
        self._open = _Part()
        self._free: list[_Part] = []
        self._number = 0
        self._stored: list[dict[str, object]] = []
        self._under_way: deque[tuple[Future[PartFile], _Part]] = deque()
        self._threads = ThreadPoolExecutor(WRITERS, thread_name_prefix="landing")

    def __enter__(self) -> Self:
        """Begin; the threads end with the context."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wait for what is being written; a part that was not begun is dropped on an error."""
        self._threads.shutdown(wait=True, cancel_futures=error is not None)

    def add(self, batch: pa.RecordBatch) -> None:
        """Add records of the current partition."""
        whole = _size(batch)
        fits = (
            self._open.bytes + whole < PART_BYTES and self._open.rows + batch.num_rows < PART_ROWS
        )
        if fits:  # most batches do; the size of each record is needed for the others alone
            self._open.add(batch, whole)
        else:
            self._split(batch)
        self.bytes += whole

    def end_partition(self) -> None:
        """End the open part, if there is one; the next record begins another."""
        if not self._open.rows:
            return
        while len(self._under_way) >= WRITERS:
            self._store_next()
        writing = self._threads.submit(self._write, self._number, self._open)
        self._under_way.append((writing, self._open))
        self._open = self._free.pop() if self._free else _Part()
        self._number += 1

    def finish(self) -> list[dict[str, object]]:
        """Return what ``store`` returned for each part, in order."""
        self.end_partition()
        while self._under_way:
            self._store_next()
        return self._stored

    def _store_next(self) -> None:
        writing, part = self._under_way.popleft()
        self._stored.append(self._store(writing.result()))
        part.clear()
        self._free.append(part)

    def _split(self, batch: pa.RecordBatch) -> None:
        ends = np.cumsum(_sizes(batch))
        begin, counted = 0, 0
        while begin < batch.num_rows:
            by_bytes = counted + PART_BYTES - self._open.bytes
            full = int(np.searchsorted(ends, by_bytes, side="left")) + 1
            stop = min(full, begin + PART_ROWS - self._open.rows, batch.num_rows)
            self._open.add(batch.slice(begin, stop - begin), int(ends[stop - 1]) - counted)
            begin, counted = stop, int(ends[stop - 1])
            if self._open.bytes >= PART_BYTES or self._open.rows >= PART_ROWS:
                self.end_partition()

    def _write(self, number: int, part: _Part) -> PartFile:
        name = f"part-{number:05d}.parquet"
        path = self._folder / name
        table = part.table()
        pq.write_table(
            table,
            path,
            row_group_size=table.num_rows,
            compression="zstd",
            compression_level=_COMPRESSION_LEVEL,
            data_page_size=_PAGE_BYTES,
            use_dictionary=["partition"],
            write_statistics=["partition", "offset"],
            version="2.6",
        )
        return PartFile(name, path, path.stat().st_size, sha256_file(path), table.num_rows)


class _Part:
    """The records of a part that is being filled or written."""

    def __init__(self) -> None:
        self._columns = {name: ByteColumn() for name in _BYTES}
        self.clear()

    def clear(self) -> None:
        """Begin another part in the same memory."""
        self.rows = self.bytes = 0
        self._others: list[pa.RecordBatch] = []
        for column in self._columns.values():
            column.clear()

    def add(self, batch: pa.RecordBatch, size: int) -> None:
        """Append records, whose keys and values have so many bytes."""
        self.rows += batch.num_rows
        self.bytes += size
        self._others.append(batch.select(_OTHERS))
        for name, column in self._columns.items():
            column.add(batch.column(name))

    def table(self) -> pa.Table:
        """Return the records in one chunk."""
        others = pa.Table.from_batches(self._others).combine_chunks()
        columns = {name: others.column(name) for name in _OTHERS}
        columns |= {name: column.array() for name, column in self._columns.items()}
        return pa.table([columns[name] for name in LANDING_SCHEMA.names], schema=LANDING_SCHEMA)


def delivered_runs(batch: pa.RecordBatch) -> Iterator[tuple[int, int]]:
    """Return the offsets of a batch as runs ``[start, end)`` without holes, in their order."""
    offsets = np.asarray(batch.column("offset"))
    breaks = np.flatnonzero(np.diff(offsets) != 1)
    starts = offsets[np.concatenate([[0], breaks + 1])]
    ends = offsets[np.concatenate([breaks, [len(offsets) - 1]])] + 1
    return zip(starts.tolist(), ends.tolist(), strict=True)


def _sizes(batch: pa.RecordBatch) -> npt.NDArray[np.int64]:
    lengths = [pc.fill_null(pc.binary_length(batch.column(name)), 0) for name in _BYTES]
    sizes: npt.NDArray[np.int64] = pc.add(*lengths).to_numpy(zero_copy_only=False)
    return sizes


def _size(batch: pa.RecordBatch) -> int:
    columns = [batch.column(name) for name in _BYTES]
    if any(column.null_count for column in columns):
        return int(_sizes(batch).sum())
    return sum(int(ends[-1] - ends[0]) for ends in map(value_ends, columns))
