"""Spark jobs on EMR Serverless.

The entry point is a script in S3 of two lines that calls the job module's `main`; the package and what
it needs come in an archive of a Python environment. A job is started once, under a token that is its
own, so that a lost answer starts no second one, and is asked for until it ended. Who is interrupted
cancels the job.
"""

from __future__ import annotations

import shlex
import time
import uuid
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from platform_assets.adapters.aws import aws_session
from platform_assets.errors import JobFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from platform_assets.declarations.spark import EmrServerlessSettings, SparkSettings

_DONE = "SUCCESS"
_ENDED = (_DONE, "FAILED", "CANCELLED")
_PYTHON = "./environment/bin/python"


class EmrServerlessLauncher:
    """Runs each job as a job run of the declared application."""

    def __init__(self, settings: SparkSettings, emr: EmrServerlessSettings) -> None:
        self._settings = settings
        self._emr = emr
        self._client = emr_client(emr)

    def run(self, name: str, description: str) -> None:
        """Start a job run and wait for its end.

        Raises:
            JobFailed: it could not be started or asked for, it failed, or it was cancelled.
        """
        request = job_run(self._settings, self._emr, name, description)
        try:
            run = self._client.start_job_run(**request)["jobRunId"]
        except (BotoCoreError, ClientError) as error:
            raise _failed(self._emr, name, f"not started: {error}") from error
        state, details = self._ended(name, run)
        if state != _DONE:
            raise _failed(self._emr, f"{name} ({run})", f"{state}: {details}")

    def _ended(self, name: str, run: str) -> tuple[str, str]:
        names = {"applicationId": self._emr.application_id, "jobRunId": run}
        try:
            while True:
                told = self._client.get_job_run(**names)["jobRun"]
                if told["state"] in _ENDED:
                    return told["state"], told.get("stateDetails") or "no details"
                time.sleep(self._emr.poll_seconds)
        except (BotoCoreError, ClientError) as error:
            raise _failed(self._emr, f"{name} ({run})", f"not answered for: {error}") from error
        except BaseException:
            self._client.cancel_job_run(**names)
            raise


def emr_client(emr: EmrServerlessSettings) -> Any:
    """Return the client of the service, with credentials from AWS's usual chain."""
    return aws_session(region=emr.region).client("emr-serverless", endpoint_url=emr.endpoint)


def logs_client(emr: EmrServerlessSettings) -> Any:
    """Return the client of CloudWatch's logs, where the driver of a job run writes."""
    return aws_session(region=emr.region).client("logs", endpoint_url=emr.endpoint)


def job_run(
    settings: SparkSettings, emr: EmrServerlessSettings, name: str, description: str
) -> dict[str, Any]:
    """Return the request that starts a job run."""
    return {
        "applicationId": emr.application_id,
        "clientToken": str(uuid.uuid4()),
        "executionRoleArn": emr.execution_role,
        "name": name,
        "executionTimeoutMinutes": emr.timeout_minutes,
        "jobDriver": {
            "sparkSubmit": {
                "entryPoint": emr.entry_point,
                "entryPointArguments": [description],
                "sparkSubmitParameters": _parameters(_properties(settings, emr)),
            }
        },
    }


def _properties(settings: SparkSettings, emr: EmrServerlessSettings) -> Mapping[str, str]:
    memory = {
        "spark.driver.memory": settings.driver_memory,
        "spark.executor.memory": settings.executor_memory,
    }
    if emr.environment is None:
        return {**settings.properties, **memory}
    python = {
        "spark.archives": f"{emr.environment}#environment",
        "spark.emr-serverless.driverEnv.PYSPARK_DRIVER_PYTHON": _PYTHON,
        "spark.emr-serverless.driverEnv.PYSPARK_PYTHON": _PYTHON,
        "spark.executorEnv.PYSPARK_PYTHON": _PYTHON,
    }
    return {**settings.properties, **memory, **python}


def _parameters(properties: Mapping[str, str]) -> str:
    return " ".join(
        f"--conf {shlex.quote(f'{name}={value}')}" for name, value in sorted(properties.items())
    )


def _failed(emr: EmrServerlessSettings, thing: str, found: str) -> JobFailed:
    return JobFailed(
        f"Spark job {thing}",
        expected=f"a job run of EMR Serverless application {emr.application_id} that succeeds",
        found=found,
        remedy="Nothing was published. Read the driver's log of that job run in EMR Studio, mend "
        "the cause, then run the step again.",
    )
