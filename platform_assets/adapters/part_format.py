"""The Parquet files that parts are: nothing in their bytes but their rows, order and types.

What could leak into the bytes is fixed here. A row group is written as a whole, from one chunk, by one
thread; the writer ends pages by counts of rows and by bytes that it has encoded, never by how much
memory an array borrows. Compression is zstd at one level. Text is written with a dictionary where the
first rows of the part repeat themselves, which is cheaper to decide than to try. Minus zero and the
payloads of NaN, which Parquet keeps and the content digest does not, become zero and the one NaN.
The file holds no name of a writer's memory layout, no time and no path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from platform_assets.adapters.canonical_floats import canonical_floats, holds_floats
from platform_assets.adapters.file_hashes import sha256_file
from platform_assets.contracts.frames import polars_schema
from platform_assets.ports.part_files import PartFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from platform_assets.contracts.columns import Column

#: Raised where the same rows get other bytes than before; a replay then compares contents.
VERSION = 3
#: A multiple of the vector sizes of the engines that read parts.
ROW_GROUP_ROWS = 122_880
COMPRESSION_LEVEL = 1
#: A dictionary is worth its page where each value of the first rows stands this often among them.
SAMPLE_ROWS = 8_192
REPEATS = 4

_OLDEST = pl.CompatLevel.oldest()
_SETTINGS: dict[str, Any] = {
    "compression": "zstd",
    "version": "2.6",
    "data_page_version": "1.0",
    "store_schema": False,
    "use_compliant_nested_type": True,
}


class PartBeingWritten:
    """One part: row groups are added one by one; `finish` tells what was written.

    Raises:
        FileExistsError: the file exists.
    """

    def __init__(self, path: Path, schema: pa.Schema, statistics: Sequence[str] | None) -> None:
        self._path = path
        self._schema = schema
        self._statistics = True if statistics is None else list(statistics)
        self._rows = 0
        self._writer: pq.ParquetWriter | None = None
        self._file = path.open("xb")

    def add(self, rows: pa.Table) -> None:
        """Write a table of the schema as the next row group."""
        rows = _canonical(rows).combine_chunks()
        if self._writer is None:
            self._writer = self._open(rows)
        self._writer.write_table(rows, row_group_size=max(1, rows.num_rows))
        self._rows += rows.num_rows

    def finish(self) -> PartFile:
        """Complete the file; with no row group added it holds the schema alone."""
        if self._writer is None:
            self._writer = self._open(self._schema.empty_table())
        self.close()
        size, sha256 = self._path.stat().st_size, sha256_file(self._path)
        return PartFile(self._path.name, self._path, size, sha256, self._rows)

    def close(self) -> None:
        """Let go of the file, finished or not."""
        try:
            if self._writer is not None:
                self._writer.close()
        finally:
            self._writer = None
            self._file.close()

    def _open(self, rows: pa.Table) -> pq.ParquetWriter:
        return pq.ParquetWriter(
            self._file,
            self._schema,
            use_dictionary=list(_repeating(rows.slice(0, SAMPLE_ROWS))),
            compression_level=COMPRESSION_LEVEL,
            write_statistics=self._statistics,
            **_SETTINGS,
        )


def arrow_schema(columns: Sequence[Column]) -> pa.Schema:
    """Return how parts hold columns in memory while they are written; all may be null."""
    return pl.DataFrame(schema=polars_schema(columns)).to_arrow(compat_level=_OLDEST).schema


def as_table(frame: pl.DataFrame) -> pa.Table:
    """Return a frame as Arrow holds parts."""
    return frame.to_arrow(compat_level=_OLDEST)


def _canonical(rows: pa.Table) -> pa.Table:
    if not any(holds_floats(field.type) for field in rows.schema):
        return rows
    return as_table(canonical_floats(pl.DataFrame(rows))).cast(rows.schema)


def _repeating(rows: pa.Table) -> Iterator[str]:
    for field, column in zip(rows.schema, rows.columns, strict=True):
        for path, values in _texts(field.name, column.combine_chunks()):
            present = len(values) - values.null_count
            if present and pc.count_distinct(values).as_py() * REPEATS <= present:
                yield path


def _texts(path: str, values: pa.Array) -> Iterator[tuple[str, pa.Array]]:
    """Return the texts below a column with their paths, as Parquet calls them."""
    kind = values.type
    if pa.types.is_struct(kind):
        for field, child in zip(kind, values.flatten(), strict=True):
            yield from _texts(f"{path}.{field.name}", child)
    elif pa.types.is_large_list(kind):
        yield from _texts(f"{path}.list.element", values.flatten())
    elif pa.types.is_large_string(kind) or pa.types.is_large_binary(kind):
        yield path, values
