"""Joins in time: each row gets the feature that was to be had at its moment.

1. A cut says from when on a feature may be used. `PointInTime` and `KnownAt` each cut off in both
   times, and with neither does anything of the future reach a row. A class that leaves a cutoff out
   begins with `Unsafe`, so that whoever reads the code sees it.
2. Among the features of a subject that may be used, the one with the latest effective time counts. Of
   several with that time it is the last in the order of the ledger: the newest correction of it.
   This is not the one that came last: what comes late may be about an earlier time.
3. Where that one is older than the tolerance, there is none; an even older one is no better.

So of the features in the order in which they may be used, only those count that are later in the world
than all before them. What is left of them is joined by time alone.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, TypeAlias

import polars as pl

from platform_assets.adapters.column_types import columns_of
from platform_assets.adapters.time_join import Side, TimeJoin, joined_in_time
from platform_assets.truth.entries import ORDER

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime, timedelta
    from pathlib import Path

    from platform_assets.adapters.external_sort import Room

_INSTANT = pl.Datetime("us", "UTC")
_ROW, _RANK, _SINCE = "_row_of_target", "_rank_of_feature", "_usable_since"


@dataclass(frozen=True, slots=True)
class PointInTime:
    """A row may use what held and was known at its own moment."""

    tolerance: timedelta | None = None
    since: ClassVar = ("effective_at", "observed_at")
    knowledge: ClassVar = None


@dataclass(frozen=True, slots=True)
class KnownAt:
    """A row may use what held at its own moment, of what was known at one moment for all rows.

    This is for history that was loaded later than it happened.

    Raises:
        ValueError: the moment has no zone.
    """

    knowledge: datetime
    tolerance: timedelta | None = None
    since: ClassVar = ("effective_at",)

    def __post_init__(self) -> None:
        if self.knowledge.tzinfo is None:
            raise ValueError(f"a cutoff needs a time zone, found {self.knowledge!r}")


@dataclass(frozen=True, slots=True)
class UnsafeWithoutKnowledgeCutoff:
    """A row uses what held at its moment, though nobody may have known it then."""

    tolerance: timedelta | None = None
    since: ClassVar = ("effective_at",)
    knowledge: ClassVar = None


@dataclass(frozen=True, slots=True)
class UnsafeWithoutEffectiveCutoff:
    """A row uses what was known at its moment, though it may hold only later."""

    tolerance: timedelta | None = None
    since: ClassVar = ("observed_at",)
    knowledge: ClassVar = None


Cut: TypeAlias = PointInTime | KnownAt | UnsafeWithoutKnowledgeCutoff | UnsafeWithoutEffectiveCutoff


def point_in_time(
    targets: pl.LazyFrame, features: pl.LazyFrame, cut: Cut, *, moment: str, prefix: str
) -> pl.LazyFrame:
    """Return each target with the feature that counts at its moment, in the order of the targets.

    Args:
        targets: with ``subject`` and the column of their moments.
        features: with ``subject``, ``effective_at``, the columns of `ORDER`, which are different in
            any two rows of a subject with one effective time, and others.
        cut: which features may be used.
        moment: the column of the targets' moments.
        prefix: what the names of the features' columns begin with in the result.

    Returns:
        All columns of the targets, and those of the features apart from ``subject``; null where no
        feature counts.

    Raises:
        ValueError: two columns of the result would have one name, or a column is missing.
    """
    _require(targets.collect_schema(), features.collect_schema(), moment, prefix)
    usable = features
    if cut.knowledge is not None:
        usable = features.filter(pl.col("observed_at") <= pl.lit(cut.knowledge, dtype=_INSTANT))
    joined = (
        targets.with_row_index(_ROW)
        .sort(moment)
        .join_asof(
            _in_steps(usable, cut, prefix),
            left_on=moment,
            right_on=_SINCE,
            by="subject",
            coalesce=False,
            check_sortedness=False,  # both sides are sorted just above
        )
        .sort(_ROW)
        .drop(_ROW, _SINCE)
    )
    if cut.tolerance is None:
        return joined
    age = pl.col(moment) - pl.col(f"{prefix}effective_at")
    fresh = age <= pl.lit(cut.tolerance, dtype=pl.Duration("us"))
    names = [prefix + name for name in features.collect_schema() if name != "subject"]
    # one expression, because the age is asked of a column that it takes away
    return joined.with_columns(pl.when(fresh).then(pl.col(names)))


@contextmanager
def point_in_time_of_files(
    targets: Sequence[Path],
    features: Sequence[Path],
    cut: Cut,
    *,
    moment: str,
    prefix: str,
    room: Room,
) -> Iterator[Iterator[pl.DataFrame]]:
    """Give what `point_in_time` returns for the rows of Parquet files, batch by batch, in any order.

    Args:
        targets: files with the targets; there is one at least, and all have the same columns.
        features: as the targets.
        cut: as of `point_in_time`.
        moment: as of `point_in_time`.
        prefix: as of `point_in_time`.
        room: what the join may use; it spills what it cannot hold.

    Raises:
        ValueError: as of `point_in_time`.
        SpillExhausted, DependencyUnreachable: the spill folder takes no more.
        MemoryExceeded: the memory does not suffice, however much is spilled.
    """
    left, right = (pl.Schema(pl.read_parquet_schema(files[0])) for files in (targets, features))
    _require(left, right, moment, prefix)
    rule = TimeJoin(
        by="subject",
        moment=moment,
        since=cut.since,
        newest=("effective_at", *ORDER),
        until=None if cut.knowledge is None else ("observed_at", cut.knowledge),
        within=None if cut.tolerance is None else ("effective_at", cut.tolerance),
        prefix=prefix,
    )
    sides = Side(targets, columns_of(left)), Side(features, columns_of(right))
    with joined_in_time(*sides, rule, room) as batches:
        yield (pl.DataFrame(batch) for batch in batches)


def _in_steps(features: pl.LazyFrame, cut: Cut, prefix: str) -> pl.LazyFrame:
    """Return the features that ever count, in the order in which they do; the last of equals does."""
    highest = pl.col(_RANK).cum_max().over("subject")
    return (
        features.sort("effective_at", *ORDER)
        .with_row_index(_RANK)
        .with_columns(pl.max_horizontal(cut.since).alias(_SINCE))
        .sort(_SINCE, _RANK)
        .filter(pl.col(_RANK) == highest)
        .drop(_RANK)
        .rename(lambda name: name if name in {"subject", _SINCE} else prefix + name)
    )


def _require(targets: pl.Schema, features: pl.Schema, moment: str, prefix: str) -> None:
    for side, has, needs in (
        ("targets", targets, {"subject", moment}),
        ("features", features, {"subject", "effective_at", *ORDER}),
    ):
        if missing := needs - set(has):
            raise ValueError(f"the {side} have no {', '.join(sorted(missing))}")
    if twice := set(targets) & {prefix + name for name in features if name != "subject"}:
        raise ValueError(f"targets and features both have {', '.join(sorted(twice))}")
