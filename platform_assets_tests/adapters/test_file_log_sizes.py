"""The size of a segment is told without reading its lines, and never too small."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from platform_assets.adapters.file_log import FileLog
from platform_assets.adapters.file_log_lines import LineReader
from platform_assets.adapters.file_log_segments import Segment
from platform_assets.adapters.file_log_sizes import SegmentSize, segment_size
from platform_assets.ports.streams import Span

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LINES = b"".join(b'{"number": %d}\n' % number for number in range(40_000))
_SKIPPABLE_FRAME = (0x184D2A51).to_bytes(4, "little") + (3).to_bytes(4, "little") + b"abc"


def declared(data: bytes, **options: Any) -> bytes:
    return zstandard.ZstdCompressor(level=3, **options).compress(data)


def streamed(data: bytes, **options: Any) -> bytes:
    """Compress as a writer does that does not know how much will come."""
    sink = io.BytesIO()
    writer = zstandard.ZstdCompressor(level=3, **options).stream_writer(sink, closefd=False)
    with writer:
        for start in range(0, len(data), 10_000):
            writer.write(data[start : start + 10_000])
    return sink.getvalue()


def size_of(folder: Path, data: bytes) -> SegmentSize | None:
    path = folder / "00000000000000000000.ndjson.zst"
    path.write_bytes(data)
    return segment_size(Segment(path, 0, compressed=True))


@pytest.mark.parametrize("checksum", [False, True])
def test_frames_that_declare_their_size_are_told_exactly(tmp_path: Path, checksum: bool) -> None:
    one = declared(LINES, write_checksum=checksum)
    empty = declared(b"", write_checksum=checksum)
    noise = declared(os.urandom(300_000), write_checksum=checksum)
    same = declared(b"\n" * 300_000, write_checksum=checksum)
    whole = one + empty + _SKIPPABLE_FRAME + noise + same
    assert size_of(tmp_path, one) == SegmentSize(len(LINES), exact=True)
    assert size_of(tmp_path, whole) == SegmentSize(len(LINES) + 600_000, exact=True)
    assert size_of(tmp_path, b"") == SegmentSize(0, exact=True)


@settings(max_examples=30, deadline=None)
@given(pieces=st.lists(st.sampled_from([b"", b"\n", LINES, b"\n" * 400_000]), max_size=4))
def test_frames_that_do_not_are_told_by_a_bound(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes]
) -> None:
    folder = tmp_path_factory.mktemp("log")
    found = size_of(folder, b"".join(map(streamed, pieces)))
    assert found is not None
    assert found.exact == (not any(pieces)), "an empty frame declares its size"
    assert sum(map(len, pieces)) <= found.most


@pytest.mark.parametrize("cut", [1, 3, 10, 17, 1000, -1, -4])
def test_what_is_not_whole_frames_has_no_size(tmp_path: Path, cut: int) -> None:
    whole = declared(LINES, write_checksum=True)
    assert size_of(tmp_path, whole[:cut]) is None
    assert size_of(tmp_path, whole + b"\0\0\0") is None


def test_a_file_that_changed_is_looked_at_again(tmp_path: Path) -> None:
    assert size_of(tmp_path, declared(LINES)) == SegmentSize(len(LINES), exact=True)
    assert size_of(tmp_path, declared(LINES * 2)) == SegmentSize(2 * len(LINES), exact=True)


@pytest.fixture
def read_segments(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The base of each segment whose lines are read."""
    found: list[int] = []
    blocks = LineReader._blocks

    def noted(reader: LineReader, *arguments: Any) -> Iterator[Any]:
        found.append(reader.segment.base)
        return blocks(reader, *arguments)

    monkeypatch.setattr(LineReader, "_blocks", noted)
    return found


def log_of_four(folder: Path) -> FileLog:
    """Write four segments of ten lines of ten bytes: plain, declared, streamed, plain."""
    lines = b"123456789\n" * 10
    (folder / "t" / "0").mkdir(parents=True)
    for base, data in enumerate((lines, declared(lines), streamed(lines), lines)):
        ending = "" if base in {0, 3} else ".zst"
        (folder / "t" / "0" / f"{base * 10:020d}.ndjson{ending}").write_bytes(data)
    return FileLog(folder, "t")


def test_a_window_that_fits_is_cut_without_reading(
    tmp_path: Path, read_segments: list[int]
) -> None:
    log = log_of_four(tmp_path)
    assert log.extents()[0].end == 40
    assert log.limit_bytes(Span.of("0", 0, 40), 10**9) == 40
    assert log.limit_bytes(Span.of("0", 5, 35), 10**9) == 35
    assert read_segments == [30], "the newest, whose lines are counted"


@pytest.mark.parametrize(
    ("limit", "stop", "read"),
    [(100, 10, [10]), (155, 15, [10]), (400, 40, [20, 30]), (399, 39, [])],
)
def test_only_where_a_window_is_cut_are_lines_measured(
    tmp_path: Path, read_segments: list[int], limit: int, stop: int, read: list[int]
) -> None:
    log = log_of_four(tmp_path)
    assert log.limit_bytes(Span.of("0", 0, 40), limit) == stop
    assert set(read) <= set(read_segments)
    assert 0 not in read_segments
