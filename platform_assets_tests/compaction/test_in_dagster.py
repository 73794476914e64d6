"""A product by day in Dagster: there where it is declared, its checks mirror the certificate."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from platform_assets.errors import DeclarationInvalid
from platform_assets.orchestration import definitions_for, home_instance
from platform_assets.orchestration.resources import PlatformResource
from platform_assets.pipeline import Platform
from platform_assets_tests.compaction.dated_shop import (
    TENTH,
    compacted,
    late,
    orders_of,
    take,
)
from platform_assets_tests.orchestration.dagster_steps import QUIET, failed_checks, refusals
from platform_assets_tests.shop import append, order, redeclare

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DAILY = dg.AssetKey(["shop", "orders_daily"])


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


@pytest.fixture
def daily(home: Path) -> Path:
    redeclare(home, lambda feed: feed["products"]["orders"].update(compaction="daily"))
    return home


def _compact(home: Path, instance: dg.DagsterInstance, day: str) -> dg.ExecuteInProcessResult:
    instance.add_dynamic_partitions("shop_orders_days", [day])
    job = definitions_for(home).resolve_job_def("shop_orders_daily")
    tags = {"dagster/partition": day}
    return job.execute_in_process(
        instance=instance, run_config=QUIET, tags=tags, raise_on_error=False
    )


def test_nothing_of_it_is_there_where_it_is_not_declared(home: Path) -> None:
    graph = definitions_for(home).resolve_asset_graph()
    assert DAILY not in graph.get_all_asset_keys()


def test_each_check_of_a_day_says_what_it_checks(daily: Path) -> None:
    graph = definitions_for(daily).resolve_asset_graph()
    specs = [graph.get_check_spec(key) for key in graph.asset_check_keys if key.asset_key == DAILY]
    assert {"inputs_merge", "certificate", "schema"} <= {spec.name for spec in specs}
    assert [spec.name for spec in specs if not spec.description] == []


def test_declaring_it_makes_no_other_configuration_of_a_run(home: Path) -> None:
    before = Platform.open(home).configuration("shop")
    redeclare(home, lambda feed: feed["products"]["orders"].update(compaction="daily"))
    assert Platform.open(home).configuration("shop") == before


def test_a_day_is_a_partition_and_its_checks_mirror_the_certificate(
    daily: Path, instance: dg.DagsterInstance
) -> None:
    late(daily, 70)
    result = _compact(daily, instance, TENTH)
    assert result.success
    assert failed_checks(result) == set()
    evaluations = result.get_asset_check_evaluations()
    assert {each.check_name for each in evaluations} >= {"inputs_merge", "schema", "certificate"}
    assert {each.partition for each in evaluations} == {TENTH}
    (made,) = result.asset_materializations_for_node("shop__orders_daily")
    assert made.metadata["dagster/row_count"].value == 3
    assert made.metadata["runs"].value == 2
    assert made.metadata["memory_budget_bytes"].value == 2 * 1024**3
    assert made.metadata["peak_rss_bytes"].value > 50 * 1024**2
    assert orders_of(Platform.open(daily), TENTH) == ["o-1", "o-3", "o-70"]


def test_a_day_that_fails_a_check_shows_it(daily: Path, instance: dg.DagsterInstance) -> None:
    redeclare(daily, lambda feed: feed["dedupe"].update(horizon_runs=0))
    append(daily, "orders", 0, [order(1, at=f"{TENTH}T23:59:59.999999Z")])
    take(daily)
    result = _compact(daily, instance, TENTH)
    assert failed_checks(result) == {
        ("orders_daily", "unique_order_id", TENTH),
        ("orders_daily", "certificate", TENTH),
    }


def test_a_day_that_cannot_be_made_fails_its_step(
    daily: Path, instance: dg.DagsterInstance
) -> None:
    assert set(refusals(_compact(daily, instance, "yesterday")).values()) == {"InvalidName"}


def test_the_schedule_asks_for_the_days_that_are_due_and_is_off(daily: Path) -> None:
    schedule = definitions_for(daily).resolve_schedule_def("shop_orders_daily_hourly")
    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED
    with home_instance(daily) as instance:
        assert _asked(daily, schedule, instance) == []
        late(daily, 71)
        assert _asked(daily, schedule, instance) == [TENTH]
        assert instance.get_dynamic_partitions("shop_orders_days") == [TENTH]
        compacted(Platform.open(daily))
        assert _asked(daily, schedule, instance) == []


def test_several_days_are_asked_for_at_once_and_again_by_a_later_tick(daily: Path) -> None:
    schedule = definitions_for(daily).resolve_schedule_def("shop_orders_daily_hourly")
    late(daily, 72)
    append(daily, "orders", 0, [order(73, at="2026-03-02T00:00:00Z")])
    take(daily)
    with home_instance(daily) as instance:
        first, second = (
            _requests(daily, schedule, instance, datetime(2026, 3, 3, hour, 30, tzinfo=UTC))
            for hour in (1, 2)
        )
    assert len({each.run_key for each in (*first, *second)}) == 2 * len(first)
    assert [each.partition_key for each in first] == [each.partition_key for each in second]
    assert {TENTH, "2026-03-02"} <= {each.partition_key for each in first}


@pytest.mark.parametrize(
    ("product", "said"), [("cancellations", "declare its `time`"), ("orders", "strict")]
)
def test_what_cannot_be_compacted_is_a_mistake_of_the_declaration(
    product: str, said: str, home: Path
) -> None:
    def wrong(feed: dict[str, Any]) -> None:
        feed["products"][product]["compaction"] = "daily"
        feed["products"][product]["strict"] = product == "orders"
        feed["consumers"] = {}

    redeclare(home, wrong)
    with pytest.raises(DeclarationInvalid, match=said):
        Platform.open(home)


def _asked(
    home: Path, schedule: dg.ScheduleDefinition, instance: dg.DagsterInstance
) -> list[str | None]:
    now = datetime(2026, 3, 3, tzinfo=UTC)
    return [each.partition_key for each in _requests(home, schedule, instance, now)]


def _requests(
    home: Path, schedule: dg.ScheduleDefinition, instance: dg.DagsterInstance, now: datetime
) -> list[dg.RunRequest]:
    """Return what a tick of that time asks for, as the daemon evaluates it."""
    with dg.build_schedule_context(
        instance=instance,
        scheduled_execution_time=now,
        resources={"platform": PlatformResource(home=str(home))},
        repository_def=definitions_for(home).get_repository_def(),
    ) as context:
        return list(schedule.evaluate_tick(context).run_requests or [])
