"""The account of a landed range: every offset delivered or explained, none twice."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.adapters.landing_parts import delivered_runs
from platform_assets.contracts.records import check_record
from platform_assets.errors import (
    ClusterChanged,
    GapUnproven,
    LandingInconsistent,
    SourceChanged,
    StreamRecreated,
)
from platform_assets.flow.landing import PartitionTally, landing_record, reconcile, require_same
from platform_assets.ports.streams import LANDING_SCHEMA, Gap, GapKind, Identity

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DIGEST = "sha256:" + "a" * 64
ANCHORS: dict[str, Any] = {
    "run_id": "shop-00000001",
    "config_digest": "sha256:" + "c" * 64,
    "streams": [
        {
            "stream": "events",
            "partitions": [
                {"partition": "0", "start": 10, "end": 20},
                {"partition": "1", "start": 5, "end": 5},
            ],
        }
    ],
}


def tally(start: int = 10, end: int = 20) -> PartitionTally:
    return PartitionTally("landing", {"partition": "0", "start": start, "end": end})


def gap(start: int, end: int, proof: str = "seen", partition: str = "0") -> Gap:
    return Gap(partition, start, end, GapKind.ABORTED, proof)


def deliver(account: PartitionTally, offsets: Sequence[int]) -> None:
    columns = [pa.nulls(len(offsets), field.type) for field in LANDING_SCHEMA]
    columns[1] = pa.array(offsets, pa.int64())
    for start, end in delivered_runs(pa.RecordBatch.from_arrays(columns, schema=LANDING_SCHEMA)):
        account.deliver(start, end)


def test_i02_delivered_and_gaps_equal_the_range() -> None:
    account = tally()
    deliver(account, (11, 12, 15))
    account.declare(gap(10, 11))
    account.declare(gap(14, 15))
    account.declare(gap(13, 14))
    account.declare(gap(16, 20))

    receipt = account.receipt()

    assert receipt["delivered"] == 3
    assert [(g["start"], g["end"]) for g in receipt["gaps"]] == [
        (10, 11),
        (13, 14),
        (14, 15),
        (16, 20),
    ]


@pytest.mark.parametrize("missing", [10, 14, 19])
def test_i02_an_offset_that_nothing_explains_is_refused(missing: int) -> None:
    account = tally()
    deliver(account, [offset for offset in range(10, 20) if offset != missing])

    with pytest.raises(GapUnproven, match=rf"\[{missing}, {missing + 1}\]"):
        account.receipt()


def test_i02_nothing_delivered_is_not_nothing_to_deliver() -> None:
    with pytest.raises(GapUnproven):
        tally().receipt()
    assert tally(7, 7).receipt()["delivered"] == 0


def test_i02_a_gap_that_explains_a_part_of_a_hole_is_not_enough() -> None:
    account = tally()
    deliver(account, (10, 11, 12, 17, 18, 19))
    account.declare(gap(13, 16))

    with pytest.raises(GapUnproven):
        account.receipt()


@pytest.mark.parametrize(
    "gaps",
    [
        [gap(12, 13), gap(13, 14)],
        [gap(13, 14), gap(13, 14)],
        [gap(13, 14), gap(20, 25)],
        [gap(9, 10), gap(13, 14)],
        [gap(13, 14, proof="")],
        [gap(13, 13), gap(13, 14)],
        [gap(13, 14), gap(14, 14)],
        [gap(13, 14, partition="1")],
    ],
)
def test_i02_gaps_that_cannot_be_are_refused(gaps: list[Gap]) -> None:
    account = tally()
    deliver(account, (10, 11, 12, 14, 15, 16, 17, 18, 19))
    for each in gaps:
        account.declare(each)

    with pytest.raises((LandingInconsistent, GapUnproven)):
        account.receipt()


@pytest.mark.parametrize(
    ("before", "wrong"),
    [
        ((), (9, 10)),
        ((10, 11), (11, 12)),
        ((), (10, 12, 11)),
        ((), (10, 10)),
        ((15,), (14,)),
        ((), (19, 20)),
    ],
)
def test_i02_records_out_of_order_twice_or_outside_are_refused(
    before: tuple[int, ...], wrong: tuple[int, ...]
) -> None:
    account = tally()
    if before:
        deliver(account, before)

    with pytest.raises(LandingInconsistent):
        deliver(account, wrong)


@given(st.lists(st.booleans(), max_size=40), st.data())
def test_i02_any_delivery_with_exactly_its_gaps_is_accepted_and_any_other_is_not(
    present: list[bool], data: st.DataObject
) -> None:
    account = tally(0, len(present))
    delivered = [offset for offset, there in enumerate(present) if there]
    while delivered:
        size = data.draw(st.integers(1, len(delivered)))
        deliver(account, delivered[:size])
        delivered = delivered[size:]
    absent = [offset for offset, there in enumerate(present) if not there]
    lost = data.draw(st.none() if not absent else st.none() | st.sampled_from(absent))
    for offset in absent:
        if offset != lost:
            account.declare(gap(offset, offset + 1))

    if lost is None:
        assert account.receipt()["delivered"] == sum(present)
    else:
        with pytest.raises(GapUnproven):
            account.receipt()


# --- the receipt ---------------------------------------------------------------------------------


def part(rows: int) -> dict[str, Any]:
    return {
        "path": "landing/events/part-00000.aa.parquet",
        "size": 9,
        "sha256": "b" * 64,
        "rows": rows,
    }


@pytest.fixture
def receipt() -> dict[str, Any]:
    full, empty = tally(), PartitionTally("landing", {"partition": "1", "start": 5, "end": 5})
    full.deliver(10, 18)
    full.declare(gap(18, 20))
    return landing_record(ANCHORS, DIGEST, "events", [full, empty], [part(8)], byte_count=77)


def test_i02_a_receipt_adds_up_to_its_anchors(receipt: dict[str, Any]) -> None:
    check_record(receipt, "landing")
    assert reconcile(receipt, ANCHORS, DIGEST) == []
    assert (receipt["delivered"], receipt["bytes"]) == (8, 77)


def first(receipt: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = receipt["partitions"][0]
    return found


FALSIFIED: dict[str, Callable[[dict[str, Any]], object]] = {
    "another run": lambda r: r.update(run_id="shop-00000002"),
    "another configuration": lambda r: r.update(config_digest=DIGEST),
    "other anchors": lambda r: r.update(anchors_digest="sha256:" + "d" * 64),
    "a partition not landed": lambda r: r["partitions"].pop(1),
    "a partition not pinned": lambda r: r["partitions"].append({**first(r), "partition": "9"}),
    "a partition twice": lambda r: r["partitions"].append(r["partitions"][1]),
    "a shorter range": lambda r: first(r).update(end=19, gaps=[]),
    "one delivered too many": lambda r: first(r).update(delivered=9),
    "a gap forgotten": lambda r: first(r).update(gaps=[]),
    "another total": lambda r: r.update(delivered=9),
    "a part forgotten": lambda r: r.update(parts=[]),
    "a part too many": lambda r: r["parts"].append(part(1)),
}


@pytest.mark.parametrize("name", FALSIFIED)
def test_i02_a_receipt_that_does_not_add_up_is_found_out(
    receipt: dict[str, Any], name: str
) -> None:
    forged = copy.deepcopy(receipt)
    FALSIFIED[name](forged)

    assert reconcile(forged, ANCHORS, DIGEST)


def test_i02_parts_that_lack_a_record_are_never_recorded() -> None:
    full, empty = tally(), PartitionTally("landing", {"partition": "1", "start": 5, "end": 5})
    full.deliver(10, 20)

    with pytest.raises(LandingInconsistent, match="parts hold 9 records"):
        landing_record(ANCHORS, DIGEST, "events", [full, empty], [part(9)], byte_count=77)


def test_i02_a_partition_left_out_is_never_recorded() -> None:
    full = tally()
    full.deliver(10, 20)

    with pytest.raises(LandingInconsistent, match=r"partition 1 .* was not landed"):
        landing_record(ANCHORS, DIGEST, "events", [full], [part(10)], byte_count=77)


ANCHORED = {"partition": "0", "start": 3, "end": 9, "cluster": "alpha", "incarnation": "a"}


def test_i02_the_partitions_that_were_pinned_are_accepted() -> None:
    require_same("events", [ANCHORED], {"0": Identity("alpha", "a"), "1": Identity("alpha", "b")})


@pytest.mark.parametrize(
    ("now", "refusal"),
    [
        ({"0": Identity("alpha", "b")}, StreamRecreated),
        ({"0": Identity("beta", "a")}, ClusterChanged),
        ({"0": Identity("beta", "b")}, ClusterChanged),
        ({"1": Identity("alpha", "a")}, SourceChanged),
    ],
)
def test_i02_each_way_to_be_another_source_has_its_refusal(
    now: dict[str, Identity], refusal: type[SourceChanged]
) -> None:
    with pytest.raises(SourceChanged) as caught:
        require_same("events", [ANCHORED], now)

    assert type(caught.value) is refusal


def test_a_partition_of_which_nothing_was_pinned_may_be_gone() -> None:
    require_same("events", [{**ANCHORED, "end": 3}], {})
