"""Running a feed inside Dagster, in this process and in the home's own Dagster instance.

This is what a sensor and a daemon do over time, done now: pin, add the partition, execute the job of
the run. The Dagster UI shows the result when it is started on the home's instance.
"""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from sqlalchemy import event
from sqlalchemy.engine import Engine

from platform_assets.errors import RunFailed, is_outage
from platform_assets.identifiers import RunId
from platform_assets.orchestration.definitions import definitions_for
from platform_assets.orchestration.failures import error_of
from platform_assets.orchestration.names import FEED_TAG, FeedNames
from platform_assets.pipeline import Platform, next_run

#: The Dagster instance of a home: the folder that DAGSTER_HOME names.
INSTANCE_FOLDER = "dagster"

#: What `init` puts into a new home for Dagster.
HOME_FILES = Path(__file__).parent / "home"

_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@contextmanager
def home_instance(home: Path) -> Iterator[dg.DagsterInstance]:
    """Open the Dagster instance of a home; it is made on first use."""
    folder = home / INSTANCE_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "dagster.yaml").exists():
        shutil.copyfile(HOME_FILES / INSTANCE_FOLDER / "dagster.yaml", folder / "dagster.yaml")
    with _without_fsync(), dg.DagsterInstance.from_config(str(folder)) as instance:
        yield instance


@contextmanager
def _without_fsync() -> Iterator[None]:
    # Dagster commits some hundred times a run. Its databases show what happened and are no record of
    # it, so that they may lose their last moments when the machine stops; the store may not.
    event.listen(Engine, "connect", _do_not_wait_for_the_disk)
    try:
        yield
    finally:
        event.remove(Engine, "connect", _do_not_wait_for_the_disk)


def _do_not_wait_for_the_disk(connection: object, _record: object) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous=OFF")


def run_feed_in_dagster(home: Path, feed: str, *, windows: int | None = None) -> list[RunId]:
    """Take a feed's windows from anchors to evidence, until it is caught up.

    Args:
        home: the platform home.
        feed: the feed's name.
        windows: how many at most; None for all that there are.

    Returns:
        The runs that were closed, in order; none where the feed was caught up.

    Raises:
        UnknownThing: no such feed is declared.
        SourceUnreachable: a stream did not answer, at the pin or in a step.
        DependencyUnreachable, UnknownOutcome: nothing but an outage stopped a step.
        RunFailed: a step failed; the error lists every one.
    """
    home = home.absolute()
    platform = Platform.open(home)
    names = FeedNames(platform.feed(feed).feed)
    job = definitions_for(home).resolve_job_def(names.run_job)
    closed: list[RunId] = []
    with home_instance(home) as instance:
        while windows is None or len(closed) < windows:
            run = next_run(platform, feed)
            if run is None:
                break
            execute_run(job, names, run, instance)
            closed.append(run)
    return closed


def execute_run(
    job: dg.JobDefinition, names: FeedNames, run: RunId, instance: dg.DagsterInstance
) -> None:
    """Execute a job for the partition of one run, in this process.

    Raises:
        DependencyUnreachable, UnknownOutcome: nothing but an outage stopped a step.
        RunFailed: a step failed or a blocking check did not pass.
    """
    instance.add_dynamic_partitions(str(names.partitions.name), [str(run)])
    result = job.execute_in_process(
        partition_key=str(run),
        instance=instance,
        run_config=_QUIET,
        tags={FEED_TAG: names.feed},
        raise_on_error=False,
    )
    if result.success:
        return
    failures = [each for each in result.all_events if each.is_step_failure]
    errors = [error_of(each.step_failure_data) for each in failures]
    outages = [error for error in errors if error and is_outage(type(error))]
    if outages and len(outages) == len(failures):
        raise outages[0]
    raise RunFailed(
        f"{run} in Dagster (Dagster run {result.run_id})",
        expected="every step succeeds and every blocking check passes",
        found="; ".join(f"{each.step_key}: {_reason(each)}" for each in failures) or "a failure",
        remedy=f"Look at the run in the UI, or run it here: platform-assets run {names.feed}",
    )


def _reason(failure: dg.DagsterEvent) -> str:
    data = failure.step_failure_data
    if data.user_failure_data and data.user_failure_data.description:
        return data.user_failure_data.description
    # Dagster wraps what a step raised; the innermost error is the one that says what happened
    error = data.error
    while error is not None and error.cause is not None:
        error = error.cause
    return error.message.strip() if error else "no reason was recorded"
