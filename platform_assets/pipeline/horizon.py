"""What earlier runs admitted, as far back as the feed's dedupe horizon, and which runs are earlier.

Only certified products of closed runs count, read through the gate. Which manifests were consulted is
kept, because a replay has to see the same base.

Windows are what is counted, not runs. Of each window before that of a run the newest closed run counts;
so a correction takes into account what stood before its window, and what comes after its window takes
the correction into account. While a correction is open, what depends on its window waits: it shall not
be made half of what was and half of what will be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from platform_assets.adapters.dedupe import Earlier
from platform_assets.contracts.columns import POSITION_COLUMNS
from platform_assets.errors import PredecessorOpen
from platform_assets.pipeline.corrections import corrections_of, newest_closed
from platform_assets.pipeline.reading import CertifiedProduct, open_product
from platform_assets.pipeline.state import is_closed

if TYPE_CHECKING:
    from platform_assets.declarations import FeedDeclaration
    from platform_assets.identifiers import RunId
    from platform_assets.pipeline.platform import Platform


class Horizon:
    """The earlier runs that count for one run."""

    def __init__(self, platform: Platform, run: RunId, declaration: FeedDeclaration) -> None:
        self._platform = platform
        self._declaration = declaration
        self._runs = earlier_runs(platform, run, declaration.dedupe.horizon_runs)
        self.consulted: list[dict[str, str]] = []
        require_closed(platform, run, self._runs)

    def admitted_before(self, event: str, ids: pl.Series) -> Earlier | None:
        """Return the rows that earlier runs admitted under any of the ids, earliest run first."""
        product = next(n for n, p in self._declaration.products.items() if p.event == event)
        identity = column_at(self._declaration.event(event).id).cast(pl.String)
        wanted = ids.unique().to_frame("_id").lazy()
        opened = [self._consult(run, product) for run in self._runs]
        if not opened:
            return None
        shared = [
            column
            for column in opened[-1].columns
            if column not in POSITION_COLUMNS and all(column in other.columns for other in opened)
        ]
        kept = [column.name for column in (*shared, *POSITION_COLUMNS)]
        rows = pl.concat(
            each.scan().select(*kept, _id=identity, _run=pl.lit(str(each.run))) for each in opened
        )
        return Earlier(rows.join(wanted, on="_id", how="semi").collect(), shared)

    def _consult(self, run: RunId, product: str) -> CertifiedProduct:
        opened = open_product(self._platform, run, product)
        self.consulted.append(
            {"run_id": str(run), "product": product, "manifest_digest": opened.manifest_digest}
        )
        return opened


def column_at(path: str) -> pl.Expr:
    """Return the column, or the field within structs, that a dotted path names, under the path."""
    first, *rest = path.split(".")
    column = pl.col(first)
    for field in rest:
        column = column.struct.field(field)
    return column.alias(path)


def earlier_runs(platform: Platform, run: RunId, count: int) -> list[RunId]:
    """Return the run that counts for each of up to so many windows before that of a run, in order.

    Of a window that no closed run has read yet that is the open one.

    Raises:
        PredecessorOpen: a correction of such a window is open.
    """
    found = []
    for chain in earlier_chains(platform, run, count):
        counts = newest_closed(platform, chain)
        if counts is not None and counts != chain[-1]:
            raise _correction_open(run, chain[-1], counts)
        found.append(counts or chain[-1])
    return found


def earlier_chains(platform: Platform, run: RunId, count: int) -> list[list[RunId]]:
    """Return, for each of up to so many windows before that of a run, its runs in their order."""
    known = platform.counted_before(run)
    if known is not None:  # a replay counts those that counted then, whatever was corrected since
        return [[before] for before in known[max(0, len(known) - count) :]]
    return corrections_of(platform, run.feed).windows_before(run, count) if count else []


def require_closed(platform: Platform, run: RunId, earlier: list[RunId]) -> None:
    """Refuse unless every earlier run is closed.

    Raises:
        PredecessorOpen: one is not; what it admits is not certain yet.
    """
    for before in earlier:
        if not is_closed(platform, before):
            raise PredecessorOpen(
                str(run),
                expected=f"{before} closed, because what it admitted counts here",
                found=f"{before} open",
                remedy=f"Finish it first: platform-assets show {before}, then platform-assets "
                f"close {before}",
            )


def _correction_open(run: RunId, correction: RunId, corrected: RunId) -> PredecessorOpen:
    return PredecessorOpen(
        str(run),
        expected=f"{correction}, which corrects {corrected}, closed: its window counts here",
        found=f"{correction} open",
        remedy=f"Finish it first: platform-assets show {correction}, then platform-assets run "
        f"{run.feed}, which takes it up before {run}",
    )
