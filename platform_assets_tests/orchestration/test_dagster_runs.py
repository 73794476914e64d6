"""Runs of a feed in Dagster: what they do, what they refuse, and that their records are the same."""

from __future__ import annotations

import json
import re
import shutil
from typing import TYPE_CHECKING, Any

import dagster as dg
import duckdb
import pytest

from platform_assets.errors import CertificateFailed, RunFailed
from platform_assets.identifiers import RunId
from platform_assets.orchestration import home_instance, run_feed_in_dagster
from platform_assets.pipeline import Platform, finish, open_product, pin, run_summary
from platform_assets.pipeline.state import is_closed
from platform_assets_tests.orchestration.dagster_steps import done, execute, failed_checks, refusals
from platform_assets_tests.orchestration.shop_home import (
    append,
    good_window,
    make_shop,
    order,
    redeclare,
)

if TYPE_CHECKING:
    from pathlib import Path

R1, R2 = "shop-00000001", "shop-00000002"

#: Refunds of 100 cents are above this limit.
TOO_STRICT = (
    "max: 100000\n        - check: referential",
    "max: 50\n        - check: referential",
)


def pinned(home: Path) -> str:
    return str(pin(Platform.open(home), "shop"))


# --- whole runs ----------------------------------------------------------------------------------


def test_a_run_in_dagster_closes_and_a_second_call_finds_nothing_new(home: Path) -> None:
    append(home, good_window(1))
    assert run_feed_in_dagster(home, "shop") == [RunId("shop", 1)]
    assert is_closed(Platform.open(home), RunId("shop", 1))
    assert run_feed_in_dagster(home, "shop") == []


def test_the_home_keeps_what_dagster_ran_for_the_ui(home: Path) -> None:
    append(home, good_window(1))
    run_feed_in_dagster(home, "shop")
    with home_instance(home) as instance:
        assert instance.get_dynamic_partitions("shop_runs") == [R1]
        event = instance.get_latest_materialization_event(dg.AssetKey(["shop", "orders"]))
        assert event is not None
        assert event.asset_materialization is not None
        assert event.asset_materialization.partition == R1
        assert event.asset_materialization.metadata["dagster/row_count"].value == 3
        assert not instance.telemetry_enabled
        assert not instance.nux_enabled


def test_what_each_step_used_is_plotted_over_the_runs(home: Path) -> None:
    append(home, good_window(1))
    run_feed_in_dagster(home, "shop")
    numbers = ("wall_seconds", "cpu_seconds", "peak_rss_bytes", "spilled_bytes", "workers")
    with home_instance(home) as instance:
        for asset in ("events_landing", "events_admission", "orders", "totals", "evidence"):
            event = instance.get_latest_materialization_event(dg.AssetKey(["shop", asset]))
            assert event is not None, asset
            assert event.asset_materialization is not None
            shown = event.asset_materialization.metadata
            assert all(isinstance(shown[name].value, int | float) for name in numbers), asset
            assert shown["memory_budget_bytes"].value == 2 * 1024**3
            assert shown["peak_rss_bytes"].value > 50 * 1024**2
            if asset == "orders":
                assert str(shown["engine"].value).startswith("embedded (duckdb ")
            if asset == "evidence":
                command = f"`platform-assets verify {R1} --home {home}`"
                assert shown["verify"].value == command


def test_dagster_and_the_pipeline_leave_the_same_records(home: Path, tmp_path: Path) -> None:
    append(home, good_window(1))
    platform = Platform.open(home)
    assert platform.signer.keyid  # both homes have the same keys
    assert platform.log_key.public_key
    other = shutil.copytree(home, tmp_path / "other")
    run_feed_in_dagster(home, "shop")
    through_pipeline = Platform.open(other)
    run = pin(through_pipeline, "shop")
    assert run is not None
    finish(through_pipeline, run)
    assert records(home / "store") == records(other / "store")


def test_a_failed_step_is_reported_with_its_reason(home: Path) -> None:
    append(home, [*good_window(1), order(9, cents=0)])
    with pytest.raises(RunFailed, match="range_cents"):
        run_feed_in_dagster(home, "shop")
    assert not is_closed(Platform.open(home), RunId("shop", 1))


