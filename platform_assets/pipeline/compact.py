"""Compaction: one certified product per day from the certified products of many runs.

1. Look at every run that counts, through the gate, and cut those that nobody cut yet.
2. For each day: gather its rows from its runs, sort them, write deterministic parts.
3. Require that the content of these parts is what the slices of the day merge to.
4. Place them as a generation, or converge on the one that holds them already.
5. Certify it: the declared checks over the whole day, and the merge once more, over the stored parts.

A day that stands as it should is left alone, and none of its rows is read. Interrupted at any point,
the next compaction takes it up and comes to the same records.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platform_assets.adapters.watch import StepName, watched
from platform_assets.errors import GateRefusal, Refusal
from platform_assets.flow.compaction import check_day
from platform_assets.pipeline.day_building import build_day
from platform_assets.pipeline.day_certify import certify_day
from platform_assets.pipeline.day_inputs import considered, require_nothing_removed
from platform_assets.pipeline.day_reading import open_day
from platform_assets.pipeline.day_standing import compacted_days
from platform_assets.pipeline.place import place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from platform_assets.pipeline.day_inputs import Considered, DayInputs
    from platform_assets.pipeline.day_reading import CertifiedDay
    from platform_assets.pipeline.platform import Platform


def compact(
    platform: Platform, feed: str, product: str, days: Iterable[str] | None = None
) -> Iterator[dict[str, Any]]:
    """Compact days of a product and yield what became of each, in order.

    Args:
        platform: the opened home.
        feed: the feed's name.
        product: the product's name.
        days: the days, also such without rows; by default every day that has, or had, rows.

    Raises:
        RunOpen: no run is closed yet.
        GateRefusal: a run may not be read, for another reason than that it was revoked or removed.
        CompactionInconsistent: the slices of a run do not merge to what is certified.
        InvalidName, UnknownThing, Usage: there is no such day or product, or it has no days.
    """
    asked = None if days is None else [check_day(day) for day in days]
    looked = considered(platform, feed, product)  # 1
    if asked is None:
        asked = sorted({*looked.days(), *compacted_days(platform, feed, product)})
    for day in asked:
        try:
            yield _compact_day(platform, looked, day)
        except Refusal as error:  # of this day; the others are none the worse for it
            yield {"day": day, "changed": False, "verdict": None, "refusal": error.as_json()}


def compact_day(platform: Platform, feed: str, product: str, day: str) -> dict[str, Any]:
    """Compact one day of a product and return what became of it.

    Raises:
        Refusal: the day cannot be made; nothing of it was published.
        InvalidName, UnknownThing, Usage: there is no such day or product, or it has no days.
    """
    return _compact_day(platform, considered(platform, feed, product), check_day(day))


def _compact_day(platform: Platform, looked: Considered, day: str) -> dict[str, Any]:
    with watched(StepName(looked.feed, "compact", f"{looked.product} of {day}"), platform.budget):
        return _compact_watched(platform, looked, day)


def _compact_watched(platform: Platform, looked: Considered, day: str) -> dict[str, Any]:
    feed, product, inputs = looked.feed, looked.product, looked.of_day(day)
    current = _current(platform, looked, inputs)
    if current is not None:
        manifest, certificate = current.manifest, current.certificate
    else:
        require_nothing_removed(platform, looked, day)
        with platform.scratch() as scratch, platform.spill() as spill:
            built = build_day(platform, looked, inputs, scratch, spill)  # 2, 3
            manifest = place(platform, built)  # 4
        certificate = certify_day(platform, feed, product, day)  # 5
    return {
        "day": day,
        "generation": manifest["generation"],
        "runs": [
            {"run_id": given["run_id"], "rows": given["rows"]} for given in manifest["inputs"]
        ],
        "rows": manifest["rows"],
        "content_digest": manifest["content_digest"],
        "verdict": certificate["verdict"],
        "certificate": dict(certificate),
        "changed": current is None,
        "left_out": [{"run_id": str(run), "why": why} for run, why in looked.left_out.items()],
        "refusal": None,
    }


def _current(platform: Platform, looked: Considered, inputs: DayInputs) -> CertifiedDay | None:
    """Return the day as it stands, if it may be read and is made of just these inputs."""
    try:
        opened = open_day(platform, looked.feed, looked.product, inputs.day)
    except GateRefusal:
        return None
    return opened if opened.manifest["inputs"] == inputs.listed() else None
