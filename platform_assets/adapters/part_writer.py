"""Deterministic parts from rows that come in batches of any size.

Where a row group and a part end follows from the rows and their order alone, so that batches, threads
and budgets leave no trace in the bytes. A row group ends after `ROW_GROUP_ROWS` rows, before the row
whose encoding would carry it beyond `ROW_GROUP_BYTES`, and where the part ends.

Rows pass three stations, each on threads of its own: their content is encoded, hashed and profiled,
they are gathered into row groups, the groups are compressed and written. What waits between two
stations is bounded: a writer holds a few row groups, however long the parts are.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Self

import numpy as np
import pyarrow as pa

from platform_assets.adapters.part_format import ROW_GROUP_ROWS, PartBeingWritten, arrow_schema
from platform_assets.adapters.profiling import profile_arrays
from platform_assets.adapters.row_encoding import digest_arrays
from platform_assets.adapters.watch import require
from platform_assets.flow.content_digest import ContentDigest
from platform_assets.ports.engines import ProductParts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future
    from pathlib import Path
    from types import TracebackType

    from platform_assets.adapters.row_encoding import Encoded
    from platform_assets.contracts.columns import Column
    from platform_assets.flow.profile import Profile
    from platform_assets.ports.part_files import PartFile

#: Encoded bytes of a row group, except that a longer row is a group of its own.
ROW_GROUP_BYTES = 64 * 1024 * 1024
#: Row groups that wait or are written.
_GROUPS_AHEAD = 2


class PartWriter:
    """Writes the rows that are added, in their order, as the parts of one product.

    Raises:
        ValueError: a part is to have no row.
        FileExistsError: the directory holds a part already.
    """

    def __init__(
        self, columns: Sequence[Column], directory: Path, *, part_rows: int, threads: int
    ) -> None:
        if part_rows < 1:
            raise ValueError(f"a part has at least one row, not {part_rows}")
        self._columns = columns
        self._schema = arrow_schema(columns)
        self._part_rows = part_rows
        self._encoders = ThreadPoolExecutor(threads)
        self._encoded: deque[tuple[pa.RecordBatch, Future[tuple[Encoded, Profile]]]] = deque()
        self._ahead = threads + 1
        self._digest = ContentDigest.empty(columns)
        self._profile = profile_arrays(_no_rows(self._schema), columns)
        self._group = _Group()
        self._part_left = part_rows
        self._out = _Parts(directory, self._schema)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._encoders.shutdown(wait=True, cancel_futures=True)
        self._out.close()

    def add(self, batch: pa.RecordBatch) -> None:
        """Add rows; returns when there is room for more.

        Raises:
            TypeError: the batch has other columns or types than the product.
            MemoryExceeded, SpillExhausted: the step takes more than it may.
        """
        require()
        if batch.schema != self._schema:
            raise TypeError(f"the rows are {batch.schema}, not {self._schema}")
        if batch.num_rows:
            encoding = self._encoders.submit(_looked_at, batch.columns, self._columns)
            self._encoded.append((batch, encoding))
        if len(self._encoded) > self._ahead:
            self._gather()

    @property
    def digest(self) -> ContentDigest:
        """The digest of the rows that were gathered; of all of them after `finish`."""
        return self._digest

    @property
    def profile(self) -> Profile:
        """The profile of the rows that were gathered; of all of them after `finish`."""
        return self._profile

    def finish(self) -> ProductParts:
        """Write what is left and return the parts with digest and profile of all rows."""
        while self._encoded:
            self._gather()
        self._end_group(part_ends=True)
        parts = self._out.finish()
        return ProductParts(parts, self._digest.value, self._digest.rows, self._profile)

    def _gather(self) -> None:
        batch, encoding = self._encoded.popleft()
        encoded, profile = encoding.result()
        self._profile = self._profile.merge(profile)
        self._digest = self._digest.merge(encoded.digest)
        sizes = np.cumsum(encoded.lengths)
        start = 0
        while start < batch.num_rows:
            if self._part_left == 0:
                self._end_group(part_ends=True)
                self._part_left = self._part_rows
            before = int(sizes[start - 1]) if start else 0
            room = before + ROW_GROUP_BYTES - self._group.size
            fitting = int(np.searchsorted(sizes, room, side="right")) - start
            if not self._group.rows:
                fitting = max(1, fitting)
            most = min(ROW_GROUP_ROWS - self._group.rows, self._part_left, batch.num_rows - start)
            taken = min(fitting, most)
            if taken:
                end = start + taken
                self._group.add(batch.slice(start, taken), int(sizes[end - 1]) - before)
                self._part_left -= taken
                start = end
            if fitting < most or self._group.rows == ROW_GROUP_ROWS:
                self._end_group(part_ends=False)

    def _end_group(self, *, part_ends: bool) -> None:
        group, self._group = self._group, _Group()
        self._out.write(group.batches, part_ends=part_ends)


def _looked_at(arrays: Sequence[pa.Array], columns: Sequence[Column]) -> tuple[Encoded, Profile]:
    return digest_arrays(arrays, columns), profile_arrays(arrays, columns)


def _no_rows(schema: pa.Schema) -> list[pa.Array]:
    return [column.combine_chunks() for column in schema.empty_table().columns]


class _Group:
    """Rows of the row group that is being gathered, and the bytes of their encoding."""

    def __init__(self) -> None:
        self.batches: list[pa.RecordBatch] = []
        self.rows = 0
        self.size = 0

    def add(self, rows: pa.RecordBatch, size: int) -> None:
        self.batches.append(rows)
        self.rows += rows.num_rows
        self.size += size


class _Parts:
    """The files, written by one thread, group by group."""

    def __init__(self, directory: Path, schema: pa.Schema) -> None:
        self._directory = directory
        self._schema = schema
        self._parts: list[PartFile] = []
        self._open: PartBeingWritten | None = None
        self._thread = ThreadPoolExecutor(1)
        self._waiting: deque[Future[None]] = deque()

    def write(self, batches: list[pa.RecordBatch], *, part_ends: bool) -> None:
        while len(self._waiting) >= _GROUPS_AHEAD:
            self._waiting.popleft().result()
        self._waiting.append(self._thread.submit(self._write, batches, part_ends))

    def finish(self) -> list[PartFile]:
        while self._waiting:
            self._waiting.popleft().result()
        return self._parts

    def close(self) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)
        if self._open is not None:
            self._open.close()

    def _write(self, batches: list[pa.RecordBatch], part_ends: bool) -> None:
        if self._open is None:
            name = f"part-{len(self._parts):05d}.parquet"
            self._open = PartBeingWritten(self._directory / name, self._schema, None)
        if batches:
            self._open.add(pa.Table.from_batches(batches))
        if part_ends:
            self._parts.append(self._open.finish())
            self._open = None
