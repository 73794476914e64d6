"""A correction in a feed's log: it has a window of before, and leaves the feed where it stood."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets.canonical import digest, parse_rfc3339, rfc3339
from platform_assets.contracts.records import check_record
from platform_assets.errors import ChainBroken, RecordInvalid
from platform_assets.flow.anchors import StreamSeen, anchors_record, verify_chain, verify_link
from platform_assets.flow.continuity import position_of, position_seen_at
from platform_assets.flow.corrections import (
    Superseded,
    correction_problems,
    correction_record,
)
from platform_assets.flow.positions import known_of, waiting_ranges
from platform_assets.flow.windows import oldest_arrival
from platform_assets.ports.streams import Entry, Extent, Identity, Position

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CONFIG, BUNDLE = "sha256:" + "0" * 64, "sha256:" + "b" * 64
STREAM = Identity("account", "stream")
Record = dict[str, Any]


def shard(name: str, end: int, **more: Any) -> Extent:
    return Extent(name, 0, end, STREAM, facts={"seen": f"{name} up to {end}"}, **more)


def window(before: Record | None, *extents: Extent, minutes: int = 0) -> Record:
    """Pin everything of a Kinesis stream whose shards are these, each end under its native name."""
    seen = [StreamSeen(stream="events", kind="kinesis", start="earliest", extents=extents)]
    ranges = []
    for part in waiting_ranges("shop", seen, before):
        native = part.native_start if part.start == part.end else f"seq-{part.partition}-{part.end}"
        ranges.append(_named(part, native))
    pinned_at = NOW + timedelta(minutes=minutes)
    return anchors_record("shop", seen, ranges, before, pinned_at=pinned_at, config_digest=CONFIG)


def _named(part: Any, native: str) -> Any:
    return replace(part, native_end=native)


def corrected(run: Record, head: Record, minutes: int = 60) -> Record:
    pinned_at = NOW + timedelta(minutes=minutes)
    superseded = Superseded(run, BUNDLE)
    return correction_record(superseded, head, "why", pinned_at=pinned_at, config_digest=CONFIG)


@pytest.fixture
def log() -> list[Record]:
    """Two windows of a shard that splits: the first ends, its children enter in the second."""
    first = window(None, shard("a", 10, ended=True))
    entry = Entry(position=Position(0, "seq-b-0"), origin="parent")
    child = shard("b", 5, parents=("a",), entry=entry)
    second = window(first, shard("a", 10, ended=True), child, minutes=10)
    return [first, second]


def test_i01_a_correction_has_the_ranges_of_the_run_and_links_to_the_head(
    log: list[Record],
) -> None:
    first, second = log
    correction = corrected(first, second)
    verify_chain([*log, correction])
    check_record(correction, "anchors")
    assert correction["streams"] == first["streams"]
    assert correction["run_id"] == "shop-00000003"
    assert correction["predecessor"] == digest(second)
    assert correction["supersedes"] == {
        "run_id": "shop-00000001",
        "anchors_digest": digest(first),
        "bundle_digest": BUNDLE,
        "reason": "why",
        "window": "shop-00000001",
        "window_pinned_at": rfc3339(NOW),
    }


def test_i01_the_position_is_carried_with_native_names_parents_ends_and_what_was_seen(
    log: list[Record],
) -> None:
    first, second = log
    correction = corrected(first, second)
    parts = {part["partition"]: part for part in correction["resumes"]["streams"][0]["partitions"]}
    assert parts["b"] == {
        "partition": "b",
        "start": 5,
        "end": 5,
        "origin": "predecessor",
        "cluster": "account",
        "incarnation": "stream",
        "native_start": "seq-b-5",
        "native_end": "seq-b-5",
        "parents": ["a"],
        "facts": {"seen": "b up to 5"},
    }
    assert parts["a"]["ended"] is True
    assert known_of(correction, "events") == known_of(second, "events")
    assert position_seen_at(correction) == second["pinned_at"]
    seen = parse_rfc3339(second["pinned_at"])
    later = seen + timedelta(seconds=1)
    assert oldest_arrival([], correction, now=later) == seen


def test_i01_the_next_window_is_that_which_had_come_without_the_correction(
    log: list[Record],
) -> None:
    first, second = log
    grown = (shard("a", 10, ended=True), shard("b", 9, parents=("a",)))
    plain = window(second, *grown, minutes=20)
    correction = corrected(first, second)
    again = corrected(correction, correction, minutes=61)
    behind = window(again, *grown, minutes=70)
    verify_chain([*log, correction, again, behind])
    assert behind["streams"] == plain["streams"]
    assert (behind["sequence"], behind["last_correction"]) == (5, 4)
    assert "last_correction" not in plain
    after = window(behind, *grown, shard("c", 1), minutes=80)
    assert after["last_correction"] == 4
    assert position_of(after)["events", "b"]["start"] == 9


def test_a_correction_of_a_correction_names_the_window_of_both(log: list[Record]) -> None:
    first, second = log
    correction = corrected(first, second)
    again = corrected(correction, correction)
    assert again["supersedes"]["run_id"] == "shop-00000003"
    assert again["supersedes"]["window"] == "shop-00000001"
    assert again["supersedes"]["window_pinned_at"] == first["pinned_at"]
    assert again["last_correction"] == 3


def resumed(record: Record) -> Record:
    found: Record = record["resumes"]["streams"][0]["partitions"][1]
    return found


TAMPERING: dict[str, Callable[[Record], object]] = {
    "a position that skips": lambda r: resumed(r).update(start=6, end=6),
    "a position that goes back": lambda r: resumed(r).update(start=4, end=4),
    "a range that takes records": lambda r: resumed(r).update(end=6),
    "another native name": lambda r: resumed(r).update(native_end="seq-b-4"),
    "another stream under the name": lambda r: resumed(r).update(incarnation="new"),
    "an end that was none": lambda r: resumed(r).update(ended=True),
    "other facts": lambda r: resumed(r).update(facts={"seen": "more"}),
    "a shard left out": lambda r: r["resumes"]["streams"][0]["partitions"].pop(),
    "a look that was none": lambda r: r["resumes"].update(seen_at=rfc3339(NOW)),
    "a run behind it": lambda r: r["supersedes"].update(run_id="shop-00000004"),
    "itself": lambda r: r["supersedes"].update(run_id="shop-00000003"),
    "a run of another feed": lambda r: r["supersedes"].update(run_id="bar-00000001"),
    "a correction before it that is none": lambda r: r.update(last_correction=2),
    "another predecessor": lambda r: r.update(predecessor=BUNDLE),
    "a gap in the sequence": lambda r: r.update(sequence=4, run_id="shop-00000004"),
}


@pytest.mark.parametrize("name", list(TAMPERING))
def test_i01_a_correction_that_moves_its_feed_breaks_the_chain(
    log: list[Record], name: str
) -> None:
    correction = copy.deepcopy(corrected(*log))
    verify_link(log[1], correction)
    TAMPERING[name](correction)
    with pytest.raises(ChainBroken):
        verify_link(log[1], correction)


def test_i01_a_window_that_hides_a_correction_breaks_the_chain(log: list[Record]) -> None:
    correction = corrected(*log)
    behind = window(correction, shard("a", 10, ended=True), shard("b", 9, parents=("a",)))
    verify_link(correction, behind)
    for last in ({}, {"last_correction": 2}):
        hidden = {key: value for key, value in behind.items() if key != "last_correction"} | last
        with pytest.raises(ChainBroken, match="last correction"):
            verify_link(correction, hidden)


def test_i01_a_feed_does_not_begin_with_a_correction(log: list[Record]) -> None:
    first = {**corrected(*log), "sequence": 1, "run_id": "shop-00000001", "predecessor": None}
    with pytest.raises(ChainBroken):
        verify_link(None, first)


@pytest.mark.parametrize("missing", ["supersedes", "resumes"])
def test_a_record_has_both_or_none(log: list[Record], missing: str) -> None:
    record = {key: value for key, value in corrected(*log).items() if key != missing}
    with pytest.raises(RecordInvalid):
        check_record(record, "anchors")


def test_a_run_that_was_closed_under_other_anchors_is_not_the_corrected_one(
    log: list[Record],
) -> None:
    first, second = log
    correction = corrected(first, second)

    def closed_under(anchors: Record) -> Record:
        sha256 = digest(anchors).removeprefix("sha256:")
        return {"records": [{"path": "feeds/shop/00000001.json", "sha256": sha256}]}

    assert correction_problems(correction, first, closed_under(first)) == []
    for evidence in (closed_under(second), {"records": []}):
        found = correction_problems(correction, first, evidence)
        assert found == [
            "shop-00000001 was closed under other anchors than those it names",
        ]
