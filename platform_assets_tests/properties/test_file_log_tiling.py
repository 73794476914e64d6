"""Any log, cut anywhere, read in blocks of any size, gives each record once and in its place."""

from __future__ import annotations

import tempfile
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from platform_assets.adapters import file_log_lines
from platform_assets.adapters.file_log import FileLog
from platform_assets.ports.streams import Span
from platform_assets_tests.simulators.file_logs import FileLogWriter

# A record may hold anything but a line feed, and may not end with what would join its terminator.
record = st.binary(max_size=40).map(lambda data: data.replace(b"\n", b"").rstrip(b"\r"))
chunk = st.tuples(st.lists(record, max_size=12), st.sampled_from([b"\n", b"\r\n"]))


@settings(max_examples=150, deadline=None)
@given(
    chunks=st.lists(chunk, min_size=1, max_size=5),
    cuts=st.lists(st.floats(0, 1), max_size=4),
    compressed=st.booleans(),
    segment_records=st.integers(1, 9),
    block_bytes=st.integers(1, 64),
    torn=record,
    base=st.integers(0, 10**12),
)
def test_i02_cuts_of_a_growing_log_deliver_each_record_once(
    *,
    chunks: list[tuple[list[bytes], bytes]],
    cuts: list[float],
    compressed: bool,
    segment_records: int,
    block_bytes: int,
    torn: bytes,
    base: int,
) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(file_log_lines, "BLOCK_BYTES", block_bytes)
        patch.setattr(file_log_lines, "_SPACING", 10)
        writer = FileLogWriter(
            Path(folder), "t", compressed=compressed, segment_records=segment_records
        )
        writer.add_partition("0", base)
        log = FileLog(Path(folder), "t")
        written: list[bytes] = []
        for records, terminator in chunks:
            writer.append("0", records, terminator)
            written += records
            assert (log.extents()[0].start, log.extents()[0].end) == (base, base + len(written))
        writer.tear("0", torn)

        bounds = sorted({0, len(written), *(round(cut * len(written)) for cut in cuts)})
        rows = [
            row
            for low, high in pairwise(bounds)
            for batch in log.read(Span.of("0", base + low, base + high))
            for row in zip(batch["offset"].to_pylist(), batch["value"].to_pylist(), strict=True)
        ]

        assert rows == list(enumerate(written, base))
        assert log.extents()[0].end == base + len(written)


@settings(max_examples=100, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 30), min_size=1, max_size=30),
    segment_records=st.integers(1, 9),
    block_bytes=st.integers(1, 64),
    start=st.floats(0, 1, exclude_max=True),
    limit=st.integers(0, 400),
)
def test_a_byte_limit_holds_across_segments_and_blocks(
    sizes: list[int], segment_records: int, block_bytes: int, start: float, limit: int
) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(file_log_lines, "BLOCK_BYTES", block_bytes)
        patch.setattr(file_log_lines, "_SPACING", 10)
        writer = FileLogWriter(Path(folder), "t", segment_records=segment_records)
        writer.append("0", [b"x" * size for size in sizes])
        begin = int(start * len(sizes))

        stop = FileLog(Path(folder), "t").limit_bytes(Span.of("0", begin, len(sizes)), limit)

        assert begin < stop <= len(sizes)
        assert stop == begin + 1 or sum(sizes[begin:stop]) + stop - begin <= limit
        assert stop == len(sizes) or sum(sizes[begin : stop + 1]) + stop + 1 - begin > limit
