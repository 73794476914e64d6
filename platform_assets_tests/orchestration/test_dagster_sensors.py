"""Sensors and the schedule: when they ask for a run, and when they must not be silent."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from platform_assets.errors import SourceUnreachable
from platform_assets.identifiers import RunId
from platform_assets.orchestration import home_instance, sensors
from platform_assets.orchestration.names import FeedNames
from platform_assets.orchestration.resources import PlatformResource
from platform_assets.pipeline import Platform, finish, pin, runs
from platform_assets_tests.orchestration.dagster_steps import execute
from platform_assets_tests.orchestration.shop_home import append, good_window, redeclare

if TYPE_CHECKING:
    from pathlib import Path

NAMES = FeedNames("shop")
R1 = "shop-00000001"


def tick(sensor: dg.SensorDefinition, home: Path, instance: dg.DagsterInstance) -> Any:
    """Evaluate a sensor and return what it answers: a result, a request or a reason to skip."""
    resources = {"platform": PlatformResource(home=str(home))}
    with dg.build_sensor_context(instance=instance, resources=resources) as context:
        return sensor(context)


def close_what_is_there(home: Path) -> None:
    platform = Platform.open(home)
    run = pin(platform, "shop")
    assert run is not None
    finish(platform, run)


def keys(answer: Any) -> list[str | None]:
    requests = getattr(answer, "run_requests", None) or []
    return [request.run_key for request in requests]


def test_a_due_window_is_pinned_and_its_run_is_asked_for(
    home: Path, instance: dg.DagsterInstance
) -> None:
    append(home, good_window(1))
    data = tick(sensors.offsets_sensor(NAMES), home, instance)
    (request,) = data.run_requests or []
    assert (request.run_key, request.partition_key) == (R1, R1)
    assert request.tags["platform_assets/feed"] == "shop"
    (partitions,) = data.dynamic_partitions_requests or []
    assert list(partitions.partition_keys) == [R1]
    assert runs(Platform.open(home), "shop") == [RunId("shop", 1)]


def test_nothing_new_is_a_skip_that_says_so_and_pins_nothing(
    home: Path, instance: dg.DagsterInstance
) -> None:
    data = tick(sensors.offsets_sensor(NAMES), home, instance)
    assert keys(data) == []
    assert data.skip_message
    assert runs(Platform.open(home), "shop") == []


def test_a_window_that_is_not_due_yet_waits(home: Path, instance: dg.DagsterInstance) -> None:
    redeclare(home, "max_age_seconds: 0", "max_age_seconds: 86400")
    append(home, good_window(1))
    close_what_is_there(home)
    append(home, good_window(11))
    data = tick(sensors.offsets_sensor(NAMES), home, instance)
    assert keys(data) == []
    assert "5 offsets wait" in str(data.skip_message)
    assert len(runs(Platform.open(home), "shop")) == 1


def test_a_window_pinned_by_a_process_that_died_is_asked_for(
    home: Path, instance: dg.DagsterInstance
) -> None:
    append(home, good_window(1))
    pin(Platform.open(home), "shop")
    assert keys(tick(sensors.offsets_sensor(NAMES), home, instance)) == [R1]


def test_no_window_is_pinned_while_a_run_is_open(home: Path, instance: dg.DagsterInstance) -> None:
    append(home, good_window(1))
    tick(sensors.offsets_sensor(NAMES), home, instance)
    append(home, good_window(11))
    assert keys(tick(sensors.offsets_sensor(NAMES), home, instance)) == [R1]
    assert len(runs(Platform.open(home), "shop")) == 1


def test_an_outage_fails_the_tick_and_is_never_a_skip(
    home: Path, instance: dg.DagsterInstance
) -> None:
    shutil.rmtree(home / "data")
    with pytest.raises(SourceUnreachable):
        tick(sensors.offsets_sensor(NAMES), home, instance)


def test_an_open_run_is_closed_once_all_of_it_is_certified(
    home: Path, instance: dg.DagsterInstance
) -> None:
    ready = sensors.ready_to_close_sensor(NAMES)
    assert "no run" in str(tick(ready, home, instance).skip_message)
    append(home, good_window(1))
    run = pin(Platform.open(home), "shop")
    execute(home, instance, str(run), "events_landing", "events_admission", "orders")
    waiting = str(tick(ready, home, instance).skip_message)
    assert "refunds" in waiting
    assert "orders" not in waiting
    for output in ("refunds", "visits", "totals", "refund_rate"):
        assert execute(home, instance, str(run), output).success
    request = tick(ready, home, instance)
    assert request.partition_key == str(run)
    assert tick(ready, home, instance).run_key == request.run_key
    assert execute(home, instance, str(run), job="shop_close").success
    assert "no run" in str(tick(ready, home, instance).skip_message)


def test_the_schedule_takes_up_a_window_that_is_not_full(home: Path) -> None:
    redeclare(home, "max_age_seconds: 0", "max_age_seconds: 86400")
    append(home, good_window(1))
    close_what_is_there(home)
    append(home, good_window(11))
    schedule = sensors.catch_up_schedule(NAMES)
    resources = {"platform": PlatformResource(home=str(home))}
    with (
        home_instance(home) as instance,
        dg.build_schedule_context(instance=instance, resources=resources) as context,
    ):
        request = schedule(context)
        assert request.partition_key == "shop-00000002"
        assert instance.get_dynamic_partitions("shop_runs") == ["shop-00000002"]


def test_keys_of_old_closed_runs_are_retired_and_open_ones_stay(
    home: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sensors, "LIVE_RUNS", 1)
    redeclare(home, "  products:\n", "  dedupe: {horizon_runs: 0}\n  products:\n")
    platform = Platform.open(home)
    for first in (1, 11, 21):
        append(home, good_window(first))
        pin(platform, "shop")
    assert execute(home, instance, R1).success
    known = instance.get_dynamic_partitions("shop_runs")
    assert known == [R1]
    assert sensors.retired(platform, [str(run) for run in runs(platform, "shop")]) == [R1]
