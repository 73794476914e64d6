"""Judging landed parts on executors: one task each, by the code that judges them in worker processes.

Which rows are accepted, their bytes, the hashes of their ids: all of it follows from the landed part,
wherever it is judged and however often. An attempt writes below a name that has Spark's attempt id,
which no other attempt has. What counts is what the driver was told by the one attempt of each task that
won, so a killed attempt and a speculative twin leave files that nobody names.
"""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from pyspark import TaskContext

from platform_assets.adapters.file_hashes import sha256_file
from platform_assets.adapters.judged_parts import JudgedStream, LandedPart, StreamTask
from platform_assets.adapters.spark.description import JobResult, WrittenFile, library_versions
from platform_assets.adapters.spark.files import fetch, is_local, upload
from platform_assets.adapters.spark.judging_description import (
    JudgingDescription,
    ToldAccepted,
    ToldPart,
)
from platform_assets.adapters.spark.session import executors_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import SparkSession

    from platform_assets.adapters.judged_parts import JudgedPart


def judge_landed(session: SparkSession, job: JudgingDescription) -> JobResult:
    """Judge the landed parts that a job describes."""
    tasks = list(enumerate(job.landed))
    judge = partial(_judge, job.as_json(), job.folder)
    # in the order of landing; small, because each part's own file tells of it
    told = session.sparkContext.parallelize(tasks, len(tasks)).map(judge).collect()
    executors, lost = executors_of(session)
    return JobResult(
        judged=tuple(file for file, _ in told),
        spark_version=session.version,
        application=session.sparkContext.applicationId,
        libraries=library_versions(),
        executors=executors,
        executors_lost=lost,
        retried=sum(attempt > 0 for _, attempt in told),
    )


def _judge(job: str, folder: str, numbered: tuple[int, str]) -> tuple[WrittenFile, int]:
    """Judge one landed part; return the file that tells of it, and the number of the attempt."""
    number, file = numbered
    context = TaskContext.get()
    assert context is not None  # Spark calls this in a task
    with _room(f"{folder}/attempt-{context.taskAttemptId()}") as room:
        stream = _prepared(job).writing_to(room.path, room.path)
        judged = stream.judge(LandedPart(number, room.brought(file)))
        content = _told(judged, room).as_json()
        told = room.path / "told.json"
        told.write_bytes(content)
        return room.given(told), context.attemptNumber()


@lru_cache(maxsize=1)
def _prepared(job: str) -> JudgedStream:
    """Return the stream with its contracts compiled, once for each Python worker."""
    described = JudgingDescription.from_json(job)
    nowhere = Path()  # every attempt names its own folder
    return JudgedStream(StreamTask(described.stream, described.events, nowhere, nowhere))


def _told(judged: JudgedPart, room: _Room) -> ToldPart:
    accepted = {
        event: ToldAccepted(
            part=room.given(made.part.path),
            rows=made.part.rows,
            hashes=room.given(made.hashes.path),
            hashed=made.hashes.rows,
            cells=tuple(made.hashes.cells.tolist()),
        )
        for event, made in judged.accepted.items()
    }
    refused = judged.refused_file
    return ToldPart(
        number=judged.landed.number,
        partition=judged.partition,
        accepted=accepted,
        refused=judged.refused,
        refused_file=None if refused is None else room.given(refused),
        columnar=judged.columnar,
        one_by_one=judged.one_by_one,
    )


class _Room:
    """The folder of one attempt: on the shared disk itself, or here until its files are uploaded."""

    def __init__(self, folder: str, path: Path) -> None:
        self.path = path
        self._folder = folder

    def brought(self, file: str) -> Path:
        """Return a local path of a file that is to be read."""
        if is_local(file):
            return Path(file)
        fetch(file, path := self.path / "landed.parquet")
        return path

    def given(self, path: Path) -> WrittenFile:
        """Hand over a file that the attempt wrote."""
        file = f"{self._folder}/{path.relative_to(self.path)}"
        if not is_local(file):
            upload(path, file)
        return WrittenFile(file, path.stat().st_size, sha256_file(path))


@contextmanager
def _room(folder: str) -> Iterator[_Room]:
    if is_local(folder):
        path = Path(folder)
        path.mkdir()  # who comes too late finds no folder to make it in
        yield _Room(folder, path)
        return
    with tempfile.TemporaryDirectory() as local:
        yield _Room(folder, Path(local))
