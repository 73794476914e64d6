"""Which accepted rows are the first of their identity, which repeat it, which contradict it.

The identity of an event is its feed, type and id. Rows come in the order of stream, partition and
offset; the first one stands. A later row with the same content is a duplicate; one with other content
is a mismatch and never replaces what stands. What an earlier certified run admitted stands before
everything of this run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
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


@dataclass(frozen=True, slots=True)
class Earlier:
    """Rows that earlier runs admitted: ``_id``, ``_run``, the position columns, ``columns``.

    ``columns`` are the contract's columns that all these runs had with the same type: a contract may
    have changed since, and content is compared where it can be.
    """

    rows: pl.DataFrame
    columns: Sequence[Column]


def settle(
    rows: pl.DataFrame, columns: Sequence[Column], earlier: Callable[[pl.Series], Earlier | None]
) -> Settled:
    """Settle the accepted rows of one event type.

    Args:
        rows: ``_id``, the contract's columns and the position columns, in the order in which the
            first row of an identity wins.
        columns: the contract's columns, whose values are an event's content.
        earlier: given the ids of this run, returns what earlier runs admitted under any of them.
    """
    numbered = rows.with_row_index("_seq")
    known = earlier(rows["_id"])
    repeated = _repeated(numbered["_id"])
    if known is not None and not known.rows.is_empty():
        repeated |= numbered["_id"].is_in(known.rows["_id"].implode())
    suspects = numbered.filter(repeated)
    if suspects.is_empty():
        return Settled(rows, *(_empty(numbered),) * 2)
    compared = _compared(suspects, columns, known)
    standing = (
        pl.col("first_run").is_null()
        & (pl.col("_partition") == pl.col("first_partition"))
        & (pl.col("_offset") == pl.col("first_offset"))
    )
    later = compared.filter(~standing)
    standing_rows = np.ones(rows.height, dtype=bool)
    standing_rows[later["_seq"].to_numpy()] = False
    return Settled(
        admitted=rows.filter(pl.Series(standing_rows)),
        duplicates=_selected(later.filter("_same")),
        mismatches=_selected(later.filter(~pl.col("_same"))),
    )


def _repeated(ids: pl.Series) -> pl.Series:
    """Tell which ids occur more than once: by hash first, which is cheap, then among those exactly."""
    candidates = ids.hash().is_duplicated()
    exact = np.zeros(len(ids), dtype=bool)
    exact[candidates.to_numpy()] = ids.filter(candidates).is_duplicated().to_numpy()
    return pl.Series(exact)


def _compared(
    suspects: pl.DataFrame, columns: Sequence[Column], known: Earlier | None
) -> pl.DataFrame:
    """Return the suspects beside the first row of their identity, and whether their content agrees."""
    here = suspects.with_columns(_content=_content(suspects, columns))
    firsts = [_firsts(here.with_columns(_run=pl.lit(None, pl.String)))]
    if known is not None and not known.rows.is_empty():
        here = here.with_columns(_shared=_content(suspects, known.columns))
        before = known.rows.with_columns(_content=_content(known.rows, known.columns))
        firsts.insert(0, _firsts(before))
    else:
        here = here.with_columns(_shared=pl.lit(None, pl.Binary))
    first = pl.concat(firsts).unique("_id", keep="first", maintain_order=True)
    own = pl.when(pl.col("first_run").is_null()).then("_content").otherwise("_shared")
    return here.join(first, on="_id", how="left", maintain_order="left").with_columns(
        _same=own == pl.col("first_content")
    )


def _firsts(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(
        "_id",
        first_run="_run",
        first_stream="_stream",
        first_partition="_partition",
        first_offset="_offset",
        first_content="_content",
    )


def _content(frame: pl.DataFrame, columns: Sequence[Column]) -> pl.Series:
    return pl.Series("_content", encode_rows(frame, columns), pl.Binary)


def _selected(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select("_seq", "_id", "_stream", "_partition", "_offset", *_FIRST[:-1])


def _empty(numbered: pl.DataFrame) -> pl.DataFrame:
    schema = dict.fromkeys(_FIRST[:-2], pl.String) | {"first_offset": pl.Int64}
    return (
        numbered.clear()
        .select("_seq", "_id", "_stream", "_partition", "_offset")
        .with_columns(pl.lit(None, dtype).alias(name) for name, dtype in schema.items())
    )