def test_the_catalogue_lists_the_certified_parts_of_closed_runs(
    home: Path, instance: dg.DagsterInstance
) -> None:
    append(home, good_window(1))
    run_feed_in_dagster(home, "shop")
    append(home, [order(11, cents=0)])
    assert not execute(home, instance, pinned(home)).success
    with duckdb.connect(str(home / "catalogue.duckdb"), read_only=True) as catalogue:
        assert catalogue.sql("select count(*) from shop.orders").fetchall() == [(3,)]


# --- failed checks and the gate ------------------------------------------------------------------


def test_a_failed_check_stops_its_consumers_and_the_closure_and_nothing_else(
    home: Path, instance: dg.DagsterInstance
) -> None:
    append(home, good_window(1))
    redeclare(
        home, "max: 100000\n        - check: referential", "max: 50\n        - check: referential"
    )
    result = execute(home, instance, pinned(home))
    assert failed_checks(result) == {("refunds", "range_cents", R1), ("refunds", "certificate", R1)}
    assert {"totals__certifier", "visits__certifier"} <= done(result)
    assert not {"refund_rate", "evidence", "catalogue"} & done(result)


def test_a_consumer_launched_in_a_run_of_its_own_is_refused_what_failed(
    home: Path, instance: dg.DagsterInstance
) -> None:
    append(home, [*good_window(1), order(9, cents=0)])
    run = pinned(home)
    execute(home, instance, run)
    alone = execute(home, instance, run, "totals")
    assert refusals(alone) == {"shop__totals": "CertificateFailed"}


def test_a_consumer_launched_before_any_certification_is_refused(
    home: Path, instance: dg.DagsterInstance
) -> None:
    append(home, good_window(1))
    run = pinned(home)
    execute(home, instance, run, "events_landing", "events_admission")
    assert refusals(execute(home, instance, run, "totals")) == {"shop__totals": "ProductMissing"}


def test_the_pass_of_a_later_run_does_not_let_a_failed_run_be_read(
    home: Path, instance: dg.DagsterInstance
) -> None:
    redeclare(home, "  products:\n", "  dedupe: {horizon_runs: 0}\n  products:\n")
    append(home, [order(1, cents=0)])
    assert pinned(home) == R1
    append(home, good_window(2))
    assert pinned(home) == R2
    assert ("orders", "certificate", R1) in failed_checks(execute(home, instance, R1))
    later = execute(home, instance, R2)
    assert failed_checks(later) == set()
    # automation that looks at the newest check result alone would request totals of the first run
    assert refusals(execute(home, instance, R1, "totals")) == {"shop__totals": "CertificateFailed"}
    with pytest.raises(CertificateFailed):
        open_product(Platform.open(home), RunId("shop", 1), "orders")


def test_the_value_of_a_secret_reaches_neither_metadata_nor_the_text_of_a_failure(
    home: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "tok-8f2a")
    (home / "platform.yaml").write_text("secrets: [SHOP_TOKEN]\n", encoding="utf-8")
    (home / "leaking_functions.py").write_text(
        'def leak(rows, parameters):\n    raise ValueError("tok-8f2a")\n\n\n'
        'def totals(inputs, parameters):\n    raise ValueError("tok-8f2a")\n',
        encoding="utf-8",
    )
    redeclare(home, "shop_functions:totals", "leaking_functions:totals")
    redeclare(
        home,
        "- check: unique\n          columns: [id]",
        "- {check: python, name: leak, function: leaking_functions:leak}",
    )
    append(home, good_window(1))
    run = pinned(home)
    result = execute(home, instance, run)
    assert ("orders", "leak", R1) in failed_checks(result)
    (home / "defs/shop/defs.yaml").write_text(
        (home / "defs/shop/defs.yaml")
        .read_text(encoding="utf-8")
        .replace("{check: python, name: leak, function: leaking_functions:leak}", "check: sorted"),
        encoding="utf-8",
    )
    assert execute(home, instance, run, job="certify_orders").success
    blocked = execute(home, instance, run, "totals")
    assert refusals(blocked) == {"shop__totals": "ConsumerFailed"}
    kept = [record.event_log_entry.to_json() for record in all_events(instance)]
    assert any("[withheld]" in text for text in kept)
    assert not any("tok-8f2a" in text for text in kept)


