"""What earlier runs admitted, as far back as the feed's dedupe horizon.

Only certified products of closed runs count, read through the gate. Which manifests were consulted is
kept, because a replay has to see the same base.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from platform_assets.adapters.dedupe import Earlier
from platform_assets.contracts.columns import POSITION_COLUMNS
from platform_assets.errors import PredecessorOpen
from platform_assets.identifiers import RunId
from platform_assets.pipeline.reading import CertifiedProduct, open_product
from platform_assets.pipeline.state import is_closed

if TYPE_CHECKING:
    from platform_assets.declarations import FeedDeclaration
    from platform_assets.pipeline.platform import Platform


class Horizon:
    """The earlier runs that count for one run."""

    def __init__(self, platform: Platform, run: RunId, declaration: FeedDeclaration) -> None:
        self._platform = platform
        self._declaration = declaration
        self._runs = earlier_runs(run, declaration.dedupe.horizon_runs)
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


def earlier_runs(run: RunId, count: int) -> list[RunId]:
    """Return up to so many runs before this one, earliest first."""
    first = max(1, run.sequence - count)
    return [RunId(run.feed, sequence) for sequence in range(first, run.sequence)]


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
