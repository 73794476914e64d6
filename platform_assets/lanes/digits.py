"""Numbers and moments as text, for many at a time: matrices of digits, a row for each.

Made by table look-ups and not by formatting each number, which would take longer than everything else
that an event takes.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from platform_assets.lanes.schedule import SECOND

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from platform_assets.lanes.draws import Numbers

_THREE = np.array([list(b"%03d" % number) for number in range(1000)], np.uint8)
_MICRO_DIGITS = 6


def digit_texts(numbers: Numbers, width: int) -> list[bytes]:
    """Return each number with so many digits, with zeros before it; it must not have more."""
    return _texts(_digits(numbers, width))


def integer_texts(numbers: Numbers) -> list[bytes]:
    """Return each number as JSON writes it."""
    return [b"%d" % number for number in numbers.tolist()]


def moment_texts(microseconds: Numbers) -> list[bytes]:
    """Return moments since the epoch in RFC 3339: UTC, with six digits after the second."""
    seconds, which = np.unique(microseconds // SECOND, return_inverse=True)
    beginnings = [
        datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S.").encode()
        for second in seconds.tolist()
    ]
    beginning = np.array([list(text) for text in beginnings], np.uint8).reshape(len(seconds), -1)
    end = np.full((len(microseconds), 1), ord("Z"), np.uint8)
    micros = _digits(microseconds % SECOND, _MICRO_DIGITS)
    return _texts(np.hstack([beginning[which], micros, end]))


def _digits(numbers: Numbers, width: int) -> NDArray[np.uint8]:
    threes = -(-width // 3)
    digits = np.hstack([_THREE[numbers // 1000**place % 1000] for place in reversed(range(threes))])
    return digits[:, 3 * threes - width :]


def _texts(rows: NDArray[np.uint8]) -> list[bytes]:
    width = rows.shape[1]
    texts: list[bytes] = np.ascontiguousarray(rows).view(f"S{width}").ravel().tolist()
    return texts
