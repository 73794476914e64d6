"""A Spark job from its description to its result: hand over, launch, read what it answers.

A refusal is raised as here; without a result the job has failed. A job whose libraries are others than
those that are here has written other bytes than this side would: nothing of it is taken. Nothing else
that the job says is believed either: files are hashed again where they are taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from platform_assets import errors
from platform_assets.adapters.file_hashes import sha256_file
from platform_assets.adapters.spark.description import JobResult, library_versions
from platform_assets.errors import EngineMissing, JobFailed

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets.adapters.spark.description import WrittenFile, WrittenPart
    from platform_assets.adapters.spark.exchange import Exchange
    from platform_assets.ports.jobs import JobLauncher

_RESULT = "result.json"
_REMEDY = "Nothing was published. Run the step again; if it stays so, read the job's log."


class Description(Protocol):
    """What a job is told, whatever its kind."""

    @property
    def result(self) -> str:
        """Where the job writes its answer."""

    def as_json(self) -> str:
        """Write it as the job reads it."""


class Launched:
    """One job by its name, from where it is launched."""

    def __init__(self, name: str, launcher: JobLauncher, exchange: Exchange) -> None:
        self.name = name
        self.exchange = exchange
        self._launcher = launcher

    @property
    def result_file(self) -> str:
        """Where the job is told to write its answer."""
        return f"{self.exchange.folder}/{_RESULT}"

    def run(self, description: Description, into: Path) -> JobResult:
        """Run the job and return its result, read in a folder.

        Raises:
            EngineMissing: Spark is not installed, or its libraries are not those that are here.
            JobFailed: the job failed, or left no result.
            Refusal: what the job refused.
        """
        told = self.exchange.put("job.json", description.as_json().encode())
        self._launcher.run(self.name, told)
        local = into / _RESULT
        into.mkdir(parents=True, exist_ok=True)
        if not self.exchange.take(description.result, local):
            raise self.failed(f"a result at {description.result}", "none, though the job ended")
        result = JobResult.from_json(local.read_bytes())
        local.unlink()
        if result.refusal is not None:
            fields = {key: result.refusal[key] for key in ("thing", "expected", "found", "remedy")}
            raise getattr(errors, result.refusal["error"])(**fields)
        self._require_same_writer(result)
        return result

    def take(self, written: WrittenFile | WrittenPart, path: Path) -> None:
        """Take a file of the job to a path.

        Raises:
            JobFailed: it does not have the bytes that its writer hashed.
        """
        there = self.exchange.take(written.file, path)
        found = (path.stat().st_size, sha256_file(path)) if there else "nothing"
        if found != (written.size, written.sha256):
            expected = f"{written.file} of {written.size} bytes, sha256 {written.sha256}"
            raise self.failed(expected, f"{found}")

    def failed(self, expected: str, found: str) -> JobFailed:
        """Return the error of a job that did not what it was told."""
        return JobFailed(f"Spark job {self.name}", expected=expected, found=found, remedy=_REMEDY)

    def _require_same_writer(self, result: JobResult) -> None:
        # Records name the libraries of this side, and a replay is held to bytes by them.
        here = library_versions()
        if dict(result.libraries) != here:
            raise EngineMissing(
                f"the environment of Spark job {self.name}",
                expected=f"the libraries that are here: {here}",
                found=f"{dict(result.libraries)}",
                remedy="Nothing was published. Make the job's environment anew from this package.",
            )
