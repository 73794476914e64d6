"""How many windows before its own a run of a feed takes into account, and for what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_assets.declarations.checks import ReferentialCheck

if TYPE_CHECKING:
    from platform_assets.declarations import FeedDeclaration


def history_reach(declaration: FeedDeclaration) -> int:
    """Return how many closed runs before it the consumers and checks of a run read."""
    history = [
        read.history_runs for consumer in declaration.consumers.values() for read in consumer.reads
    ]
    history += [consumer.history_of_its_own for consumer in declaration.consumers.values()]
    history += [
        check.history_runs
        for output in declaration.outputs().values()
        for check in output.checks
        if isinstance(check, ReferentialCheck)
    ]
    return max(history, default=0)


def reach_of(declaration: FeedDeclaration) -> int:
    """Return how many runs before it a run of the feed takes into account."""
    return max(declaration.dedupe.horizon_runs, history_reach(declaration))
