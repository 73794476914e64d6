"""Compaction: the certified products of many runs, told by the day of their events.

A product of a run is cut by the day, in UTC, of each event's declared time; rows without a time are a
slice of their own, `UNDATED`. Content digests add, so nothing is taken on trust: the slices of one run
merge to the content digest that its certificate covers, and the slices of one day merge to that of the
day. A row that was lost or doubled would leave a sum that is another one.

A day covers the runs that its manifest lists, and those up to its checkpoint that had no row of it.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from platform_assets.contracts.columns import (
    Column,
    ColumnType,
    ListOf,
    Struct,
    column_as_json,
    column_from_json,
)
from platform_assets.declarations.checks import FreshnessCheck
from platform_assets.errors import CompactionInconsistent, InvalidName
from platform_assets.flow.content_digest import ContentDigest
from platform_assets.flow.policy import policy_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from platform_assets.declarations import CheckDeclaration
    from platform_assets.identifiers import RunId

#: The day of rows whose time is null.
UNDATED = "undated"
#: The check of every day, beside the declared ones: the slices of its inputs merge to what it holds.
INPUTS_MERGE = "inputs_merge"

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Slices:
    """How one certified product of one closed run divides into days: day -> digest of its rows.

    ``columns`` and ``content_digest`` are those of the manifest that is named.
    """

    run: RunId
    product: str
    generation: int
    config_digest: str
    manifest_digest: str
    certificate_digest: str
    time: str
    columns: tuple[Column, ...]
    content_digest: str
    days: Mapping[str, ContentDigest]

    def require_whole(self) -> None:
        """Require that the slices merge to what was certified.

        Raises:
            CompactionInconsistent: they do not; a row is missing, or counted twice.
        """
        total = merged(self.columns, self.days.values())
        if total.value != self.content_digest:
            raise CompactionInconsistent(
                f"slices of {self.product} of {self.run}",
                expected=f"slices that merge to the certified content {self.content_digest}",
                found=f"{len(self.days)} slices of {total.rows:,} rows that merge to {total.value}",
                remedy="Nothing was published. Report this as a defect, with the run's evidence.",
            )

    def as_record(self) -> dict[str, Any]:
        """Return the record that is signed."""
        return {
            "record": "slices",
            "version": 1,
            "run_id": str(self.run),
            "config_digest": self.config_digest,
            "product": self.product,
            "generation": self.generation,
            "manifest_digest": self.manifest_digest,
            "certificate_digest": self.certificate_digest,
            "time": self.time,
            "columns": [column_as_json(column) for column in self.columns],
            "rows": sum(part.rows for part in self.days.values()),
            "content_digest": self.content_digest,
            "slices": [
                {"day": day, "rows": part.rows, "sums": [str(word) for word in part.sums]}
                for day, part in sorted(self.days.items())
            ],
        }

    @classmethod
    def of_record(cls, run: RunId, record: Mapping[str, Any]) -> Slices:
        """Read what `as_record` wrote."""
        columns = tuple(column_from_json(column) for column in record["columns"])
        return cls(
            run=run,
            product=record["product"],
            generation=record["generation"],
            config_digest=record["config_digest"],
            manifest_digest=record["manifest_digest"],
            certificate_digest=record["certificate_digest"],
            time=record["time"],
            columns=columns,
            content_digest=record["content_digest"],
            days={part["day"]: slice_of(columns, part) for part in record["slices"]},
        )


def check_day(text: str) -> str:
    """Return the name of a day: ``YYYY-MM-DD``, or `UNDATED`.

    Raises:
        InvalidName: it is none.
    """
    try:
        if text == UNDATED or (_DAY.fullmatch(text) and dt.date.fromisoformat(text)):
            return text
    except ValueError:
        pass
    raise InvalidName(
        f"day {text!r}",
        expected=f"a day as YYYY-MM-DD, in UTC, or {UNDATED}",
        found=repr(text),
        remedy="Write it so: --day 2026-01-11",
    )


def merged(columns: Sequence[Column], slices: Iterable[ContentDigest]) -> ContentDigest:
    """Return the digest of all slices together, as rows of those columns."""
    total = ContentDigest.empty(columns)
    for part in slices:
        total = total.merge(ContentDigest(total.columns, part.rows, part.sums))
    return total


def slice_of(columns: Sequence[Column], entry: Mapping[str, Any]) -> ContentDigest:
    """Return the digest that an entry of a record tells by its rows and sums."""
    a, b, c, d = (int(word) for word in entry["sums"])
    return ContentDigest(tuple(columns), entry["rows"], (a, b, c, d))


def common_columns(tables: Sequence[tuple[Column, ...]]) -> tuple[Column, ...] | None:
    """Return columns that hold the rows of all tables, None where there are none.

    Names, types and order have to be the same. A column may be null where it may be in any table; that
    changes no row's encoding, and so no sum.
    """
    common = tables[0]
    for table in tables[1:]:
        widened = _widened(common, table)
        if widened is None:
            return None
        common = widened
    return common


def day_policy(product: str, checks: Sequence[CheckDeclaration]) -> dict[str, Any]:
    """Return the policy of a product of a day: the declared checks of a run, and `INPUTS_MERGE`.

    Freshness is not asked of a day: it holds a window against the moment of its pin, which each input
    has met, and a day has no such moment.
    """
    policy = policy_of(product, day_checks(checks))
    return {**policy, "checks": [*policy["checks"], {"check": INPUTS_MERGE, "name": INPUTS_MERGE}]}


def day_checks(checks: Sequence[CheckDeclaration]) -> list[CheckDeclaration]:
    """Return the declared checks that are run over a day."""
    return [check for check in checks if not isinstance(check, FreshnessCheck)]


def _widened(one: tuple[Column, ...], other: tuple[Column, ...]) -> tuple[Column, ...] | None:
    if [column.name for column in one] != [column.name for column in other]:
        return None
    columns = []
    for a, b in zip(one, other, strict=True):
        kind = _widened_type(a.type, b.type)
        if kind is None:
            return None
        columns.append(Column(a.name, kind, a.nullable or b.nullable))
    return tuple(columns)


def _widened_type(one: ColumnType, other: ColumnType) -> ColumnType | None:
    if isinstance(one, Struct) and isinstance(other, Struct):
        fields = _widened(one.fields, other.fields)
        return None if fields is None else Struct(fields)
    if isinstance(one, ListOf) and isinstance(other, ListOf):
        element = _widened_type(one.element, other.element)
        nullable = one.element_nullable or other.element_nullable
        return None if element is None else ListOf(element, nullable)
    return one if one == other else None
