"""The value of a subject as of a moment: what held in the world until E, of what was known until K.

1. What was known: the entries that were observed until K and are not refused. Of each fact the last
   operation among them holds; if that is a retraction, there is no such fact. Knowledge comes first:
   what was corrected by K never counts again, whatever its effective time.
2. The answer is the fact of the subject with the latest effective time until E. Where there is none,
   the status is NOT_FOUND.
3. Where several have that time, they are candidates. With equal values they agree, and the last of them
   in the order of the ledger is named. With different values the answer is CONFLICT and names none, or,
   where the policy prefers the order, it is the last.

Times are instants; how they were written is gone when they are compared. Values are compared as
canonical JSON text. Both cutoffs include their own instant, and there is no answer without either.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import polars as pl

from platform_assets.truth.entries import ORDER, Kind

#: The columns of an answer, beside those of its target.
ANSWER = ("status", "value", "effective_at", "observed_at", "entry_id", "candidates")

_ROW = "_row_of_target"
_CUTOFF = "_effective_cutoff"
_INSTANT = pl.Datetime("us", "UTC")


class Status(StrEnum):
    """What the answer for a target is."""

    FOUND = "FOUND"
    NOT_FOUND = "NOT_FOUND"
    CONFLICT = "CONFLICT"


class Policy(StrEnum):
    """What is done where several values have the same effective time."""

    REFUSE = "refuse"
    PREFER_SOURCE_ORDER = "prefer_source_order"


@dataclass(frozen=True, slots=True)
class Cutoffs:
    """Until when a value has to hold in the world, and until when it has to be known.

    ``effective`` is one instant for all targets, or the column that holds each one's own.

    Raises:
        ValueError: an instant has no zone.
    """

    effective: datetime | str
    knowledge: datetime

    def __post_init__(self) -> None:
        for moment in (self.effective, self.knowledge):
            if isinstance(moment, datetime) and moment.tzinfo is None:
                raise ValueError(f"a cutoff needs a time zone, found {moment!r}")


def known(entries: pl.LazyFrame, knowledge: datetime) -> pl.LazyFrame:
    """Return the facts that were known at a moment, each as its last operation says it.

    Args:
        entries: of the runs that count, in any order.
        knowledge: entries that were observed later are not known.
    """
    counted = entries.filter(
        pl.col("observed_at") <= pl.lit(knowledge, dtype=_INSTANT), pl.col("refused").is_null()
    )
    asserted = pl.col("kind") == Kind.ASSERT
    # few facts have operations, so only these are put into order
    last = counted.filter(~asserted).sort(ORDER).unique("fact", keep="last")
    untouched = counted.filter(asserted).join(last, on="fact", how="anti")
    return pl.concat([untouched, last.filter(pl.col("kind") != Kind.RETRACT)])


def as_of(
    entries: pl.LazyFrame, targets: pl.LazyFrame, cutoffs: Cutoffs, policy: Policy
) -> pl.LazyFrame:
    """Return an answer for each target, in the order of the targets.

    Args:
        entries: of the runs that count, in any order.
        targets: with ``subject``, the column of the effective cutoff if there is one, and others.
        cutoffs: until when a value holds and is known.
        policy: what is done with a conflict.

    Returns:
        All columns of the targets and those of `ANSWER`: ``effective_at``, ``observed_at`` and
        ``entry_id`` are those of the entry whose value it is, null where there is none;
        ``candidates`` are the identities of all with that effective time, in the order of the ledger.

    Raises:
        ValueError: a target's column has the name of one of the answer's.
    """
    if taken := set(ANSWER) & set(targets.collect_schema()):
        raise ValueError(f"the targets have columns of the answer: {', '.join(sorted(taken))}")
    until = cutoffs.effective
    cutoff = pl.col(until) if isinstance(until, str) else pl.lit(until)
    asked = targets.with_row_index(_ROW).with_columns(cutoff.cast(_INSTANT).alias(_CUTOFF))
    facts = known(entries, cutoffs.knowledge).join(asked, on="subject", how="semi")
    instants = _instants(facts, asked)
    tied = instants.join(facts, on=["subject", "effective_at"], how="inner")
    answers = tied.sort(ORDER).group_by(_ROW).agg(*_picked(policy))
    known_or_not = pl.col("status").fill_null(Status.NOT_FOUND)
    listed = pl.col("candidates").fill_null(pl.lit([], dtype=pl.List(pl.String)))
    return (
        asked.join(answers, on=_ROW, how="left", maintain_order="left")
        .with_columns(known_or_not, listed)
        .drop(_ROW, _CUTOFF)
    )


def _instants(facts: pl.LazyFrame, asked: pl.LazyFrame) -> pl.LazyFrame:
    """Return the row and subject of targets with the latest effective time until their cutoff."""
    times = facts.select("subject", "effective_at").sort("effective_at")
    latest = (
        asked.select(_ROW, "subject", _CUTOFF)
        .sort(_CUTOFF)
        .join_asof(
            times,
            left_on=_CUTOFF,
            right_on="effective_at",
            by="subject",
            coalesce=False,
            check_sortedness=False,  # they are sorted just above
        )
    )
    return latest.drop_nulls("effective_at").drop(_CUTOFF)


def _picked(policy: Policy) -> list[pl.Expr]:
    """Return the answer of entries that tie, which are in the order of the ledger."""
    conflict = pl.col("value").n_unique() > 1
    refused = conflict & pl.lit(policy is Policy.REFUSE)
    status = pl.when(refused).then(pl.lit(Status.CONFLICT)).otherwise(pl.lit(Status.FOUND))
    named = [
        pl.when(~refused).then(pl.col(name).last()).alias(name)
        for name in ("value", "effective_at", "observed_at", "entry_id")
    ]
    return [status.alias("status"), *named, pl.col("entry_id").alias("candidates")]
