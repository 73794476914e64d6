"""Spark as an engine: hand over, launch, take back, verify.

1. Hand the verified files and the description of the job over to where the executors read.
2. Launch the job and wait for its end.
3. Take its result. A refusal is raised as here; without a result the job has failed.
4. Take the parts. Each has the bytes that its writer hashed, and exactly the rows that it has to have.

What the job says of itself is not believed: hashes are computed again, parts and rows are counted, and
the certifier computes the content digest from the parts, as of any product.
"""

from __future__ import annotations

import json
from importlib import metadata
from typing import TYPE_CHECKING

from platform_assets.adapters.spark.description import JobDescription
from platform_assets.flow.content_digest import ContentDigest
from platform_assets.flow.profile import Profile
from platform_assets.ports.engines import ProductParts
from platform_assets.ports.part_files import PartFile

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from platform_assets.adapters.spark.description import JobResult, WrittenPart
    from platform_assets.adapters.spark.launched import Launched
    from platform_assets.ports.engines import ProductJob


class SparkEngine:
    """Makes one product by a Spark job."""

    def __init__(
        self,
        job: Launched,
        *,
        properties: Mapping[str, str],
        partitions: int | None = None,
    ) -> None:
        self._job = job
        self._properties = properties
        self._partitions = partitions
        self._version: str | None = None

    @property
    def identity(self) -> dict[str, str]:
        """Spark and its version: the one that made the product, else the one installed here."""
        return {"name": "spark", "version": self._version or installed_version() or "unknown"}

    def make(self, job: ProductJob, into: Path) -> ProductParts:
        """Write the product's parts into a folder.

        Raises:
            EngineMissing: Spark is not installed, or its libraries are not those that are here.
            JobFailed: the job failed, or did not what it was told.
            AdmissionInconsistent: there are more or fewer rows than the job says.
        """
        try:
            result = self._job.run(self._described(job), into)  # 1, 2, 3
            self._version = result.spark_version
            return self._parts(job, result, into)  # 4
        finally:
            self._job.exchange.clear()

    def _described(self, job: ProductJob) -> JobDescription:
        exchange = self._job.exchange
        accepted = exchange.give([*job.admitted.accepted, *job.admitted.excluded])
        count = len(job.admitted.accepted)
        return JobDescription(
            name=self._job.name,
            accepted=tuple(accepted[:count]),
            excluded=tuple(accepted[count:]),
            rows=job.admitted.rows,
            columns=tuple(job.columns),
            sort=tuple(job.sort),
            part_rows=job.part_rows,
            folder=exchange.folder,
            result=self._job.result_file,
            partitions=self._partitions,
            properties=dict(self._properties),
        )

    def _parts(self, job: ProductJob, result: JobResult, into: Path) -> ProductParts:
        rows = job.admitted.rows
        full, rest = divmod(rows, job.part_rows)
        expected = [job.part_rows] * full + ([rest] if rest or not full else [])
        found = [part.rows for part in result.parts]
        if found != expected:
            raise self._job.failed(f"parts of {expected} rows", f"{found}")
        digest = ContentDigest.empty(job.columns)
        profile: Profile | None = None
        parts = []
        for number, written in enumerate(result.parts):
            parts.append(self._part(written, into / f"part-{number:05d}.parquet"))
            told = self._profile(written, into)
            profile = told if profile is None else profile.merge(told)
            piece = ContentDigest(tuple(job.columns), written.rows, written.sums)
            digest = digest.merge(piece)
        if profile is None or profile.rows != rows:
            raise self._job.failed(f"profiles of {rows} rows", f"{profile and profile.rows}")
        return ProductParts(parts, digest.value, rows, profile)

    def _profile(self, written: WrittenPart, into: Path) -> Profile:
        path = into / "profile.json"
        self._job.take(written.profile, path)
        told = Profile.from_json(json.loads(path.read_bytes()))
        path.unlink()
        return told

    def _part(self, written: WrittenPart, path: Path) -> PartFile:
        self._job.take(written, path)
        return PartFile(path.name, path, written.size, written.sha256, written.rows)


def installed_version() -> str | None:
    """Return the version of the PySpark that is installed here."""
    try:
        return metadata.version("pyspark")
    except metadata.PackageNotFoundError:
        return None
