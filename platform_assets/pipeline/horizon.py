"""What earlier runs admitted, as far back as the feed's dedupe horizon, and which runs are earlier.

Only certified products of closed runs count, read through the gate. Which manifests were consulted is
kept, because a replay has to see the same base.

Windows are what is counted, not runs. Of each window before that of a run the newest closed run counts;
so a correction takes into account what stood before its window, and what comes after its window takes
the correction into account. While a correction is open, what depends on its window waits: it shall not
be made half of what was and half of what will be.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

import polars as pl

from platform_assets.contracts.columns import POSITION_COLUMNS
from platform_assets.errors import PredecessorOpen
from platform_assets.pipeline.corrections import corrections_of, newest_closed
from platform_assets.pipeline.reading import open_product
from platform_assets.pipeline.state import is_closed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platform_assets.contracts.columns import Column
    from platform_assets.declarations import FeedDeclaration
    from platform_assets.identifiers import RunId
    from platform_assets.pipeline.platform import Platform
    from platform_assets.pipeline.reading import CertifiedProduct


class Horizon:
    """The products of earlier runs that count for one run, opened; used as a context."""

    def __init__(self, platform: Platform, run: RunId, declaration: FeedDeclaration) -> None:
        """Find the runs.

        Raises:
            PredecessorOpen: one of them is not closed.
        """
        self._platform = platform
        self._declaration = declaration
        self._runs = earlier_runs(platform, run, declaration.dedupe.horizon_runs)
        self._opened: dict[str, list[CertifiedProduct]] = {}
        self._stack = ExitStack()
        self.consulted: list[dict[str, str]] = []
        require_closed(platform, run, self._runs)

    def __enter__(self) -> Self:
        """Begin; what is decrypted of the products goes with the end of the context."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the products."""
        self._stack.close()

    def consult(self, event: str) -> list[CertifiedProduct]:
        """Open the product of an event in each earlier run, earliest run first.

        Raises:
            GateRefusal: one of them may not be read.
        """
        product = next(n for n, p in self._declaration.products.items() if p.event == event)
        self._opened[event] = []
        for run in self._runs:
            opened = self._stack.enter_context(open_product(self._platform, run, product))
            self._opened[event].append(opened)
            self.consulted.append(
                {"run_id": str(run), "product": product, "manifest_digest": opened.manifest_digest}
            )
        return self._opened[event]

    def shared(self, event: str, columns: Sequence[Column]) -> list[Column] | None:
        """Return the columns of an event that all earlier runs had with the same type.

        A contract may have changed since, and content is compared where it can be. None where no
        earlier run was consulted.
        """
        opened = self._opened[event]
        if not opened:
            return None
        return [
            column
            for column in columns
            if column not in POSITION_COLUMNS and all(column in other.columns for other in opened)
        ]


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
