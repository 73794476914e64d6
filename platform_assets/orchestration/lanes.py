"""Lanes in Dagster: for each an asset with a check per threshold, a job, and schedules that are off.

A lane that is judged is materialised, whatever its verdict: its figures are a point of their
history, and its checks say which limits it did not keep. A check passes only where the evidence
says so: without data it fails, and a threshold that the lane's plan does not have is not passed
either. `lane_verdict` is the verdict of the whole.

A lane that could not be brought to its verdict fails the step. It is never begun again by itself:
it is one measurement, and the next one takes as long.

The lane works on a home of its own (see `lanes.conduct`); no feed depends on these assets, and they
have no partition of any. The process of the Dagster run conducts it. Ending the run ends the lane
with all of its processes.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from pydantic import Field

from platform_assets.errors import LaneInterrupted
from platform_assets.lanes.shipped import ShippedLane, shipped_lanes
from platform_assets.orchestration.failures import refusals_fail_the_step
from platform_assets.orchestration.lane_metadata import lane_checks, lane_metadata
from platform_assets.orchestration.names import LANE_TAG, LANE_VERDICT_CHECK, LANES_GROUP
from platform_assets.orchestration.resources import PlatformResource
from platform_assets.orchestration.withholding import withhold

if TYPE_CHECKING:
    from platform_assets.lanes.lane_result import LaneProgress, LaneResult

#: Lane -> when its schedule begins it (UTC), and what that is called. A probe is begun by people.
SCHEDULES = {
    "burst": ("0 2 * * *", "nightly"),
    "soak": ("0 3 * * 6", "weekly"),
    "recovery": ("0 3 * * 0", "weekly"),
}
#: What jobs and schedules take where nobody says another.
_PROFILE = "standard"
_VERDICT = "The lane passes: each threshold of its plan, and every requirement besides."
_LOG_SECONDS = 60.0
_SECOND = 1_000_000


class LaneConfig(dg.Config):
    """What is run: as the options of ``platform-assets lane``. Files may be named from the home on.

    There is no profile by default, so that nobody begins lanes who only materialises all assets.
    """

    profile: str = Field(description="smoke: a minute; standard: tens of minutes; full: hours.")
    plan: str | None = Field(
        default=None, description="A plan of your own instead of the shipped one."
    )
    target: str | None = Field(
        default=None, description="What is particular to a place: source, store, services, feed."
    )
    keep: bool = Field(
        default=False, description="Keep the lane's own home and logs when it is judged."
    )


def lane_definitions() -> dg.Definitions:
    """Return what lanes are in Dagster; the shipped plans say which there are."""
    lanes = shipped_lanes()
    return dg.Definitions(
        assets=[lane_asset(lane, shipped) for lane, shipped in lanes.items()],
        jobs=[lane_job(lane, shipped) for lane, shipped in lanes.items()],
        schedules=[lane_schedule(lane) for lane in SCHEDULES],
    )


def lane_key(lane: str) -> dg.AssetKey:
    """Return the key of a lane."""
    return dg.AssetKey([LANES_GROUP, lane])


def lane_asset(lane: str, shipped: ShippedLane) -> dg.AssetsDefinition:
    """Return a lane; each materialisation is one run of it, with its evidence."""
    checks = {**shipped.thresholds, LANE_VERDICT_CHECK: _VERDICT}

    @dg.asset(
        key=lane_key(lane),
        group_name=LANES_GROUP,
        check_specs=[
            dg.AssetCheckSpec(name, asset=lane_key(lane), description=about)
            for name, about in checks.items()
        ],
        description=shipped.description,
    )
    def conducted(
        context: dg.AssetExecutionContext, config: LaneConfig, platform: PlatformResource
    ) -> Iterator[dg.MaterializeResult[None]]:
        with refusals_fail_the_step(platform.secrets, retried=False), _ended_with_the_run():
            result = conduct_lane(lane, config, platform, _logged(context.log.info))
        yield dg.MaterializeResult(
            metadata=withhold(lane_metadata(result), platform.secrets),
            check_results=list(lane_checks(tuple(shipped.thresholds), result, platform.secrets)),
        )

    return conducted


def lane_job(lane: str, shipped: ShippedLane) -> UnresolvedAssetJobDefinition:
    """Return the job of a lane; the queue of the home lets one lane run at a time."""
    return dg.define_asset_job(
        f"lane_{lane}",
        selection=dg.AssetSelection.assets(lane_key(lane)),
        description=shipped.description,
        config=_run_config(lane, LaneConfig(profile=_PROFILE)),
        tags={LANE_TAG: lane},
        executor_def=dg.in_process_executor,
    )


def lane_schedule(lane: str) -> dg.ScheduleDefinition:
    """Return the schedule of a lane; off until someone turns it on."""
    cron, often = SCHEDULES[lane]
    name = target_file(lane)

    @dg.schedule(
        name=f"lane_{lane}_{often}",
        job_name=f"lane_{lane}",
        cron_schedule=cron,
        description=f"Profile {_PROFILE}, with the target in {name} of the home if it is there.",
    )
    def scheduled(platform: PlatformResource) -> dg.RunRequest:
        there = (Path(platform.home) / name).is_file()
        config = LaneConfig(profile=_PROFILE, target=str(name) if there else None)
        return dg.RunRequest(run_config=_run_config(lane, config))

    return scheduled


def target_file(lane: str) -> Path:
    """Return where in a home the target of a scheduled lane is looked for."""
    return Path("lanes") / f"{lane}.target.yaml"


def conduct_lane(
    lane: str,
    config: LaneConfig,
    platform: PlatformResource,
    told: "Callable[[LaneProgress], None]",
) -> "LaneResult":
    """Conduct a lane in this process (see `lanes.conduct.conduct`)."""
    # what only a lane needs takes longer to import than all definitions together
    from platform_assets.lanes.conduct import conduct  # noqa: PLC0415
    from platform_assets.lanes.plan_loading import resolve  # noqa: PLC0415

    plan, target = (Path(platform.home) / of if of else None for of in (config.plan, config.target))
    resolved = resolve(lane, config.profile, plan=plan, target=target)
    return conduct(platform.open(), resolved, keep=config.keep, told=told)


def _run_config(lane: str, config: LaneConfig) -> dg.RunConfig:
    return dg.RunConfig(ops={lane_key(lane).to_python_identifier(): config})


@contextmanager
def _ended_with_the_run() -> Iterator[None]:
    """Let the interruption of a lane end the Dagster run, in which others may be still to begin."""
    try:
        yield
    except LaneInterrupted as error:
        raise dg.DagsterExecutionInterruptedError(str(error)) from error


def _logged(log: Callable[[str], None]) -> "Callable[[LaneProgress], None]":
    """Return what logs how a lane goes: whatever it begins, and a line a minute."""
    doing, logged = "", 0.0

    def told(now: "LaneProgress") -> None:
        nonlocal doing, logged
        if now.doing == doing and time.monotonic() - logged < _LOG_SECONDS:
            return
        doing, logged = now.doing, time.monotonic()
        log(f"{now.lane_run}: {now.doing}{_standing(now)}")

    return told


def _standing(now: "LaneProgress") -> str:
    status = now.status
    if status is None:
        return ""
    return (
        f", {now.at // _SECOND} of {now.until // _SECOND} s, {status.backlog:,} events wait, "
        f"the oldest for {status.lag // _SECOND} s, {status.closed_runs} runs closed"
    )
