"""I14: Dagster keeps no password of a source, whether its run is refused or closes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg
import pytest

from platform_assets.errors import SourceDenied
from platform_assets.orchestration import failures, sensors
from platform_assets.orchestration.names import FeedNames
from platform_assets.orchestration.resources import PlatformResource
from platform_assets.pipeline import Platform, pin
from platform_assets_tests.orchestration.dagster_steps import execute, refusals
from platform_assets_tests.secured_shop import feed_on, orders_on

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets_tests.servers.kafka_cluster import KafkaCluster

WRONG = "no-password-of-anyone"


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "OUTAGE_WAIT_SECONDS", 0)


@pytest.fixture
def home(kafka_secured: KafkaCluster, tmp_path: Path) -> Path:
    topic = orders_on(kafka_secured)
    assert kafka_secured.security is not None
    password = kafka_secured.security.passwords["reader"]
    return feed_on(tmp_path / "home", kafka_secured, topic, "SCRAM-SHA-512", "reader", password)


def kept_by(instance: dg.DagsterInstance) -> str:
    return "".join(
        record.event_log_entry.to_json()
        for run in instance.get_runs()
        for record in instance.get_records_for_run(run.run_id).records
    )


def test_i14_dagster_is_told_no_password_of_a_source(
    home: Path, instance: dg.DagsterInstance
) -> None:
    password = (home / "keys" / "password").read_text().strip()
    run = str(pin(Platform.open(home), "shop"))
    (home / "keys" / "password").write_text(WRONG)
    denied = execute(home, instance, run, "orders_landing")
    assert set(refusals(denied).values()) == {"SourceDenied"}
    resources = {"platform": PlatformResource(home=str(home))}
    with dg.build_sensor_context(instance=instance, resources=resources) as context:
        sensor = sensors.offsets_sensor(FeedNames("shop"), Platform.open(home).feed("shop"))
        with pytest.raises(SourceDenied) as raised:
            sensor(context)
    (home / "keys" / "password").write_text(password)
    assert execute(home, instance, run).success
    kept = kept_by(instance)
    assert "SourceDenied" in kept
    assert "keys/user" in kept
    assert WRONG not in kept + str(raised.value)
    assert password not in kept
