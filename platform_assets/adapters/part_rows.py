"""The rows of one part, gathered in memory that the next parts use again.

Keys and values, which are nearly all of the bytes, are copied once, while they are still in the
processor's cache, to where they stay until the part is written. Memory that is new for each part would
have to be cleared by the kernel first, which takes longer than the copy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from platform_assets.ports.streams import LANDING_SCHEMA

if TYPE_CHECKING:
    import numpy.typing as npt

#: The columns of bytes that are gathered; the others are small, and stay in the batches they came in.
GATHERED = ("key", "value")
_OTHERS = [name for name in LANDING_SCHEMA.names if name not in GATHERED]


def total_bytes(array: pa.LargeBinaryArray) -> int:
    """Return how many bytes the values of a column have together."""
    if array.null_count == len(array):
        return 0
    if array.null_count:  # there may be bytes behind a null
        return int(pc.sum(pc.binary_length(array)).as_py())
    offsets = _offsets(array)
    return int(offsets[-1] - offsets[0])


class PartRows:
    """Takes batches of the landing schema and gives them back as one table of one chunk.

    Args:
        max_rows: how many rows it takes at the most.
        usual_bytes: what a column of bytes holds as a rule; one that needs more has it until `clear`.
    """

    def __init__(self, max_rows: int, usual_bytes: int) -> None:
        self.rows = 0
        self._gathered = {name: _Bytes(max_rows, usual_bytes) for name in GATHERED}
        self._others: list[pa.RecordBatch] = []

    def add(self, batch: pa.RecordBatch) -> None:
        """Add rows; the batch may go when this returns, its keys and values with it."""
        for name, column in self._gathered.items():
            column.add(batch.column(name))
        self._others.append(batch.select(_OTHERS))
        self.rows += batch.num_rows

    def table(self) -> pa.Table:
        """Return the rows, which share this memory: done with before `clear`."""
        others = pa.Table.from_batches(self._others).combine_chunks()
        columns = {name: column.array() for name, column in self._gathered.items()}
        columns |= {name: others.column(name) for name in _OTHERS}
        return pa.table([columns[name] for name in LANDING_SCHEMA.names], schema=LANDING_SCHEMA)

    def clear(self) -> None:
        """Forget the rows and keep the memory."""
        self.rows = 0
        self._others = []
        for column in self._gathered.values():
            column.clear()


class _Bytes:
    """A growing column of bytes or nulls, laid out as Arrow does."""

    def __init__(self, max_rows: int, usual_bytes: int) -> None:
        self._usual_bytes = usual_bytes
        self._rows = self._bytes = self._nulls = 0
        self._data = np.empty(usual_bytes, np.uint8)
        self._ends = np.zeros(max_rows + 1, np.int64)
        self._valid = np.empty(max_rows, np.bool_)

    def add(self, array: pa.LargeBinaryArray) -> None:
        rows, ends = len(array), _offsets(array)
        low, high = int(ends[0]), int(ends[-1])
        new = slice(self._rows, self._rows + rows)
        self._reserve(self._bytes + high - low)
        if high > low:
            self._data[self._bytes : self._bytes + high - low] = np.frombuffer(
                array.buffers()[2], np.uint8, high - low, low
            )
        np.add(ends[1:], self._bytes - low, out=self._ends[new.start + 1 : new.stop + 1])
        self._valid[new] = _validity(array) if array.null_count else True
        self._rows += rows
        self._bytes += high - low
        self._nulls += array.null_count

    def array(self) -> pa.LargeBinaryArray:
        valid = np.packbits(self._valid[: self._rows], bitorder="little") if self._nulls else None
        ends, data = self._ends[: self._rows + 1], self._data[: self._bytes]
        buffers = [None if valid is None else pa.py_buffer(valid), *map(pa.py_buffer, (ends, data))]
        return pa.LargeBinaryArray.from_buffers(
            pa.large_binary(), self._rows, buffers, null_count=self._nulls
        )

    def clear(self) -> None:
        self._rows = self._bytes = self._nulls = 0
        if len(self._data) > self._usual_bytes:
            self._data = np.empty(self._usual_bytes, np.uint8)

    def _reserve(self, size: int) -> None:
        if size > len(self._data):
            held = self._data[: self._bytes]
            self._data = np.empty(max(size, 2 * len(self._data)), np.uint8)
            self._data[: len(held)] = held


def _offsets(array: pa.LargeBinaryArray) -> npt.NDArray[np.int64]:
    """Return where each value begins, and where the last one ends."""
    size = np.dtype(np.int64).itemsize
    return np.frombuffer(array.buffers()[1], np.int64, len(array) + 1, array.offset * size)


def _validity(array: pa.LargeBinaryArray) -> npt.NDArray[np.uint8]:
    """Return for each value whether it is one and no null."""
    bits = np.unpackbits(np.frombuffer(array.buffers()[0], np.uint8), bitorder="little")
    return bits[array.offset : array.offset + len(array)]
