"""Jobs of other engines, launched by Dagster Pipes: what they report shows in the Dagster run.

The job, what it is told and what it answers are those of the command line; only who starts it differs.
A local job's log goes to the file that errors name.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.errors import DagsterPipesExecutionError
from dagster._core.pipes.client import PipesClientCompletedInvocation

from platform_assets.adapters.spark.subprocess_launcher import (
    LOGS,
    job_command,
    job_failed,
    log_of,
    require_spark,
)
from platform_assets.orchestration.metadata import Metadata
from platform_assets.pipeline import Platform

#: Becomes the job, with its output in a file; the signals that Dagster sends reach the job.
_LOGGED = ("/bin/sh", "-c", 'log=$1; shift; exec "$@" >"$log" 2>&1', "job")


class ReportingLauncher:
    """What keeps the reports of the jobs that one step of a Dagster run launched."""

    def __init__(self, context: dg.AssetExecutionContext) -> None:
        self.context = context
        self.reported: list[dict[str, Any]] = []

    def take(self, done: PipesClientCompletedInvocation) -> None:
        """Keep what an ended job reported."""
        told = done.get_custom_messages()
        self.reported += [message for message in told if isinstance(message, dict)]


class PipesSubprocessLauncher(ReportingLauncher):
    """Runs each job as a process of this machine."""

    def __init__(self, context: dg.AssetExecutionContext, logs: Path) -> None:
        super().__init__(context)
        self._logs = logs

    def run(self, name: str, description: str) -> None:
        """Run a job to its end.

        Raises:
            EngineMissing: PySpark or Java is not installed.
            JobFailed: the process ended with another code than 0.
        """
        require_spark()
        log = log_of(self._logs, name)
        command = [*_LOGGED, str(log), *job_command(description)]
        try:
            self.take(dg.PipesSubprocessClient().run(context=self.context, command=command))
        except DagsterPipesExecutionError as error:
            raise job_failed(name, str(error), log) from error


def with_pipes(context: dg.AssetExecutionContext, platform: Platform) -> Platform:
    """Return the home with what runs its jobs where the settings say, for one step of a run."""
    settings = platform.settings.spark
    if settings.emr_serverless is None:
        logs = platform.scratch_root / LOGS
        return replace(platform, launcher=PipesSubprocessLauncher(context, logs))
    # Not for everybody: AWS's libraries take as long to import as a small run takes.
    from platform_assets.orchestration.pipes_emr import PipesEmrLauncher  # noqa: PLC0415

    return replace(platform, launcher=PipesEmrLauncher(context, settings, settings.emr_serverless))


def reported_metadata(launcher: object) -> Metadata:
    """Show what the jobs reported: counts as numbers, which Dagster plots over the runs."""
    if not isinstance(launcher, ReportingLauncher):
        return {}
    return {
        f"job_{name}": dg.MetadataValue.int(value)
        if isinstance(value, int)
        else dg.MetadataValue.text(str(value))
        for told in launcher.reported
        for name, value in told.items()
    }
