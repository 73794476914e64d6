"""What a worker that follows a feed tells while it works, and at the end."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from platform_assets.errors import PlatformError
    from platform_assets.identifiers import RunId
    from platform_assets.pipeline.steps import StepUse

COUNTS = ("delivered", "admitted", "duplicate", "quarantined")


class Listener(Protocol):
    """Is told what happens, when it happens; what it raises ends the worker."""

    def pinned(self, run: RunId, pinned_at: str) -> None:
        """Hear of a window that was pinned."""

    def step(self, use: StepUse) -> None:
        """Hear what a step of a run used, which has ended, well or not."""

    def closed(self, summary: Mapping[str, Any]) -> None:
        """Hear of a run that was closed, as `run_summary` tells it."""

    def outage(self, error: PlatformError) -> None:
        """Hear that an outage began, or that another kind came to it."""

    def recovered(self, seconds: float) -> None:
        """Hear that nothing meets an outage any more, which lasted so long."""

    def refused(self, thing: RunId | str, error: PlatformError) -> None:
        """Hear that a run, or something else of the feed, is refused in words not told before."""


@dataclass(slots=True)
class Followed:
    """What a worker did.

    Attributes:
        feed: the feed's name.
        runs: how many runs were closed.
        totals: what became of their records.
        outages: how many outages there were.
        refused_runs: how many runs were ever refused.
        refused: what still is, each with its error.
    """

    feed: str
    runs: int = 0
    totals: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0))
    outages: int = 0
    refused_runs: int = 0
    refused: list[dict[str, Any]] = field(default_factory=list)

    def add(self, summary: Mapping[str, Any]) -> None:
        """Count a run that was closed."""
        self.runs += 1
        for name in COUNTS:
            self.totals[name] += summary[name]

    def as_json(self) -> dict[str, Any]:
        """Return the fields as the command line's ``--json`` prints them."""
        return asdict(self)
