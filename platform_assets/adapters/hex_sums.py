"""Sums of hashes that are written in hex, without reading them one by one.

A hash of 256 bits is four unsigned integers, and each of these is to be summed over all hashes. Rather
than the integers, their 64 digits are summed, which is the same and needs no conversion of each hash:
eight characters lie in one 64-bit word, and words are added with each character in a lane of its own.

The code of a digit is its value and 48; that of a letter, which alone has the bit 64, is 39 more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Sequence

#: 64-bit words of a hash in hex, and of each of its four integers.
_WORDS = 8
_CHARACTERS = 8
#: So many words are added with lanes of 8 bits for a bit, and of 16 bits for a code, without a carry.
_ADDED = 128
_EVERY_OTHER = np.uint64(0x00FF_00FF_00FF_00FF)
_LOWEST_BITS = np.uint64(0x0101_0101_0101_0101)
_ZERO, _LETTER, _LETTER_BIT = 48, 39, 6


def sums_of_hashes(hashes: pl.Series) -> tuple[int, int, int, int]:
    """Return the sums of the four unsigned big-endian 64-bit integers of SHA-256 hashes.

    Args:
        hashes: of 64 lower-case hexadecimal digits each, none of them null.
    """
    digits = _sums_of_digits(_words_of(hashes), len(hashes)).reshape(4, -1).tolist()
    a, b, c, d = (_number(each) for each in digits)
    return a, b, c, d


def _words_of(hashes: pl.Series) -> npt.NDArray[np.uint64]:
    """Return the characters of all hashes in any order, and zeros up to a multiple of `_ADDED`."""
    size = _WORDS * len(hashes)
    words = np.zeros(-(-size // (_WORDS * _ADDED)) * _WORDS * _ADDED, dtype="<u8")
    views = hashes.to_arrow(compat_level=pl.CompatLevel.newest())
    data = [np.frombuffer(buffer, np.uint8) for buffer in views.buffers()[2:] if buffer is not None]
    if sum(map(len, data)) != words.itemsize * size:  # shared, or with gaps
        plain = hashes.to_arrow(compat_level=pl.CompatLevel.oldest())
        data = [np.frombuffer(plain.buffers()[2], np.uint8)[: words.itemsize * size]]
    np.concatenate([*data, words.view(np.uint8)[words.itemsize * size :]], out=words.view(np.uint8))
    return words


def _sums_of_digits(words: npt.NDArray[np.uint64], rows: int) -> npt.NDArray[np.int64]:
    """Return the sums of the 64 digits of the hashes."""
    words = words.reshape(_ADDED, -1)
    sums = np.empty((_WORDS, _CHARACTERS), dtype=np.int64)
    sums[:, 0::2] = _lanes((words & _EVERY_OTHER).sum(axis=0), np.dtype("<u2"))
    sums[:, 1::2] = _lanes((words >> 8 & _EVERY_OTHER).sum(axis=0), np.dtype("<u2"))
    letters = _lanes((words >> _LETTER_BIT & _LOWEST_BITS).sum(axis=0), np.dtype("<u1"))
    return sums - _ZERO * rows - _LETTER * letters


def _lanes(
    words: npt.NDArray[np.uint64], lane: np.dtype[np.unsignedinteger]
) -> npt.NDArray[np.int64]:
    """Return the sums of each lane of the words of a hash."""
    lanes = words.view(lane).reshape(-1, _WORDS, words.itemsize // lane.itemsize)
    sums: npt.NDArray[np.int64] = lanes.sum(axis=0, dtype=np.int64)
    return sums


def _number(digits: Sequence[int]) -> int:
    """Return the number with these hexadecimal digits, each of which may be of any size."""
    number = 0
    for digit in digits:
        number = 16 * number + digit
    return number
