"""Checks that look at rows together: schema, sorted, unique, digest, referential.

What null and emptiness mean:

- schema: parts without rows still have the columns; no row can break a promise.
- sorted: null comes last, NaN above all numbers; no rows and one row are sorted.
- unique: two nulls are the same value, and so are two NaNs. No rows: PASS.
- digest: no rows have a digest too, which must be the manifest's.
- referential: null does not count. No values: PASS. Values, but nothing to refer to: they are missing.

Parts are taken one after the other, so that memory is bounded by a part, or for keys by the keys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from platform_assets.adapters.column_types import resolve
from platform_assets.adapters.parts import encodings, read_parts, tie_breakers
from platform_assets.adapters.row_encoding import content_digest
from platform_assets.contracts.columns import Column, ColumnType, ListOf, Struct
from platform_assets.contracts.frames import polars_schema
from platform_assets.flow.checks import CheckObservation, counted, within_fraction
from platform_assets.flow.content_digest import ContentDigest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from platform_assets.declarations.checks import ReferentialCheck, UniqueCheck


def schema_holds(paths: Sequence[Path], columns: Sequence[Column]) -> CheckObservation:
    """Observe names, order and types of every part's columns, then nulls where none may be."""
    declared = polars_schema(columns)
    other = [
        f"{path.name}: {_difference(found, declared)}"
        for path in paths
        if list((found := _schema_of(path)).items()) != list(declared.items())
    ]
    expected = f"{counted(len(columns), 'column')} as in the manifest, null only where declared"
    if other:
        observed = f"other columns in {len(other)} of {counted(len(paths), 'part')}"
        return CheckObservation(observed, expected, passed=False, detail="; ".join(other))
    broken = [
        _breaks(pl.col(c.name), c.type, nullable=c.nullable).sum().alias(c.name) for c in columns
    ]
    seen = read_parts(paths, columns).select(rows=pl.len(), broken=pl.struct(broken))
    rows, counts = seen.collect(engine="streaming").row(0)
    found_nulls = [f"{count:,} in {name}" for name, count in counts.items() if count]
    return CheckObservation(
        observed=f"{counted(len(columns), 'column')} as in the manifest, "
        + (f"forbidden nulls in {counted(rows, 'row')}" if found_nulls else "no forbidden null"),
        expected=expected,
        passed=not found_nulls,
        detail="rows with a null where none may be: " + ", ".join(found_nulls)
        if found_nulls
        else "",
        figures={"rows": rows, "columns": len(columns), "forbidden_nulls": sum(counts.values())},
    )


def sorted_rows(
    paths: Sequence[Path], columns: Sequence[Column], sort: Sequence[str]
) -> CheckObservation:
    """Observe how many rows stand before a row that belongs before them, across parts too."""
    schema = polars_schema(columns)
    keys = [*sort, *(tied := tie_breakers(schema, sort))]
    wanted = list(schema) if not tied else sorted({_root(schema, key) for key in keys})
    rows, wrong, first, last = 0, 0, None, None
    for path in paths:
        frame = read_parts([path], columns).select(wanted).collect()
        joined = frame if last is None else pl.concat([last, frame])
        places = _out_of_order(joined, keys, break_ties=not tied)
        if first is None and len(places):
            first = rows + places[0] - (0 if last is None else 1)
        wrong, rows = wrong + len(places), rows + frame.height
        last = joined.tail(1)
    order = ", ".join(keys) + ("" if tied else ", then the whole row")
    return CheckObservation(
        observed=f"{wrong:,} of {counted(rows, 'row')} out of order",
        expected=f"every row in the order of {order}",
        passed=wrong == 0,
        detail="" if first is None else f"the first is row {first:,} (counted from 0)",
        figures={"rows": rows, "out_of_order": wrong},
    )


def unique_rows(check: UniqueCheck, scan: pl.LazyFrame, schema: pl.Schema) -> CheckObservation:
    """Observe how many rows have the same values in the columns as a row before them."""
    keys = [resolve(schema, path)[0].alias(f"k{n}") for n, path in enumerate(check.columns)]
    counts = scan.select(keys).group_by(pl.all()).agg(pl.len().alias("times"))
    repeated, rows = (
        counts.select((pl.col("times") - 1).sum().alias("repeated"), pl.col("times").sum())
        .collect(engine="streaming")
        .row(0)
    )
    listed = ", ".join(check.columns)
    return CheckObservation(
        observed=f"{repeated:,} of {counted(rows, 'row')} repeat the values of {listed}",
        expected=f"no two rows with the same {listed}",
        passed=repeated == 0,
        figures={"rows": rows, "repeated": repeated},
    )


def same_digest(
    paths: Sequence[Path], columns: Sequence[Column], manifest_digest: str
) -> CheckObservation:
    """Observe the content digest of the parts, computed again."""
    total = ContentDigest.empty(columns)
    for path in paths:
        total = total.merge(content_digest(read_parts([path], columns).collect(), columns))
    return CheckObservation(
        observed=f"{total.value} over {counted(total.rows, 'row')}",
        expected=manifest_digest,
        passed=total.value == manifest_digest,
        figures={"rows": total.rows, "content_digest": total.value},
    )


def references_exist(
    check: ReferentialCheck,
    scan: pl.LazyFrame,
    schema: pl.Schema,
    referenced: Callable[[str, str, int], pl.LazyFrame],
) -> CheckObservation:
    """Observe how many values occur in no row of the referenced column.

    Raises:
        TypeError: the two columns have different types.
    """
    column, kind = resolve(schema, check.column)
    others = referenced(check.product, check.references, check.history_runs)
    (other_kind,) = others.collect_schema().dtypes()
    if other_kind != kind:
        raise TypeError(f"{check.column} is {kind}, {check.references} is {other_kind}")
    known = others.select(pl.first().alias("value")).unique()
    values = scan.select(column.alias("value")).drop_nulls()
    total = values.select(pl.len()).collect(engine="streaming").item()
    lost = values.join(known, on="value", how="anti")
    missing = lost.select(pl.len()).collect(engine="streaming").item()
    limit = check.max_fraction_missing
    target = f"{check.product}.{check.references}"
    return CheckObservation(
        observed=f"{missing:,} of {counted(total, 'value')} of {check.column} not in {target}",
        expected=f"all in {target}" if limit == 0 else f"at most {limit:f} of them not in {target}",
        passed=within_fraction(missing, total, limit),
        figures={"values": total, "missing": missing},
    )


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


def _root(schema: pl.Schema, path: str) -> str:
    return next(iter(resolve(schema, path)[0].meta.root_names()))
