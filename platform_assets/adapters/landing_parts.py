"""Landed records as Parquet parts whose bytes follow from the records alone.

Parts are cut by the records, not by how they arrived: a part holds records of one partition and ends
with the record that brings it to `PART_BYTES` or `PART_ROWS`. So two landings of one range give the
same parts, however the source cut its batches. A part is one row group, gathered in one chunk before
it is written, because the writer ends pages at chunk borders.

Parts are compressed and hashed on threads, and stored on another, while the next ones are read: a disk
that takes its time to make them durable does not stop the reading. There is memory for the open part
and for `WRITERS` more that are being written, used again and again; only a record that is larger than
usual has it grow. At most `WAITING` files wait to be stored.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import TYPE_CHECKING, Self

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from platform_assets.adapters.budget import usable_cores
from platform_assets.adapters.file_hashes import sha256_file
from platform_assets.adapters.part_rows import GATHERED, PartRows, total_bytes
from platform_assets.adapters.watch import require
from platform_assets.ports.part_files import PartFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import TracebackType

    import numpy.typing as npt
    import pyarrow as pa

#: Keys and values of a part, in bytes, before compression. Headers are not counted.
PART_BYTES = 32 * 1024**2
PART_ROWS = 262_144
#: A part takes its writer longer than its reader: with two of them, all three keep two cores busy.
WRITERS = min(2, usable_cores())
WAITING = 8

#: What the record that ends a part may have, before its memory has to grow.
_USUAL_RECORD_BYTES = 1024**2
_PAGE_BYTES = 1024**2
_OFFSET_BYTES = np.dtype(np.int64).itemsize
_COMPRESSION_LEVEL = 1


class LandingParts:
    """Takes the batches of a stream in order and writes its parts into a folder.

    Each finished part is handed to ``store`` in the order of the parts, one after the other, so that
    the order of durable writes is always the same; after one that failed, none is stored. Used as a
    context, it leaves no thread behind.
    """

    def __init__(self, folder: Path, store: Callable[[PartFile], dict[str, object]]) -> None:
        self.bytes = 0
        self._folder = folder
        self._store = store
        self._open: PartRows | None = None
        self._open_bytes = 0
        self._free: SimpleQueue[PartRows] = SimpleQueue()
        for _ in range(WRITERS + 1):
            self._free.put(PartRows(PART_ROWS, PART_BYTES + _USUAL_RECORD_BYTES))
        self._number = 0
        self._stored: list[dict[str, object]] = []
        self._storing: deque[Future[dict[str, object]]] = deque()
        self._failed = False
        self._writers = ThreadPoolExecutor(WRITERS, thread_name_prefix="landing")
        self._storer = ThreadPoolExecutor(1, thread_name_prefix="storing")

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
        self._failed = self._failed or error is not None
        for threads in (self._storer, self._writers):
            threads.shutdown(wait=False, cancel_futures=error is not None)
        for threads in (self._writers, self._storer):
            threads.shutdown(wait=True)

    def add(self, batch: pa.RecordBatch) -> None:
        """Add records of the current partition.

        Raises:
            MemoryExceeded: the step takes more than it may.
        """
        require()
        size = sum(total_bytes(batch.column(name)) for name in GATHERED)
        rows = self._open = self._open or self._free.get()  # waits for a part to be written
        if self._open_bytes + size < PART_BYTES and rows.rows + batch.num_rows < PART_ROWS:
            rows.add(batch)
            self._open_bytes += size
        else:
            self._add_in_pieces(batch)
        self.bytes += size

    def _add_in_pieces(self, batch: pa.RecordBatch) -> None:
        ends = np.cumsum(_sizes(batch))
        begin, counted = 0, 0
        while begin < batch.num_rows:
            rows = self._open = self._open or self._free.get()
            by_bytes = counted + PART_BYTES - self._open_bytes
            full = int(np.searchsorted(ends, by_bytes, side="left")) + 1
            stop = min(full, begin + PART_ROWS - rows.rows, batch.num_rows)
            rows.add(batch.slice(begin, stop - begin))
            self._open_bytes += int(ends[stop - 1]) - counted
            begin, counted = stop, int(ends[stop - 1])
            if self._open_bytes >= PART_BYTES or rows.rows >= PART_ROWS:
                self.end_partition()

    def end_partition(self) -> None:
        """End the open part, if there is one; the next record begins another."""
        rows, self._open, self._open_bytes = self._open, None, 0
        if rows is None:
            return
        while self._storing and (len(self._storing) >= WAITING or self._storing[0].done()):
            self._stored.append(self._storing.popleft().result())
        written = self._writers.submit(self._write, self._number, rows)
        self._storing.append(self._storer.submit(self._put, written))
        self._number += 1

    def finish(self) -> list[dict[str, object]]:
        """Return what ``store`` returned for each part, in order."""
        self.end_partition()
        while self._storing:
            self._stored.append(self._storing.popleft().result())
        return self._stored

    def _put(self, written: Future[PartFile]) -> dict[str, object]:
        if self._failed:
            raise RuntimeError("a part before this one was not stored")
        try:
            return self._store(written.result())
        except BaseException:
            self._failed = True
            raise

    def _write(self, number: int, rows: PartRows) -> PartFile:
        name = f"part-{number:05d}.parquet"
        path = self._folder / name
        count = rows.rows
        try:
            _write_parquet(rows, path)
        finally:
            rows.clear()
            self._free.put(rows)
        return PartFile(name, path, path.stat().st_size, sha256_file(path), count)


def _write_parquet(rows: PartRows, path: Path) -> None:
    pq.write_table(
        rows.table(),
        path,
        row_group_size=rows.rows,
        compression="zstd",
        compression_level=_COMPRESSION_LEVEL,
        data_page_size=_PAGE_BYTES,
        use_dictionary=["partition"],
        write_statistics=["partition", "offset"],
        version="2.6",
    )


def delivered_runs(batch: pa.RecordBatch) -> Iterator[tuple[int, int]]:
    """Return the offsets of a batch as runs ``[start, end)`` without holes, in their order."""
    # It has no nulls; `to_numpy` would import pandas, where it is there.
    column = batch.column("offset")
    at = column.offset * _OFFSET_BYTES
    offsets = np.frombuffer(column.buffers()[1], np.int64, len(column), at)
    breaks = np.flatnonzero(np.diff(offsets) != 1)
    starts = offsets[np.concatenate([[0], breaks + 1])]
    ends = offsets[np.concatenate([breaks, [len(offsets) - 1]])] + 1
    return zip(starts.tolist(), ends.tolist(), strict=True)


def _sizes(batch: pa.RecordBatch) -> npt.NDArray[np.int64]:
    lengths = [pc.fill_null(pc.binary_length(batch.column(name)), 0) for name in GATHERED]
    sizes: npt.NDArray[np.int64] = pc.add(*lengths).to_numpy(zero_copy_only=False)
    return sizes
