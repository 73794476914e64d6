"""Executing lanes in Dagster runs in this process, and reading what they left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg

from platform_assets.orchestration import definitions_for
from platform_assets_tests.orchestration.dagster_steps import QUIET

if TYPE_CHECKING:
    from pathlib import Path

BURST = dg.AssetKey(["lanes", "burst"])


def config(lane: str = "burst", **config: Any) -> dict[str, Any]:
    """Return the configuration of a lane's run."""
    return {"ops": {f"lanes__{lane}": {"config": config}}}


def burst(home: Path, instance: dg.DagsterInstance, **told: Any) -> dg.ExecuteInProcessResult:
    """Execute the job of the burst lane."""
    return (
        definitions_for(home)
        .resolve_job_def("lane_burst")
        .execute_in_process(
            instance=instance, run_config={**QUIET, **config(**told)}, raise_on_error=False
        )
    )


def evaluations(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    """Return every check result of a run, by the name of the check."""
    return {each.check_name: each for each in result.get_asset_check_evaluations()}


def metadata(instance: dg.DagsterInstance) -> dict[str, Any]:
    """Return what the newest materialisation of the burst lane shows."""
    event = instance.get_latest_materialization_event(BURST)
    assert event is not None
    assert event.asset_materialization is not None
    return {key: value.value for key, value in event.asset_materialization.metadata.items()}


def checks_of(home: Path, lane: str = "burst") -> set[str]:
    """Return the checks that a lane has."""
    keys = definitions_for(home).resolve_asset_graph().asset_check_keys
    return {key.name for key in keys if key.asset_key == dg.AssetKey(["lanes", lane])}
