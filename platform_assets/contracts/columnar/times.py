"""Readers of dates and times, as RFC 3339 writes them.

The day count follows Howard Hinnant's "chrono-compatible low-level date algorithms". Years 2 to 9998
are read here, so that no offset leads out of the calendar; leap seconds and the rest go to the other
path.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from platform_assets.contracts.columnar.scalars import read_digits
from platform_assets.contracts.columnar.text import QUOTE, Content
from platform_assets.contracts.columnar.values import Plain
from platform_assets.contracts.columnar.words import POWERS, mask_of, outside

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platform_assets.contracts.columnar.checks import TextCheck
    from platform_assets.contracts.columnar.text import Cursor
    from platform_assets.contracts.columnar.words import Bools, Ints, Words

_U = np.uint64
_DIGITS = (ord("0"), ord("9"))
_MONTH_DAYS = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 0, 0, 0], dtype=np.int64)
_Z, _DOT, _PLUS, _MINUS = (ord(mark) for mark in "Z.+-")
_MICRO_DIGITS = 6
_FEBRUARY = 2
_FIRST_YEAR, _LAST_YEAR = 2, 9998


class _Form:
    """A fixed form such as ``dddd-dd-``: digits at d, and the other characters as they are."""

    def __init__(self, form: str) -> None:
        marks = {i: c for i, c in enumerate(form) if c != "d"}
        self._digits = mask_of({i for i, c in enumerate(form) if c == "d"})
        self._mask = _U(sum(0xFF << (8 * i) for i in marks))
        self._value = _U(sum(ord(c) << (8 * i) for i, c in marks.items()))

    def fits(self, words: Words) -> Bools:
        """Tell which words begin with the form."""
        digits: Bools = (outside(words, *_DIGITS) & self._digits) == 0
        marks: Bools = (words & self._mask) == self._value
        return digits & marks


_YEAR_MONTH, _DAY_END, _DAY_TIME = _Form("dddd-dd-"), _Form('dd"'), _Form("ddTdd:dd")
_SECONDS, _OFFSET = _Form(":dd"), _Form("dd:dd")


def _digit(words: Words, place: int) -> Ints:
    return ((words >> _U(8 * place)) & _U(0x0F)).astype(np.int64)


def _two(words: Words, place: int) -> Ints:
    return _digit(words, place) * 10 + _digit(words, place + 1)


def _days(cursor: Cursor, first: Words, second: Words) -> Ints:
    """Return days since the epoch of ``dddd-dd-`` and ``dd``, proving that the day exists."""
    year, month, day = _two(first, 0) * 100 + _two(first, 2), _two(first, 5), _two(second, 0)
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    last = _MONTH_DAYS.take(month, mode="clip") + (leap & (month == _FEBRUARY))
    cursor.require((day >= 1) & (day <= last) & (year >= _FIRST_YEAR) & (year <= _LAST_YEAR))
    shifted = year - (month <= _FEBRUARY)
    era = shifted // 400
    of_era = shifted - era * 400
    of_year = (153 * (month + np.where(month > _FEBRUARY, -3, 9)) + 2) // 5 + day - 1
    days: Ints = era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468
    return days


@dataclass(frozen=True)
class DateReader:
    """A string ``YYYY-MM-DD`` as days since the epoch."""

    checks: Sequence[TextCheck]
    opening: bytes = b'"'

    def read(self, cursor: Cursor) -> Plain:
        """Read days."""
        first, second = cursor.words(), cursor.words(8)
        cursor.require(_YEAR_MONTH.fits(first) & _DAY_END.fits(second))
        days = _days(cursor, first, second)
        content = Content(cursor, np.full(len(cursor), len("YYYY-MM-DD")))
        for check in self.checks:
            check.apply(cursor, content)
        cursor.skip(len('YYYY-MM-DD"'))
        return Plain(days)


@dataclass(frozen=True)
class TimeReader:
    """A string ``YYYY-MM-DDThh:mm:ss[.ffffff](Z|±hh:mm)`` as microseconds since the epoch, UTC."""

    checks: Sequence[TextCheck]
    opening: bytes = b'"'

    def read(self, cursor: Cursor) -> Plain:
        """Read microseconds."""
        content = Content(cursor, cursor.at)
        first, second, third = cursor.words(), cursor.words(8), cursor.words(16)
        fits = _YEAR_MONTH.fits(first) & _DAY_TIME.fits(second) & _SECONDS.fits(third)
        hour, minute, seconds = _two(second, 3), _two(second, 6), _two(third, 1)
        cursor.require(fits & (hour < 24) & (minute < 60) & (seconds < 60))  # noqa: PLR2004
        days = _days(cursor, first, second)
        cursor.skip(len("YYYY-MM-DDThh:mm:ss"))
        seconds += days * 86_400 + hour * 3_600 + minute * 60
        micros = seconds * 1_000_000 + _fraction(cursor) - _offset(cursor) * 60_000_000
        content.length = cursor.at - content.start
        for check in self.checks:
            check.apply(cursor, content)
        cursor.require(cursor.starts_with(QUOTE))
        cursor.skip(1)
        return Plain(micros)


def _fraction(cursor: Cursor) -> Ints:
    micros = np.zeros(len(cursor), dtype=np.int64)
    dots = cursor.starts_with(_DOT)
    if dots.all():
        return _read_fraction(cursor)
    rows = np.flatnonzero(dots)
    if rows.size:
        part = cursor.select(rows)
        micros[rows] = _read_fraction(part)
        cursor.put(rows, part)
    return micros


def _read_fraction(cursor: Cursor) -> Ints:
    cursor.skip(1)
    length, digits = read_digits(cursor)
    cursor.require(length <= _MICRO_DIGITS)
    micros: Ints = digits * POWERS[np.clip(_MICRO_DIGITS - length, 0, _MICRO_DIGITS)]
    return micros


def _offset(cursor: Cursor) -> Ints:
    """Read ``Z`` or an offset; return it in minutes."""
    minutes = np.zeros(len(cursor), dtype=np.int64)
    mark = cursor.words() & np.uint64(0xFF)
    cursor.skip(1)
    rows = np.flatnonzero(mark != _Z)
    if rows.size:
        part = cursor.select(rows)
        words = part.words()
        sign = mark[rows]
        hour, minute = _two(words, 0), _two(words, 3)
        part.require(_OFFSET.fits(words) & ((sign == _PLUS) | (sign == _MINUS)))
        part.require((hour < 24) & (minute < 60))  # noqa: PLR2004
        part.skip(len("hh:mm"))
        cursor.put(rows, part)
        minutes[rows] = np.where(sign == _PLUS, 1, -1) * (hour * 60 + minute)
    return minutes
