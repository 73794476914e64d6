"""What there is of a product by day, for people and for tools: compacted or not, readable or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platform_assets.canonical import digest
from platform_assets.errors import GateRefusal
from platform_assets.flow.compaction import UNDATED
from platform_assets.flow.day_gate import identify_day
from platform_assets.pipeline.day_reading import days_with_rows, open_day
from platform_assets.pipeline.day_standing import collect_day, compacted_days

if TYPE_CHECKING:
    from collections.abc import Mapping

    from platform_assets.pipeline.platform import Platform


def day_states(platform: Platform, feed: str, product: str) -> list[dict[str, Any]]:
    """Return where each day of a product stands, in order; a day with rows is told, compacted or not.

    Raises:
        GateRefusal: a run that counts may not be read, for another reason than revocation or removal.
        UnknownThing, Usage: there is no such product, or it has no days.
    """
    held = days_with_rows(platform, feed, product)
    days = sorted({*held, *compacted_days(platform, feed, product)})
    return [_state(platform, feed, product, day, held) for day in days]


def _state(
    platform: Platform, feed: str, product: str, day: str, held: Mapping[str, int]
) -> dict[str, Any]:
    found = collect_day(platform, feed, product, day)
    state: dict[str, Any] = {"day": day, "generation": found.generation, "rows": held.get(day, 0)}
    try:
        manifest = identify_day(found).manifest
        state |= {key: manifest[key] for key in ("rows", "content_digest", "checkpoint")}
        state["manifest_digest"] = digest(dict(manifest))
        state["runs"] = [given["run_id"] for given in manifest["inputs"]]
        open_day(platform, feed, product, day)
    except GateRefusal as error:
        return {**state, "readable": False, "refusal": error.as_json()}
    return {**state, "readable": True, "refusal": None}


def days_due(platform: Platform, feed: str, product: str) -> list[str]:
    """Return the days that may not be read as they stand, in order; none before a run is closed."""
    return [s["day"] for s in day_states(platform, feed, product) if not s["readable"]]


def days_within(
    platform: Platform, feed: str, product: str, since: str | None, until: str | None
) -> list[str]:
    """Return the days of a range, both ends included, that have rows or were compacted."""
    held = days_with_rows(platform, feed, product)
    days = {*held, *compacted_days(platform, feed, product)} - {UNDATED}
    return sorted(day for day in days if (since or day) <= day <= (until or day))
