"""Checks that look at rows as they stand: schema, sorted, digest.

What null and emptiness mean:

- schema: parts without rows still have the columns; no row can break a promise.
- sorted: null comes last, NaN above all numbers; no rows and one row are sorted.
- digest: no rows have a digest too, which must be the manifest's.

Notes of row groups merge exactly: forbidden nulls and digests add up, and of the order each note keeps
its first and its last row, so that rows are compared across borders too.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from platform_assets.adapters.column_types import resolve
from platform_assets.adapters.parts import encodings, tie_breakers
from platform_assets.adapters.row_encoding import content_digest
from platform_assets.contracts.columns import Column, ColumnType, ListOf, Struct
from platform_assets.contracts.frames import polars_schema
from platform_assets.flow.checks import CheckObservation, counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from platform_assets.adapters.check_pass import RowGroup
    from platform_assets.flow.content_digest import ContentDigest


def other_columns(paths: Sequence[Path], columns: Sequence[Column]) -> CheckObservation | None:
    """Observe names, order and types of every part's columns; None where they are the declared ones."""
    declared = polars_schema(columns)
    other = [
        f"{path.name}: {_difference(found, declared)}"
        for path in paths
        if list((found := _schema_of(path)).items()) != list(declared.items())
    ]
    if not other:
        return None
    observed = f"other columns in {len(other)} of {counted(len(paths), 'part')}"
    return CheckObservation(
        observed, _columns_expected(columns), passed=False, detail="; ".join(other)
    )


@dataclass(frozen=True)
class ForbiddenNulls:
    """Of parts with the declared columns: rows, and of each column those that hold a forbidden null."""

    declared: tuple[Column, ...]

    @property
    def columns(self) -> frozenset[str]:
        """All."""
        return frozenset(column.name for column in self.declared)

    def observe(self, rows: pl.DataFrame, group: RowGroup) -> tuple[int, ...]:
        """Return how many rows there are, then how many of them break each column's promise."""
        del group
        broken = [
            _breaks(pl.col(c.name), c.type, nullable=c.nullable).sum().alias(c.name)
            for c in self.declared
        ]
        return (rows.height, *rows.select(broken).row(0))

    def merge(self, before: tuple[int, ...], after: tuple[int, ...]) -> tuple[int, ...]:
        """Return the counts of both."""
        return tuple(a + b for a, b in zip(before, after, strict=True))

    def conclude(self, noted: tuple[int, ...]) -> CheckObservation:
        """Observe that there is no forbidden null, or in which columns."""
        rows, *counts = noted
        found = [
            f"{count:,} in {column.name}"
            for column, count in zip(self.declared, counts, strict=True)
            if count
        ]
        return CheckObservation(
            observed=f"{counted(len(self.declared), 'column')} as in the manifest, "
            + (f"forbidden nulls in {counted(rows, 'row')}" if found else "no forbidden null"),
            expected=_columns_expected(self.declared),
            passed=not found,
            detail="rows with a null where none may be: " + ", ".join(found) if found else "",
            figures={"rows": rows, "columns": len(self.declared), "forbidden_nulls": sum(counts)},
        )


@dataclass(frozen=True)
class Stretch:
    """What is noted of the order of consecutive rows.

    ``wrong`` is how many belong before the row above them, ``first_wrong`` where the first of these
    stands; ``first`` and ``last`` are frames of one row, for the comparison across borders.
    """

    rows: int
    wrong: int
    first_wrong: int | None
    first: pl.DataFrame
    last: pl.DataFrame


@dataclass(frozen=True)
class Order:
    """How many rows stand after a row that belongs after them, across row groups and parts too."""

    declared: tuple[Column, ...]
    sort: tuple[str, ...]

    @property
    def columns(self) -> frozenset[str]:
        """The keys' columns; without positions, which decide any tie, all."""
        roots = {_root(self._schema, key) for key in self._keys}
        return frozenset(roots if self._ties_are_decided else self._schema)

    def observe(self, rows: pl.DataFrame, group: RowGroup) -> Stretch:
        """Return what is noted of a row group."""
        del group
        wrong = self._out_of_order(rows)
        return Stretch(rows.height, len(wrong), _first(wrong), rows.head(1), rows.tail(1))

    def merge(self, before: Stretch, after: Stretch) -> Stretch:
        """Return the note of both, the border included."""
        if not before.rows or not after.rows:
            return before if before.rows else after
        border = len(self._out_of_order(pl.concat([before.last, after.first])))
        later = 0 if border else after.first_wrong
        first_wrong = before.first_wrong
        if first_wrong is None and later is not None:
            first_wrong = before.rows + later
        return Stretch(
            rows=before.rows + after.rows,
            wrong=before.wrong + border + after.wrong,
            first_wrong=first_wrong,
            first=before.first,
            last=after.last,
        )

    def conclude(self, noted: Stretch) -> CheckObservation:
        """Observe how many rows are out of order, and the first of them."""
        order = ", ".join(self._keys) + ("" if self._ties_are_decided else ", then the whole row")
        first = noted.first_wrong
        return CheckObservation(
            observed=f"{noted.wrong:,} of {counted(noted.rows, 'row')} out of order",
            expected=f"every row in the order of {order}",
            passed=noted.wrong == 0,
            detail="" if first is None else f"the first is row {first:,} (counted from 0)",
            figures={"rows": noted.rows, "out_of_order": noted.wrong},
        )

    @cached_property
    def _schema(self) -> pl.Schema:
        return polars_schema(self.declared)

    @cached_property
    def _keys(self) -> list[str]:
        return [*self.sort, *tie_breakers(self._schema, self.sort)]

    @cached_property
    def _ties_are_decided(self) -> bool:
        return bool(tie_breakers(self._schema, self.sort))

    def _out_of_order(self, frame: pl.DataFrame) -> pl.Series:
        return _out_of_order(frame, self._keys, break_ties=not self._ties_are_decided)


