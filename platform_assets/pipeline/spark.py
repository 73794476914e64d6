"""Spark for a platform home: where jobs run, what they are told, where files are exchanged.

A job on this machine, or on a cluster that shares its disks, reads and writes in the home's scratch and
spill folders. One on EMR Serverless gets copies through S3, which the rows of a strict product must
never reach in the clear: that is refused before anything is copied.

Jobs that one process launches one after another can share a Spark application (`one_application`).
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from platform_assets.adapters.spark.emr_serverless import EmrServerlessLauncher
from platform_assets.adapters.spark.engine import SparkEngine
from platform_assets.adapters.spark.exchange import SharedFolder, StagingBucket
from platform_assets.adapters.spark.judges import SparkJudges
from platform_assets.adapters.spark.kept_launcher import KeptLauncher
from platform_assets.adapters.spark.launched import Launched
from platform_assets.adapters.spark.subprocess_launcher import (
    LOGS,
    SubprocessLauncher,
    require_spark,
    session_properties,
)
from platform_assets.errors import EngineMissing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from platform_assets.adapters.judged_parts import StreamTask
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
    if strict:
        _require_own_disks(platform, f"{product} of {run}", "the product")
    job = _launched(platform, f"{run}-{product}", spill)
    properties = _properties(platform, spill)
    return SparkEngine(job, properties=properties, partitions=platform.settings.spark.partitions)


def spark_judges(
    platform: Platform, run: RunId, task: StreamTask, *, strict: bool, scratch: Path, spill: Path
) -> SparkJudges:
    """Return what judges the landed parts of a stream of a run by a Spark job.

    Args:
        platform: the opened home.
        run: the run.
        task: the stream, and where its judged parts come to lie.
        strict: whether a product of the feed is encrypted, and so what is landed.
        scratch: a folder for what is exchanged on this disk.
        spill: a folder for what Spark does not hold in memory.

    Raises:
        EngineMissing: Spark is not installed, or what a strict product is made of would leave this
            machine.
    """
    if strict:
        _require_own_disks(platform, f"admission of {task.stream} of {run}", "the stream")
    job = _launched(platform, f"{run}-admission-{task.stream}", scratch)
    return SparkJudges(job, task, _properties(platform, spill))


@contextmanager
def one_application(platform: Platform, name: str) -> Iterator[Platform]:
    """Give the home with one Spark application for all of its jobs; it starts with the first of them.

    Where jobs are launched elsewhere, by EMR Serverless or by Dagster, each is one of its own.
    """
    settings = platform.settings.spark
    if platform.launcher is not None or settings.emr_serverless is not None:
        yield platform
        return
    with platform.spill() as spill:
        properties = _properties(platform, spill)
        with KeptLauncher(name, platform.scratch_root / LOGS, properties) as launcher:
            yield replace(platform, launcher=launcher)


def job_launcher(platform: Platform) -> JobLauncher:
    """Return what runs jobs where the settings say, without Dagster."""
    settings = platform.settings.spark
    if settings.emr_serverless is not None:
        return EmrServerlessLauncher(settings, settings.emr_serverless)
    return SubprocessLauncher(platform.scratch_root / LOGS)


def _launched(platform: Platform, name: str, folder: Path) -> Launched:
    emr = platform.settings.spark.emr_serverless
    if emr is None:
        require_spark()
    exchange = SharedFolder(folder / "exchange") if emr is None else StagingBucket(emr, name)
    return Launched(name, platform.launcher or job_launcher(platform), exchange)


def _properties(platform: Platform, spill: Path) -> Mapping[str, str]:
    """Return the properties of a session that a job opens for itself; elsewhere it is given one."""
    settings = platform.settings.spark
    if settings.emr_serverless is not None:
        return {}
    local = spill / "spark"
    local.mkdir(parents=True, exist_ok=True)
    return session_properties(settings, local)


def _require_own_disks(platform: Platform, thing: str, declared: str) -> None:
    """Require that what a strict product is made of stays on disks of this side.

    Raises:
        EngineMissing: jobs read copies in S3.
    """
    if platform.settings.spark.emr_serverless is None:
        return
    raise EngineMissing(
        thing,
        expected="an engine that keeps the rows of a strict product on this machine",
        found="engine: spark, on EMR Serverless, which reads copies in S3",
        remedy=f"Declare engine: embedded for {declared}, or spark.master in platform.yaml.",
    )
