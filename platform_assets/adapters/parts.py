"""Deterministic Parquet parts.

A part's bytes follow from its rows, their order and their types, and from nothing else: not from the
number of threads, the chunks in memory, the time, the path or the machine. Rows stand in a total
order. Parts are named by position. No rows make one part that holds the schema alone.

What could leak into the bytes is fixed here. Row groups have `ROW_GROUP_ROWS` rows. A column of a row
group is one page, because the writer would end pages by its estimate of memory, which depends on how
a frame came to be. Compression is zstd at one level; statistics are always written. Frames are copied
into one chunk first, since the writer ends pages at chunk borders. Minus zero and the payloads of NaN,
which Parquet keeps and the content digest does not, become zero and the one NaN.
"""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from platform_assets.adapters.column_types import (
    columns_of,
    element_of,
    fields_of,
    require_columns,
    resolve,
)
from platform_assets.adapters.row_encoding import encode_rows
from platform_assets.contracts.columns import POSITION_COLUMNS
from platform_assets.contracts.frames import polars_schema

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from platform_assets.contracts.columns import Column

#: A multiple of the vector sizes of the engines that read parts.
ROW_GROUP_ROWS = 122_880
#: The most that the writer takes: above it, a page would be split by the estimate.
PAGE_BYTES = 2**31 - 2**25
COMPRESSION_LEVEL = 1

_TIE_BREAK = "\0encoding"


@dataclass(frozen=True, slots=True)
class Plaintext:
    """What an encrypted part holds: bytes and SHA-256 (hex) before encryption."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class PartFile:
    """A written part: its name in the product, where it lies now, bytes, SHA-256 (hex), rows.

    Size and hash are those of the file as it is stored; of an encrypted one, ``plaintext`` says those
    of what it holds.
    """

    name: str
    path: Path
    size: int
    sha256: str
    rows: int
    plaintext: Plaintext | None = None

    def listed(self) -> dict[str, Any]:
        """Return what records say of the part, beside its name or path."""
        said = {"size": self.size, "sha256": self.sha256, "rows": self.rows}
        if self.plaintext is None:
            return said
        held = {"size": self.plaintext.size, "sha256": self.plaintext.sha256}
        return {**said, "plaintext": held}


def write_parts(
    frame: pl.DataFrame, columns: Sequence[Column], directory: Path, *, part_rows: int
) -> list[PartFile]:
    """Write a frame, in its order, as parts of ``part_rows`` rows; the last may be shorter.

    Columns of the frame that are not listed are left out.

    Raises:
        TypeError: the frame has not the declared columns.
        FileExistsError: the directory holds a part already.
    """
    if part_rows < 1:
        raise ValueError(f"a part has at least one row, not {part_rows}")
    chosen = require_columns(frame, columns)
    directory.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as threads:
        hashed: list[Future[PartFile]] = []
        for number, start in enumerate(range(0, max(1, chosen.height), part_rows)):
            path = directory / f"part-{number:05d}.parquet"
            rows = _write(chosen.slice(start, part_rows), path)
            hashed.append(threads.submit(_part_file, path, rows))  # while the next one is written
        return [part.result() for part in hashed]


def write_frame(frame: pl.DataFrame, path: Path) -> PartFile:
    """Write a frame of any columns as one deterministic file.

    Raises:
        FileExistsError: the file exists.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    return _part_file(path, _write(frame, path))


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
    if not _has_positions(frame.schema):
        frame = frame.with_columns(encodings(frame).alias(_TIE_BREAK))
        keys.append(pl.col(_TIE_BREAK))
    return frame.sort(keys, nulls_last=True).drop(_TIE_BREAK, strict=False)


def tie_breakers(schema: pl.Schema, sort: Sequence[str]) -> list[str]:
    """Return the columns that order rows of equal keys: stream, partition, offset, where present.

    Without them, rows are ordered by their canonical encoding (`encodings`), so that only rows that
    are equal in every column can tie.
    """
    if not _has_positions(schema):
        return []
    return [column.name for column in POSITION_COLUMNS if column.name not in sort]


def encodings(frame: pl.DataFrame) -> pl.Series:
    """Return each row's canonical encoding, columns in the order of their names."""
    columns = sorted(columns_of(frame.schema), key=lambda column: column.name)
    return encode_rows(frame, columns)


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_files(paths: Sequence[Path]) -> list[str]:
    """Return the SHA-256 of each file, on as many threads as there are cores."""
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as threads:
        return list(threads.map(sha256_file, paths))


def _has_positions(schema: pl.Schema) -> bool:
    return all(column.name in schema for column in POSITION_COLUMNS)


def _write(frame: pl.DataFrame, path: Path) -> int:
    with path.open("xb") as file:
        _one_chunk(_canonical_floats(frame)).write_parquet(
            file,
            compression="zstd",
            compression_level=COMPRESSION_LEVEL,
            statistics=True,
            row_group_size=ROW_GROUP_ROWS,
            data_page_size=PAGE_BYTES,
        )
    return frame.height


def _one_chunk(frame: pl.DataFrame) -> pl.DataFrame:
    # A slice of a nested column keeps the memory of the whole; joining two pieces copies what is used.
    if any(kind.is_nested() for kind in frame.dtypes):
        return pl.concat([frame[:1], frame[1:]], rechunk=True)
    return frame.rechunk()


def _part_file(path: Path, rows: int) -> PartFile:
    return PartFile(path.name, path, path.stat().st_size, sha256_file(path), rows)


def _canonical_floats(frame: pl.DataFrame) -> pl.DataFrame:
    floats = {name: kind for name, kind in frame.schema.items() if _holds_floats(kind)}
    return frame.with_columns(
        _canonical(pl.col(name), kind).alias(name) for name, kind in floats.items()
    )


def _holds_floats(kind: pl.DataType) -> bool:
    if isinstance(kind, pl.List):
        return _holds_floats(element_of(kind))
    if isinstance(kind, pl.Struct):
        return any(_holds_floats(inner) for inner in fields_of(kind).values())
    return kind.is_float()


def _canonical(value: pl.Expr, kind: pl.DataType) -> pl.Expr:
    if isinstance(kind, pl.List):
        return value.list.eval(_canonical(pl.element(), element_of(kind)))
    if isinstance(kind, pl.Struct):
        fields = {name: k for name, k in fields_of(kind).items() if _holds_floats(k)}
        return value.struct.with_fields(
            _canonical(pl.field(name), k).alias(name) for name, k in fields.items()
        )
    # Not `value + 0.0`: Polars takes that for the value itself and keeps minus zero.
    nan, zero = (pl.lit(number, dtype=kind) for number in (float("nan"), 0.0))
    return pl.when(value.is_nan()).then(nan).when(value == 0).then(zero).otherwise(value)
