"""Sensors and the schedule: when they ask for a run, and when they must not be silent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from platform_assets.adapters.file_log_sink import FileLogSink
from platform_assets.errors import SourceChanged, SourceUnreachable
from platform_assets.identifiers import RunId
from platform_assets.orchestration import home_instance, patience, sensors, ticks
from platform_assets.orchestration.metadata import lag_metadata
from platform_assets.orchestration.names import FeedNames
from platform_assets.orchestration.resources import PlatformResource
from platform_assets.pipeline import Platform, admit, finish, land, pin, runs
from platform_assets.pipeline.lag import FeedLag, PartitionLag
from platform_assets_tests.orchestration.dagster_steps import execute
from platform_assets_tests.orchestration.shop_home import (
    CONSUMERS,
    PRODUCTS,
    append,
    good_window,
    order,
    redeclare,
)

if TYPE_CHECKING:
    from pathlib import Path

NAMES = FeedNames("shop")
R1, R2, R3 = (f"shop-0000000{sequence}" for sequence in (1, 2, 3))


def offsets(home: Path) -> dg.SensorDefinition:
    return sensors.offsets_sensor(NAMES, Platform.open(home).feed("shop"))


def tick(
    sensor: dg.SensorDefinition,
    home: Path,
    instance: dg.DagsterInstance,
    cursor: str | None = None,
) -> Any:
    """Evaluate a sensor and return what it answers: a result, a request or a reason to skip."""
    resources = {"platform": PlatformResource(home=str(home))}
    with dg.build_sensor_context(instance=instance, resources=resources, cursor=cursor) as context:
        return sensor(context)


def close_what_is_there(home: Path) -> None:
    platform = Platform.open(home)
    run = pin(platform, "shop")
    assert run is not None
    finish(platform, run)


def keys(answer: Any) -> list[str | None]:
    return [request.run_key for request in answer.run_requests]


def reason(answer: Any) -> str:
    return str(answer.skip_reason.skip_message) if answer.skip_reason else ""


def measured(answer: Any) -> dict[str, Any]:
    """Return the numbers of the one observation that a tick reports."""
    (observed,) = answer.asset_events
    assert observed.asset_key == dg.AssetKey(["shop", "lag"])
    return {name: value.value for name, value in observed.metadata.items()}


def test_a_due_window_is_pinned_and_its_run_is_asked_for(
    home: Path, instance: dg.DagsterInstance
) -> None:
    append(home, good_window(1))
    data = tick(offsets(home), home, instance)
    (request,) = data.run_requests or []
    assert (request.run_key, request.partition_key) == (R1, R1)
    (partitions,) = data.dynamic_partitions_requests or []
    assert list(partitions.partition_keys) == [R1]
    assert runs(Platform.open(home), "shop") == [RunId("shop", 1)]


def test_nothing_new_is_a_skip_that_says_so_and_pins_nothing(
    home: Path, instance: dg.DagsterInstance
) -> None:
    data = tick(offsets(home), home, instance)
    assert keys(data) == []
    assert reason(data) == "no window of shop is due; 0 offsets wait"
    assert runs(Platform.open(home), "shop") == []


def test_a_window_that_is_not_due_yet_waits(home: Path, instance: dg.DagsterInstance) -> None:
    redeclare(home, "max_age_seconds: 0", "max_age_seconds: 86400")
    append(home, good_window(1))
    close_what_is_there(home)
    append(home, good_window(11))
    data = tick(offsets(home), home, instance)
    assert keys(data) == []
    assert reason(data) == "no window of shop is due; 5 offsets wait"
    assert len(runs(Platform.open(home), "shop")) == 1


def test_a_window_pinned_by_a_process_that_died_is_asked_for(
    home: Path, instance: dg.DagsterInstance
) -> None:
    append(home, good_window(1))
    pin(Platform.open(home), "shop")
    assert keys(tick(offsets(home), home, instance)) == [R1]


def test_no_window_is_pinned_while_as_many_runs_are_open_as_may_be(
    home: Path, instance: dg.DagsterInstance
) -> None:
    redeclare(home, "max_records: 1000", "max_records: 5\n    max_open_runs: 2")
    append(home, [order(number, cents=0) for number in range(12_355)])
    first = tick(offsets(home), home, instance)
    assert keys(first) == [R1]  # the second waits, because the first is in its horizon
    assert not execute(home, instance, R1).success
    second = tick(offsets(home), home, instance)
    assert keys(second) == []
    assert reason(second) == (
        f"2 of 2 runs are open: {R1} (failed: DagsterAssetCheckFailedError), "
        f"{R2} (waits for those before it); 12,345 offsets wait"
    )
    assert len(runs(Platform.open(home), "shop")) == 2


def test_independent_runs_are_asked_for_side_by_side_each_once(
    home: Path, instance: dg.DagsterInstance
) -> None:
    redeclare(home, "max_records: 1000", "max_records: 5\n    max_open_runs: 3")
    redeclare(home, "  products:\n", "  dedupe: {horizon_runs: 0}\n  products:\n")
    for first in (1, 11, 21, 31):
        append(home, good_window(first))
    asked = tick(offsets(home), home, instance)
    assert keys(asked) == [R1, R2, R3]
    (partitions,) = asked.dynamic_partitions_requests
    assert list(partitions.partition_keys) == [R1, R2, R3]
    assert execute(home, instance, R2).success
    assert keys(tick(offsets(home), home, instance)) == [R1, R3, "shop-00000004"]


def test_windows_that_go_side_by_side_are_asked_for_at_once_and_may_end_in_any_order(
    home: Path, instance: dg.DagsterInstance
) -> None:
    redeclare(home, "max_records: 1000", "max_records: 5\n    parallel: 2")
    for first in (1, 1, 11):
        append(home, good_window(first))
    assert keys(tick(offsets(home), home, instance)) == [R1, R2]
    assert execute(home, instance, R2).success
    assert execute(home, instance, R1).success
    assert keys(tick(offsets(home), home, instance)) == ["shop-00000003"]


def test_a_run_beside_another_waits_for_it_and_is_closed_once_that_is(
    home: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    redeclare(home, "max_records: 1000", "max_records: 5\n    parallel: 2")
    for first in (1, 1):
        append(home, good_window(first))
    assert keys(tick(offsets(home), home, instance)) == [R1, R2]
    platform = Platform.open(home)
    land(platform, RunId.parse(R2), "events")
    admit(platform, RunId.parse(R2), "events")
    with monkeypatch.context() as patch:
        patch.setattr(patience, "STEP_SECONDS", 0.0)
        assert not execute(home, instance, R1).success
    assert execute(home, instance, R2).success
    assert execute(home, instance, R1).success


def test_a_tick_reports_the_lag_that_it_found_as_numbers(
    home: Path, instance: dg.DagsterInstance
) -> None:
    redeclare(home, "max_age_seconds: 0", "max_age_seconds: 86400")
    append(home, good_window(1))
    close_what_is_there(home)
    append(home, good_window(11))
    waiting = tick(offsets(home), home, instance)
    assert measured(waiting) == {
        "records": 5,
        "open_runs": 0,
        "partitions": 1,
        "events/0 records": 5,
    }  # a file log does not know when its records arrived
    redeclare(home, "max_age_seconds: 86400", "max_age_seconds: 0")
    taken = tick(offsets(home), home, instance)
    assert keys(taken) == [R2]
    assert measured(taken)["records"] == 5
    assert measured(taken)["open_runs"] == 1
    assert not measured(tick(offsets(home), home, instance))["records"]


def test_a_feed_that_stays_without_lag_reports_it_once(
    home: Path, instance: dg.DagsterInstance
) -> None:
    idle = tick(offsets(home), home, instance)
    assert measured(idle)["records"] == 0
    again = tick(offsets(home), home, instance, cursor=idle.cursor)
    assert again.asset_events == []
    append(home, good_window(1))
    busy = tick(offsets(home), home, instance, cursor=again.cursor)
    assert busy.cursor  # with none, Dagster would keep the one before
    assert measured(busy)["records"] == 5
    assert measured(tick(offsets(home), home, instance, cursor=busy.cursor))["records"] == 0


@pytest.mark.parametrize("partitions", [20, 21])
def test_of_many_partitions_those_that_lag_most_are_shown(partitions: int) -> None:
    lag = FeedLag(
        tuple(PartitionLag("events", str(n), n, float(n) if n else None) for n in range(partitions))
    )
    shown = {name: value.value for name, value in lag_metadata(lag, open_runs=0).items()}
    assert shown["records"] == sum(range(partitions))
    assert shown["seconds"] == partitions - 1
    assert shown["partitions"] == partitions
    assert len([name for name in shown if name.endswith(" records")]) == 20
    assert (shown.get("events/0 seconds") == 0.0) == (partitions == 20)


def test_an_open_run_is_closed_once_all_of_it_is_certified(
    home: Path, instance: dg.DagsterInstance
) -> None:
    ready = sensors.ready_to_close_sensor(NAMES)
    assert reason(tick(ready, home, instance)) == "no run of shop is open"
    append(home, good_window(1))
    run = pin(Platform.open(home), "shop")
    execute(home, instance, str(run), "events_landing", "events_admission", "orders")
    waiting = reason(tick(ready, home, instance))
    assert "refunds" in waiting
    assert "orders" not in waiting
    for output in ("refunds", "visits", "totals", "refund_rate"):
        assert execute(home, instance, str(run), output).success
    (request,) = tick(ready, home, instance).run_requests
    assert request.partition_key == str(run)
    assert keys(tick(ready, home, instance)) == [request.run_key]
    assert execute(home, instance, str(run), job="shop_close").success
    assert reason(tick(ready, home, instance)) == "no run of shop is open"


def announcing(home: Path) -> dg.SensorDefinition:
    redeclare(
        home,
        "  products:\n",
        "  announce:\n    source: {kind: file_log, path: control}\n    topic: ready\n  products:\n",
    )
    return sensors.announce_sensor(NAMES, Platform.open(home).feed("shop"))


def test_what_became_ready_is_announced_once(home: Path, instance: dg.DagsterInstance) -> None:
    sensor = announcing(home)
    FileLogSink(home / "control", "ready").create(1)
    assert tick(sensor, home, instance).skip_message == "nothing new to announce"
    append(home, good_window(1))
    close_what_is_there(home)
    said = tick(sensor, home, instance).skip_message
    assert said.startswith("announced 6: ")
    assert all(f"{R1}/{output}" in said for output in (*PRODUCTS, *CONSUMERS))
    assert tick(sensor, home, instance).skip_message == "nothing new to announce"


def test_a_control_topic_that_cannot_be_reached_fails_the_tick(
    home: Path, instance: dg.DagsterInstance
) -> None:
    sensor = announcing(home)
    append(home, good_window(1))
    close_what_is_there(home)
    with pytest.raises((SourceUnreachable, SourceChanged)):
        tick(sensor, home, instance)


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
        (request,) = schedule(context)
        assert request.partition_key == R2
        assert instance.get_dynamic_partitions("shop_runs") == [R2]
        (kept,) = instance.fetch_observations(NAMES.lag, limit=9).records
        assert kept.asset_observation is not None
        assert kept.asset_observation.metadata["records"].value == 5


def test_keys_of_old_closed_runs_are_retired_and_open_ones_stay(
    home: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ticks, "LIVE_RUNS", 1)
    redeclare(home, "  products:\n", "  dedupe: {horizon_runs: 0}\n  products:\n")
    platform = Platform.open(home)
    for first in (1, 11, 21):
        append(home, good_window(first))
        pin(platform, "shop")
    assert execute(home, instance, R1).success
    known = instance.get_dynamic_partitions("shop_runs")
    assert known == [R1]
    assert ticks.retired(platform, [str(run) for run in runs(platform, "shop")]) == [R1]
