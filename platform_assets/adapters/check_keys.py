"""Checks that hold every row against all others, or against another product: unique, referential.

What null and emptiness mean:

- unique: two nulls are the same value, and so are two NaNs. No rows: PASS.
- referential: null does not count. No values: PASS. Values, but nothing to refer to: they are missing.

Neither holds its keys in memory. The pass spills 64 bits of each key; rows that share them with another
are read again and compared as they are. References are looked up by an anti-join, on values and not on
hashes, that spills what does not fit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa

from platform_assets.adapters import hash_buckets
from platform_assets.adapters.check_pass import read_group
from platform_assets.adapters.column_types import resolve
from platform_assets.adapters.part_format import ROW_GROUP_ROWS
from platform_assets.contracts.frames import polars_schema
from platform_assets.flow.checks import CheckObservation, counted, within_fraction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from platform_assets.adapters.check_pass import RowGroup
    from platform_assets.contracts.columns import Column
    from platform_assets.declarations.checks import ReferentialCheck, UniqueCheck

#: The share of the memory in which hashes are sorted; keys that share one are compared in the rest.
_MEMORY_OF_HASHES = 4
#: The share of the memory that the anti-join gets; Polars reads for it in the rest.
_MEMORY_OF_JOIN = 2
#: Keys that are told apart at once, at least: fewer, larger groupings.
_TOLD_APART_AT_LEAST = 4 * ROW_GROUP_ROWS


@dataclass(frozen=True, slots=True)
class Room:
    """Where checks may spill, and how many bytes of memory and threads they may use after the pass."""

    spill: Path
    memory: int
    threads: int


@dataclass(frozen=True, slots=True)
class SpilledKeys:
    """Hashes of the keys of a row group."""

    group: RowGroup
    hashes: hash_buckets.HashFile


@dataclass(frozen=True, slots=True)
class Unique:
    """How many rows have the same values in the columns as a row before them. Made by `unique`."""

    check: UniqueCheck
    declared: tuple[Column, ...]
    keys: Sequence[pl.Expr]
    room: Room
    spilled_as: str

    @property
    def columns(self) -> frozenset[str]:
        """The columns that the keys are made of."""
        return frozenset(name for key in self.keys for name in key.meta.root_names())

    def observe(self, rows: pl.DataFrame, group: RowGroup) -> tuple[SpilledKeys, ...]:
        """Spill the hashes of a row group's keys."""
        hashes = hash_buckets.key_hashes(rows.select(self.keys))
        path = self.room.spill / f"{self.spilled_as}-{group.number:06d}"
        return (SpilledKeys(group, hash_buckets.spill_hashes(hashes, path, group.number)),)

    def merge(
        self, before: tuple[SpilledKeys, ...], after: tuple[SpilledKeys, ...]
    ) -> tuple[SpilledKeys, ...]:
        """Return what was spilled of both."""
        return before + after

    def conclude(self, noted: tuple[SpilledKeys, ...]) -> CheckObservation:
        """Observe how many rows repeat."""
        rows, repeated = sum(spilled.hashes.rows for spilled in noted), self._repeated(noted)
        listed = ", ".join(self.check.columns)
        return CheckObservation(
            observed=f"{repeated:,} of {counted(rows, 'row')} repeat the values of {listed}",
            expected=f"no two rows with the same {listed}",
            passed=repeated == 0,
            figures={"rows": rows, "repeated": repeated},
        )

    def _repeated(self, noted: Sequence[SpilledKeys]) -> int:
        """Count the rows whose key another row has, but for one row of each key."""
        groups = {spilled.group.number: spilled.group for spilled in noted}
        candidates = hash_buckets.repeated(
            [each.hashes for each in noted],
            self.room.memory // _MEMORY_OF_HASHES,
            threads=self.room.threads,
        )
        found, bucket, last = 0, _DistinctKeys(), -1
        for each in candidates:
            if each.source <= last:  # sources ascend within a bucket: equal keys are behind us
                found += bucket.repeated()
                bucket = _DistinctKeys()
            rows = read_group(groups[each.source], self.declared, self.columns)
            bucket.add(rows[each.ordinals].select(self.keys))
            last = each.source
        return found + bucket.repeated()


def unique(check: UniqueCheck, columns: Sequence[Column], room: Room, spilled_as: str) -> Unique:
    """Plan to look for repeated keys; ``spilled_as`` is how this plan's spilled files begin.

    Raises:
        KeyError: there is no such column.
    """
    schema = polars_schema(columns)
    keys = [resolve(schema, path)[0].alias(f"k{n}") for n, path in enumerate(check.columns)]
    return Unique(check, tuple(columns), keys, room, spilled_as)


