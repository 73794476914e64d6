"""Rows whose keys may repeat are found whatever the sources, the buckets and the skew."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from platform_assets.adapters import hash_buckets
from platform_assets.adapters.hash_buckets import (
    CELLS,
    HashFile,
    bucket_count,
    key_hashes,
    repeated,
    spill_hashes,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from platform_assets.adapters.hash_buckets import Candidates, Hashes

#: Hashes over the whole range, few enough that they meet.
HASH = st.integers(0, 40).map(lambda n: (n * 0x9E3779B97F4A7C15) % 2**64)
SOURCES = st.lists(st.lists(HASH, max_size=12), max_size=6)
MEMORY = st.sampled_from([1, 200, 1_000, 10_000, 2**30])


def spilled(folder: Path, sources: list[list[int]], first: int = 0) -> list[HashFile]:
    """Spill each source under the next number; a name that stands there is replaced."""
    files = []
    for number, hashes in enumerate(sources, first):
        (folder / str(number)).unlink(missing_ok=True)
        files.append(spill_hashes(np.array(hashes, np.uint64), folder / str(number), number))
    return files


def rows(found: Iterable[Candidates]) -> list[tuple[int, int]]:
    return sorted((each.source, int(row)) for each in found for row in each.ordinals)


@given(sources=SOURCES, earlier=SOURCES, memory=MEMORY, threads=st.integers(1, 3))
@settings(max_examples=150, deadline=None)
def test_exactly_the_rows_whose_hash_occurs_again_are_found(
    sources: list[list[int]], earlier: list[list[int]], memory: int, threads: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:  # fmt: skip
    folder = tmp_path_factory.mktemp("hashes")
    files, beside = spilled(folder, sources), spilled(folder, earlier, len(sources))
    own = Counter(h for hashes in sources for h in hashes)
    before = {h for hashes in earlier for h in hashes}

    expected = [
        (s, r) for s, hashes in enumerate(sources) for r, h in enumerate(hashes)
        if own[h] > 1 or h in before
    ] + [
        (s, r) for s, hashes in enumerate(earlier, len(sources)) for r, h in enumerate(hashes)
        if h in own
    ]  # fmt: skip
    found = repeated(files, memory, beside=beside, threads=threads)
    assert rows(found) == sorted(expected)


def test_one_key_of_a_million_rows_is_held_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    every_row = [[7] * 100_000 for _ in range(10)]
    held: list[int] = []
    joined = hash_buckets._joined

    def counted(distinct: Hashes, several: Hashes, more: list[Hashes]) -> tuple[Hashes, Hashes]:
        held.append(len(distinct))
        return joined(distinct, several, more)

    monkeypatch.setattr(hash_buckets, "_joined", counted)
    found = list(repeated(spilled(tmp_path, every_row), 1_000_000))

    assert sum(len(each.ordinals) for each in found) == 1_000_000
    assert len(held) > 5
    assert max(held) == 1


def test_a_row_of_any_types_has_the_same_hash_in_every_process() -> None:
    script = (
        "import polars as pl; from platform_assets.adapters.hash_buckets import key_hashes;"
        "print(key_hashes(pl.DataFrame({'a': ['x', 'y', None], 'b': [1, 2, 3]})).tolist())"
    )
    there = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    here = key_hashes(pl.DataFrame({"a": ["x", "y", None], "b": [1, 2, 3]}))
    assert there.stdout.strip() == str(here.tolist())
    assert len(set(here.tolist())) == 3


def test_distinct_keys_spread_over_all_cells() -> None:
    for keys in (pl.Series(range(100_000)), pl.Series([f"id-{n}" for n in range(100_000)])):
        cells = np.bincount(key_hashes(keys.to_frame("k")) >> np.uint64(56), minlength=CELLS)
        assert cells.min() > 250
        assert cells.max() < 550


def test_buckets_are_as_many_as_the_memory_asks_for() -> None:
    assert bucket_count(0, 1) == 1
    assert bucket_count(10_000_000, 2**30) == 1
    assert bucket_count(100_000_000, 2**28) == 12
    assert bucket_count(10**12, 1) == CELLS


def test_hashes_of_a_source_are_never_written_over_others(tmp_path: Path) -> None:
    spilled(tmp_path, [[1, 2]])
    with pytest.raises(FileExistsError):
        spill_hashes(np.array([3], np.uint64), tmp_path / "0", 0)
