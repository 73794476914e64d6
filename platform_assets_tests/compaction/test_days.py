"""A day holds exactly the rows of all runs that fall on it, whatever they were delivered with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import duckdb
import polars as pl
import pytest

from platform_assets import errors
from platform_assets.canonical import parse_canonical
from platform_assets.pipeline import Platform
from platform_assets.pipeline.compact import compact
from platform_assets.pipeline.day_reading import CertifiedDay, open_days
from platform_assets_tests.compaction.dated_shop import (
    ELEVENTH,
    ONE,
    TENTH,
    TWELFTH,
    TWO,
    change_contract,
    compacted,
    generation_folder,
    late,
    opened,
    orders_of,
    rows_of_runs,
    take,
)
from platform_assets_tests.shop import append, order, redeclare

if TYPE_CHECKING:
    from pathlib import Path


def test_all_days_together_hold_the_rows_of_all_runs(platform: Platform) -> None:
    days = [opened(platform, day) for day in (TENTH, ELEVENTH, TWELFTH, "undated")]
    rows = pl.concat([day.scan() for day in days]).collect().sort("_partition", "_offset")
    assert rows.equals(rows_of_runs(platform, ONE, TWO))
    assert sum(day.rows for day in days) == 10


def test_a_row_belongs_to_its_day_in_utc(platform: Platform) -> None:
    assert orders_of(platform, TENTH) == ["o-1", "o-3"]
    assert orders_of(platform, ELEVENTH) == ["o-2", "o-5", "o-6", "o-7", "o-8"]
    assert orders_of(platform, TWELFTH) == ["o-9"]


def test_rows_without_a_time_are_a_slice_of_their_own(platform: Platform) -> None:
    assert orders_of(platform, "undated") == ["o-10", "o-4"]
    assert [day.day for day in open_days(platform, "shop", "orders")] == [TENTH, ELEVENTH, TWELFTH]


def test_a_day_names_the_runs_that_it_was_made_of(platform: Platform) -> None:
    assert opened(platform, ELEVENTH).runs == (str(ONE), str(TWO))
    assert opened(platform, TWELFTH).runs == (str(TWO),)
    assert opened(platform, TENTH).manifest["checkpoint"] == {"sequence": 2, "open": []}


def test_a_day_without_rows_is_compacted_where_it_is_asked_for(platform: Platform) -> None:
    done = compacted(platform, "2026-03-01")["2026-03-01"]
    assert (done["rows"], done["runs"], done["verdict"]) == (0, [], "PASS")
    rows = opened(platform, "2026-03-01").scan().collect()
    assert rows.height == 0
    assert rows.columns == opened(platform, TENTH).scan().collect_schema().names()


def test_compacting_again_changes_nothing(home: Path, platform: Platform) -> None:
    before = _files(home)
    assert not any(done["changed"] for done in compacted(platform).values())
    assert _files(home) == before


def test_i05_the_same_runs_give_the_same_bytes(home: Path, uncompacted: Path) -> None:
    compacted(Platform.open(uncompacted), ELEVENTH)
    parts = [generation_folder(each, ELEVENTH).glob("*.parquet") for each in (home, uncompacted)]
    one, other = ([path.read_bytes() for path in sorted(found)] for found in parts)
    assert one == other


def test_other_engines_read_the_files_that_the_manifest_lists(
    home: Path, platform: Platform
) -> None:
    day = opened(platform, ELEVENTH)
    with duckdb.connect() as connection:
        count = day.relation(connection).aggregate("count(*)").fetchall()
    assert count == [(5,)]
    folder = generation_folder(home, ELEVENTH)
    listed = [str(folder / part["name"]) for part in _manifest(folder)["parts"]]
    assert duckdb.read_parquet(listed).aggregate("count(*)").fetchall() == [(5,)]


def test_an_open_run_is_not_compacted(home: Path) -> None:
    append(home, "orders", 0, [order(30, at=f"{TENTH}T09:00:00Z")])
    platform = Platform.open(home)
    from platform_assets.pipeline import next_run  # noqa: PLC0415

    run = next_run(platform, "shop")
    assert run is not None
    assert not any(done["changed"] for done in compacted(platform).values())
    assert orders_of(platform, TENTH) == ["o-1", "o-3"]


def test_a_range_with_a_day_that_is_not_compacted_is_refused(uncompacted: Path) -> None:
    platform = Platform.open(uncompacted)
    compacted(platform, TENTH, ELEVENTH)
    assert len(open_days(platform, "shop", "orders", until=ELEVENTH)) == 2
    with pytest.raises(errors.DayStale, match=r"2026-01-12 with 1 rows is not compacted"):
        open_days(platform, "shop", "orders", since=TENTH)
    with pytest.raises(errors.ProductMissing):
        open_days(platform, "shop", "orders", since="2027-01-01")


def test_a_check_that_every_run_passes_may_fail_over_a_day(home: Path) -> None:
    def blind(feed: dict[str, Any]) -> None:
        feed["dedupe"]["horizon_runs"] = 0

    redeclare(home, blind)
    append(home, "orders", 0, [order(1, at=f"{TENTH}T23:59:59.999999Z")])
    take(home)
    platform = Platform.open(home)
    done = compacted(platform)
    assert done[TENTH]["verdict"] == "FAIL"
    assert done[ELEVENTH]["verdict"] == "PASS"
    with pytest.raises(errors.CertificateFailed, match="unique"):
        opened(platform, TENTH)


def test_freshness_is_asked_of_each_run_and_not_of_a_day(home: Path) -> None:
    def fresh(feed: dict[str, Any]) -> None:
        check = {"check": "freshness", "column": "at", "max_age_seconds": 10**9}
        feed["products"]["orders"]["checks"].append(check)

    redeclare(home, fresh)
    platform = Platform.open(home)
    names = [check["name"] for check in opened(platform, TENTH).certificate["checks"]]
    assert "inputs_merge" in names
    assert not any(name.startswith("freshness") for name in names)


def test_a_referential_check_looks_at_the_runs_of_the_day(home: Path) -> None:
    def referring(feed: dict[str, Any]) -> None:
        products = feed["products"]
        feed["products"] = {"cancellations": products.pop("cancellations"), **products}
        products["orders"]["checks"].append(
            {
                "check": "referential",
                "column": "order_id",
                "product": "cancellations",
                "references": "order_id",
                "max_fraction_missing": 1,
            }
        )

    redeclare(home, referring)
    platform = Platform.open(home)
    with pytest.raises(errors.PolicyChanged):
        opened(platform, TENTH)
    assert compacted(platform, ELEVENTH)[ELEVENTH]["verdict"] == "PASS"
    day = opened(platform, ELEVENTH)
    assert day.generation == 1
    consulted = [(each["product"], each["run_id"]) for each in day.certificate["consulted"]]
    assert consulted == [("cancellations", str(ONE)), ("cancellations", str(TWO))]


def test_a_column_that_may_be_null_in_some_runs_may_be_in_the_day(home: Path) -> None:
    change_contract(home, lambda at: at | {"type": "string"})
    late(home, 40)
    platform = Platform.open(home)
    assert compacted(platform)[TENTH]["refusal"] is None
    nullable = {column.name: column.nullable for column in opened(platform, TENTH).columns}
    assert nullable["at"]


def test_runs_whose_columns_do_not_fit_are_refused_for_their_days_alone(home: Path) -> None:
    path = home / "schemas" / "events" / "shop" / "order.json"
    contract = json.loads(path.read_text())
    contract["properties"]["channel"] = {"type": ["string", "null"]}
    path.write_text(json.dumps(contract))
    append(home, "orders", 0, [order(41, at=f"{TENTH}T09:00:00Z", channel="web")])
    append(home, "orders", 0, [order(42, at="2026-01-20T09:00:00Z", channel="web")])
    take(home)
    done = compacted(Platform.open(home))
    assert done[TENTH]["refusal"]["error"] == "ColumnsDiffer"
    assert done["2026-01-20"]["verdict"] == "PASS"
    assert done[ELEVENTH]["refusal"] is None


@pytest.mark.parametrize("day", ["2026-13-01", "today", "2026-1-1", "../../x"])
def test_what_is_no_day_is_refused(platform: Platform, day: str) -> None:
    with pytest.raises(errors.InvalidName):
        opened(platform, day)
    with pytest.raises(errors.InvalidName):
        list(compact(platform, "shop", "orders", [day]))


def test_a_product_without_a_time_is_refused(platform: Platform) -> None:
    with pytest.raises(errors.Usage, match="time"):
        list(compact(platform, "shop", "cancellations"))
    with pytest.raises(errors.Usage, match="consumer"):
        list(compact(platform, "shop", "turnover"))


def test_the_proof_cannot_be_made_by_hand(platform: Platform) -> None:
    day = opened(platform, TENTH)
    with pytest.raises(RuntimeError):
        CertifiedDay(day._permit, day.paths, made_by=object())


def _files(home: Path) -> set[Path]:
    return set((home / "store").rglob("*"))


def _manifest(folder: Path) -> Any:
    return parse_canonical((folder / "manifest.json").read_bytes(), "manifest")
