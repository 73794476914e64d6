"""The feed's log: every record follows from the one before it, or the chain is broken."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets.canonical import digest
from platform_assets.contracts.records import check_record
from platform_assets.errors import ChainBroken
from platform_assets.flow.anchors import StreamSeen, anchors_record, verify_chain, verify_link
from platform_assets.flow.positions import waiting_ranges
from platform_assets.ports.streams import Extent

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
CONFIG = "sha256:" + "0" * 64


def window(predecessor: dict[str, Any] | None, **ends: int) -> dict[str, Any]:
    """Pin everything of a stream ``events`` whose partitions end there."""
    extents = [Extent(name.removeprefix("p"), 0, end, "one") for name, end in ends.items()]
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
    extents = [Extent("0", 0, 30, "one"), Extent("1", 0, 7, "one"), Extent("2", 0, 3, "one")]
    seen = [StreamSeen(stream="events", kind="kafka", start="earliest", extents=extents)]
    stale = waiting_ranges("shop", seen, chain[1])

    with pytest.raises(ChainBroken):
        anchors_record("shop", seen, stale, chain[2], pinned_at=NOW, config_digest=CONFIG)
