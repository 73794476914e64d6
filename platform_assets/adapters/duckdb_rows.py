"""Rows of Parquet files as tables of DuckDB, under numbered names.

DuckDB reads the files itself, which it does on all threads. Where it could take one name for another,
because it tells no "a" from "A", Arrow reads them and hands the rows over as `arrow_layout` has them.
Either way the columns are ``c0``, ``c1`` and so on, in their order, and the same rows come back.
"""

from __future__ import annotations

import glob
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from platform_assets.adapters.arrow_layout import carried, carried_path, relabelled
from platform_assets.adapters.part_format import arrow_schema
from platform_assets.adapters.parts import encoding_order
from platform_assets.adapters.row_encoding import encode_arrays

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    import duckdb

    from platform_assets.contracts.columns import Column

#: The column that holds each row's canonical encoding, where it was asked for.
ENCODING = "encoding"


@dataclass(frozen=True, slots=True)
class Given:
    """A table of the engine: the schema of its rows, and whether structs keep their fields' names."""

    schema: pa.Schema
    own_names: bool

    @property
    def names(self) -> Sequence[str]:
        """What the columns are called, in their order."""
        return [f"c{n}" for n in range(len(self.schema))]

    def path(self, key: str) -> str:
        """Return the expression for a column, or for a dotted path into structs.

        Raises:
            KeyError: the path names nothing.
        """
        numbered, named = carried_path(self.schema, key)
        inner = map(_quoted, named[1:]) if self.own_names else numbered[1:]
        return ".".join([numbered[0], *inner])


def give_rows(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    files: Sequence[Path],
    schema: pa.Schema,
    batch_rows: int,
) -> Given:
    """Make a table of the rows of files that have the schema's columns, and maybe others."""
    own_names = bool(files) and _told_apart(files[0], schema)
    if own_names:
        exactly = [glob.escape(str(file)) for file in files]
        numbered = [f"{_quoted(name)} AS c{n}" for n, name in enumerate(schema.names)]
        rows = connection.read_parquet(exactly, hive_partitioning=False)
        rows.project(", ".join(numbered)).create_view(table)
    else:
        layout = carried(schema)
        batches = (relabelled(batch, layout) for batch in _read(files, schema, batch_rows))
        connection.register(table, pa.RecordBatchReader.from_batches(layout, batches))
    return Given(schema, own_names)


def give_encoded_rows(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    files: Sequence[Path],
    columns: Sequence[Column],
    batch_rows: int,
) -> Given:
    """Make a table of rows with their canonical encoding as the last column, `ENCODING`."""
    schema = arrow_schema(columns)
    layout = carried(schema).append(pa.field(ENCODING, pa.large_binary()))
    ordered = encoding_order(columns)

    def encoded() -> Iterator[pa.RecordBatch]:
        for batch in _read(files, schema, batch_rows):
            encoding = encode_arrays([batch.column(c.name) for c in ordered], ordered)
            yield relabelled(batch.append_column(ENCODING, encoding), layout)

    connection.register(table, pa.RecordBatchReader.from_batches(layout, encoded()))
    return Given(schema, own_names=False)


def _read(files: Sequence[Path], schema: pa.Schema, rows: int) -> Iterator[pa.RecordBatch]:
    for file in files:
        with pq.ParquetFile(file) as part:
            for batch in part.iter_batches(rows, use_threads=False):
                yield batch.select(schema.names).cast(schema)


def _told_apart(file: Path, schema: pa.Schema) -> bool:
    """Tell whether DuckDB takes no name of the file's columns, or of their fields, for another."""
    stored = pq.read_schema(file)
    return _differ(stored.names) and all(_fields_differ(field.type) for field in schema)


def _fields_differ(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        fields = [kind.field(n) for n in range(kind.num_fields)]
        names = [field.name for field in fields]
        return _differ(names) and all(_fields_differ(field.type) for field in fields)
    return not pa.types.is_large_list(kind) or _fields_differ(kind.value_type)


def _differ(names: Iterable[str]) -> bool:
    folded = [name.casefold() for name in names]
    return len(set(folded)) == len(folded) and all(folded) and "\0" not in "".join(folded)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
