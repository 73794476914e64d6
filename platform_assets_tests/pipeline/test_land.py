"""Landing: the pinned ranges, all of them and nothing else, and a receipt that says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from platform_assets.adapters import landing_parts
from platform_assets.canonical import digest
from platform_assets.errors import (
    ClusterChanged,
    GapUnproven,
    OffsetExpired,
    OffsetTruncated,
    PartAltered,
    RecordMissing,
    SourceChanged,
    SourceUnreachable,
    StreamRecreated,
    UnknownThing,
)
from platform_assets.flow.landing import reconcile
from platform_assets.identifiers import RunId
from platform_assets.pipeline.land import land
from platform_assets.pipeline.pin import pin
from platform_assets.ports.streams import GapKind
from platform_assets_tests.simulators.feeds import SimulatedPlatform, make_home
from platform_assets_tests.simulators.store import Fault, SimulatedCrash, SimulatedStore
from platform_assets_tests.simulators.streams import SimulatedStream

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from platform_assets.pipeline.platform import Platform

RUN = RunId("shop", 1)
ODD = [b"", b"\xff\xfe", b'{"id": "a"}', b"x" * 5000, b"\r", "Zürich".encode()]


def opened(
    home: Path, stream: SimulatedStream, store: SimulatedStore | None = None
) -> SimulatedPlatform:
    platform = SimulatedPlatform.open(make_home(home), store=store or SimulatedStore())
    assert isinstance(platform, SimulatedPlatform)
    platform.streams["orders"] = stream
    return platform


def landed(platform: Platform, receipt: dict[str, Any]) -> list[tuple[str, int, bytes]]:
    rows: list[tuple[str, int, bytes]] = []
    for part in receipt["parts"]:
        path = platform.store.local_path(f"runs/{receipt['run_id']}/{part['path']}")
        table = pl.read_parquet(path, columns=["partition", "offset", "value"])
        assert table.height == part["rows"]
        rows += table.rows()
    return rows


def no_receipt(platform: Platform) -> bool:
    return not platform.store.exists(f"runs/{RUN}/landing/orders.json")


@pytest.fixture
def stream() -> SimulatedStream:
    stream = SimulatedStream()
    for partition in ("0", "2", "10"):
        stream.append(partition, ODD)
    return stream


def test_i02_exactly_the_pinned_records_are_landed_as_they_came(
    tmp_path: Path, stream: SimulatedStream
) -> None:
    platform = opened(tmp_path, stream)
    pin(platform, "shop")
    stream.append("0", [b"later"])

    receipt = land(platform, RUN, "orders")

    expected = [(p, at, value) for p in ("0", "2", "10") for at, value in enumerate(ODD)]
    assert landed(platform, receipt) == expected
    anchors = platform.anchors(RUN)
    assert reconcile(receipt, anchors, digest(anchors)) == []
    assert receipt["bytes"] == 3 * sum(map(len, ODD))
    assert [part["rows"] for part in receipt["parts"]] == [len(ODD)] * 3  # one partition each


def test_i02_each_window_lands_what_the_others_did_not(
    tmp_path: Path, stream: SimulatedStream
) -> None:
    platform = opened(tmp_path, stream)
    pin(platform, "shop")
    stream.append("2", [b"more"] * 4)
    pin(platform, "shop")

    rows = [
        row
        for sequence in (1, 2)
        for row in landed(platform, land(platform, RunId("shop", sequence), "orders"))
    ]

    assert sorted(rows) == sorted(
        (partition, at, value)
        for partition, log in stream.partitions.items()
        for at, value in log.records.items()
    )


def test_an_empty_range_is_landed_as_empty(tmp_path: Path) -> None:
    stream = SimulatedStream()
    stream.append("0", [b"a"])
    platform = opened(tmp_path, stream)
    pin(platform, "shop")
    stream.append("1", [b"b"])
    pin(platform, "shop")

    receipt = land(platform, RunId("shop", 2), "orders")

    assert [(p["partition"], p["delivered"]) for p in receipt["partitions"]] == [("0", 0), ("1", 1)]
    assert len(receipt["parts"]) == 1


def test_i02_gaps_are_recorded_with_kind_and_proof(tmp_path: Path) -> None:
    stream = SimulatedStream()
    stream.append("0", [b"a", b"b"])
    stream.leave_gap("0", 1, GapKind.TRANSACTION_CONTROL)
    stream.leave_gap("0", 3, GapKind.ABORTED)
    stream.append("0", [b"c"])
    platform = opened(tmp_path, stream)
    pin(platform, "shop")

    (partition,) = land(platform, RUN, "orders")["partitions"]

    assert (partition["start"], partition["end"], partition["delivered"]) == (0, 7, 3)
    assert partition["gaps"] == [
        {
            "start": 2,
            "end": 3,
            "kind": "transaction_control",
            "proof": "simulated transaction_control",
        },
        {"start": 3, "end": 6, "kind": "aborted", "proof": "simulated aborted"},
    ]


def test_i15_landing_again_returns_the_standing_receipt_without_reading(
    tmp_path: Path, stream: SimulatedStream
) -> None:
    platform = opened(tmp_path, stream)
    pin(platform, "shop")
    receipt = land(platform, RUN, "orders")
    stream.unreachable = True

    assert land(platform, RUN, "orders") == receipt


DAMAGE: dict[str, tuple[Callable[[SimulatedStream], object], type[Exception]]] = {
    "unreachable": (lambda s: setattr(s, "unreachable", True), SourceUnreachable),
    "stalled": (lambda s: setattr(s, "stall_after", 4), SourceUnreachable),
    "expired": (lambda s: s.expire("2", 1), OffsetExpired),
    "truncated": (lambda s: s.truncate("10", 5), OffsetTruncated),
    "lost": (lambda s: s.lose("2", 3), GapUnproven),
    "recreated": (lambda s: s.recreate("0"), StreamRecreated),
    "another cluster": (lambda s: setattr(s, "cluster", "other"), ClusterChanged),
    "vanished": (lambda s: s.partitions.pop("2"), SourceChanged),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_i02_a_source_that_is_not_what_was_pinned_leaves_no_receipt(
    tmp_path: Path, stream: SimulatedStream, name: str
) -> None:
    platform = opened(tmp_path, stream)
    pin(platform, "shop")
    damage, refusal = DAMAGE[name]
    damage(stream)

    with pytest.raises(refusal):
        land(platform, RUN, "orders")

    assert no_receipt(platform)


def test_a_stream_or_run_that_was_not_pinned_is_refused(
    tmp_path: Path, stream: SimulatedStream
) -> None:
    platform = opened(tmp_path, stream)
    pin(platform, "shop")

    with pytest.raises(UnknownThing, match="stream refunds"):
        land(platform, RUN, "refunds")
    with pytest.raises(RecordMissing):
        land(platform, RunId("shop", 2), "orders")


def crashing(at: int, fault: Fault) -> SimulatedStore:
    writes = [0]

    def faults(act: str, path: str) -> Fault:
        if act == "create" and "/landing/" in path:
            writes[0] += 1
            return fault if writes[0] == at else Fault.NONE
        return Fault.NONE

    return SimulatedStore(faults)


@pytest.mark.parametrize("fault", [Fault.CRASH_BEFORE, Fault.CRASH_AFTER])
@pytest.mark.parametrize("at", [1, 2, 3, 7, 9, 10])
def test_i15_a_landing_that_dies_at_any_write_is_repeated_to_the_same_receipt(
    tmp_path: Path,
    stream: SimulatedStream,
    monkeypatch: pytest.MonkeyPatch,
    at: int,
    fault: Fault,
) -> None:
    monkeypatch.setattr(landing_parts, "PART_ROWS", 2)  # nine parts and a receipt
    store = crashing(at, fault)
    platform = opened(tmp_path / "crashing", stream, store)
    pin(platform, "shop")
    anchors = store.objects["feeds/shop/00000001.json"]
    undisturbed = opened(tmp_path / "undisturbed", stream)
    pin(undisturbed, "shop")
    assert isinstance(undisturbed.store, SimulatedStore)
    undisturbed.store.objects["feeds/shop/00000001.json"] = anchors

    with pytest.raises(SimulatedCrash):
        land(platform, RUN, "orders")
    stream.batch_rows = 5  # the source need not cut its batches as before

    receipt = land(platform, RUN, "orders")
    assert receipt == land(undisturbed, RUN, "orders")
    assert len(receipt["parts"]) == 9
    assert store.objects == undisturbed.store.objects


@pytest.mark.parametrize("fault", [Fault.LOST_RESPONSE, Fault.RETRIED])
@pytest.mark.parametrize("at", [1, 3, 4])
def test_i15_a_lost_answer_does_not_disturb_a_landing(
    tmp_path: Path, stream: SimulatedStream, at: int, fault: Fault
) -> None:
    platform = opened(tmp_path, stream, crashing(at, fault))
    pin(platform, "shop")

    assert land(platform, RUN, "orders")["delivered"] == 18


def test_a_part_of_other_bytes_is_never_taken_for_ones_own(
    tmp_path: Path, stream: SimulatedStream
) -> None:
    store = SimulatedStore()
    platform = opened(tmp_path, stream, store)
    pin(platform, "shop")
    path = next(iter(land(platform, RUN, "orders")["parts"]))["path"]
    store.objects[f"runs/{RUN}/{path}"] = b"other"
    del store.objects[f"runs/{RUN}/landing/orders.json"]

    with pytest.raises(PartAltered):
        land(platform, RUN, "orders")
    assert no_receipt(platform)
