"""Readers of single values: each proves the exact form of what stands at the cursor, and reads it.

A reader accepts a part of what JSON and the contract allow, and nothing else; what it does not accept
is left to the path for single records. Integers have at most 18 digits and no fraction. Numbers have
at most 18 digits in all and no exponent; up to 2^53 the quotient of mantissa and power of ten is the
nearest double (both are exact, and division rounds once: Clinger 1990), beyond that Polars' parser
decides.
Times have a date, minutes, seconds, at most six further digits, and Z or an offset.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import polars as pl

from platform_assets.contracts.columnar.arrow import arrow_array, views_of
from platform_assets.contracts.columnar.text import QUOTE, Content, Cursor
from platform_assets.contracts.columnar.values import Plain, Texts
from platform_assets.contracts.columnar.words import POWERS, WORD, digit_run, word_of
from platform_assets.contracts.columns import Scalar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platform_assets.contracts.columnar.checks import NumberCheck, TextCheck
    from platform_assets.contracts.columnar.values import Value
    from platform_assets.contracts.columnar.words import Bools, Ints

MAX_DIGITS = 18
_EXACT = 2**53
_MINUS, _DOT, _ZERO = ord("-"), ord("."), ord("0")
_TRUE, _FALSE = word_of(b"true"), word_of(b"false")


class Reader(Protocol):
    """Reads one value of every record under the cursor.

    ``opening`` is what every value begins with, which the caller has passed over.
    """

    @property
    def opening(self) -> bytes:
        """Bytes that the caller has passed over."""
        ...

    def read(self, cursor: Cursor) -> Value:
        """Prove, move on, return what was read; rows that are not proven hold anything."""
        ...


@dataclass(frozen=True)
class Digits:
    """A number as written: sign, all digits as one integer, and how many stand after the point."""

    negative: Bools
    mantissa: Ints
    whole: Ints
    fraction: Ints

    def signed(self) -> Ints:
        """Return the mantissa with its sign."""
        if not self.negative.any():
            return self.mantissa
        return np.where(self.negative, -self.mantissa, self.mantissa)


def read_digits(cursor: Cursor) -> tuple[Ints, Ints]:
    """Read the digits at the cursor, at most 18: how many, and the number. None is not proven."""
    length, number = digit_run(cursor.words())
    full = length == WORD
    if full.any():
        more, next_number = digit_run(cursor.words(WORD))
        more *= full
        number = np.where(full, number * POWERS[more] + next_number, number)
        length += more
        full = length == 2 * WORD
        if full.any():
            more, next_number = digit_run(cursor.words(2 * WORD))
            more *= full
            cursor.require(more <= MAX_DIGITS - 2 * WORD)
            more = np.minimum(more, MAX_DIGITS - 2 * WORD)
            number = np.where(full, number * POWERS[more] + next_number, number)
            length += more
    cursor.require(length > 0)
    cursor.move(length)
    return length, number


def read_number(cursor: Cursor, *, fraction: bool) -> Digits:
    """Read a JSON number without an exponent; a fraction only where asked for."""
    negative = cursor.starts_with(_MINUS)
    if negative.any():
        cursor.move(negative.astype(np.int64))
    zero = cursor.starts_with(_ZERO)
    whole, mantissa = read_digits(cursor)
    cursor.require(~zero | (whole == 1))
    after = np.zeros(len(cursor), dtype=np.int64)
    if fraction:
        rows = np.flatnonzero(cursor.starts_with(_DOT))
        if rows.size:
            part = cursor.select(rows)
            part.skip(1)
            after[rows], digits = read_digits(part)
            cursor.put(rows, part)
            cursor.require(whole + after <= MAX_DIGITS)
            shift = np.minimum(after[rows], MAX_DIGITS)
            mantissa[rows] = mantissa[rows] * POWERS[shift] + digits
    return Digits(negative, mantissa, whole, after)


@dataclass(frozen=True)
class IntegerReader:
    """An integer of at most 18 digits, times a unit."""

    checks: Sequence[NumberCheck]
    unit: int = 1
    limits: tuple[int, int] | None = None
    opening: bytes = b""

    def read(self, cursor: Cursor) -> Plain:
        """Read integers."""
        digits = read_number(cursor, fraction=False)
        number = digits.signed()
        for check in self.checks:
            cursor.require(check.holds(digits, number))
        if self.limits is not None:
            cursor.require((number >= self.limits[0]) & (number <= self.limits[1]))
            number = number * self.unit
        return Plain(number)


@dataclass(frozen=True)
class FloatReader:
    """A number as its nearest double."""

    checks: Sequence[NumberCheck]
    opening: bytes = b""

    def read(self, cursor: Cursor) -> Plain:
        """Read doubles."""
        start = cursor.at
        digits = read_number(cursor, fraction=True)
        number = digits.signed()
        for check in self.checks:
            cursor.require(check.holds(digits, number))
        value = number / POWERS[digits.fraction]
        rows = np.flatnonzero((digits.mantissa > _EXACT) & cursor.ok)
        if rows.size:
            # An integer beyond 2^53 may be no double at all; the other path decides.
            cursor.ok[rows] &= digits.fraction[rows] > 0
            part = Cursor(cursor.text, start[rows], cursor.ok[rows])
            texts = Texts(views_of(Content(part, cursor.at[rows] - start[rows])))
            array = arrow_array(Scalar.STRING, texts, cursor.text, len(rows))
            parsed = pl.Series(pl.from_arrow(array)).cast(pl.Float64, strict=False)
            cursor.ok[rows] &= parsed.is_not_null().to_numpy()
            value[rows] = parsed.fill_null(0.0).to_numpy()
        return Plain(value)


@dataclass(frozen=True)
class DecimalReader:
    """An exact decimal, from a number or from a string that writes one; at most 18 digits."""

    precision: int
    scale: int
    quoted: bool
    integral: bool
    checks: Sequence[NumberCheck]
    texts: Sequence[TextCheck]

    @property
    def opening(self) -> bytes:
        """A quotation mark before a decimal that is written as a string."""
        return b'"' if self.quoted else b""

    def read(self, cursor: Cursor) -> Plain:
        """Read unscaled integers."""
        content = Content(cursor, cursor.at)
        digits = read_number(cursor, fraction=not self.integral)
        number = digits.signed()
        for check in self.checks:
            cursor.require(check.holds(digits, number))
        if self.quoted:
            content.length = cursor.at - content.start
            for text_check in self.texts:
                text_check.apply(cursor, content)
            cursor.require(cursor.starts_with(QUOTE))
            cursor.skip(1)
        shift = self.scale - digits.fraction
        cursor.require((shift >= 0) & (digits.whole + self.scale <= MAX_DIGITS))
        unscaled = number * POWERS[np.clip(shift, 0, MAX_DIGITS)]
        if self.precision < MAX_DIGITS:
            cursor.require(np.abs(unscaled) < POWERS[self.precision])
        return Plain(unscaled)


@dataclass(frozen=True)
class BooleanReader:
    """The words true and false."""

    allowed: frozenset[bool] = frozenset([True, False])
    opening: bytes = b""

    def read(self, cursor: Cursor) -> Plain:
        """Read booleans."""
        words = cursor.words()
        true = (words & _TRUE[0]) == _TRUE[1]
        false = (words & _FALSE[0]) == _FALSE[1]
        if len(self.allowed) == 1:
            cursor.require(true if True in self.allowed else false)
        cursor.require(true | false)
        cursor.move(len(b"false") - true.astype(np.int64))
        return Plain(true)
