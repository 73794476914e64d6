"""Spark jobs on EMR Serverless, launched by Dagster Pipes.

Dagster injects its context into the driver's environment and reads the driver's log from CloudWatch,
where the application sends it there; without, it shows that the job ran and no more. Dagster cancels
the job run when its step is interrupted.
"""

import dagster as dg
from dagster_aws.pipes import PipesCloudWatchMessageReader, PipesEMRServerlessClient

from platform_assets.adapters.spark.emr_serverless import emr_client, job_run, logs_client
from platform_assets.declarations.spark import EmrServerlessSettings, SparkSettings
from platform_assets.errors import JobFailed
from platform_assets.orchestration.pipes import ReportingLauncher


class PipesEmrLauncher(ReportingLauncher):
    """Runs each job as a job run of the declared EMR Serverless application."""

    def __init__(
        self, context: dg.AssetExecutionContext, settings: SparkSettings, emr: EmrServerlessSettings
    ) -> None:
        super().__init__(context)
        self._settings = settings
        self._emr = emr

    def run(self, name: str, description: str) -> None:
        """Start a job run and wait for its end.

        Raises:
            JobFailed: it could not be started or asked for, it failed, or it was cancelled.
        """
        client = PipesEMRServerlessClient(
            client=emr_client(self._emr),
            message_reader=PipesCloudWatchMessageReader(client=logs_client(self._emr)),
            poll_interval=self._emr.poll_seconds,
        )
        request = job_run(self._settings, self._emr, name, description)
        try:
            self.take(client.run(context=self.context, start_job_run_params=request))
        except Exception as error:
            raise JobFailed(
                f"Spark job {name}",
                expected="a job run of EMR Serverless that succeeds",
                found=f"{type(error).__name__}: {error}",
                remedy="Nothing was published. Read the log of this Dagster step and the driver's "
                "log in EMR Studio, mend the cause, then run the step again.",
            ) from error
