"""Sorted runs: a range of the rows each, in order, written by one task.

A task writes its run under a name that no other attempt has, and tells the driver. From how many rows
each run has follows where each part begins and ends, so that parts have exactly the rows that any
engine gives them, wherever Spark drew its ranges.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
from pyspark import TaskContext

from platform_assets.adapters.spark.files import opened, writing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

#: What `write_run` tells of a run.
RUN_SCHEMA = "range int, attempt int, file string, batches array<long>"

_COMPRESSION = pa.ipc.IpcWriteOptions(compression="lz4")


@dataclass(frozen=True, slots=True)
class Run:
    """A sorted run: its file, the rows of each of its batches, which attempt wrote it."""

    file: str
    batches: tuple[int, ...]
    attempt: int

    @property
    def rows(self) -> int:
        """How many rows the run has."""
        return sum(self.batches)


@dataclass(frozen=True, slots=True)
class Slice:
    """Rows ``[start, end)`` of a run."""

    run: Run
    start: int
    end: int


def write_run(folder: str, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Write a task's rows as they come, and return one row that tells of them; none where none came."""
    context = TaskContext.get()
    assert context is not None  # Spark calls this in a task
    file = f"{folder}/run-{context.partitionId():05d}.{context.taskAttemptId()}.arrow"
    rows: list[int] = []
    writer = sink = None
    for batch in batches:
        if writer is None:
            sink = writing(file)
            writer = pa.ipc.new_file(sink.__enter__(), batch.schema, options=_COMPRESSION)
        writer.write_batch(batch)
        rows.append(batch.num_rows)
    if writer is None or sink is None:
        return
    writer.close()
    sink.__exit__(None, None, None)
    told = {
        "range": [context.partitionId()],
        "attempt": [context.attemptNumber()],
        "file": [file],
        "batches": [rows],
    }
    schema = pa.schema(
        [
            ("range", pa.int32()),
            ("attempt", pa.int32()),
            ("file", pa.string()),
            ("batches", pa.list_(pa.int64())),
        ]
    )
    yield pa.RecordBatch.from_pydict(told, schema=schema)


def cut(runs: Sequence[Run], part_rows: int) -> list[list[Slice]]:
    """Return what each part is made of: ``part_rows`` rows, the last one the rest; one at least."""
    parts: list[list[Slice]] = [[]]
    room = part_rows
    for run in runs:
        start = 0
        while start < run.rows:
            if not room:
                parts.append([])
                room = part_rows
            end = min(run.rows, start + room)
            parts[-1].append(Slice(run, start, end))
            room -= end - start
            start = end
    return parts


def read_slice(piece: Slice) -> Iterator[pa.RecordBatch]:
    """Read the rows of a slice, batch by batch; batches beside it are not read."""
    with opened(piece.run.file) as file:
        reader = pa.ipc.open_file(file)
        first = 0
        for number, rows in enumerate(piece.run.batches):
            start, end = max(piece.start, first), min(piece.end, first + rows)
            if start < end:
                yield reader.get_batch(number).slice(start - first, end - start)
            first += rows
