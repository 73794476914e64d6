"""The real earthquakes: all of them, in the bytes in which they were published, in three partitions."""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from platform_assets.contracts.frames import polars_schema
from platform_assets.contracts.judge import EventRule, StreamJudge
from platform_assets.contracts.registry import ContractRegistry
from platform_assets.examples.earthquakes.activity import daily_activity
from platform_assets.examples.earthquakes.log import EVENTS, event_lines, partition_of, write_log
from platform_assets.resources import schemas_folder
from platform_assets_tests.examples import reference_admission as reference

PUBLISHED = Path(__file__).parents[3] / "shared" / "data" / "earthquakes.ndjson"
RUNS = ("earthquakes-00000001", "earthquakes-00000002")


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("earthquakes") / "log"
    write_log(directory)
    return directory


@pytest.fixture(scope="module")
def products(log: Path) -> pl.DataFrame:
    contract = ContractRegistry.load([schemas_folder() / "events"]).contract(
        "earthquakes/earthquake.v1.json"
    )
    rule = EventRule("earthquake", contract, ("id",), {})
    parts = []
    for records in reference.read_topic(log / "seismic_events").values():
        rows = StreamJudge([rule]).judge(pl.Series(records, dtype=pl.Binary)).accepted["earthquake"]
        assert len(rows) == len(records)
        run = pl.Series(RUNS, dtype=pl.String).gather((rows["_row"] // 334).clip(upper_bound=1))
        parts.append(rows.drop("_row", "_id").with_columns(_run=run))
    return pl.concat(parts)


def test_the_log_holds_the_1707_published_events_and_no_other(log: Path) -> None:
    partitions = reference.read_topic(log / "seismic_events")
    records = [record for partition in partitions.values() for record in partition]
    assert len(partitions) == 3
    assert len(records) == len(set(records)) == EVENTS == 1707
    assert sorted(records) == sorted(event_lines())


def test_the_events_are_byte_by_byte_those_that_were_published() -> None:
    if not PUBLISHED.exists():
        pytest.skip(f"the published file is not at {PUBLISHED}")
    assert sorted(event_lines()) == sorted(PUBLISHED.read_bytes().splitlines())


def test_an_event_stands_in_the_partition_of_its_id_in_the_order_of_time(log: Path) -> None:
    for partition, records in reference.read_topic(log / "seismic_events").items():
        events = [json.loads(record) for record in records]
        assert {partition_of(event["id"]) for event in events} == {int(partition)}
        times = [(event["properties"]["time"], event["id"]) for event in events]
        assert times == sorted(times)


def test_every_event_meets_the_contract(log: Path) -> None:
    validator = reference.validator("earthquakes/earthquake.v1.json")
    for line in event_lines():
        assert not list(validator.iter_errors(json.loads(line)))


def test_undeclared_properties_are_kept_as_json_text(products: pl.DataFrame) -> None:
    published = {event["id"]: event["properties"] for event in map(json.loads, event_lines())}
    rows = products.select("id", pl.col("properties").struct.field("_additional")).rows()
    for event_id, additional in rows:
        kept = json.loads(additional)
        assert set(kept) == {"tz", "detail", "types"}
        assert kept.items() <= published[event_id].items()


def test_a_window_of_1000_makes_two_runs() -> None:
    assert 1000 < EVENTS <= 2000


@pytest.mark.parametrize("run", RUNS)
def test_daily_activity_is_what_plain_python_counts(products: pl.DataFrame, run: str) -> None:
    history = products.filter(pl.col("_run") <= run)
    given = {"earthquakes": history.sample(fraction=1, shuffle=True, seed=1).lazy()}
    found = daily_activity(given, {"run_id": run}).collect()
    assert found.to_dicts() == expected(history.to_dicts(), run)
    assert 20 < len(found) < 80


def test_a_day_that_a_later_run_touches_is_stated_over_both_runs(products: pl.DataFrame) -> None:
    given = {"earthquakes": products.lazy()}
    both = daily_activity(given, {"run_id": RUNS[1]}).collect()
    alone = products.filter(pl.col("_run") == RUNS[1])
    own = daily_activity({"earthquakes": alone.lazy()}, {"run_id": RUNS[1]}).collect()
    assert both.select("day", "network").equals(own.select("day", "network"))
    assert (both["events"] > own["events"]).any()


def test_daily_activity_has_exactly_the_columns_of_its_contract(products: pl.DataFrame) -> None:
    registry = ContractRegistry.load([schemas_folder() / "events"])
    columns = registry.contract("earthquakes/daily_activity.v1.json").columns
    found = daily_activity({"earthquakes": products.lazy()}, {"run_id": RUNS[0]})
    assert found.collect_schema() == pl.Schema(polars_schema(columns))


def expected(rows: list[dict[str, Any]], run: str) -> list[dict[str, Any]]:
    groups = defaultdict(list)
    for row in rows:
        event = row["properties"]
        groups[event["time"].astimezone(dt.UTC).date(), event["net"]].append((row["_run"], event))
    answer = []
    for (day, network), members in sorted(groups.items()):
        events = [event for _, event in members]
        if all(each != run for each, _ in members):
            continue
        answer.append(
            {
                "day": day,
                "network": network,
                "events": len(events),
                "max_magnitude": max(event["mag"] for event in events),
                "significance": sum(event["sig"] for event in events),
                "tsunami_flags": sum(event["tsunami"] for event in events),
                "newest": max(event["time"] for event in events),
            }
        )
    return answer
