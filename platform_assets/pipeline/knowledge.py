"""What a ledger of a feed knew at a moment, for questions that are asked outside of runs.

The same runs count as for a slice: of each window the newest run that was pinned until the moment. One
that is not closed yet is left out and named, because the answer may be another one when it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from platform_assets.errors import UnknownThing
from platform_assets.pipeline.corrections import corrections_of
from platform_assets.pipeline.known_runs import entries_in, newest_pinned
from platform_assets.pipeline.reading import open_product
from platform_assets.pipeline.state import sealed_bundle

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import polars as pl

    from platform_assets.identifiers import RunId
    from platform_assets.pipeline.platform import Platform


@dataclass(frozen=True, slots=True)
class Knowledge:
    """The entries of a ledger in the runs that count, columns `ENTRY`, and which these are.

    ``left_out`` were pinned in time and are not closed.
    """

    entries: pl.LazyFrame
    runs: Sequence[RunId]
    left_out: Sequence[RunId]


def knowledge(platform: Platform, feed: str, ledger: str, until: datetime) -> Knowledge:
    """Return what a ledger knew at a moment.

    Raises:
        UnknownThing: there is no such feed, or no such ledger in it.
        GateRefusal: entries of a run may not be read.
    """
    consumers = platform.feed(feed).consumers
    ledgers = [name for name, consumer in consumers.items() if consumer.ledger is not None]
    if ledger not in ledgers:
        raise UnknownThing(
            f"ledger {ledger} of {feed}",
            expected=f"one of {', '.join(ledgers) or 'none; the feed declares no ledger'}",
            found=repr(ledger),
            remedy="Name a ledger; list what the feed declares: platform-assets feeds",
        )
    runs, left_out = [], []
    for run in newest_pinned(platform, corrections_of(platform, feed).chains(), until):
        bundle = sealed_bundle(platform, run)
        if bundle is None:
            left_out.append(run)
        elif ledger in bundle["products"]:
            runs.append(run)
    entries = entries_in(open_product(platform, run, ledger) for run in runs)
    return Knowledge(entries.drop("_run"), runs, left_out)
