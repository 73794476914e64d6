"""I3 and I4: every delivered record is accounted for once, and the first of an identity stands."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from platform_assets.errors import AdmissionInconsistent
from platform_assets.flow.admission import AdmissionResult, PartitionTally, admission_record
from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, admit, finish, land, next_run, pin
from platform_assets.pipeline.corrections import Corrections
from platform_assets_tests.shop import append, cancelled, make_shop, order, redeclare, refunded

if TYPE_CHECKING:
    from pathlib import Path


def _admitted(home: Path, stream: str, run: int = 1) -> dict[str, Any]:
    platform = Platform.open(home)
    run_id = RunId("shop", run)
    if run == 1:
        assert pin(platform, "shop") == run_id
    land(platform, run_id, stream)
    return admit(platform, run_id, stream)


def _rows(home: Path, receipt: dict[str, Any], table: str) -> pl.DataFrame:
    folder = home / "store" / "runs" / receipt["run_id"]
    return pl.concat(pl.read_parquet(folder / part["path"]) for part in receipt[table]["parts"])


def test_i03_two_bad_records_never_collapse_into_one(shop: Path) -> None:
    append(shop, "orders", 0, [b"{", b"{", b"", b"", b"not json"])
    receipt = _admitted(shop, "orders")
    assert (receipt["delivered"], receipt["admitted"], receipt["quarantined"]) == (105, 100, 5)
    rows = _rows(shop, receipt, "quarantine")
    assert rows["value"].to_list() == [b"{", b"{", b"", b"", b"not json"]
    assert rows["_offset"].to_list() == [50, 51, 52, 53, 54]
    assert receipt["reasons"] == {"EMPTY_RECORD": 2, "INVALID_JSON": 3}


def test_i03_a_record_keeps_all_its_reasons(shop: Path) -> None:
    append(shop, "orders", 1, [{"order_id": "x", "customer": 7, "cents": 1, "at": "yesterday"}])
    receipt = _admitted(shop, "orders")
    reasons = {r["code"] for r in _rows(shop, receipt, "quarantine")["reasons"][0]}
    assert reasons == {"PATTERN_MISMATCH", "WRONG_TYPE", "FORMAT_INVALID"}
    assert receipt["quarantined"] == 1


def test_i04_a_repeat_is_a_duplicate_and_a_contradiction_is_a_mismatch(shop: Path) -> None:
    respelled = json.dumps(order(2), indent=1).replace("\n", "").encode()
    append(shop, "orders", 1, [order(0), respelled, order(4, cents=1)])
    receipt = _admitted(shop, "orders")
    assert (receipt["admitted"], receipt["duplicate"], receipt["quarantined"]) == (100, 2, 1)
    assert receipt["reasons"] == {"PAYLOAD_MISMATCH": 1}
    first = _rows(shop, receipt, "duplicates").row(0, named=True)
    assert (first["event_id"], first["first_partition"], first["first_offset"]) == ("o-0", "0", 0)
    mismatch = _rows(shop, receipt, "quarantine").row(0, named=True)
    assert json.loads(mismatch["value"]) == order(4, cents=1)


def test_i04_the_first_by_partition_and_offset_wins(shop: Path) -> None:
    append(shop, "orders", 0, [order(1, cents=9)])  # partition 1 holds order 1 as well, later
    receipt = _admitted(shop, "orders")
    mismatch = _rows(shop, receipt, "quarantine").row(0, named=True)
    assert (mismatch["_partition"], mismatch["_offset"]) == ("1", 0)


def test_i04_the_same_id_of_another_event_type_is_another_identity(shop: Path) -> None:
    append(shop, "changes", 0, [cancelled(999, id="same"), refunded(999, id="same")])
    receipt = _admitted(shop, "changes")
    assert (receipt["duplicate"], receipt["quarantined"]) == (0, 0)


def test_i04_identities_of_earlier_closed_runs_count_and_are_listed(closed_shop: Path) -> None:
    append(closed_shop, "orders", 0, [order(0), order(2, cents=3), order(200)])
    platform = Platform.open(closed_shop)
    assert pin(platform, "shop") == RunId("shop", 2)
    receipt = _admitted(closed_shop, "orders", run=2)
    assert (receipt["admitted"], receipt["duplicate"], receipt["quarantined"]) == (1, 1, 1)
    assert [entry["run_id"] for entry in receipt["horizon"]] == ["shop-00000001"]
    duplicate = _rows(closed_shop, receipt, "duplicates").row(0, named=True)
    assert duplicate["first_run"] == "shop-00000001"


def test_i04_beyond_the_horizon_an_identity_is_new_again(closed_shop: Path) -> None:
    def no_horizon(feed: dict[str, Any]) -> None:
        feed["dedupe"]["horizon_runs"] = 0

    redeclare(closed_shop, no_horizon)
    append(closed_shop, "orders", 0, [order(0)])
    platform = Platform.open(closed_shop)
    assert pin(platform, "shop") == RunId("shop", 2)
    receipt = _admitted(closed_shop, "orders", run=2)
    assert (receipt["admitted"], receipt["horizon"]) == (1, [])


def test_i04_a_mismatch_in_three_windows_never_replaces_the_first(tmp_path: Path) -> None:
    home = make_shop(tmp_path / "home", orders=10)
    for cents in (1, 2):
        append(home, "orders", 0, [order(0, cents=cents)])
        platform = Platform.open(home)
        while (run := next_run(platform, "shop")) is not None:
            finish(platform, run)
    receipts = [
        json.loads(path.read_bytes()) for path in home.glob("store/runs/*/admission/orders.json")
    ]
    assert sum(receipt["admitted"] for receipt in receipts) == 10
    assert sum(receipt["reasons"].get("PAYLOAD_MISMATCH", 0) for receipt in receipts) == 2


@pytest.mark.parametrize("lost", ["admitted", "duplicate", "quarantined"])
def test_i03_a_receipt_that_does_not_add_up_is_never_made(lost: str) -> None:
    tally = PartitionTally(delivered=10, admitted=6, duplicate=2, quarantined=2)
    setattr(tally, lost, getattr(tally, lost) - 1)
    with pytest.raises(AdmissionInconsistent):
        admission_record(_landing(), "sha256:" + "0" * 64, _result(tally))


def test_i03_rows_that_were_not_written_are_noticed() -> None:
    tally = PartitionTally(delivered=10, admitted=7, duplicate=2, quarantined=1)
    with pytest.raises(AdmissionInconsistent, match="7 admitted counted, 6 rows written"):
        admission_record(_landing(), "sha256:" + "0" * 64, _result(tally))


def test_i03_an_accepted_row_that_is_neither_admitted_nor_set_aside_is_noticed() -> None:
    tally = PartitionTally(delivered=10, admitted=6, duplicate=2, quarantined=2)
    mismatch = replace(_result(tally), reasons={"PAYLOAD_MISMATCH": 1})
    with pytest.raises(AdmissionInconsistent, match="2 accepted rows repeat others, 3 are"):
        admission_record(_landing(), "sha256:" + "0" * 64, mismatch)


def test_i03_a_partition_that_was_not_judged_is_noticed() -> None:
    landing = _landing()
    landing["partitions"].append({"partition": "1", "delivered": 1})
    tally = PartitionTally(delivered=10, admitted=6, duplicate=2, quarantined=2)
    with pytest.raises(AdmissionInconsistent, match="landing delivered"):
        admission_record(landing, "sha256:" + "0" * 64, _result(tally))


def _landing() -> dict[str, Any]:
    return {
        "run_id": "shop-00000001",
        "config_digest": "sha256:" + "0" * 64,
        "stream": "orders",
        "partitions": [{"partition": "0", "delivered": 10}],
    }


def _result(tally: PartitionTally) -> AdmissionResult:
    return AdmissionResult(
        partitions={"0": tally},
        reasons={},
        events={"placed": [{"rows": 8}]},
        repeats={"placed": 2},
        duplicates=[{"rows": 2}],
        quarantine=[{"rows": 2}],
        columnar=0,
        one_by_one=10,
    )


def test_i03_partitions_that_make_up_for_each_other_are_noticed() -> None:
    """In all the counts agree; in neither partition do they."""
    tallies = {
        "0": PartitionTally(delivered=10, admitted=5, duplicate=2, quarantined=2),
        "1": PartitionTally(delivered=0, admitted=1, duplicate=0, quarantined=0),
    }
    landing = _landing()
    landing["partitions"] = [
        {"partition": name, "delivered": t.delivered} for name, t in tallies.items()
    ]
    with pytest.raises(AdmissionInconsistent, match="partition 0: 10 delivered"):
        admission_record(
            landing, "sha256:" + "0" * 64, replace(_result(tallies["0"]), partitions=tallies)
        )


@pytest.mark.parametrize("table", ["duplicates", "quarantine"])
def test_i03_set_aside_rows_that_were_not_written_are_noticed(table: str) -> None:
    tally = PartitionTally(delivered=10, admitted=6, duplicate=2, quarantined=2)
    result = replace(_result(tally), **{table: [{"rows": 1}]})
    with pytest.raises(AdmissionInconsistent, match=r"2 (duplicate|quarantined) counted, 1 rows"):
        admission_record(_landing(), "sha256:" + "0" * 64, result)


def test_i03_a_standing_receipt_is_the_result(shop: Path) -> None:
    receipt = _admitted(shop, "orders")
    for part in (shop / "store").glob("runs/*/landing/orders/*.parquet"):
        part.unlink()
    assert admit(Platform.open(shop), RunId("shop", 1), "orders") == receipt


def test_i04_the_horizon_is_so_many_windows_before_that_of_a_run() -> None:
    def before(sequence: int, count: int, windows: dict[int, int] | None = None) -> list[list[int]]:
        chains = Corrections("shop", 9, windows or {}).windows_before(
            RunId("shop", sequence), count
        )
        return [[run.sequence for run in chain] for chain in chains]

    assert before(5, 2) == [[3], [4]]
    assert before(2, 30) == [[1]]
    assert before(5, 0) == before(1, 3) == []
    corrected = {3: 1, 5: 1, 6: 4}
    assert before(7, 3, corrected) == [[1, 3, 5], [2], [4, 6]]
    assert before(7, 2, corrected) == [[2], [4, 6]]
    assert before(6, 9, corrected) == before(4, 9, corrected) == [[1, 3, 5], [2]]
    assert before(5, 9, corrected) == before(3, 9, corrected) == []


def test_i04_a_repeat_at_the_same_offset_of_another_partition_is_a_duplicate(shop: Path) -> None:
    for partition in (0, 1):
        append(shop, "orders", partition, [order(500)])  # both at offset 50
    receipt = _admitted(shop, "orders")
    assert (receipt["admitted"], receipt["duplicate"], receipt["quarantined"]) == (101, 1, 0)


def test_i04_a_repeat_under_a_contract_that_grew_is_compared_where_both_have_columns(
    closed_shop: Path,
) -> None:
    path = closed_shop / "schemas/events/shop/order.json"
    contract = json.loads(path.read_text())
    contract["properties"]["note"] = {"type": "string"}
    path.write_text(json.dumps(contract))
    append(closed_shop, "orders", 0, [order(0), order(2, note="new"), order(4, cents=1)])
    assert pin(Platform.open(closed_shop), "shop") == RunId("shop", 2)
    receipt = _admitted(closed_shop, "orders", run=2)
    assert (receipt["admitted"], receipt["duplicate"], receipt["quarantined"]) == (0, 2, 1)
    finish(Platform.open(closed_shop), RunId("shop", 2))
    append(closed_shop, "orders", 0, [order(0), order(6, note="other")])
    assert pin(Platform.open(closed_shop), "shop") == RunId("shop", 3)
    assert _admitted(closed_shop, "orders", run=3)["duplicate"] == 2