@dataclass(frozen=True)
class Digest:
    """The content digest of the parts, computed again."""

    declared: tuple[Column, ...]
    manifest_digest: str

    @property
    def columns(self) -> frozenset[str]:
        """All."""
        return frozenset(column.name for column in self.declared)

    def observe(self, rows: pl.DataFrame, group: RowGroup) -> ContentDigest:
        """Return the digest of a row group."""
        del group
        return content_digest(rows, self.declared)

    def merge(self, before: ContentDigest, after: ContentDigest) -> ContentDigest:
        """Return the digest of both."""
        return before.merge(after)

    def conclude(self, noted: ContentDigest) -> CheckObservation:
        """Observe the digest beside the manifest's."""
        return CheckObservation(
            observed=f"{noted.value} over {counted(noted.rows, 'row')}",
            expected=self.manifest_digest,
            passed=noted.value == self.manifest_digest,
            figures={"rows": noted.rows, "content_digest": noted.value},
        )


def _columns_expected(columns: Sequence[Column]) -> str:
    return f"{counted(len(columns), 'column')} as in the manifest, null only where declared"


def _schema_of(path: Path) -> pl.Schema:
    # not `read_parquet_schema`, which takes the name of a file for a pattern
    return pl.scan_parquet(path, glob=False, hive_partitioning=False).collect_schema()


def _difference(found: Mapping[str, pl.DataType], declared: pl.Schema) -> str:
    said = [f"no {name}" for name in declared if name not in found]
    said += [f"also {name}" for name in found if name not in declared]
    said += [
        f"{name} is {found[name]}, not {kind}"
        for name, kind in declared.items()
        if name in found and found[name] != kind
    ]
    return ", ".join(said) or "the columns stand in another order"


def _breaks(value: pl.Expr, column_type: ColumnType, *, nullable: bool) -> pl.Expr:
    """Return whether a value is, or holds at any depth, a null where none may be."""
    broken = pl.lit(value=False) if nullable else value.is_null()
    inner: list[pl.Expr] = []
    if isinstance(column_type, Struct):
        inner = [
            _breaks(value.struct.field(f.name), f.type, nullable=f.nullable)
            for f in column_type.fields
        ]
    elif isinstance(column_type, ListOf):
        element = _breaks(pl.element(), column_type.element, nullable=column_type.element_nullable)
        inner = [value.list.eval(element).list.any()]
    return pl.any_horizontal(broken, *(value.is_not_null() & each for each in inner))


def _out_of_order(frame: pl.DataFrame, keys: Sequence[str], *, break_ties: bool) -> pl.Series:
    """Return the rows that belong before the row above them."""
    pairs = [(value.shift(1), value) for value in (resolve(frame.schema, key)[0] for key in keys)]
    later, tied = pl.lit(value=False), pl.lit(value=True)
    for above, value in pairs:
        greater = (above.is_null() & value.is_not_null()) | (above > value).fill_null(value=False)
        later = later | (tied & greater)
        tied = tied & above.eq_missing(value)
    flags = frame.select(row=pl.int_range(pl.len()), later=later, tied=tied)[1:]
    wrong = flags.filter("later")["row"]
    if break_ties and flags["tied"].any():
        rows = flags.filter("tied")["row"]
        wrong = wrong.extend(rows.filter(encodings(frame[rows - 1]) > encodings(frame[rows])))
    return wrong.sort()


def _first(wrong: pl.Series) -> int | None:
    return int(wrong[0]) if len(wrong) else None


def _root(schema: pl.Schema, path: str) -> str:
    return next(iter(resolve(schema, path)[0].meta.root_names()))
