"""Lanes in Dagster: to a verdict that the checks mirror, or to a step that failed, beside all feeds."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from platform_assets.canonical import digest_bytes
from platform_assets.lanes.lane_folders import only_lane
from platform_assets.lanes.metrics import METRICS
from platform_assets.lanes.plan import LANES
from platform_assets.lanes.shipped import shipped_lanes
from platform_assets.orchestration import definitions_for, home_instance
from platform_assets.orchestration.lanes import lane_key, target_file
from platform_assets.orchestration.names import LANE_TAG, LANE_VERDICT_CHECK
from platform_assets.orchestration.resources import PlatformResource
from platform_assets.pipeline import Platform, pin
from platform_assets_tests.cli.calls import call
from platform_assets_tests.lanes.plans import write_plan
from platform_assets_tests.lanes.small_lane import payload
from platform_assets_tests.orchestration.dagster_lanes import (
    BURST,
    burst,
    checks_of,
    evaluations,
    metadata,
)
from platform_assets_tests.orchestration.dagster_steps import execute, refusals
from platform_assets_tests.orchestration.shop_home import append, good_window

if TYPE_CHECKING:
    from pathlib import Path

SHOP_RUN = "shop-00000001"
LANE_RUN = "lane-burst-00000001"
#: Dimension -> what its figures are divided by, and the unit that this gives.
PLOTTED = {
    "time": (1_000_000, "s"),
    "bytes": (2**20, "MiB"),
    "count": (1, ""),
    "rate": (1, "/s"),
    "share": (10_000, "%"),
}
THRESHOLDS: dict[str, Any] = {
    "lost": {"metric": "lost", "statistic": "sum", "at_most": 0, "unit": "1"},
    "quarantined": {"metric": "quarantined", "statistic": "max", "at_least": 99, "unit": "%"},
    "drained": {"metric": "recovery", "statistic": "max", "at_most": 1, "unit": "s"},
    "of_its_own": {"metric": "run_events", "statistic": "max", "at_most": 1, "unit": "1"},
}


def fingerprints(home: Path) -> dict[str, str]:
    """Return what every file of a home holds, but for its lanes and its Dagster instance."""
    return {
        str(path.relative_to(home)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(home.rglob("*"))
        if path.is_file() and path.relative_to(home).parts[0] not in {"lanes", "dagster"}
    }


def shown_of_feeds(instance: dg.DagsterInstance) -> dict[str, Any]:
    """Return partitions of the shop, and the newest event of each asset but the lanes."""
    keys = [key for key in instance.get_asset_keys() if key.path[0] != "lanes"]
    return {
        "partitions": instance.get_dynamic_partitions("shop_runs"),
        **{str(key): instance.get_latest_materialization_event(key) for key in keys},
    }


def test_a_lane_is_materialised_with_its_figures_and_touches_no_feed(
    home: Path, instance: dg.DagsterInstance
) -> None:
    append(home, good_window(1))
    assert str(pin(Platform.open(home), "shop")) == SHOP_RUN
    assert execute(home, instance, SHOP_RUN).success
    before = fingerprints(home), shown_of_feeds(instance)

    result = burst(home, instance, profile="smoke")
    assert result.success, refusals(result)
    assert (fingerprints(home), shown_of_feeds(instance)) == before

    evidence = home / "lanes" / LANE_RUN / "evidence"
    signed = payload((evidence / "lane.json").read_bytes())["predicate"]
    verdicts = {each["name"]: each["verdict"] == "PASS" for each in signed["thresholds"]}
    assert len(verdicts) > 15
    assert {name: each.passed for name, each in evaluations(result).items()} == {
        **verdicts,
        LANE_VERDICT_CHECK: signed["verdict"] == "PASS",
    }
    shown = metadata(instance)
    for each in signed["thresholds"]:
        per, unit = PLOTTED[METRICS[each["metric"]].dimension]
        name = f"{each['name']} ({unit})" if unit else each["name"]
        assert shown.get(name) == (None if each["value"] is None else each["value"] / per)
        assert f"| {each['name']} |" in shown["thresholds"]
    assert (shown["verdict"], shown["profile"]) == (signed["verdict"], "smoke")
    assert (shown["lane_run"], shown["events"]) == (LANE_RUN, 54_000)
    assert shown["evidence"] == digest_bytes((evidence / "lane.json").read_bytes())
    assert shown["report_file"] == str(evidence / "report.html")
    verified = call(*shown["verify"].strip("`").split()[1:], "--json")
    assert (verified.code, verified.document["verified"]) == (0, True)


def test_a_lane_that_does_not_pass_fails_its_checks_and_its_figures_are_kept(
    home: Path, instance: dg.DagsterInstance
) -> None:
    write_plan(home / "plan.yaml", THRESHOLDS, seconds=3)
    result = burst(home, instance, profile="tiny", plan="plan.yaml", keep=True)
    assert result.success, refusals(result)
    found = evaluations(result)
    assert set(found) == checks_of(home), "each of its checks has a result"
    assert {name for name, each in found.items() if each.passed} == {"lost"}
    errors = {
        name
        for name, each in found.items()
        if not each.passed and each.severity is dg.AssetCheckSeverity.ERROR
    }
    assert errors == {"quarantined", "drained", LANE_VERDICT_CHECK}
    assert found["quarantined"].metadata["verdict"].value == "FAIL"
    assert found["drained"].metadata["verdict"].value == "NO_DATA"
    assert "measured (s)" not in found["drained"].metadata
    assert "no such threshold" in str(found["lag_before"].metadata["no data because"].value)
    assert found["quarantined"].metadata["limit (%)"].value == 99
    assert found[LANE_VERDICT_CHECK].metadata["thresholds not passed"].value == 3
    assert "of_its_own" in str(found[LANE_VERDICT_CHECK].metadata["not passed"].value)
    shown = metadata(instance)
    assert shown["verdict"] == "FAIL"
    assert shown["quarantined (%)"] < 99
    assert shown["of_its_own"] > 1
    assert "drained (s)" not in shown
    assert (home / "lanes" / LANE_RUN / "work" / "home").is_dir()


def test_what_could_not_run_fails_the_step_once_and_leaves_no_figure_and_no_result(
    home: Path, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    ready = {"address": "127.0.0.1:1", "within_seconds": 1}
    services = {"broker": {"command": ["sleep", "600"], "ready": ready}}
    write_plan(home / "plan.yaml", THRESHOLDS, seconds=3, services=services)
    tried = {
        "DeclarationInvalid": burst(home, instance, profile="tiniest"),
        "DependencyUnreachable": burst(home, instance, profile="tiny", plan="plan.yaml"),
        "SettingsInvalid": burst(tmp_path / "none", instance, profile="smoke"),
    }
    with only_lane(home, "soak"):
        tried["LaneUnderWay"] = burst(home, instance, profile="smoke")
    for code, result in tried.items():
        assert refusals(result) == {BURST.to_python_identifier(): code}
        assert not any(event.is_step_up_for_retry for event in result.all_events)
        assert evaluations(result) == {}
    assert instance.get_latest_materialization_event(BURST) is None


def test_every_lane_has_an_asset_with_a_check_per_threshold_and_a_job(home: Path) -> None:
    definitions = definitions_for(home)
    graph, repository = definitions.resolve_asset_graph(), definitions.get_repository_def()
    for lane in LANES:
        asset = graph.get(lane_key(lane))
        assert asset.group_name == "lanes"
        assert asset.partitions_def is None
        assert not asset.parent_keys | asset.child_keys
        assert checks_of(home, lane) == {*shipped_lanes()[lane].thresholds, LANE_VERDICT_CHECK}
        job = repository.get_job(f"lane_{lane}")
        assert job.asset_layer.executable_asset_keys == {lane_key(lane)}
        assert job.tags[LANE_TAG] == lane


def test_a_lane_needs_its_profile_named_which_its_job_does(home: Path) -> None:
    repository = definitions_for(home).get_repository_def()
    (name,) = repository.get_implicit_asset_job_names()
    everything = repository.get_job(name)
    assert {lane_key(lane) for lane in LANES} <= everything.asset_layer.executable_asset_keys
    with pytest.raises(dg.DagsterInvalidConfigError, match="profile"):
        dg.validate_run_config(everything, {})
    for lane in LANES:
        told = dg.validate_run_config(repository.get_job(f"lane_{lane}"), {})
        assert told["ops"][f"lanes__{lane}"]["config"]["profile"] == "standard"


@pytest.mark.parametrize("with_a_target", [True, False])
def test_schedules_are_off_and_ask_for_what_their_jobs_take(
    home: Path, instance: dg.DagsterInstance, *, with_a_target: bool
) -> None:
    repository = definitions_for(home).get_repository_def()
    schedules = {each.job_name: each for each in repository.schedule_defs}
    for lane in ("burst", "soak", "recovery"):
        schedule = schedules[f"lane_{lane}"]
        assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED
        if with_a_target:
            (home / target_file(lane)).parent.mkdir(exist_ok=True)
            (home / target_file(lane)).write_text("{}\n")
        with dg.build_schedule_context(
            instance=instance, resources={"platform": PlatformResource(home=str(home))}
        ) as context:
            (asked,) = schedule.evaluate_tick(context).run_requests or []
        dg.validate_run_config(repository.get_job(f"lane_{lane}"), asked.run_config)
        told = asked.run_config["ops"][f"lanes__{lane}"]["config"]
        assert told["profile"] == "standard"
        assert told.get("target") == (str(target_file(lane)) if with_a_target else None)


def test_the_queue_of_a_home_lets_one_lane_run_at_a_time(home: Path) -> None:
    with home_instance(home) as instance:
        queue = instance.get_concurrency_config().run_queue_config
    assert queue is not None
    assert {"key": LANE_TAG, "limit": 1} in queue.tag_concurrency_limits


def test_definitions_load_nothing_that_only_a_lane_needs(home: Path) -> None:
    script = (
        "import json, sys, pathlib\n"
        "from platform_assets.orchestration import definitions_for\n"
        "definitions_for(pathlib.Path(sys.argv[1])).get_repository_def()\n"
        "print(json.dumps(sorted(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(home)], capture_output=True, text=True, check=True
    )
    loaded = set(json.loads(done.stdout))
    assert "platform_assets.lanes.shipped" in loaded
    assert loaded.isdisjoint(
        {"scipy", "hdrh", "platform_assets.lanes.plan", "platform_assets.lanes.conduct"}
    )
