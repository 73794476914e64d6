"""Spark as an engine: hand over, launch, take back, verify.

1. Hand the verified files and the description of the job over to where the executors read.
2. Launch the job and wait for its end.
3. Take its result. A refusal is raised as here; without a result the job has failed.
4. Take the parts. Each has the bytes that its writer hashed, and exactly the rows that it has to have.

What the job says of itself is not believed: hashes are computed again, parts and rows are counted, and
the certifier computes the content digest from the parts, as of any product.
"""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING

from platform_assets import errors
from platform_assets.adapters.file_hashes import sha256_file
from platform_assets.adapters.spark.description import (
    JobDescription,
    JobResult,
    library_versions,
)
from platform_assets.errors import EngineMissing, JobFailed
from platform_assets.flow.content_digest import ContentDigest
from platform_assets.ports.engines import ProductParts
from platform_assets.ports.part_files import PartFile

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from platform_assets.adapters.spark.description import WrittenPart
    from platform_assets.adapters.spark.exchange import Exchange
    from platform_assets.ports.engines import ProductJob
    from platform_assets.ports.jobs import JobLauncher

_RESULT = "result.json"
_REMEDY = "Nothing was published. Run the step again; if it stays so, read the job's log."


class SparkEngine:
    """Makes one product by a Spark job."""

    def __init__(
        self,
        name: str,
        launcher: JobLauncher,
        exchange: Exchange,
        *,
        properties: Mapping[str, str],
        partitions: int | None = None,
    ) -> None:
        self._name = name
        self._launcher = launcher
        self._exchange = exchange
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
            description = self._described(job)  # 1
            told = self._exchange.put("job.json", description.as_json().encode())
            self._launcher.run(self._name, told)  # 2
            result = self._result(description, into)  # 3
            self._version = result.spark_version
            return self._parts(job, result, into)  # 4
        finally:
            self._exchange.clear()

    def _described(self, job: ProductJob) -> JobDescription:
        accepted = self._exchange.give([*job.admitted.accepted, *job.admitted.excluded])
        count = len(job.admitted.accepted)
        return JobDescription(
            name=self._name,
            accepted=tuple(accepted[:count]),
            excluded=tuple(accepted[count:]),
            rows=job.admitted.rows,
            columns=tuple(job.columns),
            sort=tuple(job.sort),
            part_rows=job.part_rows,
            folder=self._exchange.folder,
            result=f"{self._exchange.folder}/{_RESULT}",
            partitions=self._partitions,
            properties=dict(self._properties),
        )

    def _result(self, description: JobDescription, into: Path) -> JobResult:
        local = into / _RESULT
        into.mkdir(parents=True, exist_ok=True)
        if not self._exchange.take(description.result, local):
            raise self._failed(f"a result at {description.result}", "none, though the job ended")
        result = JobResult.from_json(local.read_bytes())
        local.unlink()
        if result.refusal is not None:
            fields = {key: result.refusal[key] for key in ("thing", "expected", "found", "remedy")}
            raise getattr(errors, result.refusal["error"])(**fields)
        self._require_same_writer(result)
        return result

    def _require_same_writer(self, result: JobResult) -> None:
        # The manifest names the libraries of this side, and a replay is held to bytes by them.
        here = library_versions()
        if dict(result.libraries) != here:
            raise EngineMissing(
                f"the environment of Spark job {self._name}",
                expected=f"the libraries that are here: {here}",
                found=f"{dict(result.libraries)}",
                remedy="Nothing was published. Make the job's environment anew from this package.",
            )

    def _parts(self, job: ProductJob, result: JobResult, into: Path) -> ProductParts:
        rows = job.admitted.rows
        full, rest = divmod(rows, job.part_rows)
        expected = [job.part_rows] * full + ([rest] if rest or not full else [])
        found = [part.rows for part in result.parts]
        if found != expected:
            raise self._failed(f"parts of {expected} rows", f"{found}")
        digest = ContentDigest.empty(job.columns)
        parts = []
        for number, written in enumerate(result.parts):
            parts.append(self._part(written, into / f"part-{number:05d}.parquet"))
            piece = ContentDigest(tuple(job.columns), written.rows, written.sums)
            digest = digest.merge(piece)
        return ProductParts(parts, digest.value, rows)

    def _part(self, written: WrittenPart, path: Path) -> PartFile:
        there = self._exchange.take(written.file, path)
        found = (path.stat().st_size, sha256_file(path)) if there else "nothing"
        if found != (written.size, written.sha256):
            raise self._failed(
                f"{written.file} of {written.size} bytes, sha256 {written.sha256}", f"{found}"
            )
        return PartFile(path.name, path, written.size, written.sha256, written.rows)

    def _failed(self, expected: str, found: str) -> JobFailed:
        return JobFailed(f"Spark job {self._name}", expected=expected, found=found, remedy=_REMEDY)


def installed_version() -> str | None:
    """Return the version of the PySpark that is installed here."""
    try:
        return metadata.version("pyspark")
    except metadata.PackageNotFoundError:
        return None
