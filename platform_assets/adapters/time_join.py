"""Joining in time more rows than fit in memory: DuckDB joins and spills, and hands the rows back.

A row on the left gets, of the rows on the right with the same value of ``by``, the one that counts at
its moment: of those that may be used since then or earlier, the one that is the greatest by ``newest``.
ADR 0031 says what that is for; this module knows columns alone.

1. Right rows after the limit of ``until`` are left out.
2. A right row may be used since the latest of its columns ``since``. One that is smaller than another
   which may be used since then or earlier never counts, and is left out: the largest so far is found by
   a window over each value of ``by``.
3. What is left is joined by time: the last row before or at the moment.
4. Where that one lies further back than ``within`` allows, the columns of the right are null.

The rows come in no order. Nothing is taken by its name: columns have numbers (`duckdb_rows`).
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa

from platform_assets.adapters.arrow_layout import relabelled
from platform_assets.adapters.duckdb_rows import give_rows
from platform_assets.adapters.external_sort import batch_rows, explained, spilling_connection
from platform_assets.adapters.part_footers import Footers
from platform_assets.adapters.part_format import arrow_schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import duckdb

    from platform_assets.adapters.duckdb_rows import Given
    from platform_assets.adapters.external_sort import Room
    from platform_assets.contracts.columns import Column

_THING = "a join in time"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Side:
    """One side of the join: Parquet files, one at least, and the columns that all of them have."""

    files: Sequence[Path]
    columns: Sequence[Column]


@dataclass(frozen=True, slots=True)
class TimeJoin:
    """Which row of the right a row of the left gets; all times are instants.

    ``by`` is a column of both sides, ``moment`` one of the left, all others are of the right.
    ``newest`` tells any two rows of the right with one value of ``by`` apart. ``prefix`` is put before
    the names of the right's columns.
    """

    by: str
    moment: str
    since: Sequence[str]
    newest: Sequence[str]
    until: tuple[str, datetime] | None
    within: tuple[str, timedelta] | None
    prefix: str


@contextmanager
def joined_in_time(
    left: Side, right: Side, rule: TimeJoin, room: Room
) -> Iterator[Iterator[pa.RecordBatch]]:
    """Give the rows of the left, each with the columns of the right apart from ``by``.

    Raises:
        KeyError: the rule names a column that is not there.
        SpillExhausted, DependencyUnreachable: the spill folder takes no more.
        MemoryExceeded: the memory does not suffice, however much is spilled.
    """
    rows = batch_rows(Footers.read(left.files))
    carried = [column for column in right.columns if column.name != rule.by]
    schema = pa.schema(
        [
            *arrow_schema(left.columns),
            *(field.with_name(rule.prefix + field.name) for field in arrow_schema(carried)),
        ]
    )
    with spilling_connection(room) as connection:
        query = _query(connection, left, right, rule)
        with explained(room, _THING):
            reader = connection.sql(query).to_arrow_reader(rows)
        yield _handed_out(reader, schema, room)


def _query(connection: duckdb.DuckDBPyConnection, left: Side, right: Side, rule: TimeJoin) -> str:
    targets, features = (
        give_rows(connection, name, side.files, schema, batch_rows(Footers.read(side.files)))
        for name, side in (("targets", left), ("features", right))
        for schema in [arrow_schema(side.columns)]
    )
    since = f"greatest({', '.join(_instant(features, name) for name in rule.since)})"
    rank = f"row({', '.join(features.path(name) for name in rule.newest)})"
    usable = "true"
    if rule.until is not None:
        column, last = rule.until
        usable = f"{_instant(features, column)} <= {(last - _EPOCH) // _MICROSECOND}"
    found = [f"f.{features.path(c.name)}" for c in right.columns if c.name != rule.by]
    moment = _instant(targets, rule.moment, "t.")
    if rule.within is not None:
        column, longest = rule.within
        near = f"{moment} - {_instant(features, column, 'f.')} <= {longest // _MICROSECOND}"
        found = [f"CASE WHEN {near} THEN {each} END" for each in found]  # 4
    # numbers and names that are numbers
    return f"""
        WITH usable AS (SELECT *, {since} AS since, {rank} AS rank FROM features WHERE {usable}),
        ranked AS (
            SELECT *, max(rank) OVER (
                PARTITION BY {features.path(rule.by)} ORDER BY since RANGE UNBOUNDED PRECEDING
            ) AS best FROM usable
        ),
        steps AS (SELECT * FROM ranked WHERE rank = best)
        SELECT {", ".join([*(f"t.{name}" for name in targets.names), *found])}
        FROM targets AS t ASOF LEFT JOIN steps AS f
        ON t.{targets.path(rule.by)} = f.{features.path(rule.by)} AND {moment} >= f.since
    """  # noqa: S608


def _instant(given: Given, name: str, of: str = "") -> str:
    """Return the microseconds of a column of instants, which Arrow's rows carry as such."""
    column = f"{of}{given.path(name)}"
    return f"epoch_us({column})" if given.own_names else column


def _handed_out(
    reader: pa.RecordBatchReader, schema: pa.Schema, room: Room
) -> Iterator[pa.RecordBatch]:
    numbered = [f"c{n}" for n in range(len(schema))]
    with explained(room, _THING):
        for batch in reader:
            yield relabelled(batch.rename_columns(numbered), schema)
