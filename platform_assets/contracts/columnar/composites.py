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

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platform_assets.contracts.columnar.scalars import Reader
    from platform_assets.contracts.columnar.text import Cursor
    from platform_assets.contracts.columnar.values import Value
    from platform_assets.contracts.columnar.words import Bools

#: Records with longer arrays go to the other path, because each element is a step for all records.
MAX_ELEMENTS = 256
_NULL = Literal(b"null")


@dataclass(frozen=True)
class Field:
    """A property in its place in the layout; ``key`` is its name with the punctuation around it."""

    name: str
    key: Literal
    reader: Reader
    optional: bool
    nullable: bool

    def read(self, cursor: Cursor) -> Value:
        """Read the property where it is there and not null."""
        if not self.optional:
            self.key.demand(cursor)
            return read_nullable(cursor, self.reader) if self.nullable else self.reader.read(cursor)
        present = self.key.try_pass(cursor)
        if self.nullable:
            present &= ~(_passed_null(cursor, present))
        return _read_where(cursor, self.reader, present)


def read_nullable(cursor: Cursor, reader: Reader) -> Value:
    """Read a value or null."""
    return _read_where(cursor, reader, ~_NULL.try_pass(cursor))


def _passed_null(cursor: Cursor, among: Bools) -> Bools:
    null = _NULL.found(cursor) & among
    cursor.move(null * len(b"null"))
    return null


def _read_where(cursor: Cursor, reader: Reader, wanted: Bools) -> Value:
    if wanted.all():
        return reader.read(cursor)
    rows = np.flatnonzero(wanted)
    part = cursor.select(rows)
    value = reader.read(part)
    cursor.put(rows, part)
    return value.spread(rows, len(cursor))


@dataclass(frozen=True)
class ObjectReader:
    """An object whose keys stand in the order of the layout."""

    fields: Sequence[Field]
    close: Literal

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

    def read(self, cursor: Cursor) -> Lists:
        """Read element after element, for the records whose array has not ended yet."""
        _OPEN.demand(cursor)
        count = len(cursor)
        lengths = np.zeros(count, dtype=np.int64)
        rows = np.flatnonzero(~_CLOSE.try_pass(cursor) & cursor.ok)
        parts: list[Value] = []
        owners = []
        while rows.size and len(parts) < MAX_ELEMENTS:
            part = cursor.select(rows)
            read = read_nullable(part, self.element) if self.nullable else self.element.read(part)
            parts.append(read)
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


_OPEN, _CLOSE = Literal(b"["), Literal(b"]")
