"""The bytes of a batch, and cursors that walk over all its records at once.

A cursor stands at one position in each record. Every step either proves what stands there and moves on,
or marks the record as not proven; nothing is ever skipped unseen. A string ends at the next quotation
mark, which is right because records with a backslash were set aside before. A cursor that has run past
the end of its record is found out at the end: positions only grow, and the last one must be exactly it.

Bytes are gathered as aligned words, two of which make the eight bytes at any position: NumPy's
``take`` of aligned words is some ten times faster than a gather at odd addresses, and what follows is
contiguous. A window shares its words between a key and the beginning of its value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from platform_assets.contracts.columnar.words import WORD, first_flag, word_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from platform_assets.contracts.columnar.words import Bools, Ints, Words

#: Bytes before the first and after the last record, so that a window can be read at any position.
LEAD, PADDING = 8, 128
QUOTE = ord('"')
_BACKSLASH = ord("\\")
_FIRST_PRINTABLE = 0x20
_ASCII = 0x80
_ONE = np.uint64(1)
#: So many words of a window, and one more, lie within the padding, wherever a record ends.
_MAX_WINDOW = 12
_FIRST_SCAN = 32  # bytes that are searched in all records together
#: Longer keys are left to the path for single records.
MAX_LITERAL = 64
_SCAN_WINDOW = 8
_BYTE = np.uint64(0xFF)
_ONES = np.uint64(0x0101_0101_0101_0101)
_TOP = np.uint64(0x8080_8080_8080_8080)
_QUOTES = _ONES * np.uint64(QUOTE)
_WHOLE = ~np.uint64(0)


class Text:
    """Consecutive bytes: those of a batch, of which one chunk is walked over."""

    def __init__(self, data: NDArray[np.uint8], start: int, stop: int) -> None:
        """Take ``data[start:stop]``; ``data`` has `LEAD` bytes before and `PADDING` bytes after."""
        self._aligned = data[: len(data) // WORD * WORD].view("<u8")
        self.last = len(data) - PADDING
        self.buffer = pa.py_buffer(data)
        self.start = start
        self.body = data[start:stop]
        self.ascii = bool(self.body.size == 0 or self.body.max() < _ASCII)

    def window(self, at: Ints) -> Window:
        """Return the words from each position."""
        return Window(self._aligned, at >> 3, ((at & 7) << 3).view(np.uint64))

    def clamp(self, at: Ints) -> Ints:
        """Keep positions of records that are not proven inside the data."""
        return np.minimum(at, self.last)

    def suspects(self) -> Ints:
        """Return the positions of all backslashes and control characters."""
        body = self.body
        if body.size and body.min() >= _FIRST_PRINTABLE and not (body == _BACKSLASH).any():
            return np.empty(0, dtype=np.int64)
        found = np.flatnonzero((body < _FIRST_PRINTABLE) | (body == _BACKSLASH))
        return found + self.start


class Window:
    """Eight bytes at a time from one position in each record, gathered when they are asked for."""

    def __init__(self, aligned: Words, index: Ints, low: Words) -> None:
        """Take the aligned words, where to begin among them, and the bits before the position."""
        self._aligned = aligned
        self._index = index
        self._low = low
        self._high = np.uint64(63) - low  # one bit more is always shifted out
        self._gathered: dict[int, Words] = {}
        self._words: dict[int, Words] = {}

    def select(self, rows: Ints) -> Window:
        """Return the window of some records."""
        return Window(self._aligned, self._index[rows], self._low[rows])

    def word(self, place: int) -> Words:
        """Return the numbered word of each record."""
        found = self._words.get(place)
        if found is None:
            found = self._gather(place) >> self._low
            found |= (self._gather(place + 1) << _ONE) << self._high
            self._words[place] = found
        return found

    def _gather(self, place: int) -> Words:
        if place not in self._gathered:
            self._gathered[place] = self._aligned[place:].take(self._index)
        return self._gathered[place]


class Cursor:
    """Where the walk stands in each record: the position, and whether all before it is proven."""

    def __init__(self, text: Text, at: Ints, ok: Bools) -> None:
        self.text = text
        self.at = at
        self.ok = ok
        self._window: Window | None = None
        self._used = 0  # bytes from the beginning of the window to the position

    def __len__(self) -> int:
        return len(self.at)

    def select(self, rows: Ints) -> Cursor:
        """Return a cursor over some of the records."""
        part = Cursor(self.text, self.at[rows], self.ok[rows])
        if self._window is not None:
            part._window, part._used = self._window.select(rows), self._used
        return part

    def mark(self) -> Cursor:
        """Return a cursor that stays here, to read what has been loaded."""
        mark = Cursor(self.text, self.at, self.ok)
        mark._window, mark._used = self._window, self._used
        return mark

    def put(self, rows: Ints, other: Cursor) -> None:
        """Take over where a cursor over some of the records has come to."""
        self.at = self.at.copy()  # where a string began may still be this very array
        self.at[rows] = other.at
        self.ok[rows] = other.ok
        self._window = None

    def load(self, behind: int = 0) -> Window:
        """Open a window here, or some bytes before."""
        self._window = self.text.window(self.at - behind if behind else self.at)
        self._used = behind
        return self._window

    def words(self, offset: int = 0) -> Words:
        """Return the eight bytes from here, or from some bytes further."""
        place, shift = divmod(self._used + offset, WORD)
        window = self._window
        if window is None or place >= _MAX_WINDOW:
            if offset:
                return self.text.window(self.text.clamp(self.at + offset)).word(0)
            window, place, shift = self.load(), 0, 0
        if not shift:
            return window.word(place)
        low, high = np.uint64(8 * shift), np.uint64(64 - 8 * shift)
        return (window.word(place) >> low) | (window.word(place + 1) << high)

    def starts_with(self, byte: int) -> Bools:
        """Tell for each record whether the byte stands here."""
        found: Bools = (self.words() & _BYTE) == byte
        return found

    def skip(self, steps: int) -> None:
        """Go on by the same number of bytes everywhere; they have been proven."""
        self.at = self.text.clamp(self.at + steps)
        self._used += steps

    def move(self, steps: Ints) -> None:
        """Go on by so many bytes in each record, staying inside the data; they have been proven."""
        first = int(steps[0]) if steps.size else 0
        if (steps == first).all():
            self.skip(first)
        else:
            self.at = self.text.clamp(self.at + steps)
            self._window = None

    def require(self, proven: Bools) -> None:
        """Give up the records for which something was not proven."""
        self.ok &= proven

    def until_quote(self) -> Ints:
        """Return how many bytes stand before the next quotation mark; without one, not proven."""
        length = np.full(len(self), -1, dtype=np.int64)
        place = 0
        while place < _FIRST_SCAN:
            _find_quote(self.words(place), place, length)
            place += WORD
            if (length >= 0).all():
                return length
        rows = np.flatnonzero(length < 0)
        while rows.size:
            at = self.at[rows] + place
            rows, at = rows[at < self.text.last], at[at < self.text.last]
            window = self.text.window(at)
            found = np.full(len(rows), -1, dtype=np.int64)
            for index in range(_SCAN_WINDOW):
                _find_quote(window.word(index), place + WORD * index, found)
            length[rows] = found
            rows = rows[found < 0]
            place += WORD * _SCAN_WINDOW
        self.require(length >= 0)
        return np.maximum(length, 0)


def _find_quote(words: Words, place: int, length: Ints) -> None:
    # Mycroft's test for a zero byte: the first flag is right, which is the one that counts.
    differing = words ^ _QUOTES
    flags = (differing - _ONES) & ~differing & _TOP
    here = (flags != 0) & (length < 0)
    np.copyto(length, first_flag(flags) + place, where=here)


class Content:
    """The inside of a string under the cursor, eight bytes at a time."""

    def __init__(self, cursor: Cursor, length: Ints) -> None:
        """Take the string of ``length`` bytes that begins at the cursor, which has not moved yet."""
        self.text = cursor.text
        self.start = cursor.at
        self.length = length
        self._from = cursor.mark()
        self._words: dict[int, Words] = {}

    def word(self, number: int) -> Words:
        """Return the numbered word; bytes after the end of the string are whatever follows."""
        if number not in self._words:
            self._words[number] = self._from.words(WORD * number)
        return self._words[number]


class Literal:
    """Bytes that stand in every record of a layout, such as a key with its punctuation."""

    def __init__(self, text: bytes) -> None:
        # The window begins so many bytes before, that what follows the literal begins a word.
        self.behind = -len(text) % WORD
        self.length = len(text)
        padded = b"\0" * self.behind + text
        self._parts = [word_of(padded[at : at + WORD]) for at in range(0, len(padded), WORD)]
        hidden = np.uint64((1 << (8 * self.behind)) - 1)
        if self._parts:
            self._parts[0] = (self._parts[0][0] & ~hidden, self._parts[0][1])

    def found(self, cursor: Cursor) -> Bools:
        """Tell for each record whether it stands here."""
        window = cursor.load(self.behind)
        found = np.ones(len(cursor), dtype=np.bool_)
        for index, (mask, value) in enumerate(self._parts):
            words = window.word(index)
            found &= (words if mask == _WHOLE else words & mask) == value
        return found

    def demand(self, cursor: Cursor) -> None:
        """Pass over it in every record; without it a record is not proven."""
        cursor.require(self.found(cursor))
        cursor.skip(self.length)

    def try_pass(self, cursor: Cursor) -> Bools:
        """Pass over it where it stands, and tell where that was."""
        found = self.found(cursor)
        if found.all():
            cursor.skip(self.length)
        else:
            cursor.move(found * self.length)
        return found
