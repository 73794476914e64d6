"""The benchmarks' log: shards that are joined are one log, and its ledger is right."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import orjson
import pytest

from benchmarks import inputs
from benchmarks.feed import STREAM

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "SHARD_EVENTS", 2_000)


def test_joined_shards_are_one_log_of_contiguous_offsets(
    tmp_path: Path, small_shards: None
) -> None:
    made: list[int] = []
    counts = inputs.write_input(tmp_path, 5_000, made.append)
    assert made == [2_000, 2_000, 1_000]
    ends: dict[str, int] = {}
    ids: Counter[str] = Counter()
    for segment in inputs.segments(tmp_path):
        partition, base = segment.parent.name, int(segment.name.partition(".")[0])
        assert base == ends.get(partition, 0)
        lines = list(inputs.lines(segment))
        ends[partition] = base + len(lines)
        ids.update(orjson.loads(line)["event_id"] for line in lines)
    assert sum(ends.values()) == counts.delivered
    assert len(ids) == counts.admitted
    assert sum(ids.values()) - len(ids) == counts.duplicate > 0


def test_every_segment_is_compressed_and_nothing_else_is_left(
    tmp_path: Path, small_shards: None
) -> None:
    inputs.write_input(tmp_path, 5_000)
    files = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {*inputs.segments(tmp_path), tmp_path / "counts.json"}
    assert {path.name for path in (tmp_path / "log").iterdir()} == {STREAM}


def test_a_log_that_is_there_stays_and_one_that_was_broken_off_is_made_anew(tmp_path: Path) -> None:
    counts = inputs.write_input(tmp_path, 1_000)
    times = [path.stat().st_mtime_ns for path in inputs.segments(tmp_path)]
    assert inputs.write_input(tmp_path, 1_000) == counts
    assert [path.stat().st_mtime_ns for path in inputs.segments(tmp_path)] == times
    (tmp_path / "counts.json").unlink()
    inputs.segments(tmp_path)[0].unlink()
    assert inputs.write_input(tmp_path, 1_000) == counts
    assert len(inputs.segments(tmp_path)) == len(times)


def test_a_slice_holds_the_first_records(tmp_path: Path) -> None:
    inputs.write_input(tmp_path, 1_000)
    target = tmp_path / "slice" / "first.ndjson"
    assert inputs.write_slice(tmp_path, target, 10) == 10
    first = inputs.lines(inputs.segments(tmp_path)[0])
    assert target.read_bytes() == b"".join(next(first) for _ in range(10))
    assert (
        inputs.write_slice(tmp_path, target, 10**6) == inputs.write_input(tmp_path, 1_000).delivered
    )
