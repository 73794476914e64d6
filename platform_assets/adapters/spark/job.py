"""The Spark job: ``python -m platform_assets.adapters.spark.job DESCRIPTION``.

It reads the description, does what it says, and writes the result beside what it made. A refusal is a
result as well. Whatever else goes wrong ends the job with its traceback, and without a result. How it
went is the last line of its standard output.

A job leads a session of its own among the processes of the system, with the executors that it starts:
`memory_budget` is for those of whoever launched it.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from platform_assets.adapters.spark.description import (
    JobDescription,
    JobResult,
    kind_of,
    library_versions,
)
from platform_assets.adapters.spark.files import read_bytes, write_bytes
from platform_assets.adapters.spark.judging_description import JudgingDescription
from platform_assets.adapters.spark.judging_tasks import judge_landed
from platform_assets.adapters.spark.reporting import counts, reported
from platform_assets.adapters.spark.session import close_session, open_session
from platform_assets.adapters.spark.sorting import make_product
from platform_assets.errors import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import SparkSession

Described = JobDescription | JudgingDescription


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the job that the first argument, a path or URI, describes."""
    (uri,) = sys.argv[1:] if arguments is None else arguments
    lead_session()
    description = read_description(uri)
    with reported(description) as report:
        session = open_session(description.name, description.properties)
        try:
            result = done(session, description)
        finally:
            close_session(session)
        report(result)


def lead_session() -> None:
    """Lead a session of processes, where whoever started this one did not see to it."""
    with suppress(PermissionError):  # it leads one already
        os.setsid()


def read_description(uri: str) -> Described:
    """Read the description of a job of any kind.

    Raises:
        ValueError: it is a description of another version, or of no kind that there is.
    """
    text = read_bytes(uri)
    kind = JudgingDescription if kind_of(text) == JudgingDescription.kind else JobDescription
    return kind.from_json(text)


def done(session: SparkSession, description: Described) -> JobResult:
    """Do what is described, write the result and say how it went."""
    result = answer(session, description)
    write_bytes(description.result, result.as_json().encode())
    sys.stdout.write(json.dumps(counts(result)) + "\n")
    sys.stdout.flush()
    return result


def answer(session: SparkSession, description: Described) -> JobResult:
    """Return the result of a job: what it made, or the refusal."""
    try:
        if isinstance(description, JudgingDescription):
            return judge_landed(session, description)
        return make_product(session, description)
    except Refusal as refusal:
        return JobResult(
            refusal=refusal.as_json(),
            spark_version=session.version,
            application=session.sparkContext.applicationId,
            libraries=library_versions(),
        )


if __name__ == "__main__":
    main()
