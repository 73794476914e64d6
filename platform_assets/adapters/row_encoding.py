"""The content digest of Polars frames: `flow.content_digest`, a batch of columns at a time.

The fixed parts of a batch are one byte matrix, filled column by column; the variable parts are Arrow
binary arrays, joined behind it. A list's elements are encoded as one long table of one column, whose
bytes are then cut at the lists' borders: no element is touched in Python. Rows are hashed by
polars-hash, batches on as many threads as there are cores. Whatever the batches, threads and chunks,
the digest is the same, because sums do not depend on order.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl
import polars_hash as plh
import pyarrow as pa
import pyarrow.compute as pc

from platform_assets.adapters.column_types import require_columns
from platform_assets.contracts.columns import Column, ColumnType, Decimal, ListOf, Scalar, Struct
from platform_assets.flow.content_digest import CANONICAL_NAN, ContentDigest, fixed_width

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: Rows and bytes of one batch at most. A batch needs about four times its bytes while it is encoded.
BATCH_ROWS = 32_768
BATCH_BYTES = 16 * 1024 * 1024

Matrix = npt.NDArray[np.uint8]

_BIG_ENDIAN: dict[Scalar, np.dtype[Any]] = {
    Scalar.INT64: np.dtype(">i8"),
    Scalar.TIMESTAMP: np.dtype(">i8"),
    Scalar.DATE: np.dtype(">i4"),
}
_STORAGE = {
    Scalar.INT64: pa.int64(),
    Scalar.TIMESTAMP: pa.int64(),
    Scalar.DATE: pa.int32(),
    Scalar.FLOAT64: pa.float64(),
}
_HEX_PAIRS = np.zeros(65_536, dtype=np.uint8)
for _byte in range(256):
    _HEX_PAIRS[int.from_bytes(f"{_byte:02x}".encode(), "little")] = _byte


def content_digest(frame: pl.DataFrame, columns: Sequence[Column]) -> ContentDigest:
    """Return the content digest of a frame's rows, equal to the reference.

    Raises:
        TypeError: the frame has not the declared columns.
    """
    chosen = require_columns(frame, columns)
    total = ContentDigest.empty(columns)
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as threads:
        for part in threads.map(lambda batch: _digest_batch(batch, columns), _batches(chosen)):
            total = total.merge(part)
    return total


def encode_rows(frame: pl.DataFrame, columns: Sequence[Column]) -> pl.Series:
    """Return each row's encoding (rules 1 to 3) as a binary series; meant for small frames."""
    return pl.Series("row", _encode(require_columns(frame, columns), columns), dtype=pl.Binary)


