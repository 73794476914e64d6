"""The job `<feed>_replay`: a run is its partition, its verdict is metadata, a divergence fails it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from platform_assets.orchestration import home_instance
from platform_assets.orchestration.definitions import definitions_for
from platform_assets_tests.replay.conftest import SECOND

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_EVIDENCE = dg.AssetKey(["shop", "evidence"])
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def replayed(
    home: Path, instance: dg.DagsterInstance, config: Mapping[str, Any] | None = None
) -> tuple[dg.ExecuteInProcessResult, Mapping[str, Any]]:
    """Execute the job for the second run and return what the evidence's page then shows."""
    instance.add_dynamic_partitions("shop_runs", [str(SECOND)])
    given = {"ops": {"shop__replay": {"config": dict(config)}}} if config else {}
    result = (
        definitions_for(home)
        .resolve_job_def("shop_replay")
        .execute_in_process(
            instance=instance,
            partition_key=str(SECOND),
            run_config={**_QUIET, **given},
            raise_on_error=False,
        )
    )
    (record, *_) = instance.fetch_observations(_EVIDENCE, limit=1).records or [None]
    if record is None or record.asset_observation is None:
        return result, {}
    assert record.asset_observation.partition == str(SECOND)
    shown = {key: value.value for key, value in record.asset_observation.metadata.items()}
    return result, shown


@pytest.mark.parametrize("start", ["where possible", "landing"])
def test_the_job_of_a_feed_replays_the_run_of_its_partition(shop: Path, start: str) -> None:
    with home_instance(shop) as instance:
        result, shown = replayed(shop, instance, {"start": start})
    assert result.success
    assert shown["verdict"] == "REPRODUCED"
    assert shown["divergence"] == "none"
    assert shown["rebuilt_from"].startswith("landing" if start == "landing" else "anchors")
    assert shown["parts"] > 0
    assert shown["rows"] > 0
    assert "| consume | turnover |" in shown["compared"]


def test_a_divergence_fails_the_job_and_is_shown(shop: Path) -> None:
    functions = shop / "shop_functions.py"
    functions.write_text(functions.read_text().replace(".sum().alias", ".max().alias"))
    with home_instance(shop) as instance:
        result, shown = replayed(shop, instance)
    assert not result.success
    assert shown["verdict"] == "DIVERGED"
    assert "consume turnover" in shown["divergence"]
    assert "column ordered" in shown["divergence"]


def test_a_run_that_is_open_is_refused(tmp_path: Path) -> None:
    from platform_assets.pipeline import Platform, pin  # noqa: PLC0415
    from platform_assets_tests.orchestration.dagster_steps import refusals  # noqa: PLC0415
    from platform_assets_tests.shop import make_shop  # noqa: PLC0415

    home = make_shop(tmp_path / "home", orders=4)
    run = str(pin(Platform.open(home), "shop"))
    with home_instance(home) as instance:
        instance.add_dynamic_partitions("shop_runs", [run])
        job = definitions_for(home).resolve_job_def("shop_replay")
        result = job.execute_in_process(
            instance=instance, partition_key=run, run_config=_QUIET, raise_on_error=False
        )
    assert refusals(result) == {"shop__replay": "RunOpen"}
