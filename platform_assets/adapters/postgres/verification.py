"""Whether an index holds what the closed runs certified, and nothing else.

Triggers and grants refuse changes; a superuser can take them away. What is changed then, added or
removed is found by holding all rows against the content digests of the certified manifests. Digests
that stand in the index itself prove nothing: who changes a row can change those as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from platform_assets.adapters.postgres import queries
from platform_assets.adapters.postgres.ledger_runs import LedgerRun
from platform_assets.adapters.postgres.rows import BATCH_ROWS, frame_of, selected
from platform_assets.adapters.row_encoding import content_digest
from platform_assets.flow.content_digest import ContentDigest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import psycopg

    from platform_assets.contracts.columns import Column

    Connection = psycopg.Connection[tuple[Any, ...]]

_KEY = "sequence"


def findings(
    connection: Connection, ledger: str, expected: Sequence[LedgerRun], columns: Sequence[Column]
) -> list[str]:
    """Return everything in which a ledger of the index differs from its closed runs.

    The connection is in a transaction that sees one state.
    """
    due = {run.run_id: run for run in expected}
    held = {run.run_id: run for run in map(run_of, connection.execute(queries.RUNS, (ledger,)))}
    with_entries = {row[0] for row in connection.execute(queries.RUNS_WITH_ENTRIES, (ledger,))}
    guarded = {row[0] for row in connection.execute(queries.GUARDED)}
    found = [
        f"changes of {table} are not refused" for table in queries.TABLES if table not in guarded
    ]
    for run_id in sorted({*due, *held, *with_entries}):
        if run_id not in due:
            found.append(f"{run_id}: not among the closed runs of the ledger")
        elif held.get(run_id) != due[run_id]:
            what = "another run than the closed one" if run_id in held else "missing"
            found.append(f"{run_id}: {what}")
        elif (digest := _digest(connection, due[run_id], columns)).value != due[run_id].content:
            found.append(
                f"{run_id}: {digest.rows} entries, which are not the {due[run_id].entries} certified"
            )
    return found


def run_of(row: tuple[Any, ...]) -> LedgerRun:
    """Return a run as it was selected."""
    ledger, run_id, window, manifest, observed_at, entries, content = row
    return LedgerRun(
        ledger=ledger,
        run_id=run_id,
        window=window,
        manifest=manifest,
        observed_at=observed_at,
        entries=entries,
        content=content,
    )


def entries_of_run(
    connection: Connection, ledger: str, run_id: str, columns: Sequence[Column]
) -> Iterator[pl.DataFrame]:
    """Return the entries of a run, as they stand in the index, in no order."""
    query = queries.ENTRIES_OF_RUN.format(columns=selected(columns))
    with connection.cursor("entries_of_run") as cursor:
        cursor.execute(query, (ledger, run_id))
        while rows := cursor.fetchmany(BATCH_ROWS):
            yield frame_of(rows, columns)


def differences(held: pl.DataFrame, certified: pl.DataFrame) -> list[str]:
    """Return which entries of a run were changed, removed or added, and in which columns.

    What they say is not repeated.
    """
    names = [name for name in certified.columns if name != _KEY]
    both = certified.with_columns(pl.lit(value=True).alias("due")).join(
        held.with_columns(pl.lit(value=True).alias("there")),
        on=_KEY,
        how="full",
        coalesce=True,
        suffix=":held",
    )
    changed = [pl.col(name).ne_missing(pl.col(f"{name}:held")).alias(name) for name in names]
    told = both.select(_KEY, "due", "there", *changed).sort(_KEY, maintain_order=True)
    differs = pl.col("due").is_null() | pl.col("there").is_null() | pl.any_horizontal(names)
    return [_told(row, names) for row in told.filter(differs).iter_rows(named=True)]


def _told(row: dict[str, Any], names: Sequence[str]) -> str:
    if not row["there"]:
        return f"entry {row[_KEY]}: removed"
    if not row["due"]:
        return f"entry {row[_KEY]}: added"
    return f"entry {row[_KEY]}: changed in {', '.join(name for name in names if row[name])}"


def _digest(connection: Connection, run: LedgerRun, columns: Sequence[Column]) -> ContentDigest:
    total = ContentDigest.empty(columns)
    for frame in entries_of_run(connection, run.ledger, run.run_id, columns):
        total = total.merge(content_digest(frame, columns))
    return total
