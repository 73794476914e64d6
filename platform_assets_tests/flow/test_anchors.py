"""The feed's log: every record follows from the one before it, or the chain is broken."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets.canonical import digest
from platform_assets.contracts.records import check_record
from platform_assets.errors import ChainBroken
from platform_assets.flow.anchors import StreamSeen, anchors_record, verify_chain, verify_link
from platform_assets.flow.positions import waiting_ranges
from platform_assets.ports.streams import Entry, Extent, Identity, Position

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
CONFIG = "sha256:" + "0" * 64
ONE = Identity(cluster="alpha", incarnation="one")


def window(predecessor: dict[str, Any] | None, **ends: int) -> dict[str, Any]:
    """Pin everything of a stream ``events`` whose partitions end there."""
    extents = [Extent(name.removeprefix("p"), 0, end, ONE) for name, end in ends.items()]
    seen = [StreamSeen(stream="events", kind="kafka", start="earliest", extents=extents)]
    waiting = waiting_ranges("shop", seen, predecessor)
    return anchors_record("shop", seen, waiting, predecessor, pinned_at=NOW, config_digest=CONFIG)


@pytest.fixture
def chain() -> list[dict[str, Any]]:
    first = window(None, p0=10, p1=5)
    second = window(first, p0=12, p1=5)
    return [first, second, window(second, p0=20, p1=7, p2=3)]


def test_i01_every_window_starts_where_its_predecessor_ended(chain: list[dict[str, Any]]) -> None:
    verify_chain(chain)

    ranges = [
        [(p["partition"], p["start"], p["end"], p["origin"]) for p in r["streams"][0]["partitions"]]
        for r in chain
    ]
    assert ranges == [
        [("0", 0, 10, "earliest"), ("1", 0, 5, "earliest")],
        [("0", 10, 12, "predecessor"), ("1", 5, 5, "predecessor")],
        [("0", 12, 20, "predecessor"), ("1", 5, 7, "predecessor"), ("2", 0, 3, "earliest")],
    ]


def test_i01_every_record_names_the_digest_of_its_predecessor(chain: list[dict[str, Any]]) -> None:
    assert [r["predecessor"] for r in chain] == [None, digest(chain[0]), digest(chain[1])]
    assert [r["run_id"] for r in chain] == [f"shop-0000000{n}" for n in (1, 2, 3)]
    assert chain[0]["pinned_at"] == "2026-01-02T03:04:05.000678Z"
    for record in chain:
        check_record(record, "anchors")


def partition(record: dict[str, Any], index: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = record["streams"][0]["partitions"][index]
    return found


TAMPERING: dict[str, Callable[[dict[str, Any]], object]] = {
    "another predecessor": lambda r: r.update(predecessor="sha256:" + "1" * 64),
    "no predecessor": lambda r: r.update(predecessor=None),
    "another feed": lambda r: r.update(feed="bar", run_id="bar-00000003"),
    "another sequence": lambda r: r.update(sequence=4),
    "another run": lambda r: r.update(run_id="shop-00000007"),
    "skipped records": lambda r: partition(r).update(start=13),
    "records counted twice": lambda r: partition(r).update(start=11),
    "a start after the end": lambda r: partition(r, 2).update(start=4),
    "a recreated partition": lambda r: partition(r).update(incarnation="two"),
    "another cluster": lambda r: partition(r).update(cluster="beta"),
    "a cluster withheld": lambda r: partition(r).pop("cluster"),
    "another kind of source": lambda r: r["streams"][0].update(kind="file_log"),
    "a partition dropped": lambda r: r["streams"][0]["partitions"].pop(1),
    "a partition twice": lambda r: r["streams"][0]["partitions"].append(partition(r, 2)),
    "a known partition taken for new": lambda r: partition(r).update(origin="earliest"),
    "a new partition taken for known": lambda r: partition(r, 2).update(origin="predecessor"),
    "the stream renamed": lambda r: r["streams"][0].update(stream="other"),
}


@pytest.mark.parametrize("name", TAMPERING)
def test_i01_anchors_that_do_not_continue_the_chain_are_refused(
    chain: list[dict[str, Any]], name: str
) -> None:
    forged = copy.deepcopy(chain[2])
    TAMPERING[name](forged)

    with pytest.raises(ChainBroken):
        verify_link(chain[1], forged)


def test_i01_a_chain_with_a_missing_or_changed_link_is_refused(chain: list[dict[str, Any]]) -> None:
    for broken in ([chain[0], chain[2]], chain[1:], [], [chain[0], chain[0]]):
        with pytest.raises(ChainBroken):
            verify_chain(broken)
    chain[1]["pinned_at"] = "2027-01-01T00:00:00.000000Z"
    with pytest.raises(ChainBroken, match="predecessor sha256"):
        verify_chain(chain)


def test_i01_a_window_planned_against_another_predecessor_is_never_recorded(
    chain: list[dict[str, Any]],
) -> None:
    extents = [Extent("0", 0, 30, ONE), Extent("1", 0, 7, ONE), Extent("2", 0, 3, ONE)]
    seen = [StreamSeen(stream="events", kind="kafka", start="earliest", extents=extents)]
    stale = waiting_ranges("shop", seen, chain[1])

    with pytest.raises(ChainBroken):
        anchors_record("shop", seen, stale, chain[2], pinned_at=NOW, config_digest=CONFIG)


def shards(predecessor: dict[str, Any] | None, *extents: Extent) -> dict[str, Any]:
    """Pin everything of a stream whose positions have names of their own."""
    seen = [StreamSeen(stream="events", kind="kinesis", start="earliest", extents=extents)]
    waiting = [
        replace(part, native_end=f"after:{part.end}" if part.end > 0 else part.native_start)
        for part in waiting_ranges("shop", seen, predecessor)
    ]
    return anchors_record("shop", seen, waiting, predecessor, pinned_at=NOW, config_digest=CONFIG)


def shard(name: str, end: int, *parents: str, ended: bool = False) -> Extent:
    entry = Entry(position=Position(0, "trim_horizon"), origin="parent" if parents else "earliest")
    return Extent(name, 0, end, ONE, entry=entry, ended=ended, parents=parents)


@pytest.fixture
def resharded() -> list[dict[str, Any]]:
    """Two shards; the first is drained and split in two; the first is gone at the end."""
    first = shards(None, shard("s0", 4), shard("s1", 3))
    second = shards(first, shard("s0", 6, ended=True), shard("s1", 3))
    third = shards(
        second,
        shard("s0", 6, ended=True),
        shard("s1", 3),
        shard("s2", 2, "s0"),
        shard("s3", 5, "s0"),
    )
    return [first, second, third, shards(third, *map(shard, ("s1", "s2", "s3"), (3, 2, 9)))]


def test_i01_positions_of_the_source_are_continued_by_name(resharded: list[dict[str, Any]]) -> None:
    verify_chain(resharded)

    assert [
        [
            (p["partition"], p["native_start"], p["native_end"])
            for p in r["streams"][0]["partitions"]
        ]
        for r in resharded[1:3]
    ] == [
        [("s0", "after:4", "after:6"), ("s1", "after:3", "after:3")],
        [
            ("s0", "after:6", "after:6"),
            ("s1", "after:3", "after:3"),
            ("s2", "trim_horizon", "after:2"),
            ("s3", "trim_horizon", "after:5"),
        ],
    ]
    for record in resharded:
        check_record(record, "anchors")


RESHARDING: dict[str, tuple[int, Callable[[dict[str, Any]], object]]] = {
    "a child before its parent has ended": (0, dict),
    "a start that is named otherwise": (
        1,
        lambda r: partition(r, 1).update(native_start="after:2"),
    ),
    "a name that moves in an empty range": (1, lambda r: partition(r, 1).update(native_end="x")),
    "an ended partition that goes on": (1, lambda r: partition(r).update(end=9, native_end="z")),
    "an ended partition that is open again": (1, lambda r: partition(r).pop("ended")),
    "a partition dropped that goes on": (1, lambda r: r["streams"][0]["partitions"].pop(1)),
}


@pytest.mark.parametrize("name", RESHARDING)
def test_i02_a_resharding_that_skips_or_repeats_is_refused(
    resharded: list[dict[str, Any]], name: str
) -> None:
    at, tamper = RESHARDING[name]
    forged = copy.deepcopy(resharded[2])
    tamper(forged)
    if at == 0:  # the window after the first, in which the parent had not ended
        forged["sequence"], forged["run_id"] = 2, "shop-00000002"
        forged["predecessor"] = digest(resharded[0])
        partition(forged).update(start=4, native_start="after:4")

    with pytest.raises(ChainBroken, match=r"goes on from the anchors before|no such partition"):
        verify_link(resharded[at], forged)


def test_i02_a_partition_cut_short_has_not_ended() -> None:
    seen = [
        StreamSeen(
            stream="events", kind="kinesis", start="earliest", extents=[shard("s0", 6, ended=True)]
        )
    ]
    (part,) = waiting_ranges("shop", seen, None)

    assert part.until(6).ended
    assert not part.until(5).ended
    assert not part.until(5).newly_ended
