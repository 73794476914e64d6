from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given, settings
from hypothesis import strategies as st

from platform_assets.lanes.histograms import (
    HIGHEST_MICROSECONDS,
    counted,
    decode,
    encode,
    merged,
    new_histogram,
    record_values,
    require_sound,
)

EDGES = [2**power + by for power in range(35) for by in (-1, 0, 1)]
VALUES = st.lists(
    st.one_of(st.integers(0, 2 * HIGHEST_MICROSECONDS), st.sampled_from(EDGES)), max_size=50
)


def _one_by_one(values: list[int]) -> HdrHistogram:
    histogram = new_histogram()
    for value in values:
        assert histogram.record_value(min(value, HIGHEST_MICROSECONDS))
    return histogram


def _at_once(values: list[int]) -> HdrHistogram:
    histogram = new_histogram()
    record_values(histogram, np.array(values, dtype=np.int64))
    return histogram


@settings(deadline=None)
@given(VALUES)
def test_values_recorded_at_once_are_the_library_s_own_histogram(values: list[int]) -> None:
    assert _at_once(values).equals(_one_by_one(values))
    assert encode(_at_once(values)) == encode(_one_by_one(values))


@settings(deadline=None)
@given(VALUES, VALUES)
def test_merging_loses_nothing(first: list[int], second: list[int]) -> None:
    whole = merged(map(_at_once, (first, second)))
    assert whole.equals(_one_by_one(first + second))
    assert sum(count for _, count in counted(whole)) == len(first) + len(second)


@settings(deadline=None)
@given(VALUES.filter(bool))
def test_what_was_encoded_is_sound_and_decodes_to_the_same(values: list[int]) -> None:
    text = encode(_at_once(values))
    require_sound(text)
    assert counted(decode(text)) == counted(_at_once(values))


def test_a_value_beyond_four_hours_counts_as_four_hours() -> None:
    assert counted(_at_once([10 * HIGHEST_MICROSECONDS])) == counted(
        _at_once([HIGHEST_MICROSECONDS])
    )


def _packed(payload: bytes, behind: bytes = b"") -> str:
    packed = zlib.compress(payload) + behind
    return base64.b64encode(struct.pack(">II", 0x1C849314, len(packed)) + packed).decode()


def _other_settings() -> str:
    histogram = HdrHistogram(1, 10**6, 3)
    histogram.record_value(5)
    return str(histogram.encode().decode())


SOUND = encode(_at_once([5, 70, 800_000]))
PAYLOAD = zlib.decompress(base64.b64decode(SOUND)[8:])


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(None, id="nothing"),
        pytest.param("", id="empty"),
        pytest.param("no base64!", id="no base64"),
        pytest.param(SOUND[:-8], id="cut short"),
        pytest.param(f"{SOUND[:4]} {SOUND[4:]}", id="with a blank"),
        pytest.param(encode(new_histogram()), id="without a value"),
        pytest.param(_other_settings(), id="of other settings"),
        pytest.param(_packed(PAYLOAD[:-1]), id="of a payload cut short"),
        pytest.param(_packed(PAYLOAD + b"\x02"), id="with a counter behind its end"),
        pytest.param(_packed(PAYLOAD + bytes(10**6)), id="that unpacks to a megabyte"),
        pytest.param(_packed(PAYLOAD, b"\0"), id="with a byte behind what is compressed"),
        pytest.param(_packed(PAYLOAD[:40]), id="of a header alone"),
    ],
)
def test_a_histogram_that_is_none_is_refused(text: str | None) -> None:
    with pytest.raises(ValueError, match=r"^(is|has) "):
        require_sound(text)
    require_sound(SOUND)


def test_what_unpacks_to_more_than_any_histogram_is_not_unpacked() -> None:
    with pytest.raises(ValueError, match="not one whole compressed payload"):
        require_sound(_packed(PAYLOAD + bytes(10**6)))
