"""A worker that follows a feed for a test: what it told, and what the test did when it was told."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from platform_assets.pipeline.follow import follow
from platform_assets.pipeline.stopping import Stop
from platform_assets_tests.simulators.own_clock import OwnClock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from platform_assets.errors import PlatformError
    from platform_assets.identifiers import RunId
    from platform_assets.pipeline.followed import Followed
    from platform_assets.pipeline.steps import StepUse

_SLEEPS = 300


class PassingClock(OwnClock):
    """Time passes as soon as somebody waits; who waits for ever has found nothing to do."""

    def __init__(self) -> None:
        super().__init__()
        self._sleeps = 0

    def sleep(self, seconds: float) -> None:
        self._sleeps += 1
        assert self._sleeps < _SLEEPS, "the worker has nothing to do any more"
        super().sleep(seconds)


class Told:
    """Notes what it is told, and lets the test act on it."""

    def __init__(self) -> None:
        self.stop = Stop()
        self.events: list[tuple[str, str]] = []
        self.steps: list[StepUse] = []
        self.closed_runs: list[Mapping[str, Any]] = []
        self.errors: list[PlatformError] = []
        self._acts: dict[tuple[str, int], Callable[[], object]] = {}
        self._counts: Counter[str] = Counter()

    def on(self, event: str, act: Callable[[], object], number: int = 1) -> Told:
        """Let something be done when an event is told for the n-th time."""
        self._acts[event, number] = act
        return self

    def stop_after(self, event: str, number: int = 1) -> Told:
        """Ask the worker to stop then."""
        return self.on(event, self.stop.ask, number)

    def of(self, event: str) -> list[str]:
        """Return what was told of one kind of event."""
        return [what for name, what in self.events if name == event]

    def pinned(self, run: RunId, pinned_at: str) -> None:
        assert pinned_at.endswith("Z")
        self._tell("pinned", str(run))

    def step(self, use: StepUse) -> None:
        self.steps.append(use)
        self._tell(f"{use.name.step} {use.name.thing}".strip(), use.name.run_id)

    def closed(self, summary: Mapping[str, Any]) -> None:
        self.closed_runs.append(summary)
        self._tell("closed", summary["run_id"])

    def outage(self, error: PlatformError) -> None:
        self.errors.append(error)
        self._tell("outage", error.code)

    def recovered(self, seconds: float) -> None:
        assert seconds >= 0
        self._tell("recovered", "")

    def refused(self, thing: RunId | str, error: PlatformError) -> None:
        self.errors.append(error)
        self._tell("refused", f"{thing}: {error.code}")

    def _tell(self, event: str, what: str) -> None:
        self.events.append((event, what))
        self._counts[event] += 1
        act = self._acts.pop((event, self._counts[event]), None)
        if act is not None:
            act()


def followed(home: Path, told: Told) -> Followed:
    """Follow the shop until the test has it stopped."""
    return follow(home, "shop", told.stop, told, PassingClock())
