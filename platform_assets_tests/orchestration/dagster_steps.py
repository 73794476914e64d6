"""Executing parts of a feed in Dagster runs of their own, and reading what they left."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from platform_assets.orchestration import definitions_for

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def execute(
    home: Path,
    instance: dg.DagsterInstance,
    run: str,
    *outputs: str,
    job: str = "shop_run",
) -> dg.ExecuteInProcessResult:
    """Execute a job for one run, or only some outputs of it with their checks."""
    instance.add_dynamic_partitions("shop_runs", [run])
    keys = [dg.AssetKey(["shop", *name.split("/")]) for name in outputs]
    return (
        definitions_for(home)
        .resolve_job_def(job)
        .execute_in_process(
            instance=instance,
            run_config=QUIET,
            tags={"dagster/partition": run},
            asset_selection=keys or None,
            raise_on_error=False,
        )
    )


def refusals(result: dg.ExecuteInProcessResult) -> dict[str, str]:
    """Return the code of the error of every step that failed with one of ours."""
    failed = [event for event in result.all_events if event.is_step_failure]
    return {
        str(event.step_key): str(event.step_failure_data.user_failure_data.metadata["code"].value)
        for event in failed
        if event.step_failure_data.user_failure_data
    }


def failed_checks(result: dg.ExecuteInProcessResult) -> set[tuple[str, str, str | None]]:
    """Return output, check and partition of every check result that is not a pass."""
    return {
        (e.asset_key.path[-1], e.check_name, e.partition)
        for e in result.get_asset_check_evaluations()
        if not e.passed
    }


def done(result: dg.ExecuteInProcessResult) -> set[str]:
    """Return the steps that succeeded, without the feed's name in front."""
    return {
        str(event.step_key).removeprefix("shop__")
        for event in result.all_events
        if event.is_step_success
    }


def paths(keys: Sequence[dg.AssetKey]) -> set[str]:
    return {"/".join(key.path) for key in keys}
