"""The bytes of a batch, and cursors that walk over all its records at once.

A cursor stands at one position in each record. Every step either proves what stands there and moves on,
or marks the record as not proven; nothing is ever skipped unseen. Strings end at the next quotation
mark, which is right because records with a backslash were set aside before. A cursor that has run past
the end of its record is found out at the end: positions only grow, and the last one must be exactly it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from platform_assets.contracts.columnar.words import WORD, word_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from platform_assets.contracts.columnar.words import Bools, Ints, Words

#: Bytes after the last record, so that a word can be read at any position of it.
PADDING = 64
QUOTE = ord('"')
_BACKSLASH = ord("\\")
_FIRST_PRINTABLE = 0x20
_ASCII = 0x80


class Text:
    """Consecutive bytes with their quotation marks."""

    def __init__(self, data: NDArray[np.uint8], start: int, stop: int) -> None:
        """Take ``data[start:stop]``, which has `PADDING` more bytes after ``stop``."""
        self._words = np.ndarray((len(data) - WORD + 1,), "<u8", data, strides=(1,))
        self._bytes = data
        self._last = len(data) - PADDING
        self.buffer = pa.py_buffer(data)
        body = data[start:stop]
        quotes = np.flatnonzero(body == QUOTE)
        quotes += start
        self._quotes = np.concatenate([quotes, np.full(1, self._last)])
        self.start = start
        self.body = body
        self.ascii = bool(body.size == 0 or body.max() < _ASCII)

    def words(self, at: Ints) -> Words:
        """Return the eight bytes at each position."""
        return self._words[at]

    def bytes(self, at: Ints) -> NDArray[np.uint8]:
        """Return the byte at each position."""
        return self._bytes.take(at)

    def quotes_before(self, at: Ints) -> Ints:
        """Return how many quotation marks stand before each position."""
        return np.searchsorted(self._quotes, at).astype(np.int64)

    def quote(self, number: Ints) -> Ints:
        """Return the position of each numbered quotation mark, or the end where there is none."""
        return self._quotes.take(number, mode="clip")

    def clamp(self, at: Ints) -> Ints:
        """Keep positions of records that are not proven inside the data."""
        return np.minimum(at, self._last)

    def suspects(self) -> Ints:
        """Return the positions of all backslashes and control characters."""
        body = self.body
        if body.size and body.min() >= _FIRST_PRINTABLE and not (body == _BACKSLASH).any():
            return np.empty(0, dtype=np.int64)
        found = np.flatnonzero((body < _FIRST_PRINTABLE) | (body == _BACKSLASH))
        return found + self.start


@dataclass
class Cursor:
    """Where the walk stands in each record: byte, number of the next quotation mark, still proven."""

    text: Text
    at: Ints
    quote: Ints
    ok: Bools

    def __len__(self) -> int:
        return len(self.at)

    def select(self, rows: Ints) -> Cursor:
        """Return a cursor over some of the records."""
        return Cursor(self.text, self.at[rows], self.quote[rows], self.ok[rows])

    def put(self, rows: Ints, other: Cursor) -> None:
        """Take over where a cursor over some of the records has come to."""
        self.at[rows] = other.at
        self.quote[rows] = other.quote
        self.ok[rows] = other.ok

    def words(self, offset: int = 0) -> Words:
        """Return the eight bytes from here, or from some bytes further."""
        if not offset:
            return self.text.words(self.at)
        at = self.at + offset
        return self.text.words(at if offset <= PADDING - 2 * WORD else self.text.clamp(at))

    def move(self, steps: Ints | int) -> None:
        """Go on by so many bytes, staying inside the data."""
        self.at = self.text.clamp(self.at + steps)

    def require(self, proven: Bools) -> None:
        """Give up the records for which something was not proven."""
        self.ok &= proven


class Literal:
    """Bytes that stand in every record of a layout, such as a key with its punctuation."""

    def __init__(self, text: bytes) -> None:
        self._length = len(text)
        self._quotes = text.count(b'"')
        self._parts = [
            (offset, *word_of(text[offset : offset + WORD])) for offset in range(0, len(text), WORD)
        ]

    def found(self, cursor: Cursor) -> Bools:
        """Tell for each record whether it stands here."""
        found = np.ones(len(cursor), dtype=np.bool_)
        for offset, mask, value in self._parts:
            found &= (cursor.words(offset) & mask) == value
        return found

    def demand(self, cursor: Cursor) -> None:
        """Pass over it in every record; without it a record is not proven."""
        cursor.require(self.found(cursor))
        cursor.move(self._length)
        cursor.quote += self._quotes

    def try_pass(self, cursor: Cursor) -> Bools:
        """Pass over it where it stands, and tell where that was."""
        found = self.found(cursor)
        cursor.move(found * self._length)
        cursor.quote += found * self._quotes
        return found