@dataclass(frozen=True, slots=True)
class References:
    """How many values occur in no row of the referenced column. Made by `references`.

    ``look_up`` is given where the conclusion is drawn.
    """

    check: ReferentialCheck
    column: pl.Expr
    look_up: Callable[[], int] | None

    @property
    def columns(self) -> frozenset[str]:
        """The column that refers."""
        return frozenset(self.column.meta.root_names())

    def observe(self, rows: pl.DataFrame, group: RowGroup) -> int:
        """Count the values that are not null."""
        del group
        return int(rows.select(self.column.count()).item())

    def merge(self, before: int, after: int) -> int:
        """Return the values of both."""
        return before + after

    def conclude(self, noted: int) -> CheckObservation:
        """Observe how many of the values are missing."""
        if self.look_up is None:
            raise RuntimeError("only the process that started the pass draws conclusions")
        check, missing = self.check, self.look_up()
        limit, target = check.max_fraction_missing, f"{check.product}.{check.references}"
        return CheckObservation(
            observed=f"{missing:,} of {counted(noted, 'value')} of {check.column} not in {target}",
            expected=f"all in {target}"
            if limit == 0
            else f"at most {limit:f} of them not in {target}",
            passed=within_fraction(missing, noted, limit),
            figures={"values": noted, "missing": missing},
        )


def references(
    check: ReferentialCheck, columns: Sequence[Column], look_up: Callable[[], int] | None
) -> References:
    """Plan to look up what the column refers to.

    Raises:
        KeyError: there is no such column.
    """
    return References(check, resolve(polars_schema(columns), check.column)[0], look_up)


def missing_references(
    check: ReferentialCheck, rows: pl.LazyFrame, referenced: pl.LazyFrame, room: Room
) -> int:
    """Return how many values of the rows occur nowhere in the one column of ``referenced``.

    Raises:
        TypeError: the two columns have different types.
    """
    import duckdb  # noqa: PLC0415 - workers, which import this module, never need it

    column, kind = resolve(rows.collect_schema(), check.column)
    (other_kind,) = referenced.collect_schema().dtypes()
    if other_kind != kind:
        raise TypeError(f"{check.column} is {kind}, {check.references} is {other_kind}")
    given = rows.select(column.alias("value")).drop_nulls()
    known = referenced.select(pl.first().alias("value")).drop_nulls()
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": f"{room.memory // _MEMORY_OF_JOIN}B",
        "threads": room.threads,
        "temp_directory": str(room.spill / "joined"),
        "preserve_insertion_order": False,
    }
    with duckdb.connect(config=settings) as connection:
        connection.register("given", _streamed(given))
        connection.register("known", _streamed(known))
        counted_rows = connection.execute(
            "SELECT count(*) FROM given ANTI JOIN known USING (value)"
        )
        (missing,) = counted_rows.fetchone() or (0,)
        return int(missing)


class _DistinctKeys:
    """The distinct keys among those that were added, and how many were added beyond them."""

    def __init__(self) -> None:
        self._added = 0
        self._distinct: pl.DataFrame | None = None
        self._waiting: list[pl.DataFrame] = []

    def add(self, keys: pl.DataFrame) -> None:
        self._added += keys.height
        self._waiting.append(keys)
        held = 0 if self._distinct is None else self._distinct.height
        if sum(each.height for each in self._waiting) >= max(held, _TOLD_APART_AT_LEAST):
            self._tell_apart()

    def repeated(self) -> int:
        self._tell_apart()
        return self._added - (0 if self._distinct is None else self._distinct.height)

    def _tell_apart(self) -> None:
        if self._waiting:
            held = [] if self._distinct is None else [self._distinct]
            every = pl.concat([*held, *self._waiting])
            self._distinct, self._waiting = every.group_by(pl.all()).agg(), []


def _streamed(frame: pl.LazyFrame) -> pa.RecordBatchReader:
    schema = pl.DataFrame(schema=frame.collect_schema()).to_arrow().schema
    return pa.RecordBatchReader.from_batches(schema, _batches(frame))


def _batches(frame: pl.LazyFrame) -> Iterator[pa.RecordBatch]:
    for batch in frame.collect_batches(
        chunk_size=ROW_GROUP_ROWS, maintain_order=False, lazy=True, engine="streaming"
    ):
        yield from batch.to_arrow().to_batches()
