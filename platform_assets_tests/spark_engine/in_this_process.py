"""Launchers that run a job in the session of the tests, some of which do it wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import SparkSession

    from platform_assets.adapters.spark.description import JobResult


class InThisProcess:
    """Runs the job in the session of the tests instead of launching one."""

    def __init__(self, session: SparkSession) -> None:
        self.session = session
        self.result: JobResult | None = None

    def run(self, name: str, description: str) -> None:
        from platform_assets.adapters.spark import job  # noqa: PLC0415 - needs Spark

        told = job.read_description(description)
        assert told.name == name
        self.result = job.done(self.session, told)


class Twice(InThisProcess):
    """Runs the job twice, so that every task has an attempt that nobody names any more."""

    def run(self, name: str, description: str) -> None:
        super().run(name, description)
        super().run(name, description)


class Changed(InThisProcess):
    """Changes the result of a job."""

    def __init__(self, session: SparkSession, change: Callable[[JobResult], JobResult]) -> None:
        super().__init__(session)
        self._change = change

    def run(self, name: str, description: str) -> None:
        super().run(name, description)
        assert self.result is not None
        path = Path(description).with_name("result.json")
        path.write_text(self._change(self.result).as_json())


class Damaged(InThisProcess):
    """Flips a bit in one of the files that the winning attempts wrote."""

    def __init__(self, session: SparkSession, pattern: str) -> None:
        super().__init__(session)
        self._pattern = pattern

    def run(self, name: str, description: str) -> None:
        super().run(name, description)
        file = min(Path(description).parent.glob(self._pattern))
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)


def one_less(result: JobResult) -> JobResult:
    return replace(result, judged=result.judged[:-1])


def swapped(result: JobResult) -> JobResult:
    first, second, *rest = result.judged
    return replace(result, judged=(second, first, *rest))


def by_others(result: JobResult) -> JobResult:
    return replace(result, libraries={**result.libraries, "polars": "1.0.0"})
