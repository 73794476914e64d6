"""Reading a product by day: the only way in is `open_day`, and what it returns is the proof.

The steps are those of `platform_assets.flow.day_gate`. A reader of several days gets every day of them
that has rows: one that has some and is not compacted is a refusal, and not a gap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_assets.errors import DayStale, ProductMissing
from platform_assets.flow.compaction import UNDATED
from platform_assets.flow.day_gate import decide_day, identify_day
from platform_assets.pipeline import layout
from platform_assets.pipeline.certified_parts import GATE, CertifiedParts
from platform_assets.pipeline.corrections import standing_runs
from platform_assets.pipeline.day_standing import (
    collect_day,
    compacted_days,
    has_product,
    since_compacted,
    why_left_out,
)
from platform_assets.pipeline.product_parts import verified_parts_in
from platform_assets.pipeline.slices import looked_at
from platform_assets.pipeline.standing import declared_output

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from platform_assets.flow.day_gate import DayPermit
    from platform_assets.pipeline.platform import Platform


class CertifiedDay(CertifiedParts):
    """A product of a day that may be read; only `open_day` and `open_days` make one."""

    def __init__(self, permit: DayPermit, paths: Sequence[Path], *, made_by: object) -> None:
        super().__init__(permit, paths, plain=None, made_by=made_by)
        self._permit = permit

    @property
    def feed(self) -> str:
        """The feed whose events these are."""
        return self._permit.feed

    @property
    def day(self) -> str:
        """The day as YYYY-MM-DD in UTC, or `undated`."""
        return self._permit.day

    @property
    def runs(self) -> tuple[str, ...]:
        """The ids of the runs whose rows these are."""
        return tuple(given["run_id"] for given in self._permit.manifest["inputs"])


def open_day(
    platform: Platform, feed: str, product: str, day: str, *, strict: bool = False
) -> CertifiedDay:
    """Open a product of a day through the gate.

    Args:
        platform: the opened home.
        feed: the feed's name.
        product: the product's name.
        day: ``YYYY-MM-DD`` in UTC, or `undated` for the rows whose time is null.
        strict: hash every part now, whatever is remembered.

    Raises:
        GateRefusal: the product may not be read; the class says why. `DayStale`: other runs count now.
        InvalidName, UnknownThing: there is no such day or product.
    """
    found = collect_day(platform, feed, product, day)
    manifest = identify_day(found).manifest
    permit = decide_day(found, since_compacted(platform, manifest), platform.trust)
    folder = layout.numbered(layout.day_folder(feed, product, day), permit.generation)
    paths = verified_parts_in(platform, folder, found, permit.manifest, strict=strict)  # 7
    return CertifiedDay(permit, paths, made_by=GATE)  # 8


def open_days(
    platform: Platform,
    feed: str,
    product: str,
    *,
    since: str | None = None,
    until: str | None = None,
    strict: bool = False,
) -> list[CertifiedDay]:
    """Open every day of a range that has rows, both ends included; rows without a time are in none.

    Raises:
        GateRefusal: one of them may not be read; the class says why.
        DayStale: a day of the range has rows and was not compacted yet.
        ProductMissing: no day of the range has rows.
    """
    compacted = [day for day in compacted_days(platform, feed, product) if _in(day, since, until)]
    held = days_with_rows(platform, feed, product)
    lacking = {day: rows for day, rows in held.items() if _in(day, since, until)}
    for day in compacted:
        lacking.pop(day, None)
    thing = f"{product} of {feed} from {since or 'the first day'} to {until or 'the last day'}"
    remedy = f"Compact what is new: platform-assets compact {feed} {product}"
    if lacking:
        problems = [f"{day} with {rows:,} rows is not compacted" for day, rows in lacking.items()]
        raise DayStale(thing, expected="every day with rows", found=problems, remedy=remedy)
    if not compacted:
        raise ProductMissing(thing, expected="a day with rows", found="none", remedy=remedy)
    return [open_day(platform, feed, product, day, strict=strict) for day in compacted]


def days_with_rows(platform: Platform, feed: str, product: str) -> dict[str, int]:
    """Return day -> rows of the runs that count and may be read, in order."""
    declared_output(platform, feed, product)
    days: dict[str, int] = {}
    for run in standing_runs(platform, feed):
        if has_product(platform, run, product) and not why_left_out(platform, run, product):
            for day, part in looked_at(platform, run, product).days.items():
                days[day] = days.get(day, 0) + part.rows
    return dict(sorted(days.items()))


def _in(day: str, since: str | None, until: str | None) -> bool:
    return day != UNDATED and (since or day) <= day <= (until or day)
