"""A day is never silently stale, and never opened where anything of it is in doubt."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from platform_assets import errors
from platform_assets.adapters.row_encoding import content_digest
from platform_assets.canonical import canonical_bytes
from platform_assets.contracts.columns import Column, Scalar
from platform_assets.flow.compaction import check_day, common_columns, merged
from platform_assets.pipeline import Platform, day_building, finish, revoke, supersede
from platform_assets.pipeline import slices as cutting
from platform_assets.pipeline.day_inputs import DayInputs
from platform_assets.pipeline.day_standing import compacted_days
from platform_assets_tests.compaction.dated_shop import (
    ELEVENTH,
    ONE,
    TENTH,
    THREE,
    TWELFTH,
    TWO,
    compacted,
    generation_folder,
    late,
    opened,
    orders_of,
)
from platform_assets_tests.shop import redeclare
from platform_assets_tests.teardown.torn import keep, tear_down

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from platform_assets.flow.content_digest import ContentDigest


def test_a_late_run_makes_its_days_stale_and_no_other(home: Path) -> None:
    late(home, 50, 51)
    platform = Platform.open(home)
    with pytest.raises(
        errors.DayStale, match=r"shop-00000003 was closed with 2 rows.*compact shop"
    ):
        opened(platform, TENTH)
    assert orders_of(platform, TWELFTH) == ["o-9"]
    done = compacted(platform)
    assert (done[TENTH]["generation"], done[TENTH]["rows"]) == (2, 4)
    assert not done[ELEVENTH]["changed"]
    assert orders_of(platform, TENTH) == ["o-1", "o-3", "o-50", "o-51"]


def test_a_late_run_makes_its_day_stale_also_where_only_another_day_was_compacted(
    home: Path,
) -> None:
    late(home, 50)
    platform = Platform.open(home)
    compacted(platform, TWELFTH)  # which cuts the late run
    with pytest.raises(errors.DayStale):
        opened(platform, TENTH)


def test_a_corrected_run_makes_its_days_stale(home: Path) -> None:
    platform = Platform.open(home)
    correction = supersede(platform, TWO, "looked at again")
    assert orders_of(platform, TWELFTH) == ["o-9"]  # the correction is not closed yet
    finish(platform, correction)
    for day in (ELEVENTH, TWELFTH):
        with pytest.raises(errors.DayStale, match="shop-00000002 was superseded by shop-00000003"):
            opened(platform, day)
    assert orders_of(platform, TENTH) == ["o-1", "o-3"]
    done = compacted(platform)
    assert [run["run_id"] for run in done[ELEVENTH]["runs"]] == [str(ONE), str(THREE)]
    assert done[ELEVENTH]["rows"] == 5
    assert orders_of(platform, TWELFTH) == ["o-9"]


def test_a_day_that_was_compacted_while_a_correction_was_open_is_stale_once_it_is_closed(
    home: Path,
) -> None:
    platform = Platform.open(home)
    correction = supersede(platform, TWO, "looked at again")
    late_day = "2026-02-01"
    assert compacted(platform, late_day, TWELFTH)[late_day]["rows"] == 0
    assert opened(platform, late_day).manifest["checkpoint"] == {"sequence": 3, "open": [3]}
    finish(platform, correction)
    with pytest.raises(errors.DayStale):
        opened(platform, TWELFTH)
    assert opened(platform, late_day).rows == 0


def test_a_revoked_input_makes_its_days_stale_and_is_left_out_by_name(home: Path) -> None:
    platform = Platform.open(home)
    revoke(platform, TWO, "orders", "the prices were wrong")
    with pytest.raises(errors.DayStale, match="shop-00000002 may not be read: CertificateRevoked"):
        opened(platform, ELEVENTH)
    assert orders_of(platform, TENTH) == ["o-1", "o-3"]
    done = compacted(platform)
    left_out = {"run_id": str(TWO), "why": "CertificateRevoked"}
    assert done[ELEVENTH]["left_out"] == [left_out]
    assert orders_of(platform, ELEVENTH) == ["o-2"]
    assert opened(platform, ELEVENTH).manifest["left_out"] == [left_out]
    assert opened(platform, TWELFTH).rows == 0


def test_a_late_run_that_is_revoked_makes_no_day_stale(home: Path) -> None:
    late(home, 50)
    platform = Platform.open(home)
    compacted(platform, TWELFTH)
    revoke(platform, THREE, "orders", "wrong")
    assert orders_of(platform, TENTH) == ["o-1", "o-3"]


def test_a_day_with_rows_of_a_run_that_a_teardown_deleted_stays_and_is_not_made_again(
    home: Path,
) -> None:
    redeclare(home, lambda feed: feed["products"]["refunds"]["checks"].pop())  # it needs history
    keep(home, products="0d")
    tear_down(home, ONE)
    platform = Platform.open(home)
    assert orders_of(platform, TENTH) == ["o-1", "o-3"]
    late(home, 50, day=TENTH)
    late(home, 51, day=TWELFTH)
    done = compacted(platform)
    assert done[TENTH]["refusal"]["error"] == "ProductRemoved"
    assert (done[TWELFTH]["rows"], done[TWELFTH]["generation"]) == (2, 2)
    assert done[TWELFTH]["left_out"] == [{"run_id": str(ONE), "why": "ProductRemoved"}]
    with pytest.raises(errors.DayStale):
        opened(platform, TENTH)


@pytest.mark.parametrize("record", ["certificates", "evidence"])
def test_an_input_that_the_gate_refuses_stops_the_compaction(
    record: str, uncompacted: Path
) -> None:
    folder = uncompacted / "store" / "runs" / str(TWO) / record
    shutil.rmtree(folder)
    with pytest.raises(errors.Refusal):
        compacted(Platform.open(uncompacted))
    assert not compacted_days(Platform.open(uncompacted), "shop", "orders")


@pytest.mark.parametrize(
    ("act", "refusal"),
    [
        ("alter", errors.PartAltered),
        ("remove", errors.PartMissing),
        ("add", errors.PartUnlisted),
        ("no certificate", errors.CertificateMissing),
        ("no manifest", errors.GenerationPending),
        ("edit the manifest", errors.CertificateForeign),
        ("another day's manifest", errors.ManifestForeign),
        ("another day's certificate", errors.CertificateForeign),
        ("an untrusted signer", errors.SignerUntrusted),
        ("another policy", errors.PolicyChanged),
    ],
)
def test_what_was_changed_is_not_opened(
    act: str, refusal: type[errors.GateRefusal], home: Path
) -> None:
    assert opened(Platform.open(home), TENTH).rows == 2
    _attack(home, act)
    with pytest.raises(refusal):
        opened(Platform.open(home), TENTH)


def test_compacting_again_puts_a_missing_part_back(home: Path) -> None:
    _attack(home, "remove")
    done = compacted(Platform.open(home))
    assert done[TENTH]["generation"] == 1
    assert orders_of(Platform.open(home), TENTH) == ["o-1", "o-3"]


def test_compacting_again_replaces_an_altered_part_by_the_next_generation(home: Path) -> None:
    _attack(home, "alter")
    assert compacted(Platform.open(home))[TENTH]["generation"] == 2
    assert orders_of(Platform.open(home), TENTH) == ["o-1", "o-3"]


def test_slices_that_were_changed_are_refused(home: Path) -> None:
    late(home, 50)
    platform = Platform.open(home)
    compacted(platform, TWELFTH)
    path = home / "store" / "compactions" / "shop" / "orders" / "slices" / "00000003" / "0001.json"
    path.write_bytes(path.read_bytes().replace(b"A", b"B", 1))
    with pytest.raises(errors.GateRefusal):
        opened(Platform.open(home), TENTH)


@pytest.mark.parametrize("planted", ["left out", "doubled"])
def test_a_slice_that_is_left_out_or_doubled_is_found_before_anything_is_placed(
    planted: str, uncompacted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = day_building._gathered

    def wrong(*given: Any) -> list[Path]:
        paths = whole(*given)
        return paths[:-1] if planted == "left out" else [*paths, paths[-1]]

    monkeypatch.setattr(day_building, "_gathered", wrong)
    platform = Platform.open(uncompacted)
    done = compacted(platform, ELEVENTH)[ELEVENTH]
    assert done["refusal"]["error"] == "CompactionInconsistent"
    assert not compacted_days(platform, "shop", "orders")


@pytest.mark.parametrize("planted", ["left out", "doubled"])
def test_rows_that_are_lost_or_doubled_in_cutting_are_found(
    planted: str, uncompacted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(rows: pl.DataFrame, columns: Any) -> Any:
        if planted == "left out":
            return content_digest(rows.head(rows.height - 1), columns)
        return content_digest(pl.concat([rows, rows.head(1)]), columns)

    monkeypatch.setattr(cutting, "content_digest", wrong)
    with pytest.raises(errors.CompactionInconsistent, match="certified content"):
        compacted(Platform.open(uncompacted))


def test_a_day_whose_parts_lack_a_row_is_not_certified(
    uncompacted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where what is built were held against itself, the certificate's own merge still finds it."""
    whole = day_building._gathered
    monkeypatch.setattr(day_building, "_gathered", lambda *given: whole(*given)[:-1])
    monkeypatch.setattr(DayInputs, "digest", _of_the_first)
    platform = Platform.open(uncompacted)
    done = compacted(platform, ELEVENTH)[ELEVENTH]
    outcomes = {check["name"]: check["outcome"] for check in done["certificate"]["checks"]}
    assert done["verdict"] == "FAIL"
    assert (outcomes["inputs_merge"], outcomes["schema"]) == ("FAIL", "PASS")
    with pytest.raises(errors.CertificateFailed):
        opened(platform, ELEVENTH)


