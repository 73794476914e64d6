"""Dagster runs that nobody works on, and nobody will: they are marked as failed by whoever looks.

A daemon may die at any moment of a launch, and a run's process at any moment of the run. Dagster's run
monitoring finds a process that died once its run has started; a run that was being launched it gives
minutes, and until then no other run takes up the window. What the launcher left behind tells at once:

1. A run that was handed to a process is lost when that process is gone.
2. A run that is being launched and was handed to none is lost when that lasts for longer than a launch
   can take. Should the launch go on all the same, it finds that the run is over, and does nothing.
"""

from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.launcher.base import WorkerStatus

from platform_assets.orchestration.launcher import ReadyRunLauncher

#: Handing a run to a process takes milliseconds, also where that process has to be started first.
LAUNCH = timedelta(seconds=15)


def bury(instance: dg.DagsterInstance, record: dg.RunRecord) -> dg.DagsterRun:
    """Mark a run as failed where it is lost, and return it as it stands."""
    run = record.dagster_run
    launcher = instance.run_launcher
    under_way = (dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED)
    if run.status not in under_way or not isinstance(launcher, ReadyRunLauncher):
        return run
    health = launcher.check_run_worker_health(run)
    if health.status is WorkerStatus.FAILED:  # 1
        return _failed(instance, run, str(health.msg))
    if not launcher.has_handed_over(run) and _age(record) > LAUNCH:  # 2
        return _failed(instance, run, "no process took the run")
    return run


def _failed(instance: dg.DagsterInstance, run: dg.DagsterRun, why: str) -> dg.DagsterRun:
    standing = instance.get_run_by_id(run.run_id)
    if standing is not None and standing.is_finished:  # its process ended well, just now
        return standing
    instance.report_run_failed(run, why)
    return instance.get_run_by_id(run.run_id) or run


def _age(record: dg.RunRecord) -> timedelta:
    return datetime.now(UTC) - record.update_timestamp
