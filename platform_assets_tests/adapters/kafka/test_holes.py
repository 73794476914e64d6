"""The holes that are noted as batches pass are those between the offsets, however they were cut."""

from __future__ import annotations

from itertools import pairwise

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.adapters.kafka.holes import Holes
from platform_assets_tests.adapters.kafka.gap_model import holes_of


def batch(offsets: list[int]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"offset": pa.array(offsets, pa.int64())})


@given(
    offsets=st.sets(st.integers(5, 60), max_size=40),
    cuts=st.sets(st.integers(1, 39), max_size=5),
    taken_after=st.integers(0, 6),
)
def test_holes_are_what_is_missing_between_start_and_end(
    offsets: set[int], cuts: set[int], taken_after: int
) -> None:
    ordered = sorted(offsets)
    bounds = [0, *sorted(cut for cut in cuts if cut < len(ordered)), len(ordered)]
    pieces = [ordered[low:high] for low, high in pairwise(bounds)]
    holes = Holes(5)
    found: list[tuple[int, int]] = []
    windows: list[tuple[int, int]] = []
    for number, piece in enumerate(piece for piece in pieces if piece):
        holes.passed(batch(piece))
        if number == taken_after:
            window, some = holes.take()
            windows.append(window)
            found += some
    holes.ended(61)
    window, some = holes.take()

    assert [*found, *some] == holes_of((5, 61), ordered)
    edges = [edge for each in (*windows, window) for edge in each]
    assert edges[0] == 5
    assert edges[-1] == 61
    assert edges[1:-1:2] == edges[2::2]  # the windows join
    assert holes.take() == ((61, 61), [])
