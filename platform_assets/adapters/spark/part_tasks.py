"""Parts: one task each, which reads its slices of the sorted runs and writes by the platform's writer.

The rows of a part, their order and the writer are those of the embedded engine, so that its bytes are
as well. A task writes to a name that no other attempt has; hash, digest and
profile are of the rows as written.
"""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
from pyspark import TaskContext

from platform_assets.adapters.part_format import arrow_schema
from platform_assets.adapters.part_writer import PartWriter
from platform_assets.adapters.spark.description import WrittenFile, WrittenPart
from platform_assets.adapters.spark.files import upload, write_bytes
from platform_assets.adapters.spark.runs import read_slice
from platform_assets.canonical import canonical_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platform_assets.adapters.spark.runs import Slice
    from platform_assets.contracts.columns import Column


def write_part(
    columns: Sequence[Column], folder: str, numbered: tuple[int, Sequence[Slice]]
) -> tuple[WrittenPart, int]:
    """Write one part and return it, with the number of the attempt that did."""
    number, slices = numbered
    context = TaskContext.get()
    assert context is not None  # Spark calls this in a task
    schema = arrow_schema(columns)
    rows = sum(piece.end - piece.start for piece in slices)
    file = f"{folder}/part-{number:05d}.{context.taskAttemptId()}.parquet"
    with (
        tempfile.TemporaryDirectory() as local,
        PartWriter(columns, Path(local), part_rows=max(1, rows), threads=1) as writer,
    ):
        for piece in slices:
            for batch in read_slice(piece):
                writer.add(_as_written(batch, schema))
        (part,) = writer.finish().parts
        upload(part.path, file)
    profile = canonical_bytes(writer.profile.as_json())
    told = WrittenFile(f"{file}.profile.json", len(profile), hashlib.sha256(profile).hexdigest())
    write_bytes(told.file, profile)
    written = WrittenPart(file, part.rows, part.size, part.sha256, writer.digest.sums, told)
    return written, context.attemptNumber()


def _as_written(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    arrays = [array.cast(field.type) for array, field in zip(batch.columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
