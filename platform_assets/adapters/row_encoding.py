"""The content digest of columns in memory: `flow.content_digest`, a batch of rows at a time.

The fixed parts of a batch are one byte matrix: what is the same in all rows is laid down once, the rest
column by column. The variable parts are Arrow binary arrays, joined behind it. Texts that all have one
length, as ids and codes do, are columns of a matrix as well, which takes a fifth of the time of joining
them; short ones are taken from where Polars keeps them, beside their lengths. A list's elements are
encoded as one long table of one column, whose bytes are then cut at the lists' borders: no element is
touched in Python. Batches are so small that their matrix stays in the processor's cache. Rows are
hashed by polars-hash, and what it writes in hex is summed by `hex_sums`. Sums do not depend on order;
hence the digest is the same whatever the batches, threads and chunks.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl
import polars_hash as plh
import pyarrow as pa
import pyarrow.compute as pc

from platform_assets.adapters.column_types import require_columns
from platform_assets.adapters.encoded_rows import (
    EncodedRows,
    as_binary,
    binary_array,
    join_each,
    window,
)
from platform_assets.adapters.hex_sums import sums_of_hashes
from platform_assets.adapters.threads import mapped
from platform_assets.contracts.columns import Column, ColumnType, Decimal, ListOf, Scalar, Struct
from platform_assets.flow.content_digest import CANONICAL_NAN, ContentDigest, fixed_width

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from platform_assets.adapters.encoded_rows import Matrix

#: Rows and bytes that one thread takes at most. They need about four times their bytes while encoded.
BATCH_ROWS = 65_536
BATCH_BYTES = 16 * 1024 * 1024
#: Rows of one byte matrix: with a hundred or two hundred bytes each they stay in the cache.
MATRIX_ROWS = 16_384

_BYTE = np.dtype(np.uint8)
_WORD = np.dtype(">u8")
_LENGTH = np.dtype(">i8")
_BIG_ENDIAN: dict[Scalar, np.dtype[Any]] = {
    Scalar.INT64: np.dtype(">i8"),
    Scalar.TIMESTAMP: np.dtype(">i8"),
    Scalar.DATE: np.dtype(">i4"),
}
#: A view of a text, as Arrow lays it out: its length, then the text itself, if it fits.
_VIEW_BYTES, _IN_VIEW = 16, 12
_VIEW_LENGTH = np.dtype("<u4")
_STORAGE = {
    Scalar.INT64: pa.int64(),
    Scalar.TIMESTAMP: pa.int64(),
    Scalar.DATE: pa.int32(),
    Scalar.FLOAT64: pa.float64(),
}


@dataclass(frozen=True, slots=True)
class Encoded:
    """What the rows of a batch are: their digest, and the bytes that each has when it is encoded."""

    digest: ContentDigest
    lengths: npt.NDArray[np.int64]


def content_digest(frame: pl.DataFrame, columns: Sequence[Column]) -> ContentDigest:
    """Return the content digest of a frame's rows, equal to the reference.

    Raises:
        TypeError: the frame has not the declared columns.
    """
    chosen = require_columns(frame, columns)
    total = ContentDigest.empty(columns)
    # in a worker process that is one, because there are as many workers as cores
    count = pl.thread_pool_size()
    with ThreadPoolExecutor(count) as threads:
        batches = (_arrays(batch) for batch in _batches(chosen))
        digested = partial(digest_arrays, columns=columns)
        for part in mapped(threads, digested, batches, ahead=count):
            total = total.merge(part.digest)
    return total


def digest_arrays(arrays: Sequence[pa.Array], columns: Sequence[Column]) -> Encoded:
    """Return digest and lengths of the rows of Arrow arrays; there is at least one column."""
    total = ContentDigest.empty(columns)
    lengths = [np.zeros(0, dtype=np.int64)]
    for start in range(0, len(arrays[0]), MATRIX_ROWS):
        pieces = [array.slice(start, MATRIX_ROWS) for array in arrays]
        encoded = _encode_arrays(pieces, columns, len(pieces[0]))
        lengths.append(np.diff(_offsets(encoded)))
        total = total.merge(_hashed(encoded, columns))
    return Encoded(total, np.concatenate(lengths))


def encode_rows(frame: pl.DataFrame, columns: Sequence[Column]) -> pl.Series:
    """Return each row's encoding (rules 1 to 3) as a binary series; meant for small frames."""
    chosen = require_columns(frame, columns)
    return pl.Series("row", encode_arrays(_arrays(chosen), columns), dtype=pl.Binary)


def encode_arrays(arrays: Sequence[pa.Array], columns: Sequence[Column]) -> pa.LargeBinaryArray:
    """Return each row's encoding of Arrow arrays; there is at least one column."""
    return _encode_arrays(arrays, columns, len(arrays[0]))