# --- targeted reruns -----------------------------------------------------------------------------


def test_one_product_is_mended_and_certified_alone_and_the_run_closes(
    home: Path, instance: dg.DagsterInstance
) -> None:
    declared = (home / "defs/shop/defs.yaml").read_text(encoding="utf-8")
    append(home, good_window(1))
    redeclare(
        home, "max: 100000\n        - check: referential", "max: 50\n        - check: referential"
    )
    run = pinned(home)
    execute(home, instance, run)
    before = product_files(home, "orders", "visits")
    (home / "defs/shop/defs.yaml").write_text(declared, encoding="utf-8")
    mended = execute(home, instance, run, "refunds")
    assert done(mended) == {"refunds", "refunds__certifier"}
    assert execute(home, instance, run, "refund_rate").success
    assert product_files(home, "orders", "visits") == before
    assert execute(home, instance, run, job="shop_close").success
    assert run_summary(Platform.open(home), RunId.parse(run))["state"] == "CLOSED"


def test_a_certify_job_launched_with_the_partition_tag_certifies_without_building(
    home: Path, instance: dg.DagsterInstance
) -> None:
    append(home, good_window(1))
    run = pinned(home)
    execute(home, instance, run, "events_landing", "events_admission", "orders")
    before = product_files(home, "orders")
    result = execute(home, instance, run, job="certify_orders")
    assert done(result) == {"orders__certifier"}
    assert {e.partition for e in result.get_asset_check_evaluations()} == {run}
    assert product_files(home, "orders") == before


def test_closing_before_everything_is_certified_lists_what_is_missing(
    home: Path, instance: dg.DagsterInstance
) -> None:
    append(home, good_window(1))
    run = pinned(home)
    execute(home, instance, run, "events_landing", "events_admission", "orders")
    result = execute(home, instance, run, job="shop_close")
    assert refusals(result) == {"shop__evidence": "ClosureRefused"}


def test_closing_a_closed_run_again_gives_the_same_digest(
    home: Path, instance: dg.DagsterInstance
) -> None:
    append(home, good_window(1))
    run = pinned(home)
    first = execute(home, instance, run)
    again = execute(home, instance, run, job="shop_close")
    bundles = [
        event.metadata["bundle"].value
        for result in (first, again)
        for event in result.asset_materializations_for_node("shop__evidence")
    ]
    assert len(bundles) == 2
    assert len(set(bundles)) == 1


# --- reading stores ------------------------------------------------------------------------------


def records(store: Path) -> dict[str, Any]:
    """Return every record by path, without what differs from run to run: times, nonces, digests.

    The digests of part files and of content stay, because those are the same for ever.
    """
    found: dict[str, Any] = {}
    for path in sorted(store.rglob("*.json")):
        if "closure" not in path.relative_to(store).parts:
            found[str(path.relative_to(store))] = _lasting(json.loads(path.read_text("utf-8")))
    assert found
    return found


def _lasting(value: Any) -> Any:
    passing = ("_at", "_digest", "nonce", "sig", "payload", "predecessor", "digest")
    if isinstance(value, dict):
        return {
            key: _lasting(item) if not key.endswith(passing) or key == "content_digest" else "*"
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_lasting(item) for item in value]
    return value


def all_events(instance: dg.DagsterInstance) -> list[dg.EventLogRecord]:
    found = []
    for run in instance.get_runs():
        found += instance.get_records_for_run(run.run_id).records
    return found


def product_files(home: Path, *products: str) -> dict[str, bytes]:
    return {
        str(path.relative_to(home)): path.read_bytes()
        for product in products
        for path in (home / "store/runs").glob(f"*/products/{product}/**/*")
        if path.is_file() and not re.search(r"\.tmp$", path.name)
    }


def test_the_comparison_of_records_sees_another_row(home: Path, tmp_path: Path) -> None:
    other = make_shop(tmp_path / "other")
    append(home, good_window(1))
    append(other, good_window(2))
    for each in (home, other):
        run_feed_in_dagster(each, "shop")
    assert records(home / "store") != records(other / "store")
