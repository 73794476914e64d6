"""From what a walk has read to Arrow arrays, without copying texts.

A string becomes a view: its length, and either its bytes, if they are at most twelve, or its first four
bytes and its place in the batch (the layout of Arrow's ``Utf8View``). The bytes were proven to be UTF-8
before, and a view begins and ends beside a quotation mark, so it is UTF-8 as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pyarrow as pa

from platform_assets.contracts.columnar.values import Lists, Objects, Plain, Texts
from platform_assets.contracts.columns import Column, ColumnType, Decimal, ListOf, Scalar, Struct
from platform_assets.contracts.frames import arrow_type

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from platform_assets.contracts.columnar.text import Content, Text
    from platform_assets.contracts.columnar.values import Value
    from platform_assets.contracts.columnar.words import Bools

INLINE = 12  # bytes
Bits = TypeVar("Bits", np.uint64, "NDArray[np.uint64]")
_U = np.uint64
_PLAIN = {
    Scalar.INT64: pa.int64(),
    Scalar.FLOAT64: pa.float64(),
    Scalar.TIMESTAMP: pa.timestamp("us", tz="UTC"),
}


def arrow_array(column: ColumnType, value: Value | None, text: Text, count: int) -> pa.Array:
    """Return the Arrow array of a column; without a value, ``count`` nulls."""
    match value:
        case None:
            return pa.nulls(count, _null_type(column))
        case Texts():
            return _texts(value, text)
        case Plain():
            return _plain(column, value)
        case Objects():
            assert isinstance(column, Struct)
            return _objects(column, value, text)
        case Lists():
            assert isinstance(column, ListOf)
            return _lists(column, value, text)
    raise RuntimeError(f"no Arrow array for {type(value).__name__}")


def _plain(column: ColumnType, value: Plain) -> pa.Array:
    count, nulls = len(value), _bitmap(value.valid)
    if isinstance(column, Decimal):
        data = np.empty((count, 2), dtype=np.int64)
        data[:, 0] = value.data
        data[:, 1] = value.data >> 63
        kind = pa.decimal128(column.precision, column.scale)
        return pa.Array.from_buffers(kind, count, [nulls, pa.py_buffer(data)])
    if column is Scalar.BOOLEAN:
        bits = np.packbits(value.data, bitorder="little")
        return pa.Array.from_buffers(pa.bool_(), count, [nulls, pa.py_buffer(bits)])
    if column is Scalar.DATE:
        days = value.data.astype(np.int32)
        return pa.Array.from_buffers(pa.date32(), count, [nulls, pa.py_buffer(days)])
    assert isinstance(column, Scalar)
    data = np.ascontiguousarray(value.data)
    return pa.Array.from_buffers(_PLAIN[column], count, [nulls, pa.py_buffer(data)])


def _texts(value: Texts, text: Text) -> pa.Array:
    buffers = [_bitmap(value.valid), pa.py_buffer(np.ascontiguousarray(value.views)), text.buffer]
    return pa.Array.from_buffers(pa.string_view(), len(value), buffers)


def views_of(content: Content) -> NDArray[np.uint64]:
    """Return Arrow's views of strings: length and prefix, then the rest or the place."""
    length = content.length.view(np.uint64)
    first, second = content.word(0), content.word(1)
    shown = np.minimum(length, _U(4)) << _U(3)
    views = np.empty((len(length), 2), dtype=np.uint64)
    views[:, 0] = length | ((first & _below(shown)) << _U(32))
    rest = (np.minimum(length, _U(INLINE)) << _U(3)) - shown
    tail = ((first >> _U(32)) | (second << _U(32))) & _below(rest)
    place = content.start.view(np.uint64) << _U(32)
    views[:, 1] = np.where(length <= INLINE, tail, place)
    return views


def views_of_fixed(content: Content, length: int) -> NDArray[np.uint64]:
    """Return the views of strings that all have the same length."""
    views = np.empty((len(content.start), 2), dtype=np.uint64)
    shown = _U(8 * min(length, 4))
    first = content.word(0)
    views[:, 0] = _U(length) | ((first & _below(shown)) << _U(32))
    if length > INLINE:
        views[:, 1] = content.start.view(np.uint64) << _U(32)
    else:
        rest = _below(_U(8 * length) - shown)
        views[:, 1] = ((first >> _U(32)) | (content.word(1) << _U(32))) & rest
    return views


def views_of_known(texts: Sequence[bytes]) -> NDArray[np.uint64]:
    """Return the view of each text; where it is not inline, its place is to be added."""
    padded = [len(t).to_bytes(4, "little") + t[:INLINE].ljust(INLINE, b"\0") for t in texts]
    views = np.frombuffer(b"".join(padded), dtype="<u8").reshape(-1, 2).copy()
    views[[len(text) > INLINE for text in texts], 1] = 0
    return views


def _below(bits: Bits) -> Bits:
    """Return words with that many of their lowest bits set, from 0 to 64."""
    return ~(~_U(0) << bits)


def _objects(column: Struct, value: Objects, text: Text) -> pa.Array:
    children = [
        arrow_array(field.type, value.fields.get(field.name), text, len(value))
        for field in column.fields
    ]
    kind = pa.struct([_field(c, a) for c, a in zip(column.fields, children, strict=True)])
    return pa.Array.from_buffers(kind, len(value), [_bitmap(value.valid)], children=children)


def _lists(column: ListOf, value: Lists, text: Text) -> pa.Array:
    offsets = np.zeros(len(value) + 1, dtype=np.int64)
    np.cumsum(value.lengths, out=offsets[1:])
    elements = arrow_array(column.element, value.elements, text, int(offsets[-1]))
    buffers = [_bitmap(value.valid), pa.py_buffer(offsets)]
    kind = pa.large_list(elements.type)
    return pa.Array.from_buffers(kind, len(value), buffers, children=[elements])


def _field(column: Column, array: pa.Array) -> pa.Field:
    return pa.field(column.name, array.type)


def _bitmap(valid: Bools | None) -> Any:
    return None if valid is None else pa.py_buffer(np.packbits(valid, bitorder="little"))


def _null_type(column: ColumnType) -> pa.DataType:
    match column:
        case Scalar.STRING | Scalar.JSON:
            return pa.string_view()
        case Scalar():
            return arrow_type(column)
        case Decimal(precision, scale):
            return pa.decimal128(precision, scale)
        case ListOf(element):
            return pa.large_list(_null_type(element))
        case Struct(fields):
            return pa.struct([pa.field(f.name, _null_type(f.type)) for f in fields])
