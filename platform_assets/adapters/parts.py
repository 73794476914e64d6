"""Deterministic Parquet parts of frames, and the total order that their rows stand in.

A part's bytes follow from its rows, their order and their types, and from nothing else: not from the
number of threads, the chunks in memory, the time, the path or the machine. Rows stand in a total
order. Parts are named by position. No rows make one part that holds the schema alone.

`part_format` says what leaks into no file, `part_writer` where parts and row groups end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from platform_assets.adapters.budget import usable_cores
from platform_assets.adapters.column_types import columns_of, require_columns, resolve
from platform_assets.adapters.part_format import (
    ROW_GROUP_ROWS,
    PartBeingWritten,
    as_table,
)
from platform_assets.adapters.part_writer import PartWriter
from platform_assets.adapters.row_encoding import encode_rows
from platform_assets.contracts.columns import POSITION_COLUMNS
from platform_assets.contracts.frames import polars_schema

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    import pyarrow as pa

    from platform_assets.contracts.columns import Column
    from platform_assets.ports.engines import ProductParts
    from platform_assets.ports.part_files import PartFile

#: Rows that are handed to the writer at a time.
BATCH_ROWS = 32_768

_TIE_BREAK = "\0encoding"


def write_parts(
    frame: pl.DataFrame, columns: Sequence[Column], directory: Path, *, part_rows: int
) -> ProductParts:
    """Write a frame, in its order, as parts of ``part_rows`` rows; the last may be shorter.

    Columns of the frame that are not listed are left out.

    Raises:
        TypeError: the frame has not the declared columns.
        FileExistsError: the directory holds a part already.
    """
    chosen = require_columns(frame, columns)
    directory.mkdir(parents=True, exist_ok=True)
    threads = usable_cores()
    with PartWriter(columns, directory, part_rows=part_rows, threads=threads) as writer:
        for batch in frame_batches(chosen):
            writer.add(batch)
        return writer.finish()


def write_frame(
    frame: pl.DataFrame, path: Path, *, statistics: Sequence[str] | None = None
) -> PartFile:
    """Write a frame of any columns as one deterministic file.

    Statistics of a column cost a tenth of its writing; without a list, every column has them.

    Raises:
        FileExistsError: the file exists.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = PartBeingWritten(path, as_table(frame.head(0)).schema, statistics)
    try:
        for start in range(0, frame.height, ROW_GROUP_ROWS):
            part.add(as_table(frame.slice(start, ROW_GROUP_ROWS)))
        return part.finish()
    finally:
        part.close()


def read_parts(paths: Sequence[Path], columns: Sequence[Column]) -> pl.LazyFrame:
    """Scan exactly these parts, rows in the order of the paths.

    Parts whose columns have other names or types raise when the frame is collected.

    Raises:
        ValueError: no paths are given; a product has at least one part.
    """
    if not paths:
        raise ValueError("a product has at least one part; none was given")
    return pl.scan_parquet(
        list(paths),
        schema=polars_schema(columns),
        glob=False,
        hive_partitioning=False,
        missing_columns="raise",
        extra_columns="raise",
    )


def sort_frame(frame: pl.DataFrame, sort: Sequence[str]) -> pl.DataFrame:
    """Return the rows in the total order: the declared keys, then what `tie_breakers` says.

    Keys are columns or dotted paths into structs, ascending; text by its UTF-8 bytes, NaN above all
    numbers, null last.

    Raises:
        KeyError: a key names no column.
    """
    keys = [resolve(frame.schema, path)[0] for path in (*sort, *tie_breakers(frame.schema, sort))]
    if not has_positions(frame.schema):
        frame = frame.with_columns(encodings(frame).alias(_TIE_BREAK))
        keys.append(pl.col(_TIE_BREAK))
    return frame.sort(keys, nulls_last=True).drop(_TIE_BREAK, strict=False)


def tie_breakers(schema: pl.Schema, sort: Sequence[str]) -> list[str]:
    """Return the columns that order rows of equal keys: stream, partition, offset, where present.

    Without them, rows are ordered by their canonical encoding (`encodings`), so that only rows that
    are equal in every column can tie.
    """
    if not has_positions(schema):
        return []
    return [column.name for column in POSITION_COLUMNS if column.name not in sort]


def encodings(frame: pl.DataFrame) -> pl.Series:
    """Return each row's canonical encoding, columns in the order of their names."""
    return encode_rows(frame, encoding_order(columns_of(frame.schema)))


def encoding_order(columns: Sequence[Column]) -> list[Column]:
    """Return columns in the order in which the encoding that breaks ties holds them."""
    return sorted(columns, key=lambda column: column.name)


def has_positions(names: Collection[str]) -> bool:
    """Tell whether rows of these columns have their positions, which no two rows share."""
    return all(column.name in names for column in POSITION_COLUMNS)


def frame_batches(frame: pl.DataFrame, rows: int = BATCH_ROWS) -> Iterator[pa.RecordBatch]:
    """Return the rows of a frame as the writer of parts takes them."""
    for batch in frame.iter_slices(rows):
        yield from as_table(batch).combine_chunks().to_batches()
