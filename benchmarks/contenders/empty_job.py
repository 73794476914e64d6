"""The least that Dagster can do: a sensor that sees a file change, and a job that does nothing.

A code location of its own beside the platform's, in the same instance. The file's content is the run's
key; the job answers by making a file of that name, which tells when it ran.
"""

import os
from pathlib import Path

import dagster as dg

BELL = "LATENCY_BELL"


def answers(bell: Path) -> Path:
    """Return the folder in which the job answers."""
    return bell.with_name("answers")


@dg.op(config_schema={"key": str})
def answer(context: dg.OpExecutionContext) -> None:
    """Say that it ran."""
    (answers(Path(os.environ[BELL])) / context.op_config["key"]).touch()


@dg.job(executor_def=dg.in_process_executor)
def empty() -> None:
    """Do nothing but that."""
    answer()


@dg.sensor(job=empty, minimum_interval_seconds=4)
def bell() -> dg.RunRequest | dg.SkipReason:
    """Ask for a run when the file has changed."""
    path = Path(os.environ[BELL])
    if not path.exists():
        return dg.SkipReason("silence")
    key = path.read_text()
    return dg.RunRequest(key, run_config={"ops": {"answer": {"config": {"key": key}}}})


defs = dg.Definitions(jobs=[empty], sensors=[bell])