def _batches(frame: pl.DataFrame) -> Iterator[pl.DataFrame]:
    width = max(1, int(frame.estimated_size()) // max(1, frame.height))
    rows = max(1, min(BATCH_ROWS, BATCH_BYTES // width))
    return frame.iter_slices(rows)


def _digest_batch(batch: pl.DataFrame, columns: Sequence[Column]) -> ContentDigest:
    encoded = encode_rows(batch, columns).to_frame()
    hashes = encoded.select(plh.col("row").chash.sha2_256()).to_series()
    text = hashes.to_arrow(compat_level=pl.CompatLevel.oldest())
    pairs = np.frombuffer(text.buffers()[2], dtype="<u2")[: 32 * batch.height]
    halves = _HEX_PAIRS[pairs].view(">u4").reshape(batch.height, 8).sum(axis=0, dtype=np.uint64)
    high, low = halves[0::2].tolist(), halves[1::2].tolist()
    a, b, c, d = ((h << 32) + lo for h, lo in zip(high, low, strict=True))
    return ContentDigest(tuple(columns), batch.height, (a, b, c, d))


def _encode(frame: pl.DataFrame, columns: Sequence[Column]) -> pa.LargeBinaryArray:
    arrays = [
        frame.get_column(column.name).to_arrow(compat_level=pl.CompatLevel.oldest())
        for column in columns
    ]
    return _encode_arrays(arrays, columns, frame.height)


def _encode_arrays(
    arrays: Sequence[pa.Array], columns: Sequence[Column], rows: int
) -> pa.LargeBinaryArray:
    fixed = np.zeros((rows, sum(fixed_width(column.type) for column in columns)), dtype=np.uint8)
    variable: list[pa.Array] = []
    at = 0
    for array, column in zip(arrays, columns, strict=True):
        at = _put(array, column.type, fixed, at, variable)
    return _join(_as_binary(fixed), *variable)


def _put(
    array: pa.Array, column_type: ColumnType, fixed: Matrix, at: int, variable: list[pa.Array]
) -> int:
    """Write a column's fixed part from byte ``at`` on, keep its variable part; return the next byte."""
    fixed[:, at] = array.is_valid().to_numpy(zero_copy_only=False)
    at += 1
    match column_type:
        case Struct(fields):
            # Arrow's flatten, other than its field access, makes fields of absent structs absent.
            for child, field in zip(array.flatten(), fields, strict=True):
                at = _put(child, field.type, fixed, at, variable)
            return at
        case Scalar.STRING | Scalar.JSON:
            _put_variable(array.cast(pa.large_binary()), fixed, at, variable)
        case ListOf(element, nullable):
            _put_variable(_lists(array, Column("element", element, nullable)), fixed, at, variable)
        case Decimal():
            _put_decimals(array, fixed, at)
        case Scalar.BOOLEAN:
            fixed[:, at] = array.fill_null(False).to_numpy(zero_copy_only=False)
        case Scalar():
            _put_numbers(array, column_type, fixed, at)
    return at - 1 + fixed_width(column_type)


def _put_numbers(array: pa.Array, column_type: Scalar, fixed: Matrix, at: int) -> None:
    values = array.cast(_STORAGE[column_type]).fill_null(0).to_numpy()
    if column_type is not Scalar.FLOAT64:
        _window(fixed, at, _BIG_ENDIAN[column_type])[:] = values
        return
    bits = (values + 0.0).view(np.uint64)  # adding zero turns minus zero into zero
    bits[np.isnan(values)] = CANONICAL_NAN
    _window(fixed, at, np.dtype(">u8"))[:] = bits


def _put_decimals(array: pa.Array, fixed: Matrix, at: int) -> None:
    array = array.fill_null(0)
    words = np.frombuffer(
        array.buffers()[1], dtype="<u8", count=2 * len(array), offset=16 * array.offset
    ).reshape(-1, 2)
    _window(fixed, at, np.dtype(">u8"))[:] = words[:, 1]
    _window(fixed, at + 8, np.dtype(">u8"))[:] = words[:, 0]


def _put_variable(contents: pa.Array, fixed: Matrix, at: int, variable: list[pa.Array]) -> None:
    lengths = pc.binary_length(contents).fill_null(0).to_numpy()
    _window(fixed, at, np.dtype(">i8"))[:] = lengths
    variable.append(contents)


def _lists(array: pa.Array, element: Column) -> pa.Array:
    """Return the variable part of a list column: rule 2."""
    counts = pc.list_value_length(array).fill_null(0).to_numpy().astype(">i8")
    elements = array.flatten()  # leaves out what lies hidden under absent lists
    encoded = _encode_arrays([elements], [element], len(elements))
    borders = np.concatenate(([0], np.cumsum(counts, dtype=np.int64)))
    offsets = np.frombuffer(encoded.buffers()[1], dtype=np.int64)[borders]
    contents = _binary(offsets, encoded.buffers()[2])
    joined = _join(_as_binary(counts.view(np.uint8).reshape(-1, 8)), contents)
    return pc.if_else(array.is_valid(), joined, pa.scalar(None, pa.large_binary()))


def _join(*pieces: pa.Array) -> pa.Array:
    if len(pieces) == 1:
        return pieces[0]
    nothing = pa.scalar(b"", pa.large_binary())
    return pc.binary_join_element_wise(
        *pieces, nothing, null_handling="replace", null_replacement=b""
    )


def _as_binary(matrix: Matrix) -> pa.LargeBinaryArray:
    rows, width = matrix.shape
    return _binary(np.arange(rows + 1, dtype=np.int64) * width, pa.py_buffer(matrix))


def _binary(offsets: npt.NDArray[np.int64], data: Any) -> pa.LargeBinaryArray:
    buffers = [None, pa.py_buffer(offsets), data]
    return pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(offsets) - 1, buffers)


def _window(fixed: Matrix, at: int, kind: np.dtype[Any]) -> npt.NDArray[Any]:
    """Return a view of the bytes from ``at`` on in each row as numbers of that kind."""
    return fixed[:, at : at + kind.itemsize].view(kind)[:, 0]
