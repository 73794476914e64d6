"""The Spark engine of a platform home: where jobs run, what they are told, where files are exchanged.

A job on this machine, or on a cluster that shares its disks, reads and writes in the spill folder. One
on EMR Serverless gets copies through S3, which a strict product's rows must never reach in the clear:
that is refused before anything is copied.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_assets.adapters.spark.emr_serverless import EmrServerlessLauncher
from platform_assets.adapters.spark.engine import SparkEngine
from platform_assets.adapters.spark.exchange import SharedFolder, StagingBucket
from platform_assets.adapters.spark.subprocess_launcher import (
    LOGS,
    SubprocessLauncher,
    require_spark,
    session_properties,
)
from platform_assets.errors import EngineMissing

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets.identifiers import RunId
    from platform_assets.pipeline.platform import Platform
    from platform_assets.ports.jobs import JobLauncher


def spark_engine(
    platform: Platform, run: RunId, product: str, *, strict: bool, spill: Path
) -> SparkEngine:
    """Return the engine that makes a product of a run by a Spark job.

    Args:
        platform: the opened home.
        run: the run.
        product: the product.
        strict: whether the product is encrypted.
        spill: a folder for what does not fit in memory, and for what is exchanged on this disk.

    Raises:
        EngineMissing: Spark is not installed, or a strict product would leave this machine.
    """
    settings = platform.settings.spark
    name = f"{run}-{product}"
    launcher = platform.launcher or job_launcher(platform)
    emr = settings.emr_serverless
    if emr is None:
        require_spark()
        exchange = SharedFolder(spill / "exchange")
        local = spill / "spark"
        local.mkdir(parents=True, exist_ok=True)
        properties = session_properties(settings, local)
        return SparkEngine(
            name, launcher, exchange, properties=properties, partitions=settings.partitions
        )
    if strict:
        raise EngineMissing(
            f"{product} of {run}",
            expected="an engine that keeps the rows of a strict product on this machine",
            found="engine: spark, on EMR Serverless, which reads copies in S3",
            remedy="Declare engine: embedded for the product, or spark.master in platform.yaml.",
        )
    bucket = StagingBucket(emr, name)
    return SparkEngine(name, launcher, bucket, properties={}, partitions=settings.partitions)


def job_launcher(platform: Platform) -> JobLauncher:
    """Return what runs jobs where the settings say, without Dagster."""
    settings = platform.settings.spark
    if settings.emr_serverless is not None:
        return EmrServerlessLauncher(settings, settings.emr_serverless)
    return SubprocessLauncher(platform.scratch_root / LOGS)
