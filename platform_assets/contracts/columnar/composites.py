"""Readers of nested objects and arrays, and of values that may be null or absent.

A property that may be absent or null is read for those records only that have it; the others have null.
An object ends where its layout says; an array is read element by element for all records at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from platform_assets.contracts.columnar.text import Literal
from platform_assets.contracts.columnar.values import Lists, Objects, join
from platform_assets.contracts.columnar.words import word_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from platform_assets.contracts.columnar.scalars import Reader
    from platform_assets.contracts.columnar.text import Cursor
    from platform_assets.contracts.columnar.values import Value
    from platform_assets.contracts.columnar.words import Bools

#: Records with longer arrays go to the other path, because each element is a step for all records.
MAX_ELEMENTS = 256
_NULL = word_of(b"null")


class Field:
    """A property in its place in the layout; ``key`` is its name with the punctuation around it."""

    def __init__(
        self, name: str, key: bytes, reader: Reader, *, optional: bool, nullable: bool
    ) -> None:
        self.name = name
        self._reader = reader
        self._optional = optional
        self._nullable = nullable
        # What every value begins with is proven together with the key.
        self._key = Literal(key if nullable else key + reader.opening)

    def read(self, cursor: Cursor) -> Value:
        """Read the property where it is there and not null."""
        if not self._optional:
            self._key.demand(cursor)
            return self._value(cursor)
        present = self._key.try_pass(cursor)
        return self._value(cursor) if present.all() else _read_where(cursor, present, self._value)

    def _value(self, cursor: Cursor) -> Value:
        if self._nullable:
            return read_nullable(cursor, self._reader)
        return self._reader.read(cursor)


def read_nullable(cursor: Cursor, reader: Reader) -> Value:
    """Read a value or null."""
    null = (cursor.words() & _NULL[0]) == _NULL[1]
    if not null.any():
        return read_opened(cursor, reader)
    cursor.move(null * len(b"null"))
    return _read_where(cursor, ~null, lambda part: read_opened(part, reader))


def read_opened(cursor: Cursor, reader: Reader) -> Value:
    """Read a value together with what every such value begins with."""
    if reader.opening:
        cursor.require(cursor.starts_with(reader.opening[0]))
        cursor.skip(len(reader.opening))
    return reader.read(cursor)


def _read_where(cursor: Cursor, wanted: Bools, read: Callable[[Cursor], Value]) -> Value:
    rows = np.flatnonzero(wanted)
    part = cursor.select(rows)
    value = read(part)
    cursor.put(rows, part)
    return value.spread(rows, len(cursor))


@dataclass(frozen=True)
class ObjectReader:
    """An object whose keys stand in the order of the layout."""

    fields: Sequence[Field]
    close: Literal
    opening: bytes = b""

    def read(self, cursor: Cursor) -> Objects:
        """Read all properties. The opening brace belongs to the first key."""
        values: dict[str, Value | None] = {f.name: f.read(cursor) for f in self.fields}
        self.close.demand(cursor)
        return Objects(values, len(cursor))


@dataclass(frozen=True)
class ListReader:
    """An array of values of one kind."""

    element: Reader
    nullable: bool
    comma: Literal
    least: int
    most: int
    opening: bytes = b"["

    def read(self, cursor: Cursor) -> Lists:
        """Read element after element, for the records whose array has not ended yet."""
        count = len(cursor)
        lengths = np.zeros(count, dtype=np.int64)
        rows = np.flatnonzero(~_CLOSE.try_pass(cursor) & cursor.ok)
        parts: list[Value] = []
        owners = []
        while rows.size and len(parts) < MAX_ELEMENTS:
            part = cursor.select(rows)
            part.load()
            read = read_nullable if self.nullable else read_opened
            parts.append(read(part, self.element))
            owners.append(rows)
            lengths[rows] += 1
            more = ~_CLOSE.try_pass(part)
            going = part.select(np.flatnonzero(more))
            self.comma.demand(going)
            part.put(np.flatnonzero(more), going)
            cursor.put(rows, part)
            rows = rows[more & part.ok]
        cursor.ok[rows] = False
        cursor.require((lengths >= self.least) & (lengths <= self.most))
        if not parts:
            return Lists(lengths, None)
        # Elements were read first by place, then by record; they are wanted the other way round.
        order = np.argsort(np.concatenate(owners), kind="stable")
        return Lists(lengths, join(parts).take(order))


_CLOSE = Literal(b"]")
