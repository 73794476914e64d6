"""Eight characters at a time: classes and digits in 64-bit words.

A word holds eight consecutive bytes, the first in the lowest place. A flag word has the top bit of
each byte that answers a question. Functions take arrays of ``uint64``, one word per record.

The tricks are those of "Hacker's Delight" (bytes in a word) and of Johnny Lee and Daniel Lemire's
eight-digit parser.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Words: TypeAlias = NDArray[np.uint64]
    Ints: TypeAlias = NDArray[np.int64]
    Bools: TypeAlias = NDArray[np.bool_]

WORD = 8
_U = np.uint64


def _every(byte: int) -> np.uint64:
    return _U(byte * 0x0101_0101_0101_0101)


_TOP = _every(0x80)
_LOW = _every(0x7F)
_ZEROS = _every(ord("0"))
_OVER_NINE = _every(0x80 - 10)
_ONE = _U(1)
_PAIR = (_U(10 * 256 + 1), _U(8), _U(0x00FF_00FF_00FF_00FF))
_QUAD = (_U(100 * 65536 + 1), _U(16), _U(0x0000_FFFF_0000_FFFF))
_OCTET = (_U(10000 * 2**32 + 1), _U(32))
POWERS = np.array([10**k for k in range(19)], dtype=np.int64)


def word_of(text: bytes) -> tuple[np.uint64, np.uint64]:
    """Return the mask and the value that a word beginning with these (at most 8) bytes has."""
    mask = int.from_bytes(b"\xff" * len(text), "little")
    return _U(mask), _U(int.from_bytes(text, "little"))


def mask_of(positions: set[int]) -> np.uint64:
    """Return the flags of these byte positions."""
    return _U(sum(0x80 << (8 * position) for position in positions))


def outside(words: Words, low: int, high: int) -> Words:
    """Flag each byte that is not an ASCII character from ``low`` to ``high``."""
    seven = words & _LOW
    below = ~(seven + _every(0x80 - low))
    above = seven + _every(0x7F - high)
    return (below | above | words) & _TOP


def first_flag(flags: Words) -> Ints:
    """Return the place of the first flagged byte, from 0; 8 where there is none."""
    first = flags & (~flags + _ONE)
    return (np.bitwise_count(first - _ONE) >> np.uint8(3)).astype(np.int64)


def digit_run(words: Words) -> tuple[Ints, Ints]:
    """Return how many digits the words begin with, and the number they write."""
    digits = words ^ _ZEROS
    flags = (((digits & _LOW) + _OVER_NINE) | digits) & _TOP
    length = first_flag(flags)
    number = digits << ((_U(WORD) - length.view(np.uint64)) << _U(3))
    number = ((number * _PAIR[0]) >> _PAIR[1]) & _PAIR[2]
    number = ((number * _QUAD[0]) >> _QUAD[1]) & _QUAD[2]
    number = (number * _OCTET[0]) >> _OCTET[1]
    return length, number.view(np.int64)
