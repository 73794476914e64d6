"""Columns of bytes that are filled in place, in memory that is used again.

Joining batches into one chunk would copy every byte into fresh memory, which the system has to clear
first. A `ByteColumn` takes the bytes of each batch as it comes and is emptied for the next part.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    import numpy.typing as npt


class ByteColumn:
    """Values of ``large_binary``, or nothing, in their order."""

    def __init__(self) -> None:
        self._data = np.empty(0, np.uint8)
        self._ends = np.zeros(1, np.int64)
        self._valid = np.empty(0, np.bool_)
        self.clear()

    def clear(self) -> None:
        """Forget the values; what `array` returned must not be used any more."""
        self._rows = self._size = 0
        self._whole = True

    def add(self, values: pa.LargeBinaryArray) -> None:
        """Append values."""
        valid: npt.NDArray[np.bool_] | bool = True
        if values.null_count:
            valid = values.is_valid().to_numpy(zero_copy_only=False)
            values = pc.fill_null(values, b"")  # what stood under a null is not part of the column
            self._whole = False
        ends = value_ends(values)
        first, size = int(ends[0]), int(ends[-1] - ends[0])
        rows = self._rows + len(values)
        self._reserve(rows, self._size + size)
        if size:
            data = np.frombuffer(values.buffers()[2], np.uint8)
            self._data[self._size : self._size + size] = data[first : first + size]
        np.add(ends[1:], self._size - first, out=self._ends[self._rows + 1 : rows + 1])
        self._valid[self._rows : rows] = valid
        self._rows, self._size = rows, self._size + size

    def array(self) -> pa.LargeBinaryArray:
        """Return the values. They are not copied: nothing may be added while they are used."""
        valid = None
        if not self._whole:
            valid = pa.py_buffer(np.packbits(self._valid[: self._rows], bitorder="little"))
        ends, data = self._ends[: self._rows + 1], self._data[: self._size]
        buffers = [valid, pa.py_buffer(ends), pa.py_buffer(data)]
        return pa.LargeBinaryArray.from_buffers(pa.large_binary(), self._rows, buffers)

    def _reserve(self, rows: int, size: int) -> None:
        if size > len(self._data):
            self._data = _grown(self._data, self._size, size)
        if rows > len(self._valid):
            self._valid = _grown(self._valid, self._rows, rows)
            self._ends = _grown(self._ends, self._rows + 1, len(self._valid) + 1)


def value_ends(values: pa.LargeBinaryArray) -> npt.NDArray[np.int64]:
    """Return where each value ends in the column's bytes; the first entry is where the first begins."""
    if not len(values):
        return np.zeros(1, np.int64)
    ends = np.frombuffer(values.buffers()[1], np.int64)
    return ends[values.offset : values.offset + len(values) + 1]


def _grown(old: npt.NDArray[np.generic], used: int, wanted: int) -> npt.NDArray[Any]:
    new = np.empty(max(wanted, 2 * len(old)), old.dtype)
    new[:used] = old[:used]
    return new
