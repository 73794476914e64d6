"""Which runs are pinned and which are closed, seen from outside while a lane lasts.

A thread looks at the store four times a second: whether the next run is pinned, and whether an open run
has a seal. Closed runs are not looked at again, so that a look costs the same however many there are.

The moment of a closure is when its seal was seen, on the lane's clock: never before the run was closed,
and one look after it at most. What the platform's own records say of moments is not used, because
their clock can be set. A seal counts when it verifies with its evidence; both are copied to the lane's
evidence as the run's own closure wrote them, and only figures of them are kept in memory.

A store that does not answer is looked at again; how often it did not is counted.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from platform_assets.errors import DependencyUnreachable, Refusal, UnknownOutcome
from platform_assets.flow.closure import Unknown, find_seal
from platform_assets.flow.steps import perform
from platform_assets.identifiers import RunId
from platform_assets.pipeline import layout
from platform_assets.pipeline.state import closure_of, open_seal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from platform_assets.flow.closure import ClosureOf
    from platform_assets.lanes.load_clock import LoadClock
    from platform_assets.pipeline import Platform

LOOK_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class SeenClosure:
    """A closed run as it was seen.

    Attributes:
        run: its id.
        pinned: when its anchors were seen, in microseconds of the load.
        closed: when its seal was seen.
        counts: how many records it delivered, admitted, found to be duplicates and quarantined.
        bundle_digest: the digest of its evidence.
    """

    run: RunId
    pinned: int
    closed: int
    counts: Mapping[str, int]
    bundle_digest: str


class Closures:
    """Watches the runs of a lane's home, from `start` to `stop`.

    Args:
        platform: the lane's home, opened.
        feed: the feed under load.
        clock: the lane's clock.
        evidence: the folder to which seals and evidence are copied, by run.
        told: is called with each run once it is closed, by the thread that looks.
    """

    def __init__(
        self,
        platform: Platform,
        feed: str,
        *,
        clock: LoadClock,
        evidence: Path,
        told: Callable[[SeenClosure], None],
    ) -> None:
        self._platform, self._feed, self._clock = platform, feed, clock
        self._evidence, self._told = evidence, told
        self._pinned: dict[RunId, int] = {}
        self._open: dict[RunId, ClosureOf] = {}
        self._looked = 0
        #: The closed runs, in the order in which they were seen to be closed.
        self.closed: list[SeenClosure] = []
        #: How often the store did not answer.
        self.outages = 0
        #: Run -> why its seal closes nothing.
        self.refused: dict[RunId, str] = {}
        #: What ended the thread before its time.
        self.failure: BaseException | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._look_on, name="closures", daemon=True)

    def abandon(self) -> None:
        """Let the thread come to its end, whenever that is; nobody waits for it."""
        self._stopped.set()

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look once more, and then no more."""
        self._stopped.set()
        self._thread.join()
        self._look()

    def open(self) -> dict[RunId, int]:
        """Return the runs that are pinned and not closed, each with when its anchors were seen."""
        return {run: self._pinned[run] for run in tuple(self._open)}

    def looked(self) -> int:
        """Return a moment up to which every closure was told of."""
        return self._looked

    def _look_on(self) -> None:
        try:
            while not self._stopped.wait(LOOK_SECONDS):
                self._look()
        except BaseException as failure:  # noqa: BLE001 - raised again by whoever looks after the threads
            self.failure = failure

    def _look(self) -> None:
        began = self._clock.now()
        try:
            self._look_for_pins()
            for run, closure in tuple(self._open.items()):
                self._look_at(run, closure)
        except (DependencyUnreachable, UnknownOutcome):
            self.outages += 1
        else:
            self._looked = began

    def _look_for_pins(self) -> None:
        while self._platform.store.exists(
            layout.anchors_path(run := RunId(self._feed, len(self._pinned) + 1))
        ):
            self._open[run] = closure_of(self._platform, run)
            self._pinned[run] = self._clock.now()

    def _look_at(self, run: RunId, closure: ClosureOf) -> None:
        found = perform(find_seal(closure), self._platform.store, self._platform.clock)
        if found is None or isinstance(found, Unknown):
            return
        moment = self._clock.now()
        try:
            sealed = open_seal(self._platform, run, found)
        except Refusal as error:
            self.refused[run] = str(error)
            return
        folder = self._evidence / str(run)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "bundle.json").write_bytes(sealed.bundle_bytes)
        (folder / "seal.json").write_bytes(sealed.seal)
        totals = sealed.bundle["totals"]
        seen = SeenClosure(run, self._pinned[run], moment, totals, sealed.bundle_digest)
        self.closed.append(seen)
        del self._open[run]
        self._told(seen)
