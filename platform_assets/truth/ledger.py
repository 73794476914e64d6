"""Entering: what arrives in one run becomes entries of a ledger.

1. What arrives is put into an order: assertions before what corrects and retracts, because streams and
   partitions of one run have no order among them; then by stream, partition and offset, and by identity
   where it has no position. Of what is the same there, the content decides.
2. Same identity, same content: the first that stands counts, in an earlier run or in this one, refused
   or not. The others are dropped and counted.
3. Same identity, other content than the first with it: kept, refused as MISMATCH.
4. A correction or retraction names an entry that stands before it, is not refused and has its subject:
   an assertion, or a correction or retraction of one. It is about the same fact. Where no such entry
   stands it is kept, refused as UNKNOWN_TARGET; where it has another subject, as OTHER_SUBJECT. What
   is refused is about no fact. An assertion begins a fact; a target that it names has no meaning.
5. What is left is numbered in its order, and chained to what stood before (`truth.chains`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from platform_assets.adapters.column_types import require_columns
from platform_assets.truth.chains import SAID, chained, contents
from platform_assets.truth.entries import ENTRY, ORDER, Kind, Refused

if TYPE_CHECKING:
    from datetime import datetime

    import numpy.typing as npt

_POSITION = ("stream", "partition", "offset")
#: The columns of what arrives, of the same types as in an entry.
ARRIVING = tuple(column for column in ENTRY if column.name in {*SAID, *_POSITION})
#: What is needed of earlier entries.
EARLIER = ("entry_id", "subject", "content", "fact", "digest", "refused", *ORDER)


@dataclass(frozen=True, slots=True)
class Entered:
    """The entries of a run, in the ledger's order, and how many of what arrived stood already."""

    entries: pl.DataFrame
    converged: int


def entered(
    arriving: pl.DataFrame,
    earlier: pl.DataFrame | pl.LazyFrame,
    *,
    ledger: str,
    observed_at: datetime,
    window: int,
) -> Entered:
    """Return what arrives in one run as entries.

    Args:
        arriving: the columns `ARRIVING`, in any order of rows.
        earlier: of the entries before this run, at least all that share an identity or a subject with
            what arrives, and all that have an identity which it targets; the columns `EARLIER`.
        ledger: the ledger's name, which belongs to what an entry says.
        observed_at: when the run was pinned.
        window: the number of its window.

    Raises:
        TypeError: a frame has not the columns.
        ValueError: a kind is none, a value is missing that may not be null, or the time has no zone.
        RuntimeError: an earlier entry does not stand before this run.
    """
    before = _before(earlier, observed_at, window)
    came = _in_order(arriving, ledger)  # 1
    fresh = _converged(came, before).with_columns(  # 2
        pl.lit(observed_at, dtype=pl.Datetime("us", "UTC")).alias("observed_at"),
        pl.lit(window, dtype=pl.Int64).alias("window"),
        pl.int_range(pl.len(), dtype=pl.Int64).alias("sequence"),
    )
    judged = _judged(fresh, before)  # 3, 4
    heads = before.filter(pl.col("refused").is_null()).unique("subject", keep="last")
    linked = chained(judged, dict(zip(heads["subject"], heads["digest"], strict=True)))  # 5
    entries = require_columns(linked, ENTRY)
    return Entered(entries, came.height - entries.height)


def _before(
    earlier: pl.DataFrame | pl.LazyFrame, observed_at: datetime, window: int
) -> pl.DataFrame:
    if observed_at.tzinfo is None:
        raise ValueError(f"a moment needs a time zone, found {observed_at!r}")
    columns = [column for column in ENTRY if column.name in EARLIER]
    chosen = earlier.lazy().select(column.name for column in columns).collect()
    before = require_columns(chosen, columns).sort(ORDER)
    last = before.select("observed_at", "window").tail(1).rows()
    if last and last[0] >= (observed_at, window):
        raise RuntimeError("entries of this run or of later ones cannot stand before it")
    return before


def _in_order(arriving: pl.DataFrame, ledger: str) -> pl.DataFrame:
    came = require_columns(arriving, ARRIVING)
    for column in ARRIVING:
        if not column.nullable and came[column.name].has_nulls():
            raise ValueError(f"{column.name} is missing in what arrives")
    if strange := set(came["kind"].unique()) - set(Kind):
        raise ValueError(f"there are no kinds {', '.join(sorted(strange))}")
    by = (pl.col("kind") != Kind.ASSERT, *_POSITION, "entry_id", "content")
    return came.with_columns(contents(came, ledger)).sort(by, nulls_last=True)


def _converged(came: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    same = ["entry_id", "content"]
    first = came.unique(same, keep="first", maintain_order=True)
    return first.join(before, on=same, how="anti", maintain_order="left")


def _judged(fresh: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    """Return what arrives with `fact` and `refused`."""
    identity = pl.col("entry_id")
    rows = fresh.with_columns(
        mismatch=identity.is_in(before["entry_id"].implode()) | ~identity.is_first_distinct(),
        names=pl.col("kind") != Kind.ASSERT,
    )
    here = rows.filter(~pl.col("mismatch")).select(
        target="entry_id", parent="sequence", parent_subject="subject"
    )
    there = before.unique("entry_id", keep="first", maintain_order=True).select(
        target="entry_id", earlier_fact="fact", earlier_subject="subject"
    )
    for standing in (here, there):
        rows = rows.join(standing, on="target", how="left", maintain_order="left")
    stands_before = (pl.col("parent") < pl.col("sequence")) & pl.col("names")
    return _resolved(rows.with_columns(parent=pl.when(stands_before).then("parent")))


def _resolved(rows: pl.DataFrame) -> pl.DataFrame:
    """Follow targets to the beginning of the facts; what begins on the way is looked up at once.

    A target within the run stands before what names it, so each way ends; its length is halved in
    each round.
    """
    subject = pl.col("subject")
    same = subject.eq(pl.coalesce("parent_subject", "earlier_subject")).fill_null(value=False)
    there = pl.col("parent").is_not_null() | pl.col("earlier_fact").is_not_null()
    holds = ~pl.col("mismatch") & (~pl.col("names") | (there & same))
    way = pl.when(holds).then("parent")
    steps = rows.select(
        holds=holds,
        next=pl.coalesce(way, "sequence"),
        parent="parent",
        begins=pl.when(pl.col("names")).then("earlier_fact").otherwise("entry_id"),
    )
    root = _ends(steps["next"].to_numpy())
    accepted = steps["holds"].gather(root)
    fact = steps["begins"].gather(root)
    parent_counts = accepted.gather(steps["parent"]).fill_null(value=False)
    found = parent_counts | rows["earlier_fact"].is_not_null()
    refused = (
        pl.when(pl.col("mismatch"))
        .then(pl.lit(Refused.MISMATCH))
        .when(accepted)
        .then(pl.lit(None, dtype=pl.String))
        .when(found)
        .then(pl.lit(Refused.OTHER_SUBJECT))
        .otherwise(pl.lit(Refused.UNKNOWN_TARGET))
    )
    return rows.with_columns(
        refused=refused.cast(pl.String), fact=pl.when(accepted).then(fact).cast(pl.String)
    )


def _ends(following: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    while True:
        further = following[following]
        if np.array_equal(further, following):
            return following
        following = further
