"""HdrHistograms of lanes: one form, from one microsecond to four hours, three significant digits.

All histograms of a lane have the same settings, so that adding them loses nothing. A value beyond the
range counts as the end of the range: it is never dropped, and no sensible limit is above it. Encoded
they are HdrHistogram's own V2 form in base64, which its tools in other languages read.
"""

from __future__ import annotations

import base64
import functools
import struct
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
from hdrh.codec import get_compression_cookie, get_encoding_cookie
from hdrh.histogram import HdrHistogram

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

LOWEST_MICROSECONDS = 1
HIGHEST_MICROSECONDS = 4 * 3600 * 1_000_000
SIGNIFICANT_DIGITS = 3

_OUTER = struct.Struct(">II")
_INNER = struct.Struct(">IIIIQQd")
#: A counter takes at most nine bytes.
_LONGEST_COUNTER = 9


def new_histogram() -> HdrHistogram:
    """Return an empty histogram of the one form."""
    return HdrHistogram(LOWEST_MICROSECONDS, HIGHEST_MICROSECONDS, SIGNIFICANT_DIGITS)


def record_values(histogram: HdrHistogram, values: npt.NDArray[np.int64]) -> None:
    """Record many values in microseconds at once, those beyond the range at its ends.

    The place of a value is computed as HdrHistogram does, for all values together.
    """
    if not len(values):
        return
    within = np.clip(values, 0, HIGHEST_MICROSECONDS)
    # the smallest power of two that holds the value: frexp is exact for integers below 2**53
    _, bits = np.frexp((within | histogram.sub_bucket_mask).astype(np.float64))
    half = histogram.sub_bucket_half_count_magnitude
    bucket = bits.astype(np.int64) - histogram.unit_magnitude - (half + 1)
    sub_bucket = within >> (bucket + histogram.unit_magnitude)
    places = ((bucket + 1) << half) + sub_bucket - histogram.sub_bucket_half_count
    counters = np.frombuffer(histogram.counts, dtype=np.uint64)
    counters += np.bincount(places, minlength=len(counters)).astype(np.uint64)
    histogram.total_count += len(values)
    histogram.min_value = min(histogram.min_value, int(within.min()))
    histogram.max_value = max(histogram.max_value, int(within.max()))


def merged(histograms: Iterable[HdrHistogram]) -> HdrHistogram:
    """Return one histogram of all values."""
    whole = new_histogram()
    for histogram in histograms:
        if histogram.get_total_count():  # the library takes the least value of an empty one for 0
            whole.add(histogram)
    return whole


def counted(histogram: HdrHistogram) -> list[tuple[int, int]]:
    """Return the recorded values in their order, each with its count.

    A value stands for all that the histogram does not tell from it; it is the highest of them.
    """
    counters = np.frombuffer(histogram.counts, dtype=np.uint64)
    return [
        (
            int(histogram.get_highest_equivalent_value(histogram.get_value_from_index(int(place)))),
            int(counters[place]),
        )
        for place in np.flatnonzero(counters)
    ]


def encode(histogram: HdrHistogram) -> str:
    """Return the histogram as text."""
    encoded: bytes = histogram.encode()
    return encoded.decode("ascii")


def decode(text: str) -> HdrHistogram:
    """Return the histogram of a text that `require_sound` accepts."""
    return HdrHistogram.decode(text)


def require_sound(text: Any) -> None:
    """Require an encoded histogram of the one form that holds at least one value.

    It is looked at before the library decodes it: what unpacks to more than such a histogram can hold
    is not unpacked.

    Raises:
        ValueError: it is something else.
    """
    try:
        payload = _unpacked(text)
        histogram = decode(text)
    except Exception as error:
        raise ValueError(f"is no encoded histogram: {error}") from error
    magic, length, *settings = _INNER.unpack_from(payload)
    wanted = [0, SIGNIFICANT_DIGITS, LOWEST_MICROSECONDS, HIGHEST_MICROSECONDS, 1.0]
    if magic != get_encoding_cookie() or settings != wanted:
        raise ValueError(f"has other settings than {wanted}: {settings}")
    counters = np.frombuffer(histogram.counts, dtype=np.int64)
    total = int(counters.sum())
    whole = length == len(payload) - _INNER.size and total == histogram.get_total_count()
    if not whole or counters.min() < 0 or not total:
        raise ValueError("is cut short, or holds no values, or a negative count of them")


def _unpacked(text: Any) -> bytes:
    data = base64.b64decode(text, validate=True)
    magic, length = _OUTER.unpack_from(data)
    if magic != get_compression_cookie() or length != len(data) - _OUTER.size:
        raise ValueError("it has another header")
    unpacking = zlib.decompressobj()
    payload = unpacking.decompress(data[_OUTER.size :], _largest_payload())
    if not unpacking.eof or unpacking.unused_data:
        raise ValueError("it is not one whole compressed payload")
    return payload


@functools.cache
def _largest_payload() -> int:
    return _INNER.size + _LONGEST_COUNTER * int(new_histogram().counts_len)
