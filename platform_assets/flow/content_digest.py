"""The content digest: what a product holds, whichever engine wrote or reads it.

This module is the specification and its plain reference. Any engine that follows the text gives the
digests of ``platform_assets_tests/vectors/content_digest.json``. It uses bits and integers only: the
text form of a number or of a time never enters. All integers are big-endian, signed ones in two's
complement.

1. A row is encoded as its *fixed part* followed by its *variable part*. Each column adds to them, in
   the columns' order. A value that is absent (null) has the presence byte 00, and 00 in every byte of
   its fixed part; a value that is present has the presence byte 01.

   ============  =========================================================  =======================
   type          fixed part                                                 variable part
   ============  =========================================================  =======================
   boolean       presence, 1 byte (00 or 01)
   int64         presence, 8 bytes
   float64       presence, 8 bytes: the IEEE 754 bits; every NaN is
                 7ff8000000000000, minus zero is zero
   decimal       presence, 16 bytes: the unscaled value, signed
   timestamp     presence, 8 bytes: microseconds since 1970-01-01T00:00Z
   date          presence, 4 bytes: days since 1970-01-01
   string, json  presence, 8 bytes: the length of the variable part         the UTF-8 bytes
   list          presence, 8 bytes: the length of the variable part         see 2
   struct        presence, then the fixed part of each field in order       those of the fields
   ============  =========================================================  =======================

   The fields of an absent struct are absent. Text is taken as it is: no Unicode normalisation, no
   trimming; JSON text is not parsed.
2. The variable part of a list that is present is the number of its elements (8 bytes), then each
   element, in order, encoded by rule 1 as a row with this element as its only column. Absent text and
   absent lists have no variable part.
3. The fixed part has the same length in each row of a table and holds the lengths of all that follows,
   so two different rows never have the same encoding.
4. Each row's encoding is hashed with SHA-256. The hash is read as four unsigned 64-bit integers, and
   each of the four is summed over all rows without overflow. The order of the rows does not enter;
   a row that occurs twice counts twice.
5. Digests of disjoint sets of rows with the same columns merge by adding the row counts and the sums.
6. The digest is ``sha256:`` and the lower-case hex SHA-256 of: the ASCII bytes of `DOMAIN`; the length
   of the column list (8 bytes) and the column list as canonical JSON (RFC 8785), just as it stands in
   the manifest under ``columns``; the row count (8 bytes); the four sums (16 bytes each).

The sums tell engines and honest copies apart. They are not a defence against someone who constructs
rows to collide (additive hashes of this width can be attacked); the SHA-256 of each part file is.
"""

from __future__ import annotations

import datetime as dt
import decimal
import hashlib
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from platform_assets.canonical import canonical_bytes
from platform_assets.contracts.columns import (
    Column,
    ColumnType,
    Decimal,
    ListOf,
    Scalar,
    Struct,
    column_as_json,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

#: Separates these hashes from all others and names the version of the rules above.
DOMAIN = b"platform-assets:content-digest:v1\n"

#: The only bits that stand for "not a number".
CANONICAL_NAN = 0x7FF8_0000_0000_0000

#: Bytes of a fixed part after its presence byte. Lists and text hold their length there.
FIXED_WIDTHS = {
    Scalar.BOOLEAN: 1,
    Scalar.INT64: 8,
    Scalar.FLOAT64: 8,
    Scalar.TIMESTAMP: 8,
    Scalar.DATE: 4,
    Scalar.STRING: 8,
    Scalar.JSON: 8,
}
DECIMAL_WIDTH = 16
LENGTH_WIDTH = 8

_T = TypeVar("_T")
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_EXACT = decimal.Context(prec=80, traps=[decimal.InvalidOperation, decimal.Inexact])


@dataclass(frozen=True, slots=True)
class ContentDigest:
    """Row count and sums of a set of rows; `value` is the digest that stands in manifests."""

    columns: tuple[Column, ...]
    rows: int
    sums: tuple[int, int, int, int]

    @classmethod
    def empty(cls, columns: Sequence[Column]) -> ContentDigest:
        """Return the digest of no rows: the neutral element of `merge`."""
        return cls(tuple(columns), 0, (0, 0, 0, 0))

    @classmethod
    def of_rows(cls, columns: Sequence[Column], rows: Iterable[Mapping[str, Any]]) -> ContentDigest:
        """Return the digest of rows given as Python values; `encode_row` says which."""
        total = cls.empty(columns)
        for row in rows:
            words = struct.unpack(">4Q", hashlib.sha256(encode_row(columns, row)).digest())
            total = total.merge(cls(total.columns, 1, words))
        return total

    def merge(self, other: ContentDigest) -> ContentDigest:
        """Return the digest of both sets of rows together.

        Raises:
            ValueError: the two have different columns.
        """
        if self.columns != other.columns:
            raise ValueError("digests of tables with different columns do not merge")
        a, b = self.sums, other.sums
        sums = (a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3])
        return ContentDigest(self.columns, self.rows + other.rows, sums)

    @property
    def value(self) -> str:
        """``sha256:`` and 64 hex digits over columns, row count and sums (rule 6)."""
        listed = canonical_bytes([column_as_json(column) for column in self.columns])
        state = hashlib.sha256(DOMAIN)
        state.update(len(listed).to_bytes(8, "big") + listed)
        state.update(self.rows.to_bytes(8, "big"))
        for total in self.sums:
            state.update(total.to_bytes(16, "big"))
        return "sha256:" + state.hexdigest()


