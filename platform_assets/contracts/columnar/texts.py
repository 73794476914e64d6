"""Readers of strings: of any, of those whose length is fixed, and of those that an enum lists.

No string with an escape is read here, so the raw bytes between two quotation marks are the value.
Where the characters or the values are known beforehand, the closing mark need not be searched for; it
is proven in its place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from platform_assets.contracts.columnar.arrow import (
    INLINE,
    views_of,
    views_of_fixed,
    views_of_known,
)
from platform_assets.contracts.columnar.checks import Places
from platform_assets.contracts.columnar.text import QUOTE, Content
from platform_assets.contracts.columnar.values import Texts
from platform_assets.contracts.columnar.words import WORD, word_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from platform_assets.contracts.columnar.checks import TextCheck
    from platform_assets.contracts.columnar.scalars import Reader
    from platform_assets.contracts.columnar.text import Cursor
    from platform_assets.contracts.columnar.words import Bools

_FIRST_PRINTABLE = " "


def text_reader(checks: Sequence[TextCheck], allowed: Iterable[str] | None) -> Reader:
    """Return the reader that has the least to do."""
    if allowed is not None:
        return ChosenReader(allowed, checks)
    for check in checks:
        if isinstance(check, Places) and check.closed:
            return FixedReader(check.length, checks)
    return TextReader(checks)


@dataclass(frozen=True)
class TextReader:
    """A string without escapes."""

    checks: Sequence[TextCheck]
    opening: bytes = b'"'

    def read(self, cursor: Cursor) -> Texts:
        """Read up to the closing quotation mark, and pass over it."""
        content = Content(cursor, cursor.until_quote())
        for check in self.checks:
            check.apply(cursor, content)
        texts = Texts(views_of(content))
        cursor.move(content.length + 1)
        return texts


@dataclass(frozen=True)
class FixedReader:
    """A string of so many characters, among which the checks allow no quotation mark."""

    length: int
    checks: Sequence[TextCheck]
    opening: bytes = b'"'

    def read(self, cursor: Cursor) -> Texts:
        """Read the characters, and pass over the closing mark."""
        content = Content(cursor, np.full(len(cursor), self.length))
        for check in self.checks:
            check.apply(cursor, content)
        texts = Texts(views_of_fixed(content, self.length))
        cursor.skip(self.length)
        cursor.require(cursor.starts_with(QUOTE))
        cursor.skip(1)
        return texts


class ChosenReader:
    """A string that an enum or const lists, compared together with its closing mark."""

    opening = b'"'

    def __init__(self, allowed: Iterable[str], checks: Sequence[TextCheck]) -> None:
        # What JSON can only write with an escape is never read here.
        texts = [text.encode() for text in dict.fromkeys(allowed) if _plain(text)]
        self._checks = checks
        self._wholes = [_parts(text + b'"') for text in texts]
        self._lengths = np.array([len(text) for text in texts] or [0], dtype=np.int64)
        self._views = views_of_known(texts or [b""])
        self._long = bool((self._lengths > INLINE).any())

    def read(self, cursor: Cursor) -> Texts:
        """Find out which of the values it is, and pass over it."""
        content = Content(cursor, cursor.at)
        found = np.zeros(len(cursor), dtype=np.bool_)
        which = np.zeros(len(cursor), dtype=np.int64)
        for number, parts in enumerate(self._wholes):
            same = _same(content, parts)
            found |= same
            if number:
                which += same * number
        cursor.require(found)
        content.length = self._lengths.take(which)
        for check in self._checks:
            check.apply(cursor, content)
        views = self._views.take(which, axis=0)
        if self._long:
            place = content.start.view(np.uint64) << np.uint64(32)
            views[:, 1] = np.where(content.length > INLINE, place, views[:, 1])
        cursor.move(content.length + 1)
        return Texts(views)


def _plain(text: str) -> bool:
    return not any(char in '"\\' or char < _FIRST_PRINTABLE for char in text)


def _parts(text: bytes) -> list[tuple[np.uint64, np.uint64]]:
    return [word_of(text[at : at + WORD]) for at in range(0, len(text), WORD)]


def _same(content: Content, parts: Sequence[tuple[np.uint64, np.uint64]]) -> Bools:
    mask, value = parts[0]
    same: Bools = (content.word(0) & mask) == value
    for number, (mask, value) in enumerate(parts[1:], start=1):
        same &= (content.word(number) & mask) == value
    return same
