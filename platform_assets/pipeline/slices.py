"""Cutting a certified product of a closed run into days, once.

1. Open the product through the gate, as any reader has to.
2. Cut its rows by the day of their time, row group by row group, and digest each slice.
3. Require that the slices merge to the content digest that is certified.
4. Sign what was found and store it. It is what every later reader of a day adds up.

Where the record stands, its signature and its sum are looked at again, and no row is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from platform_assets.adapters.column_types import resolve
from platform_assets.adapters.row_encoding import content_digest
from platform_assets.contracts.records import check_record
from platform_assets.errors import (
    CertificateInvalid,
    ObjectMissing,
    RecordConflict,
    RecordInvalid,
    Usage,
)
from platform_assets.flow.compaction import UNDATED, Slices
from platform_assets.flow.content_digest import ContentDigest
from platform_assets.flow.signing import SLICES, Statement, Subject, open_statement, sign_statement
from platform_assets.pipeline import layout
from platform_assets.pipeline.reading import open_product
from platform_assets.pipeline.records import write_bytes
from platform_assets.pipeline.row_groups import row_groups
from platform_assets.pipeline.state import sealed_bundle

if TYPE_CHECKING:
    from platform_assets.identifiers import RunId
    from platform_assets.pipeline.platform import Platform
    from platform_assets.pipeline.reading import CertifiedProduct


def cut(platform: Platform, run: RunId, product: str) -> Slices:
    """Return how a product of a closed run divides into days; where nobody cut it yet, cut it.

    Raises:
        GateRefusal: the product may not be read.
        CompactionInconsistent: the slices do not merge to what is certified.
        Usage: it cannot be cut, because it has no time, or is strict.
    """
    standing = standing_slices(platform, run, product)
    if standing is not None:
        return standing
    opened = open_product(platform, run, product)  # 1
    slices = _cut(platform, opened)  # 2
    slices.require_whole()  # 3
    _store(platform, slices)  # 4
    return slices


def looked_at(platform: Platform, run: RunId, product: str) -> Slices:
    """Return the same as `cut`, and leave nothing behind: for readers.

    Raises:
        GateRefusal: the product may not be read.
    """
    standing = standing_slices(platform, run, product)
    return standing or _cut(platform, open_product(platform, run, product))


def standing_slices(platform: Platform, run: RunId, product: str) -> Slices | None:
    """Return the slices that somebody cut of the product as it is sealed, None where nobody did.

    Raises:
        GateRefusal: their record is not signed by a trusted key, or not of what is sealed.
        CompactionInconsistent: they do not merge to what is certified.
    """
    bundle = sealed_bundle(platform, run) or {"products": {}}
    sealed = bundle["products"].get(product)
    if sealed is None:
        return None
    try:
        data = platform.store.read(layout.slices_path(run, product, sealed["generation"]))
    except ObjectMissing:
        return None
    return _opened(platform, run, product, data, sealed["manifest_digest"])


def of_day(schema: pl.Schema, time: str, day: str) -> pl.Expr:
    """Return whether a row falls on a day, in UTC; on `UNDATED` where its time is null."""
    date = _date(schema, time)
    return date.is_null() if day == UNDATED else date == pl.lit(day).str.to_date("%Y-%m-%d")


def _date(schema: pl.Schema, time: str) -> pl.Expr:
    """Return the date of each row, in UTC.

    Raises:
        KeyError, TypeError: the path names no time.
    """
    value, kind = resolve(schema, time)
    if isinstance(kind, pl.Date):
        return value
    if not isinstance(kind, pl.Datetime):
        raise TypeError(f"{time}, which is {kind}")
    return value.dt.date()


def _cut(platform: Platform, opened: CertifiedProduct) -> Slices:
    time = time_of(platform, opened.run, opened.name)
    if "encryption" in opened.manifest:
        raise _uncuttable(opened, "parts in the clear", "a strict product")
    columns, days = opened.columns, dict[str, ContentDigest]()
    for rows in row_groups(opened.paths, columns, opened.manifest["parts"]):
        try:
            date = _date(rows.schema, time)
        except (KeyError, TypeError) as error:
            raise _uncuttable(opened, "a column of dates or date-times", str(error)) from error
        names = rows.select(date.unique().dt.strftime("%Y-%m-%d").fill_null(UNDATED)).to_series()
        for day in names:
            found = content_digest(rows.filter(of_day(rows.schema, time, day)), columns)
            days[day] = days.get(day, ContentDigest.empty(columns)).merge(found)
    return Slices(
        run=opened.run,
        product=opened.name,
        generation=opened.generation,
        config_digest=opened.manifest["config_digest"],
        manifest_digest=opened.manifest_digest,
        certificate_digest=opened.certificate_digest,
        time=time,
        columns=columns,
        content_digest=opened.manifest["content_digest"],
        days=days,
    )


def time_of(platform: Platform, run: RunId, product: str) -> str:
    """Return the dotted path of the event's time, as it was declared when the run was pinned.

    Raises:
        Usage: no time was declared, or the output is no product of events.
    """
    declared = platform.run_configuration(run).declaration
    if product in declared.products:
        time = declared.event(declared.products[product].event).time
        if time is not None:
            return time
    found = f"an event without `time` in the configuration of {run}"
    raise Usage(
        f"compaction of {product} of {run.feed}",
        expected="a product of events whose `time` is declared",
        found=found if product in declared.products else "the output of a consumer",
        remedy="Declare the event's time; what was closed before is taken by a correction under it: "
        f"platform-assets run {run.feed} --supersede {run} --reason TEXT",
    )


def _uncuttable(opened: CertifiedProduct, expected: str, found: str) -> Usage:
    return Usage(
        f"compaction of {opened.name} of {opened.run.feed}",
        expected=expected,
        found=found,
        remedy=f"Read it run by run: platform-assets read {opened.name} --run {opened.run}",
    )


def _store(platform: Platform, slices: Slices) -> None:
    path = layout.slices_path(slices.run, slices.product, slices.generation)
    record = slices.as_record()
    check_record(record, path)
    name = layout.manifest_path(slices.run, slices.product, slices.generation)
    statement = Statement(SLICES, (Subject(name, slices.manifest_digest),), record)
    try:
        write_bytes(platform.store, path, sign_statement(platform.signer, statement))
    except RecordConflict:  # another signed the same, or the same with another key
        if standing_slices(platform, slices.run, slices.product) != slices:
            raise


def _opened(
    platform: Platform, run: RunId, product: str, data: bytes, manifest_digest: str
) -> Slices:
    thing = f"slices of {product} of {run}"
    statement = open_statement(data, platform.trust, thing=thing, predicate_type=SLICES)
    record = dict(statement.predicate)
    try:
        check_record(record, thing)
    except RecordInvalid as error:
        raise _foreign(thing, error.expected, error.found) from error
    named = ("slices", str(run), product, manifest_digest)
    found = tuple(record.get(key) for key in ("record", "run_id", "product", "manifest_digest"))
    if found != named or statement.digests() != {manifest_digest}:
        raise _foreign(thing, f"slices of the sealed manifest {manifest_digest}", str(found))
    slices = Slices.of_record(run, record)
    slices.require_whole()
    return slices


def _foreign(thing: str, expected: str, found: Any) -> CertificateInvalid:
    return CertificateInvalid(
        thing,
        expected=expected,
        found=str(found),
        remedy="Move the file away, find out who wrote it, then compact again.",
    )