def fixed_width(column_type: ColumnType) -> int:
    """Return the bytes that a column of this type has in the fixed part, presence included."""
    match column_type:
        case Scalar():
            return 1 + FIXED_WIDTHS[column_type]
        case Decimal():
            return 1 + DECIMAL_WIDTH
        case ListOf():
            return 1 + LENGTH_WIDTH
        case Struct(fields):
            return 1 + sum(fixed_width(field.type) for field in fields)


def encode_row(columns: Sequence[Column], row: Mapping[str, Any]) -> bytes:
    """Encode one row by rules 1 to 3.

    Values are ``None``, ``bool``, ``int``, ``float``, ``decimal.Decimal``, ``str``, lists and mappings;
    a timestamp is an aware ``datetime`` or integer microseconds, a date is a ``date`` or integer days.
    Keys of the row that are no column are left out.

    Raises:
        KeyError: the row, or a struct in it, lacks a column.
        TypeError: a value has not the type of its column.
        ValueError: a value cannot be expressed in its type without loss.
    """
    fixed, variable = bytearray(), bytearray()
    for column in columns:
        _encode(column.type, row[column.name], fixed, variable)
    return bytes(fixed + variable)


def _encode(column_type: ColumnType, value: Any, fixed: bytearray, variable: bytearray) -> None:
    if value is None:
        fixed += bytes(fixed_width(column_type))
        return
    fixed.append(1)
    match column_type:
        case Struct(fields):
            for field in fields:
                _encode(field.type, value[field.name], fixed, variable)
        case Scalar.STRING | Scalar.JSON | ListOf():
            content = _variable(column_type, value)
            fixed += len(content).to_bytes(LENGTH_WIDTH, "big")
            variable += content
        case _:
            fixed += _fixed(column_type, value)


def _variable(column_type: ColumnType, value: Any) -> bytes:
    if not isinstance(column_type, ListOf):
        return _typed(value, str).encode("utf-8")
    element = (Column("element", column_type.element, column_type.element_nullable),)
    rows = (encode_row(element, {"element": item}) for item in value)
    return len(value).to_bytes(LENGTH_WIDTH, "big") + b"".join(rows)


def _fixed(column_type: ColumnType, value: Any) -> bytes:
    match column_type:
        case Scalar.BOOLEAN:
            return b"\x01" if _typed(value, bool) else b"\x00"
        case Scalar.FLOAT64:
            return _float_bits(_typed(value, float)).to_bytes(8, "big")
        case Decimal(_, scale):
            return _integer(_unscaled(_typed(value, decimal.Decimal), scale), DECIMAL_WIDTH)
        case Scalar.TIMESTAMP if isinstance(value, dt.datetime):
            if value.tzinfo is None:
                raise ValueError(f"a timestamp needs a time zone, found {value!r}")
            return _integer((value - _EPOCH) // dt.timedelta(microseconds=1), 8)
        case Scalar.DATE if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
            return _integer(value.toordinal() - _EPOCH.toordinal(), 4)
        case Scalar():
            if isinstance(value, bool):
                raise TypeError(f"{value!r} is no {column_type.value}")
            return _integer(_typed(value, int), FIXED_WIDTHS[column_type])
        case _:
            raise TypeError(f"{column_type!r} has no fixed form")


def _unscaled(value: decimal.Decimal, scale: int) -> int:
    try:
        return int(_EXACT.to_integral_exact(_EXACT.scaleb(value, scale)))
    except (decimal.DecimalException, OverflowError) as error:
        raise ValueError(f"{value} is no decimal with {scale} digits after the point") from error


def _float_bits(value: float) -> int:
    if value != value:  # noqa: PLR0124 - only NaN differs from itself
        return CANONICAL_NAN
    if value == 0:
        return 0
    bits: int = struct.unpack(">Q", struct.pack(">d", value))[0]
    return bits


def _integer(value: int, width: int) -> bytes:
    try:
        return value.to_bytes(width, "big", signed=True)
    except OverflowError as error:
        raise ValueError(f"{value} does not fit into {width} bytes") from error


def _typed(value: Any, kind: type[_T]) -> _T:
    if not isinstance(value, kind):
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return value
