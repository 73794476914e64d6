"""What the rows of an output say as entries of a ledger: the columns that the sender fills.

The identity is that of the row behind the name of its event, so that rows of two outputs never share
one by chance. The value is JSON text of the named columns with its keys sorted: instants, dates and
decimals stand there as text, so that equal values have equal text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from platform_assets.adapters.column_types import resolve
from platform_assets.contracts.columns import POSITION_COLUMNS

if TYPE_CHECKING:
    from platform_assets.declarations.ledgers import EntriesDeclaration

_INSTANT = "%Y-%m-%dT%H:%M:%S%.6fZ"
_POSITION = dict(
    zip(("stream", "partition", "offset"), (c.name for c in POSITION_COLUMNS), strict=True)
)


def arriving(rows: pl.LazyFrame, declared: EntriesDeclaration) -> pl.LazyFrame:
    """Return the entries that rows of an output are, in columns of `truth.entries.ENTRY`.

    Args:
        rows: an output; where it has no positions, its entries have none.
        declared: what of it becomes entries.
    """
    schema = rows.collect_schema()

    def column(path: str) -> pl.Expr:
        return resolve(schema, path)[0]

    for path, wanted in declared.where.items():
        rows = rows.filter(column(path) == wanted)
    named = {
        "entry_id": _identity(declared.called, column(declared.identity)),
        "subject": column(declared.subject).cast(pl.String),
        "kind": pl.lit(declared.kind),
        "event": pl.lit(declared.called),
        "value": _value(schema, declared.value),
        "effective_at": column(declared.effective),
        "target": pl.lit(None, pl.String),
    }
    if declared.target is not None:
        of = declared.target_event or declared.called
        named["target"] = _identity(of, column(declared.target))
    for name, position in _POSITION.items():
        kind = pl.Int64() if name == "offset" else pl.String()
        named[name] = pl.col(position) if position in schema else pl.lit(None, kind)
    return rows.select(expression.alias(name) for name, expression in named.items())


def _identity(event: str, column: pl.Expr) -> pl.Expr:
    return pl.concat_str(pl.lit(f"{event}/"), column.cast(pl.String))


def _value(schema: pl.Schema, paths: tuple[str, ...]) -> pl.Expr:
    if not paths:
        return pl.lit(None, pl.String)
    return pl.struct(_text_or_number(schema, path) for path in sorted(paths)).struct.json_encode()


def _text_or_number(schema: pl.Schema, path: str) -> pl.Expr:
    column, kind = resolve(schema, path)
    if isinstance(kind, pl.Datetime):
        column = column.dt.strftime(_INSTANT)
    elif isinstance(kind, (pl.Decimal, pl.Date)):
        column = column.cast(pl.String)
    return column.alias(path)
