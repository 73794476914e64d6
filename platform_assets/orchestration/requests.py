"""Which Dagster runs are asked for: one for each window, and another one only after an outage.

What Dagster ran for a window before tells which case it is:

1. Nothing: it is asked for. The run id is the run key, so that Dagster starts it once, however often it
   is asked for, and whatever became of the sensor's cursor.
2. Something that has not ended: it is under way, unless nobody works on it, which is as in 3.
3. It failed, and every step that failed met an outage, or the process died: it is asked for again, a
   few times and no more. Each try has a key of its own.
4. It ended otherwise: a person has to look. A refusal gets the same answer again.

Should two daemons start a window twice all the same, the second run finds the records of the first,
step by step, and adds nothing.
"""

from dataclasses import dataclass
from enum import StrEnum

import dagster as dg
from dagster._core.storage.tags import PARTITION_NAME_TAG

from platform_assets.errors import is_outage
from platform_assets.identifiers import RunId
from platform_assets.orchestration.failures import error_of, was_interrupted
from platform_assets.orchestration.lost_runs import bury
from platform_assets.orchestration.names import FeedNames

#: How many Dagster runs one window gets without a person.
TRIES = 5


class Asked(StrEnum):
    """What Dagster ran for a window so far."""

    NEVER = "not asked for yet"
    UNDER_WAY = "under way"
    INTERRUPTED = "interrupted by an outage"
    ENDED = "failed"


@dataclass(frozen=True, slots=True)
class History:
    """What became of the Dagster runs of a window: the newest counts."""

    asked: Asked
    tries: int
    why: str = ""

    @property
    def wanted(self) -> bool:
        """Whether the window is asked for now."""
        interrupted = self.asked is Asked.INTERRUPTED and self.tries < TRIES
        return self.asked is Asked.NEVER or interrupted

    def words(self) -> str:
        """Say it to people."""
        times = f", {self.tries} times" if self.tries > 1 else ""
        return f"{self.asked}{times}{f': {self.why}' if self.why else ''}"


def history_of(instance: dg.DagsterInstance, names: FeedNames, run: RunId) -> History:
    """Return what Dagster ran for a window so far."""
    records = instance.get_run_records(
        dg.RunsFilter(job_name=names.run_job, tags={PARTITION_NAME_TAG: str(run)})
    )
    found = [bury(instance, record) for record in records]
    if not found:
        return History(Asked.NEVER, 0)
    if not all(each.is_finished for each in found):
        return History(Asked.UNDER_WAY, len(found))
    asked, why = _ending(instance, found[0])
    return History(asked, len(found), why)


def run_request(run: RunId, history: History) -> dg.RunRequest:
    """Return the request for the run of a window, given what Dagster ran for it so far."""
    key = str(run) if history.asked is Asked.NEVER else f"{run} try {history.tries + 1}"
    return dg.RunRequest(key, partition_key=str(run))


def _ending(instance: dg.DagsterInstance, run: dg.DagsterRun) -> tuple[Asked, str]:
    if run.status is not dg.DagsterRunStatus.FAILURE:
        return Asked.ENDED, run.status.value.lower()
    logs = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    events = [log.dagster_event for log in logs if log.dagster_event]
    failures = [event.step_failure_data for event in events if event.is_step_failure]
    errors = [error_of(failure) for failure in failures]
    passing = [
        was_interrupted(failure) or (error is not None and is_outage(type(error)))
        for failure, error in zip(failures, errors, strict=True)
    ]
    codes = [
        error.code if error else str(failure.error and failure.error.cls_name)
        for failure, error in zip(failures, errors, strict=True)
    ]
    # where no step failed, the process went away under them
    why = ", ".join(dict.fromkeys(codes)) or "its process ended"
    return (Asked.INTERRUPTED if all(passing) else Asked.ENDED), why
