"""The contract's keywords on values that were read in columns.

A check is allowed to be too strict, never too lenient: a record that it does not pass goes to the
path for single records. Where a pattern cannot be checked on fixed places, Polars' regular
expressions do it, and only for patterns that mean the same in every dialect (`patterns`).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

import numpy as np
import polars as pl

from platform_assets.contracts.columnar.arrow import arrow_array, views_of
from platform_assets.contracts.columnar.values import Texts
from platform_assets.contracts.columnar.words import WORD, mask_of, outside
from platform_assets.contracts.columns import Scalar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platform_assets.contracts.columnar.scalars import Digits
    from platform_assets.contracts.columnar.text import Content, Cursor, Text
    from platform_assets.contracts.columnar.words import Bools, Ints, Words

_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1
_LONGEST_CHARACTER = 4  # bytes of a code point in UTF-8
_LONGEST_COUNTED = 4096  # bytes; longer strings that need counting go to the other path
_TOP = np.uint64(0x8080_8080_8080_8080)


class NumberCheck(Protocol):
    """A keyword on numbers."""

    def holds(self, digits: Digits, number: Ints) -> Bools:
        """Tell for which numbers, written as ``number`` over a power of ten, it surely holds."""
        ...


class TextCheck(Protocol):
    """A keyword on strings."""

    def apply(self, cursor: Cursor, content: Content) -> None:
        """Give up the records whose string does not surely pass."""
        ...


# --- numbers -----------------------------------------------------------------------------------------


class Limit:
    """Minimum or maximum, compared exactly: the limit is brought to the number's power of ten."""

    def __init__(self, limit: Decimal | int, *, lower: bool, exclusive: bool) -> None:
        exact = Decimal(limit)
        bounds = [_bound(exact, places, lower=lower, exclusive=exclusive) for places in range(19)]
        self._bounds = np.array(bounds, dtype=np.int64)
        self._lower = lower

    def holds(self, digits: Digits, number: Ints) -> Bools:
        """Compare."""
        if digits.fraction.any():
            bound = self._bounds.take(digits.fraction, mode="clip")
        else:
            bound = self._bounds[:1]
        return number >= bound if self._lower else number <= bound


def _bound(limit: Decimal, places: int, *, lower: bool, exclusive: bool) -> int:
    """Return the least (or greatest) integer over 10 to the ``places`` that is within the limit."""
    top, bottom = limit.as_integer_ratio()
    bound: int
    whole, rest = divmod(top * 10**places, bottom)
    if lower:
        bound = whole + (1 if rest or exclusive else 0)
    else:
        bound = whole - (1 if not rest and exclusive else 0)
    return max(_INT64_MIN, min(_INT64_MAX, bound))


@dataclass(frozen=True)
class Among:
    """The enum or const of an integer."""

    allowed: tuple[int, ...]

    def holds(self, digits: Digits, number: Ints) -> Bools:  # noqa: ARG002  # integers have no fraction
        """Compare with each."""
        return np.isin(number, np.array(self.allowed, dtype=np.int64))


@dataclass(frozen=True)
class Multiple:
    """``multipleOf`` a power of ten that the number has no more places than, or an integer."""

    places: int
    factor: int = 1

    def holds(self, digits: Digits, number: Ints) -> Bools:
        """Tell where the number has few enough places, and divides."""
        if self.factor == 1:
            few: Bools = digits.fraction <= self.places
            return few
        divides: Bools = (number % self.factor == 0) & (digits.fraction == 0)
        return divides


# --- strings -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Length:
    """``minLength`` and ``maxLength``, in code points."""

    least: int
    most: int | None

    def apply(self, cursor: Cursor, content: Content) -> None:
        """Count bytes, and code points only where bytes do not decide."""
        length = content.length
        if cursor.text.ascii:
            cursor.require(length >= self.least)
            if self.most is not None:
                cursor.require(length <= self.most)
            return
        unsure = -(-length // _LONGEST_CHARACTER) < self.least
        if self.most is not None:
            unsure |= length > self.most
        rows = np.flatnonzero(unsure & cursor.ok & (length < _LONGEST_COUNTED))
        count = _code_points(cursor.text, content.start[rows], length[rows])
        unsure[rows] = (count < self.least) | (self.most is not None and count > self.most)
        cursor.require(~unsure)


def _code_points(text: Text, start: Ints, length: Ints) -> Ints:
    """Count the code points of strings: all bytes but those that continue a character."""
    count = length.copy()
    for at in range(0, int(length.max(initial=0)), WORD):
        words = text.window(text.clamp(start + at)).word(0)
        continuing = words & ~(words << np.uint64(1)) & _TOP
        inside = np.clip(length - at, 0, WORD).astype(np.uint64) << np.uint64(3)
        continuing &= ~(~np.uint64(0) << inside)
        count -= np.bitwise_count(continuing)
    return count


class Places:
    """A pattern that fixes the length and names the allowed ASCII characters of every place."""

    def __init__(self, places: Sequence[frozenset[str]]) -> None:
        self.length = len(places)
        #: Whether the places alone prove that no quotation mark is among the characters.
        self.closed = not any('"' in place for place in places)
        self._words = [_PlacesWord(places[at : at + WORD]) for at in range(0, len(places), WORD)]

    def apply(self, cursor: Cursor, content: Content) -> None:
        """Compare eight places at a time."""
        cursor.require(content.length == self.length)
        for number, word in enumerate(self._words):
            word.require(cursor, content.word(number))


class _PlacesWord:
    """Eight places: single characters by equality, sets as ranges of characters."""

    def __init__(self, places: Sequence[frozenset[str]]) -> None:
        single = {i: ord(min(chars)) for i, chars in enumerate(places) if len(chars) == 1}
        self._mask = np.uint64(sum(0xFF << (8 * i) for i in single))
        self._value = np.uint64(sum(code << (8 * i) for i, code in single.items()))
        sets: dict[frozenset[str], set[int]] = {}
        for index, chars in enumerate(places):
            if len(chars) > 1:
                sets.setdefault(chars, set()).add(index)
        self._sets = [(mask_of(indices), _ranges(chars)) for chars, indices in sets.items()]

    def require(self, cursor: Cursor, words: Words) -> None:
        if self._mask:
            cursor.require((words & self._mask) == self._value)
        for places, ranges in self._sets:
            flags = outside(words, *ranges[0])
            for low, high in ranges[1:]:
                flags &= outside(words, low, high)
            cursor.require((flags & places) == 0)


def _ranges(chars: frozenset[str]) -> list[tuple[int, int]]:
    ranges: list[tuple[int, int]] = []
    for code in sorted(map(ord, chars)):
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1] = (ranges[-1][0], code)
        else:
            ranges.append((code, code))
    return ranges


@dataclass(frozen=True)
class Expression:
    """A pattern as a regular expression of Polars."""

    pattern: str

    def apply(self, cursor: Cursor, content: Content) -> None:
        """Match the records that are proven so far, because only those surely hold UTF-8."""
        rows = np.flatnonzero(cursor.ok)
        texts = Texts(views_of(content)[rows])
        array = arrow_array(Scalar.STRING, texts, cursor.text, len(rows))
        found = pl.Series(pl.from_arrow(array)).str.contains(self.pattern, strict=True)
        cursor.ok[rows] &= found.to_numpy()
