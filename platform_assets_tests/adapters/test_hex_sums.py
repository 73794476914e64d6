from __future__ import annotations

import hashlib
import struct

import polars as pl
import pytest

from platform_assets.adapters.hex_sums import sums_of_hashes

HASHES = [hashlib.sha256(bytes([n % 256, n // 256])).hexdigest() for n in range(40_000)]
#: The least and the most that a hash can be, by which lanes would overflow first.
LEAST, MOST = "0" * 64, "f" * 64


def sums(hashes: list[str]) -> tuple[int, ...]:
    words = (struct.unpack(">4Q", bytes.fromhex(each)) for each in hashes)
    return tuple(map(sum, zip(*words, strict=True))) or (0, 0, 0, 0)


@pytest.mark.parametrize("rows", [0, 1, 2, 127, 128, 129, 16_384, 40_000])
def test_i05_as_many_hashes_as_there_are_have_the_sums_of_their_integers(rows: int) -> None:
    assert sums_of_hashes(pl.Series(HASHES[:rows], dtype=pl.String)) == sums(HASHES[:rows])


@pytest.mark.parametrize("each", [LEAST, MOST, "0123456789abcdef" * 4])
@pytest.mark.parametrize("rows", [1, 128, 65_536])
def test_i05_no_lane_carries_into_the_next(each: str, rows: int) -> None:
    assert sums_of_hashes(pl.Series([each]).new_from_index(0, rows)) == sums([each] * rows)


def test_i05_hashes_that_share_their_memory_with_others_are_told_apart() -> None:
    assert sums_of_hashes(pl.Series(HASHES)[3:6]) == sums(HASHES[3:6])


def test_i05_hashes_may_come_in_chunks() -> None:
    chunks = pl.concat([pl.Series(HASHES[:300]), pl.Series(HASHES[300:1000])], rechunk=False)
    assert chunks.n_chunks() == 2
    assert sums_of_hashes(chunks) == sums(HASHES[:1000])