def _of_the_first(inputs: DayInputs) -> ContentDigest:
    return merged(inputs.columns, [inputs.runs[0].days[inputs.day]])


def test_columns_of_other_names_types_or_order_do_not_fit() -> None:
    one, other = Column("a", Scalar.INT64), Column("b", Scalar.STRING)
    assert common_columns([(one, other), (other, one)]) is None
    assert common_columns([(one,), (Column("a", Scalar.FLOAT64),)]) is None
    assert common_columns([(one,), (one, other)]) is None
    nullable = Column("a", Scalar.INT64, nullable=True)
    assert common_columns([(one,), (nullable,)]) == (nullable,)


def test_a_day_is_a_date_of_the_calendar() -> None:
    assert check_day("2024-02-29") == "2024-02-29"
    with pytest.raises(errors.InvalidName):
        check_day("2026-02-29")


def _attack(home: Path, act: str) -> None:
    folder, other = generation_folder(home, TENTH), generation_folder(home, TWELFTH)
    part, manifest = folder / "part-00000.parquet", folder / "manifest.json"
    certificate = folder.parent / "certificates" / "0001" / "0001.json"
    others = other.parent / "certificates" / "0001" / "0001.json"
    acts: dict[str, Callable[[], object]] = {
        "alter": lambda: part.write_bytes(part.read_bytes()[:-1] + b"?"),
        "remove": part.unlink,
        "add": lambda: (folder / "part-00001.parquet").write_bytes(b"more"),
        "no certificate": certificate.unlink,
        "no manifest": manifest.unlink,
        "edit the manifest": lambda: manifest.write_bytes(_one_row_more(manifest.read_bytes())),
        "another day's manifest": lambda: manifest.write_bytes(
            (other / "manifest.json").read_bytes()
        ),
        "another day's certificate": lambda: certificate.write_bytes(others.read_bytes()),
        "an untrusted signer": lambda: shutil.rmtree(home / "keys" / "trusted"),
        "another policy": lambda: redeclare(home, _one_check_more),
    }
    acts[act]()


def _one_row_more(manifest: bytes) -> bytes:
    record = json.loads(manifest)
    return canonical_bytes({**record, "rows": record["rows"] + 1})


def _one_check_more(feed: dict[str, Any]) -> None:
    check = {"check": "not_null", "columns": ["customer"]}
    feed["products"]["orders"]["checks"].append(check)
