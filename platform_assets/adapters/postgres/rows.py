"""Entries of a ledger on their way into PostgreSQL and back, without loss.

Texts pass through COPY with every sign escaped that means something there; instants as UTC with
microseconds, in the years 1 to 9999. They come back as microseconds since the epoch, and an infinite
one as null, so that whatever somebody wrote into a table can be held against what was certified.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
from psycopg import sql

from platform_assets.adapters.column_types import require_columns
from platform_assets.contracts.columns import Column, Scalar
from platform_assets.contracts.frames import polars_schema
from platform_assets.errors import EntriesRefused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import pyarrow as pa

#: Entries that are held in memory at a time.
BATCH_ROWS = 65_536

_ESCAPED = (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"))
_NULL = "\\N"
_INSTANT = "%Y-%m-%d %H:%M:%S%.6f+00"
_YEARS = (1, 9999)


def frames_of(
    batches: Iterable[pa.RecordBatch], columns: Sequence[Column]
) -> Iterator[pl.DataFrame]:
    """Return the entries in frames of at most `BATCH_ROWS`.

    Raises:
        TypeError: a batch has not the columns of a ledger.
    """
    for batch in batches:
        frame = pl.DataFrame(batch)
        yield from require_columns(frame, columns).iter_slices(BATCH_ROWS)


def copy_text(frame: pl.DataFrame, columns: Sequence[Column], *, ledger: str, run_id: str) -> str:
    """Return the rows as COPY takes them, ledger and run before them.

    Raises:
        EntriesRefused: an instant is not in the years 1 to 9999.
    """
    if frame.is_empty():
        return ""
    own = [pl.lit(ledger), pl.lit(run_id)]
    fields = [_escaped(text) for text in own] + [_field(frame, column) for column in columns]
    lines = frame.select(pl.concat_str(fields, separator="\t")).to_series()
    return str(lines.str.join("\n").item()) + "\n"


def selected(columns: Sequence[Column]) -> sql.Composed:
    """Return the columns as they are selected, to become a frame by `frame_of`."""
    return sql.SQL(", ").join([_selected(column) for column in columns])


def frame_of(rows: Sequence[tuple[Any, ...]], columns: Sequence[Column]) -> pl.DataFrame:
    """Return selected rows as a frame of the columns."""
    schema = polars_schema(columns)
    loaded = {
        name: pl.Int64() if isinstance(kind, pl.Datetime) else kind for name, kind in schema.items()
    }
    return pl.DataFrame(rows, schema=loaded, orient="row").cast(schema)


def named(columns: Sequence[Column]) -> sql.Composed:
    """Return the names of the columns, quoted."""
    return sql.SQL(", ").join([sql.Identifier(column.name) for column in columns])


def _selected(column: Column) -> sql.Composed:
    if column.type is not Scalar.TIMESTAMP:
        return sql.SQL("e.{}").format(sql.Identifier(column.name))
    # of a timestamptz the epoch is an exact number
    return sql.SQL(
        "CASE WHEN isfinite(e.{0}) THEN (extract(epoch FROM e.{0}) * 1000000)::bigint END"
    ).format(sql.Identifier(column.name))


def _field(frame: pl.DataFrame, column: Column) -> pl.Expr:
    value = pl.col(column.name)
    if column.type is Scalar.INT64:
        text = value.cast(pl.String)
    elif column.type is Scalar.TIMESTAMP:
        first, last = frame.select(
            value.dt.year().min().alias("first"), value.dt.year().max().alias("last")
        ).row(0)
        if first is not None and (first < _YEARS[0] or last > _YEARS[1]):
            raise EntriesRefused(
                f"entries with {column.name} in the years {first} to {last}",
                expected=f"instants in the years {_YEARS[0]} to {_YEARS[1]}",
                found="others",
                remedy="Nothing of the run was added; ask its certified product instead.",
            )
        text = value.dt.strftime(_INSTANT)
    else:
        text = _escaped(value)
    return text.fill_null(pl.lit(_NULL))


def _escaped(text: pl.Expr) -> pl.Expr:
    for sign, escaped in _ESCAPED:
        text = text.str.replace_all(sign, escaped, literal=True)
    return text
