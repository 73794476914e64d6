"""What of a closed run other runs may still read, so that a teardown keeps it.

A run counts the identities of earlier runs within the dedupe horizon, and of later ones where windows
go side by side; a consumer reads the history that
it declares, and a check may consult products of earlier runs. That holds for every open run and for the
next window, which may be pinned at any moment. A correction that is open may have to copy what the run
that it corrects has landed. What is not announced yet is needed as well, because a product is announced
only after it could be opened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_assets.declarations.checks import ReferentialCheck
from platform_assets.declarations.ledgers import EVERY_RUN
from platform_assets.identifiers import RunId
from platform_assets.pipeline import layout
from platform_assets.pipeline.corrections import corrected_run, corrections_of, newest_closed
from platform_assets.pipeline.horizon import earlier_chains
from platform_assets.pipeline.pinned_runs import open_runs, runs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from platform_assets.declarations import FeedDeclaration
    from platform_assets.pipeline.platform import Platform


def needed_parts(platform: Platform, feed: str) -> dict[RunId, dict[tuple[str, str], str]]:
    """Return, by run, which of its parts (kind, and name of the stream or product) who needs."""
    needed: dict[RunId, dict[tuple[str, str], str]] = {}
    for reader, who, declaration in _readers(platform, feed):
        for product, reach, why in reaches(declaration):
            chains = earlier_chains(platform, reader, reach)
            if declaration.side_by_side and product in declaration.products:
                after = declaration.dedupe.horizon_runs
                chains += corrections_of(platform, feed).windows_after(reader, after)
            for chain in chains:
                run = newest_closed(platform, chain)  # what was corrected counts no longer
                if run is not None:
                    parts = needed.setdefault(run, {})
                    parts.setdefault(("products", product), f"{who} needs it: {why}")
    for correction in open_runs(platform, feed):
        superseded = corrected_run(platform, correction)
        if superseded is not None:
            streams = platform.anchors(correction)["streams"]
            why = f"{correction}, which is open, corrects it"
            needed.setdefault(superseded, {}).update(
                {("landing", stream["stream"]): why for stream in streams}
            )
    return needed


def unannounced(platform: Platform, run: RunId) -> bool:
    """Tell whether something of a closed run may be left to be announced."""
    announces = platform.feed(run.feed).announce is not None
    return announces and not platform.store.exists(layout.announced_path(run))


def reaches(declaration: FeedDeclaration) -> Iterator[tuple[str, int, str]]:
    """Return product, number of earlier runs, and reason, for everything that a run reads of others."""
    for product in declaration.products:
        horizon = declaration.dedupe.horizon_runs
        yield product, horizon, f"the dedupe horizon of {horizon} runs"
    for name, consumer in declaration.consumers.items():
        for read in consumer.reads:
            yield (
                read.product,
                read.history_runs,
                f"{_runs(read.history_runs)} of history for {name}",
            )
        if consumer.history_of_its_own:
            yield name, consumer.history_of_its_own, "the entries of a ledger, which stay"
    for name, output in declaration.outputs().items():
        for check in output.checks:
            if isinstance(check, ReferentialCheck):
                why = f"{check.history_runs} runs of history for a check of {name}"
                yield check.product, check.history_runs, why


def _runs(count: int) -> str:
    return "every run" if count == EVERY_RUN else f"{count} runs"


def _readers(platform: Platform, feed: str) -> Iterator[tuple[RunId, str, FeedDeclaration]]:
    for run in open_runs(platform, feed):
        yield run, f"{run}, which is open,", platform.run_configuration(run).declaration
    pinned = runs(platform, feed)
    if pinned:
        following = RunId(feed, pinned[-1].sequence + 1)
        yield following, f"{following}, the next window,", platform.feed(feed)