def _batches(frame: pl.DataFrame) -> Iterator[pl.DataFrame]:
    width = max(1, int(frame.estimated_size()) // max(1, frame.height))
    rows = max(1, min(BATCH_ROWS, BATCH_BYTES // width))
    return frame.iter_slices(rows)


def _arrays(frame: pl.DataFrame) -> list[pa.Array]:
    newest = pl.CompatLevel.newest()  # texts stay where they are
    return [column.to_arrow(compat_level=newest) for column in frame.iter_columns()]


def _hashed(encoded: pa.LargeBinaryArray, columns: Sequence[Column]) -> ContentDigest:
    rows = pl.DataFrame({"row": pl.Series(encoded)})
    hashes = rows.select(plh.col("row").chash.sha2_256()).to_series()
    return ContentDigest(tuple(columns), len(encoded), sums_of_hashes(hashes))


def _encode_arrays(
    arrays: Sequence[pa.Array], columns: Sequence[Column], rows: int
) -> pa.LargeBinaryArray:
    encoded = EncodedRows(rows, sum(fixed_width(column.type) for column in columns))
    at = 0
    for array, column in zip(arrays, columns, strict=True):
        at = _put(array, column.type, encoded, at)
    return encoded.joined()


def _put(array: pa.Array, column_type: ColumnType, rows: EncodedRows, at: int) -> int:
    """Put a column's fixed part from byte ``at`` on, and its variable part; return the next byte."""
    there = array.is_valid().to_numpy(zero_copy_only=False) if array.null_count else 1
    rows.put(at, _BYTE, there)
    at += 1
    match column_type:
        case Struct(fields):
            # Arrow's flatten, other than its field access, makes fields of absent structs absent.
            for child, field in zip(array.flatten(), fields, strict=True):
                at = _put(child, field.type, rows, at)
            return at
        case Scalar.STRING | Scalar.JSON:
            _put_texts(array, rows, at)
        case ListOf(element, nullable):
            _put_variable(_lists(array, Column("element", element, nullable)), rows, at)
        case Decimal():
            _put_decimals(array, rows, at)
        case Scalar.BOOLEAN:
            rows.put(at, _BYTE, _filled(array, False).to_numpy(zero_copy_only=False))
        case Scalar():
            _put_numbers(array, column_type, rows, at)
    return at - 1 + fixed_width(column_type)


def _put_numbers(array: pa.Array, column_type: Scalar, rows: EncodedRows, at: int) -> None:
    values = _filled(array.view(_STORAGE[column_type]), 0).to_numpy()
    if column_type is not Scalar.FLOAT64:
        rows.put(at, _BIG_ENDIAN[column_type], values)
        return
    bits = (values + 0.0).view(np.uint64)  # adding zero turns minus zero into zero
    bits[np.isnan(values)] = CANONICAL_NAN
    rows.put(at, _WORD, bits)


def _put_decimals(array: pa.Array, rows: EncodedRows, at: int) -> None:
    array = _filled(array, 0)
    words = np.frombuffer(
        array.buffers()[1], dtype="<u8", count=2 * len(array), offset=16 * array.offset
    ).reshape(-1, 2)
    rows.put(at, _WORD, words[:, 1])
    rows.put(at + 8, _WORD, words[:, 0])


def _put_texts(array: pa.Array, rows: EncodedRows, at: int) -> None:
    if array.type == pa.string_view() and len(array) and not array.null_count:
        end = _VIEW_BYTES * (array.offset + len(array))
        views = np.frombuffer(array.buffers()[1], np.uint8, end).reshape(-1, _VIEW_BYTES)
        views = views[array.offset :]
        lengths = window(views, 0, _VIEW_LENGTH)
        length = int(lengths[0])
        if length <= _IN_VIEW and (lengths == length).all():
            rows.put(at, _LENGTH, length)
            begin = _VIEW_LENGTH.itemsize
            rows.put_behind(views[:, begin : begin + length])
            return
    _put_variable(_bytes_of(array), rows, at)


def _put_variable(contents: pa.LargeBinaryArray, rows: EncodedRows, at: int) -> None:
    if contents.null_count:
        lengths = _filled(pc.binary_length(contents), 0).to_numpy()
    else:
        lengths = np.diff(_offsets(contents))
        if len(lengths) and (lengths == lengths[0]).all():
            rows.put(at, _LENGTH, int(lengths[0]))
            rows.put_behind(_as_matrix(contents, int(lengths[0])))
            return
    rows.put(at, _LENGTH, lengths)
    rows.put_behind(contents)


def _lists(array: pa.Array, element: Column) -> pa.Array:
    """Return the variable part of a list column: rule 2."""
    counts = _filled(pc.list_value_length(array), 0).to_numpy().astype(">i8")
    elements = array.flatten()  # leaves out what lies hidden under absent lists
    encoded = _encode_arrays([elements], [element], len(elements))
    borders = np.concatenate(([0], np.cumsum(counts, dtype=np.int64)))
    offsets = _offsets(encoded)[borders]
    contents = binary_array(offsets, encoded.buffers()[2])
    joined = join_each(as_binary(counts.view(np.uint8).reshape(-1, 8)), contents)
    return pc.if_else(array.is_valid(), joined, pa.scalar(None, pa.large_binary()))


def _filled(array: pa.Array, value: Any) -> pa.Array:
    return array.fill_null(value) if array.null_count else array


def _bytes_of(text: pa.Array) -> pa.LargeBinaryArray:
    if text.type != pa.large_string():
        return text.cast(pa.large_binary())
    return text.view(pa.large_binary())


def _offsets(encoded: pa.LargeBinaryArray) -> npt.NDArray[np.int64]:
    borders = np.frombuffer(encoded.buffers()[1], dtype=np.int64)
    return borders[encoded.offset : encoded.offset + len(encoded) + 1]


def _as_matrix(contents: pa.LargeBinaryArray, width: int) -> Matrix:
    """Return the bytes of rows that have ``width`` of them each."""
    first = int(_offsets(contents)[0])
    data = np.frombuffer(contents.buffers()[2] or b"", np.uint8)
    return data[first : first + len(contents) * width].reshape(len(contents), width)
