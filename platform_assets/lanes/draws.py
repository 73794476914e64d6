"""Draws that are the same wherever they are made: a counter-based hash of seed, purpose and number.

A draw depends on nothing that was drawn before it. So every process, and whoever looks at the events
afterwards, knows what was drawn for an event without asking anybody. The hash is the finaliser of
SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014), applied to
a sequence of its own for each purpose.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.int64]
    Draws = NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_SHIFTS = np.uint64(30), np.uint64(27), np.uint64(31)
_HALF = np.uint64(32)
#: Weights of keys are whole numbers of this part of the first one's.
_RESOLUTION = 2**32


class Sequence:
    """The draws of one purpose, by number."""

    def __init__(self, seed: int, purpose: str) -> None:
        begin = mixed(np.array([seed % 2**64], np.uint64))
        for letter in purpose.encode():
            begin = mixed(begin ^ np.uint64(letter))
        self._begin = begin

    def __call__(self, numbers: Numbers) -> Draws:
        """Return 64 evenly distributed bits for each number."""
        return mixed(self._begin + numbers.astype(np.uint64) * _GOLDEN)

    def below(self, limit: int, numbers: Numbers) -> Numbers:
        """Return an integer from 0 to ``limit`` (at most 2^31) for each number, the limit excluded."""
        scaled = (self(numbers) >> _HALF) * np.uint64(limit) >> _HALF
        return scaled.astype(np.int64)


def mixed(bits: Draws) -> Draws:
    """Return bits mixed so that each one of them depends on all."""
    bits = (bits ^ (bits >> _SHIFTS[0])) * _FIRST
    bits = (bits ^ (bits >> _SHIFTS[1])) * _SECOND
    return bits ^ (bits >> _SHIFTS[2])


class Zipf:
    """Draws of ranks 0 to ``count`` - 1, where rank r occurs in proportion to (r + 1) to the -skew.

    Weights are rounded to integers, and draws compare integers: where a platform's powers differ in
    their last bit, the draws still do not.
    """

    def __init__(self, sequence: Sequence, count: int, skew: str) -> None:
        self._sequence = sequence
        self._count = count
        self._cumulated: Draws | None = None
        if Decimal(skew):
            weights = np.rint(
                _RESOLUTION * np.arange(1, count + 1, dtype=np.float64) ** -float(skew)
            )
            self._cumulated = np.cumsum(np.maximum(weights, 1).astype(np.uint64))

    def __call__(self, numbers: Numbers) -> Numbers:
        """Return a rank for each number."""
        if self._cumulated is None:
            return self._sequence.below(self._count, numbers)
        drawn = self._sequence(numbers) % self._cumulated[-1]
        ranks: Numbers = np.searchsorted(self._cumulated, drawn, side="right").astype(np.int64)
        return ranks
