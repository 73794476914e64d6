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
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

import polars as pl

from platform_assets.contracts.columns import POSITION_COLUMNS
from platform_assets.errors import PredecessorOpen
from platform_assets.flow.continuity import is_correction
from platform_assets.flow.corrections import window_of
from platform_assets.identifiers import RunId
from platform_assets.pipeline import layout
from platform_assets.pipeline.corrections import corrections_of, newest_closed
from platform_assets.pipeline.reading import open_product
from platform_assets.pipeline.records import read_record
from platform_assets.pipeline.settlement_log import SettlementLog
from platform_assets.pipeline.state import is_closed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from platform_assets.contracts.columns import Column
    from platform_assets.declarations import FeedDeclaration
    from platform_assets.pipeline.platform import Platform
    from platform_assets.pipeline.reading import CertifiedProduct


@dataclass(frozen=True, slots=True)
class EarlierRows:
    """What an earlier run admitted of an event, to be read: files, and its columns.

    ``excluded`` are files with the positions of rows that stand in the others and were not admitted.
    """

    run: str
    columns: tuple[Column, ...]
    paths: Sequence[Path]
    excluded: Sequence[Path] = ()


class Horizon(Protocol):
    """What earlier runs admitted, as far as it counts for one run."""

    def consult(self, event: str) -> Sequence[EarlierRows]:
        """Return what each earlier run admitted of an event, in the order in which they count.

        Raises:
            GateRefusal: a product of one may not be read.
        """

    def shared(self, event: str, columns: Sequence[Column]) -> list[Column] | None:
        """Return the columns of an event that all earlier runs had with the same type.

        A contract may have changed since, and content is compared where it can be. None where no
        earlier run was consulted.
        """


class ClosedHorizon:
    """The products of earlier runs that count for one run, opened; used as a context."""

    def __init__(
        self, platform: Platform, run: RunId, declaration: FeedDeclaration, stream: str
    ) -> None:
        """Find the runs.

        Raises:
            PredecessorOpen: one of them is not closed.
        """
        self._platform, self._run, self._stream = platform, run, stream
        self._declaration = declaration
        count = declaration.dedupe.horizon_runs
        corrected = corrected_in_log(platform, run, stream, count)
        self._runs = earlier_runs(platform, run, count) if corrected is None else corrected
        self._opened: dict[str, list[EarlierRows]] = {}
        self._stack = ExitStack()
        self.consulted: list[dict[str, str]] = []
        require_closed(platform, run, self._runs)

    def __enter__(self) -> Self:
        """Begin; what is decrypted of the products goes with the end of the context."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the products."""
        self._stack.close()

    def consult(self, event: str) -> Sequence[EarlierRows]:
        """Open the product of an event in each earlier run that declared it, earliest run first.

        Raises:
            GateRefusal: one of them may not be read.
        """
        product = product_of(self._declaration, event)
        self._opened[event] = []
        for run in self._runs:
            if not has_rows_of(self._platform, self._run, self._stream, event, run):
                continue
            opened = self._stack.enter_context(open_product(self._platform, run, product))
            self._opened[event].append(certified_rows(opened))
            self.consulted.append(
                {"run_id": str(run), "product": product, "manifest_digest": opened.manifest_digest}
            )
        return self._opened[event]

    def shared(self, event: str, columns: Sequence[Column]) -> list[Column] | None:
        """Return the columns of an event that all earlier runs had with the same type."""
        return shared_columns(self._opened[event], columns)


def product_of(declaration: FeedDeclaration, event: str) -> str:
    """Return the product in which the admitted rows of an event are looked up: the first of them."""
    return next(name for name, p in declaration.products.items() if p.event == event)


def has_rows_of(platform: Platform, run: RunId, stream: str, event: str, before: RunId) -> bool:
    """Tell whether a closed run that counts for a run can have admitted rows of an event.

    It declared the event when it was pinned, or the event is newer. A replay reads what was read.
    """
    recorded = platform.settled_as(run, stream)
    if recorded is not None:
        product = product_of(platform.run_configuration(run).declaration, event)
        read = {(given["run_id"], given["product"]) for given in recorded["horizon"]}
        return (str(before), product) in read
    path = layout.configuration_path(platform.anchors(before)["config_digest"])
    streams = read_record(platform.store, path, "configuration")["declaration"]["streams"]
    return any(event in declared["events"] for declared in streams.values())


