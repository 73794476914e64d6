"""The records of a batch as consecutive bytes.

What the fast path never takes is set aside here: nulls, bytes that are not UTF-8, and records that are
too large. Their bytes are blanked, so that whatever is read between two quotation marks of the batch is
UTF-8, also in a record that is not proven.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pyarrow as pa

from platform_assets.contracts.columnar.text import LEAD, PADDING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from platform_assets.contracts.columnar.words import Bools, Ints

_SAMPLES = 48
#: A string view finds its bytes by a 32-bit offset.
MAX_BATCH_BYTES = 2**31 - LEAD - PADDING
_INLINE = 12
_SPARE_BYTES = 1 << 20
_LARGEST_GAP = 16
_FEW_ROWS = 32
_BLANK = ord(" ")


class Batch:
    """Where each record begins and ends, and which rows are still to be proven."""

    def __init__(self, values: pl.Series, max_bytes: int) -> None:
        """Take the records (Binary, nullable)."""
        self.strings = _decoded(values)
        found = _in_place(values) or _copied(values)
        self.data, self.starts, self.ends = found
        usable = self.strings.is_not_null().to_numpy()
        # Short values lie in their views, not in the data: their place says nothing.
        for row in np.flatnonzero(~usable & (self.starts >= LEAD)):
            self.data[self.starts[row] : self.ends[row]] = _BLANK
        length = self.ends - self.starts
        self.left: Bools = usable & (length > _INLINE) & (length <= max_bytes)

    def candidates(self, hint: str | None) -> Ints:
        """Return the rows left that hold the hint; the walk still has to prove them."""
        rows: Ints = np.flatnonzero(self.left)
        if hint is None or not rows.size:
            return rows
        strings = self.strings if rows.size == len(self.left) else self.strings.gather(rows)
        found: Ints = rows[strings.str.contains(hint, literal=True).to_numpy()]
        return found

    def samples(self, rows: Ints) -> Iterable[str]:
        """Return records spread over the rows, the first one first."""
        chosen = np.unique(np.linspace(0, len(rows) - 1, min(_SAMPLES, len(rows))).astype(np.int64))
        return self.strings.gather(rows[chosen]).to_list()


_Bytes = tuple["NDArray[np.uint8]", "Ints", "Ints"]


def _in_place(values: pl.Series) -> _Bytes | None:
    """Find the records in the series' own buffers, if these hold them one after the other."""
    array = values.to_arrow(compat_level=pl.CompatLevel.newest())
    if isinstance(array, pa.ChunkedArray) or array.type != pa.binary_view():
        return None
    _, views, *buffers = array.buffers()
    pairs = np.frombuffer(views, dtype=np.uint64).reshape(-1, 2)
    pairs = pairs[array.offset : array.offset + len(array)]
    low = np.uint64(0xFFFF_FFFF)
    length = (pairs[:, 0] & low).astype(np.int64)
    if array.null_count:
        length[values.is_null().to_numpy()] = 0
    rows = np.flatnonzero(length > _INLINE)
    sizes = np.array([buffer.size for buffer in buffers], dtype=np.int64)
    if not rows.size or sizes.sum() > length.sum() * 5 // 4 + _SPARE_BYTES:
        return None
    bases = np.cumsum(sizes) - sizes + LEAD
    starts = np.zeros(len(array), dtype=np.int64)
    place = pairs[rows, 1]
    starts[rows] = bases[(place & low).view(np.int64)] + (place >> np.uint64(32)).view(np.int64)
    ends = starts + length
    # Parquet pages have a length before each value: small gaps, which are blanked.
    gaps = starts[rows[1:]] - ends[rows[:-1]]
    if gaps.size and (gaps.min() < 0 or gaps.max() > _LARGEST_GAP):
        return None
    data = np.zeros(LEAD + int(sizes.sum()) + PADDING, dtype=np.uint8)
    for base, buffer in zip(bases, buffers, strict=True):
        data[base : base + buffer.size] = np.frombuffer(buffer, dtype=np.uint8)
    for byte in range(int(gaps.max(initial=0))):
        data[ends[rows[:-1]][gaps > byte] + byte] = _BLANK
    data[ends[rows[-1]] :] = 0
    return data, starts, ends


def _copied(values: pl.Series) -> _Bytes:
    """Have the records copied one after the other."""
    array = values.to_arrow(compat_level=pl.CompatLevel.oldest())
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    offsets = np.frombuffer(array.buffers()[1], dtype=np.int64)
    offsets = offsets[array.offset : array.offset + len(array) + 1]
    first, last = int(offsets[0]), int(offsets[-1])
    data = np.zeros(LEAD + last - first + PADDING, dtype=np.uint8)
    if last > first:
        source = np.frombuffer(array.buffers()[2], dtype=np.uint8)
        data[LEAD : LEAD + last - first] = source[first:last]
    return data, offsets[:-1] - first + LEAD, offsets[1:] - first + LEAD


def _decoded(values: pl.Series) -> pl.Series:
    """Return the records as strings, null where the bytes are not UTF-8."""
    try:
        return values.cast(pl.String)
    except pl.exceptions.PolarsError:
        if len(values) <= _FEW_ROWS:
            return _decoded_each(values)
        # Some part of it is broken: halve it until that is found.
        half = len(values) // 2
        return pl.concat([_decoded(values[:half]), _decoded(values[half:])], rechunk=False)


def _decoded_each(values: pl.Series) -> pl.Series:
    usable = [value if _is_utf8(value) else None for value in values]
    return pl.Series(values.name, usable, dtype=pl.Binary).cast(pl.String)


def _is_utf8(value: bytes | None) -> bool:
    if value is None:
        return False
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True
