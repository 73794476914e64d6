"""Which runs of a feed were known at a moment: what a ledger stands on, and what a slice answers from.

Of each window before that of a run, the newest run that was pinned until the moment counts, and it has
to be closed. What was pinned later, corrections too, was not known. So what is known at a moment is the
same whenever it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from platform_assets.canonical import parse_rfc3339
from platform_assets.contracts.frames import polars_schema
from platform_assets.declarations.ledgers import EVERY_RUN
from platform_assets.pipeline.horizon import earlier_chains, require_closed
from platform_assets.pipeline.reading import open_product
from platform_assets.pipeline.state import sealed_bundle
from platform_assets.truth.entries import ENTRY

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from platform_assets.identifiers import RunId
    from platform_assets.pipeline.platform import Platform
    from platform_assets.pipeline.reading import CertifiedProduct


def pinned_at(platform: Platform, run: RunId) -> datetime:
    """Return when a run was pinned."""
    return parse_rfc3339(platform.anchors(run)["pinned_at"])


def newest_pinned(
    platform: Platform, chains: Iterable[list[RunId]], until: datetime
) -> list[RunId]:
    """Return, of each window that was pinned until a moment, the newest run that was, closed or not.

    Args:
        platform: the opened home.
        chains: the runs of each window in their order.
        until: the moment.
    """
    found = []
    for chain in chains:
        pinned = [run for run in chain if pinned_at(platform, run) <= until]
        found += pinned[-1:]
    return found


def entries_in(ledger: Iterable[CertifiedProduct]) -> pl.LazyFrame:
    """Return the entries of opened runs of a ledger: the columns `ENTRY`, and ``_run``."""
    empty = pl.LazyFrame(schema={**polars_schema(ENTRY), "_run": pl.String()})
    opened = (each.scan().with_columns(_run=pl.lit(str(each.run))) for each in ledger)
    return pl.concat([empty, *opened])


def known_products(
    platform: Platform, run: RunId, consumer: str, product: str, until: datetime
) -> list[CertifiedProduct]:
    """Open a product of the runs before a run that were known at a moment and made it, in order.

    Args:
        platform: the opened home.
        run: the run that reads them.
        consumer: the output that they are read for.
        product: what is read.
        until: the moment.

    Raises:
        PredecessorOpen: such a run is open.
        GateRefusal: a product of one may not be read.
    """
    read = platform.read_before(run, consumer, product)
    if read is None:
        read = _known_runs(platform, run, product, until)
    return [open_product(platform, each, product) for each in read]


def _known_runs(platform: Platform, run: RunId, product: str, until: datetime) -> list[RunId]:
    known = newest_pinned(platform, earlier_chains(platform, run, EVERY_RUN), until)
    require_closed(platform, run, known)
    return [each for each in known if product in (sealed_bundle(platform, each) or {})["products"]]
