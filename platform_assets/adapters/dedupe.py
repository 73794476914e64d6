"""Which accepted rows are the first of their identity, which repeat it, which contradict it.

The identity of an event is its feed, type and id. Rows come in the order of stream, partition and
offset; the first one stands. A later row with the same content is a duplicate; one with other content
is a mismatch and never replaces what stands. What an earlier certified run admitted stands before
everything of this run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from platform_assets.adapters.row_encoding import encode_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from platform_assets.contracts.columns import Column

#: ``_id`` and, of the row that stands: its run, position and encoded content.
_FIRST = ("first_run", "first_stream", "first_partition", "first_offset", "first_content")


@dataclass(frozen=True, slots=True)
class Settled:
    """The rows of one event type, settled.

    ``duplicates`` and ``mismatches`` hold ``_seq``, ``_id``, the row's position and ``first_run``
    (null for this run), ``first_stream``, ``first_partition``, ``first_offset``.
    """

    admitted: pl.DataFrame
    duplicates: pl.DataFrame
    mismatches: pl.DataFrame


def settle(
    rows: pl.DataFrame,
    columns: Sequence[Column],
    earlier: Callable[[pl.Series], pl.DataFrame],
) -> Settled:
    """Settle the accepted rows of one event type.

    Args:
        rows: ``_id``, the contract's columns and the position columns, in the order in which the
            first row of an identity wins.
        columns: the contract's columns, whose values are an event's content.
        earlier: given the ids of this run, returns the rows that earlier runs admitted under any of
            them: ``_id``, ``_run``, the position columns and the contract's columns.
    """
    numbered = rows.with_row_index("_seq")
    known = earlier(rows["_id"])
    repeated = numbered["_id"].is_duplicated() | numbered["_id"].is_in(known["_id"].implode())
    suspects = numbered.filter(repeated)
    if suspects.is_empty():
        return Settled(rows, *(_empty(numbered),) * 2)
    compared = _with_content(suspects, columns).join(
        _firsts(known, suspects, columns), on="_id", how="left", maintain_order="left"
    )
    standing = (
        pl.col("first_run").is_null()
        & (pl.col("_partition") == pl.col("first_partition"))
        & (pl.col("_offset") == pl.col("first_offset"))
    )
    later = compared.filter(~standing)
    same = pl.col("_content") == pl.col("first_content")
    return Settled(
        admitted=numbered.join(
            later.select("_seq"), on="_seq", how="anti", maintain_order="left"
        ).drop("_seq"),
        duplicates=_selected(later.filter(same)),
        mismatches=_selected(later.filter(~same)),
    )


def _firsts(known: pl.DataFrame, suspects: pl.DataFrame, columns: Sequence[Column]) -> pl.DataFrame:
    before = _with_content(known, columns)
    here = _with_content(suspects, columns).with_columns(_run=pl.lit(None, pl.String))
    picked = [
        frame.select(
            "_id",
            first_run="_run",
            first_stream="_stream",
            first_partition="_partition",
            first_offset="_offset",
            first_content="_content",
        )
        for frame in (before, here)
    ]
    return pl.concat(picked).unique("_id", keep="first", maintain_order=True)


def _with_content(frame: pl.DataFrame, columns: Sequence[Column]) -> pl.DataFrame:
    return frame.with_columns(pl.Series("_content", encode_rows(frame, columns), pl.Binary))


def _selected(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select("_seq", "_id", "_stream", "_partition", "_offset", *_FIRST[:-1])


def _empty(numbered: pl.DataFrame) -> pl.DataFrame:
    schema = dict.fromkeys(_FIRST[:-2], pl.String) | {"first_offset": pl.Int64}
    return (
        numbered.clear()
        .select("_seq", "_id", "_stream", "_partition", "_offset")
        .with_columns(pl.lit(None, dtype).alias(name) for name, dtype in schema.items())
    )
