"""Compacting, listing and reading days from the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from platform_assets.pipeline import Platform, revoke
from platform_assets_tests.cli.calls import Called, call
from platform_assets_tests.compaction.dated_shop import (
    ELEVENTH,
    TENTH,
    TWELFTH,
    TWO,
    late,
    take,
)
from platform_assets_tests.shop import append, order, redeclare

if TYPE_CHECKING:
    from pathlib import Path


def _call(home: Path, *arguments: object) -> Called:
    return call(*arguments, "--home", home)


def _json(home: Path, *arguments: object) -> Any:
    return _call(home, *arguments, "--json").document


def test_days_are_compacted_listed_and_read(uncompacted: Path) -> None:
    before = _json(uncompacted, "days", "shop", "orders")["days"]
    assert [(each["day"], each["rows"], each["readable"]) for each in before] == [
        (TENTH, 2, False),
        (ELEVENTH, 5, False),
        (TWELFTH, 1, False),
        ("undated", 2, False),
    ]
    done = _json(uncompacted, "compact", "shop", "orders", "--since", TENTH, "--until", ELEVENTH)
    assert [(each["day"], len(each["runs"]), each["rows"]) for each in done["days"]] == [
        (TENTH, 1, 2),
        (ELEVENTH, 2, 5),
    ]
    again = _call(uncompacted, "compact", "shop", "orders")
    assert again.code == 0
    assert "before" in again.out
    assert "anew" in again.out
    assert all(each["readable"] for each in _json(uncompacted, "days", "shop", "orders")["days"])


def test_a_range_is_written_to_one_file(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "days.parquet"
    told = _json(home, "read", "orders", "--since", TENTH, "--until", TWELFTH, "--out", out)
    assert told["rows"] == 8
    assert [each["day"] for each in told["days"]] == [TENTH, ELEVENTH, TWELFTH]
    assert pl.read_parquet(out).height == 8


def test_a_day_tells_its_runs_and_its_files(home: Path) -> None:
    (day,) = _json(home, "read", "orders", "--day", ELEVENTH)["days"]
    assert (day["rows"], len(day["runs"]), day["checkpoint"]["sequence"]) == (5, 2, 2)
    assert pl.read_parquet(day["files"]).height == 5
    shown = _call(home, "read", "orders", "--day", ELEVENTH)
    assert "5 certified rows of 2 runs" in shown.out


def test_a_stale_day_is_told_with_its_remedy(home: Path) -> None:
    late(home, 60)
    refused = _call(home, "read", "orders", "--day", TENTH)
    assert refused.code == 1
    assert "DayStale" in refused.err
    assert f"platform-assets compact shop orders --day {TENTH}" in " ".join(refused.err.split())
    listed = _call(home, "days", "shop", "orders")
    assert listed.code == 0
    assert "DayStale" in listed.out


def test_a_day_that_fails_a_check_is_told_with_the_check_and_one_remedy(home: Path) -> None:
    redeclare(home, lambda feed: feed["dedupe"].update(horizon_runs=0))
    append(home, "orders", 0, [order(1, at=f"{TENTH}T23:59:59.999999Z")])
    take(home)
    told = _call(home, "compact", "shop", "orders", "--day", TENTH)
    assert told.code == 1
    assert f"{TENTH}: unique_order_id: FAIL: " in told.out
    refused = " ".join(_call(home, "read", "orders", "--day", TENTH).err.split())
    assert "CertificateFailed" in refused
    assert refused.count("Mend the cause, then: platform-assets compact shop orders --day") == 1
    assert refused.count("platform-assets compact") == 2  # the other one is to look


def test_what_is_left_out_is_told(home: Path) -> None:
    revoke(Platform.open(home), TWO, "orders", "wrong")
    told = _call(home, "compact", "shop", "orders")
    assert told.code == 0
    assert "left out: shop-00000002, CertificateRevoked" in told.out


def test_what_names_no_days_is_a_mistake_of_the_call(home: Path) -> None:
    for wrong in (
        ("read", "orders"),
        ("read", "orders", "--run", "shop-00000001", "--day", TENTH),
        ("read", "orders", "--day", TENTH, "--since", TENTH),
        ("read", "orders", "--since", TWELFTH, "--until", TENTH),
        ("read", "orders", "--day", "yesterday"),
        ("compact", "shop", "orders", "--since", "undated"),
        ("compact", "shop", "turnover"),
        ("compact", "nothing", "orders"),
        ("compact", "shop", "nothing"),
    ):
        assert _call(home, *wrong).code == 2, wrong