def certified_rows(opened: CertifiedProduct) -> EarlierRows:
    """Return the rows of an opened product: all that its run admitted of the event."""
    return EarlierRows(str(opened.run), opened.columns, opened.paths)


def shared_columns(
    earlier: Sequence[EarlierRows], columns: Sequence[Column]
) -> list[Column] | None:
    """Return the columns that all earlier runs had with the same type; None where there are none."""
    if not earlier:
        return None
    return [
        column
        for column in columns
        if column not in POSITION_COLUMNS and all(column in other.columns for other in earlier)
    ]


def column_at(path: str) -> pl.Expr:
    """Return the column, or the field within structs, that a dotted path names, under the path."""
    first, *rest = path.split(".")
    column = pl.col(first)
    for field in rest:
        column = column.struct.field(field)
    return column.alias(path)


def corrected_in_log(platform: Platform, run: RunId, stream: str, count: int) -> list[RunId] | None:
    """Return the runs that count for the correction of a run that stands in a settlement log.

    Those count that have settled before the corrected run, in the order of the log, each window by its
    newest closed run. None where the run is no correction, or corrects one that stands in no log.

    Raises:
        PredecessorOpen: a correction of such a window is open.
    """
    anchors = platform.anchors(run)
    if not is_correction(anchors):
        return None
    recorded = platform.settled_as(run, stream)
    if recorded is not None:
        return list({RunId.parse(given["run_id"]): None for given in recorded["horizon"]})
    window = RunId.parse(window_of(anchors))
    corrections = corrections_of(platform, run.feed)
    chains = [*corrections.windows_before(run, count), *corrections.windows_after(run, count)]
    log = SettlementLog(
        platform.store, run.feed, stream, since=min([window, *(c[0] for c in chains)]).sequence
    )
    log.read()
    own = log.entry_of(window)
    if own is None:
        return None
    found: list[tuple[int, RunId]] = []
    for chain in chains:
        entry, counts = log.entry_of(chain[0]), newest_closed(platform, chain)
        before = chain[0].sequence < window.sequence if entry is None else entry.number < own.number
        if not before:
            continue
        if counts is not None and counts != chain[-1] and chain[0].sequence < window.sequence:
            raise correction_open(run, chain[-1], counts)
        found.append((entry.number if entry else 0, counts or chain[-1]))
    return [counts for _, counts in sorted(found, key=lambda each: each[0])]


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
            raise correction_open(run, chain[-1], counts)
        found.append(counts or chain[-1])
    return found


def earlier_chains(platform: Platform, run: RunId, count: int) -> list[list[RunId]]:
    """Return, for each of up to so many windows before that of a run, its runs in their order."""
    known = platform.counted_before(run)
    if known is not None:  # a replay counts those that counted then, whatever was corrected since
        return [[before] for before in known[max(0, len(known) - count) :]]
    return corrections_of(platform, run.feed).windows_before(run, count) if count else []


def closed_history(platform: Platform, run: RunId, count: int) -> list[RunId]:
    """Return the runs before a run that a consumer or a check of it reads, as `earlier_runs` does.

    Where windows go side by side, whoever reads earlier ones waits until they are closed.

    Raises:
        PredecessorOpen: one of them is open, or a correction of its window is.
    """
    found = earlier_runs(platform, run, count)
    if found and platform.run_configuration(run).declaration.side_by_side:
        require_closed(platform, run, found)
    return found


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


def correction_open(run: RunId, correction: RunId, corrected: RunId) -> PredecessorOpen:
    """Return the refusal of a run that waits until a window which it counts is corrected."""
    return PredecessorOpen(
        str(run),
        expected=f"{correction}, which corrects {corrected}, closed: its window counts here",
        found=f"{correction} open",
        remedy=f"Finish it first: platform-assets show {correction}, then platform-assets run "
        f"{run.feed}, which takes it up before {run}",
    )
