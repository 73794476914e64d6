"""The Spark job: ``python -m platform_assets.adapters.spark.job DESCRIPTION``.

It reads the description, makes the product, and writes the result beside the parts. A refusal is a
result as well. Whatever else goes wrong ends the job with its traceback, and without a result. How it
went is the last line of its standard output.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from platform_assets.adapters.spark.description import JobDescription, JobResult, library_versions
from platform_assets.adapters.spark.files import read_bytes, write_bytes
from platform_assets.adapters.spark.reporting import counts, reported
from platform_assets.adapters.spark.session import close_session, open_session
from platform_assets.adapters.spark.sorting import make_product
from platform_assets.errors import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import SparkSession


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the job that the first argument, a path or URI, describes."""
    (uri,) = sys.argv[1:] if arguments is None else arguments
    description = JobDescription.from_json(read_bytes(uri))
    with reported(description) as report:
        session = open_session(description.name, description.properties)
        try:
            result = answer(session, description)
        finally:
            close_session(session)
        write_bytes(description.result, result.as_json().encode())
        sys.stdout.write(json.dumps(counts(result)) + "\n")
        report(result)


def answer(session: SparkSession, description: JobDescription) -> JobResult:
    """Return the result of a job: the product's parts, or the refusal."""
    try:
        return make_product(session, description)
    except Refusal as refusal:
        return JobResult(
            refusal=refusal.as_json(),
            spark_version=session.version,
            libraries=library_versions(),
        )


if __name__ == "__main__":
    main()
