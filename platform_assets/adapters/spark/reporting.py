"""What a Spark job reports to Dagster while it runs, where Dagster launched it with Pipes.

Elsewhere it reports nothing: whoever launched it reads the result. What it reports are counts and
versions, never data; the product's own metadata come from its manifest.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dagster_pipes import DAGSTER_PIPES_CONTEXT_ENV_VAR, open_dagster_pipes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from platform_assets.adapters.spark.description import JobResult
    from platform_assets.adapters.spark.job import Described

    Report = Callable[[JobResult], None]


@contextmanager
def reported(description: Described) -> Iterator[Report]:
    """Open the connection to Dagster, if there is one, and give what reports a result."""
    if DAGSTER_PIPES_CONTEXT_ENV_VAR not in os.environ:
        yield lambda _result: None
        return
    with open_dagster_pipes() as pipes:
        pipes.log.info("%s: %s on Spark", description.name, description.work)

        def report(result: JobResult) -> None:
            written = len(result.parts or result.judged)
            pipes.log.info("%s: %d parts written", description.name, written)
            pipes.report_custom_message(counts(result))

        yield report


def counts(result: JobResult) -> dict[str, Any]:
    """Return how a job went, as it is shown."""
    made = {"parts": len(result.parts), "rows": sum(part.rows for part in result.parts)}
    return {
        "spark_version": result.spark_version,
        "application": result.application,
        "executors": result.executors,
        "executors_lost": result.executors_lost,
        "retried_tasks": result.retried,
        **({"landed_parts": len(result.judged)} if result.judged else made),
    }
