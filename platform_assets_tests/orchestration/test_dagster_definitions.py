"""What a feed becomes in Dagster."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from platform_assets.declarations.checks import SchemaCheck, SortedCheck
from platform_assets.errors import DeclarationInvalid
from platform_assets.examples.home import create_home
from platform_assets.orchestration import definitions_for
from platform_assets.orchestration.certifiers import check_results
from platform_assets.orchestration.definitions import home_in_use
from platform_assets_tests.orchestration.shop_home import (
    CONSUMERS,
    DECLARATION,
    PRODUCTS,
    redeclare,
)

if TYPE_CHECKING:
    from pathlib import Path

OUTPUTS = (*PRODUCTS, *CONSUMERS)


def test_every_step_of_a_feed_is_an_asset_partitioned_by_its_runs(home: Path) -> None:
    graph = definitions_for(home).resolve_asset_graph()
    steps = ["anchors", "events_landing", "events_admission", *OUTPUTS, "evidence", "catalogue"]
    made = {key for key in graph.materializable_asset_keys if key.path[0] != "lanes"}
    assert {"/".join(key.path) for key in made} == {f"shop/{step}" for step in steps}
    assert graph.external_asset_keys == {dg.AssetKey(["shop", "lag"])}
    for key in made:
        assert graph.get(key).partitions_def == dg.DynamicPartitionsDefinition(name="shop_runs")


def test_lineage_follows_the_declaration(home: Path) -> None:
    graph = definitions_for(home).resolve_asset_graph()

    def parents(name: str) -> set[str]:
        return {"/".join(k.path[1:]) for k in graph.get(dg.AssetKey(["shop", name])).parent_keys}

    assert parents("orders") == {"events_admission"}
    assert parents("refund_rate") == {"refunds", "totals"}
    assert parents("evidence") == set(OUTPUTS)


def test_every_declared_check_and_the_certificate_block_and_are_partitioned(home: Path) -> None:
    graph = definitions_for(home).resolve_asset_graph()
    checks = {(key.asset_key.path[-1], key.name) for key in graph.asset_check_keys}
    assert {name for output, name in checks if output == "refunds"} == {
        "schema",
        "range_cents",
        "referential_order",
        "certificate",
    }
    assert {output for output, name in checks if name == "certificate"} == set(OUTPUTS)
    for check in (
        graph.get(key) for key in graph.asset_check_keys if key.asset_key.path[0] == "shop"
    ):
        assert check.blocking
        assert check.partitions_def == dg.DynamicPartitionsDefinition(name="shop_runs")


def test_a_certifier_cannot_run_a_part_of_its_checks(home: Path) -> None:
    for checks in definitions_for(home).asset_checks or []:
        assert not checks.can_subset


def test_jobs_exist_and_everything_that_starts_by_itself_is_off(home: Path) -> None:
    repository = definitions_for(home).get_repository_def()
    assert {"shop_run", "shop_close", *(f"certify_{name}" for name in OUTPUTS)} <= set(
        repository.job_names
    )
    sensors = {sensor.name: sensor.default_status for sensor in repository.sensor_defs}
    schedules = {schedule.name: schedule.default_status for schedule in repository.schedule_defs}
    assert sensors == dict.fromkeys(
        ["shop_offsets", "shop_ready_to_close"], dg.DefaultSensorStatus.STOPPED
    )
    assert schedules == dict.fromkeys(
        ["shop_hourly", "lane_burst_nightly", "lane_soak_weekly", "lane_recovery_weekly"],
        dg.DefaultScheduleStatus.STOPPED,
    )


def test_a_feed_that_declares_it_has_a_sensor_that_announces_and_is_off(home: Path) -> None:
    redeclare(
        home,
        "  products:\n",
        "  announce:\n    source: {kind: file_log, path: control}\n    topic: ready\n  products:\n",
    )
    sensors = definitions_for(home).get_repository_def().sensor_defs
    (announcing,) = (each for each in sensors if each.name == "shop_announce")
    assert announcing.default_status is dg.DefaultSensorStatus.STOPPED


def test_two_feeds_with_a_product_of_one_name_have_certify_jobs_of_two_names(home: Path) -> None:
    other = home / "defs/market/defs.yaml"
    other.parent.mkdir()
    other.write_text(DECLARATION.replace("feed: shop", "feed: market"), encoding="utf-8")
    jobs = set(definitions_for(home).get_repository_def().job_names)
    assert {"certify_shop_orders", "certify_market_orders"} <= jobs
    assert "certify_orders" not in jobs


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    visits:\n      event", "    evidence:\n      event"),
        ("    visits:\n      event", "    events_landing:\n      event"),
        (
            "- check: unique\n          columns: [id]",
            "- check: schema\n          name: certificate",
        ),
        ("feed: shop", "feed: lanes"),
    ],
    ids=[
        "a product named like the evidence",
        "a product named like a landing",
        "a check named like the certificate",
        "a feed named like the lanes",
    ],
)
def test_a_name_that_the_platform_uses_itself_is_refused(home: Path, old: str, new: str) -> None:
    redeclare(home, old, new)
    with pytest.raises(DeclarationInvalid, match="a name that the platform uses itself"):
        definitions_for(home)


def test_without_a_home_the_shipped_examples_are_shown(tmp_path: Path) -> None:
    graph = definitions_for(tmp_path / "none").resolve_asset_graph()
    feeds = {key.path[0] for key in graph.get_all_asset_keys()}
    assert {"earthquakes", "payments", "lanes"} <= feeds


def test_a_home_without_feeds_shows_lanes_alone_and_is_no_error(home: Path) -> None:
    shutil.rmtree(home / "defs/shop")
    graph = definitions_for(home).resolve_asset_graph()
    assert {key.path[0] for key in graph.get_all_asset_keys()} == {"lanes"}


def test_the_home_in_use_is_the_one_named_else_the_folder_else_the_default(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PLATFORM_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    assert home_in_use() == tmp_path / ".platform"
    monkeypatch.chdir(home)
    assert home_in_use() == home
    monkeypatch.setenv("PLATFORM_HOME", str(tmp_path / "named"))
    assert home_in_use() == tmp_path / "named"


def test_a_home_can_be_made_where_dagster_dev_was_started_before(tmp_path: Path) -> None:
    home = tmp_path / ".platform"
    (home / "dagster/history").mkdir(parents=True)
    create_home(home, examples=("earthquakes",))
    graph = definitions_for(home).resolve_asset_graph()
    assert dg.AssetKey(["earthquakes", "evidence"]) in graph.get_all_asset_keys()


def test_a_declared_check_that_the_certificate_does_not_list_is_shown_as_failed() -> None:
    checks = (SchemaCheck(check="schema"), SortedCheck(check="sorted"))
    observation = {"outcome": "PASS", "observed": "1", "expected": "1", "detail": ""}
    certificate = {
        "verdict": "FAIL",
        "generation": 1,
        "manifest_digest": "sha256:0",
        "policy_digest": "sha256:0",
        "checks": [{"name": "schema", "check": "schema", **observation}],
    }
    results = check_results(dg.AssetKey(["shop", "orders"]), checks, certificate, frozenset())
    assert {result.check_name: result.passed for result in results} == {
        "schema": True,
        "sorted": False,
        "certificate": False,
    }
