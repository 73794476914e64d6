"""Which runs correct which windows, read from a feed's log, and which run of a window counts.

Each record of the log names the newest correction before it, so that all of them are found from its
head, one read for each. A window and its corrections are one chain. Only a closed run is corrected, so
of a chain the newest closed run is the last one, or the one before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from platform_assets.flow.continuity import broken, is_correction, last_correction
from platform_assets.flow.corrections import window_of
from platform_assets.flow.places import place_of
from platform_assets.identifiers import RunId
from platform_assets.pipeline import layout
from platform_assets.pipeline.state import is_closed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from platform_assets.pipeline.platform import Platform


@dataclass(frozen=True, slots=True)
class Corrections:
    """The runs of a feed by the window that they read.

    Attributes:
        feed: the feed's name.
        last: the sequence of the newest run.
        windows: sequence of a correction -> sequence of the run that read its window first.
    """

    feed: str
    last: int
    windows: Mapping[int, int]

    def window_of(self, run: RunId) -> int:
        """Return the sequence of the run that read a run's window first."""
        return self.windows.get(run.sequence, run.sequence)

    def chain(self, window: int) -> list[RunId]:
        """Return the run that read a window first and its corrections, in their order."""
        corrections = sorted(c for c, corrected in self.windows.items() if corrected == window)
        return [RunId(self.feed, sequence) for sequence in (window, *corrections)]

    def after(self, run: RunId) -> RunId | None:
        """Return the run that corrects a run, closed or not; None where none does."""
        chain = self.chain(self.window_of(run))
        return next((each for each in chain if each.sequence > run.sequence), None)

    def windows_before(self, run: RunId, count: int) -> list[list[RunId]]:
        """Return the chains of up to so many windows before that of a run, earliest first."""
        found: list[list[RunId]] = []
        sequence = self.window_of(run)
        while len(found) < count and sequence > 1:
            sequence -= 1
            if sequence not in self.windows:
                found.append(self.chain(sequence))
        return found[::-1]

    def windows_after(self, run: RunId, count: int) -> list[list[RunId]]:
        """Return the chains of up to so many windows after that of a run, earliest first."""
        following = range(self.window_of(run) + 1, self.last + 1)
        return [self.chain(s) for s in following if s not in self.windows][:count]

    def chains(self) -> list[list[RunId]]:
        """Return the chain of every window, earliest first."""
        every = range(1, self.last + 1)
        return [self.chain(sequence) for sequence in every if sequence not in self.windows]

    def in_order(self, runs: list[RunId]) -> list[RunId]:
        """Return runs by their windows: a correction comes where its window has its place."""
        return sorted(runs, key=lambda run: (self.window_of(run), run.sequence))


def corrected_run(platform: Platform, run: RunId) -> RunId | None:
    """Return the run that a run supersedes, None where it is no correction."""
    anchors = platform.anchors(run)
    return RunId.parse(anchors["supersedes"]["run_id"]) if is_correction(anchors) else None


def corrections_of(platform: Platform, feed: str) -> Corrections:
    """Return the corrections of a feed, from the head of its log.

    Raises:
        ChainBroken: a record names a correction that is none.
        RecordMissing, RecordInvalid, RecordNotCanonical: a record of the log is damaged.
    """
    from_the_last = map(place_of, reversed(platform.store.list(layout.feed_log(feed))))
    last = next((at.number for at in from_the_last if at is not None), 0)
    windows: dict[int, int] = {}
    sequence = last_correction(platform.anchors(RunId(feed, last))) if last else None
    while sequence is not None:
        record = platform.anchors(RunId(feed, sequence))
        before = record.get("last_correction")
        if not is_correction(record) or (before is not None and before >= sequence):
            raise broken(
                f"anchors {record['run_id']}", "a correction", "a later record's word only"
            )
        windows[sequence] = RunId.parse(window_of(record)).sequence
        sequence = before
    return Corrections(feed, last, windows)


def newest_closed(platform: Platform, chain: list[RunId]) -> RunId | None:
    """Return the run of a window that counts: the newest closed one; None where none is closed."""
    return next((run for run in reversed(chain) if is_closed(platform, run)), None)


def standing_runs(platform: Platform, feed: str) -> list[RunId]:
    """Return the run that counts for each window of a feed, earliest window first."""
    chains = corrections_of(platform, feed).chains()
    found = (newest_closed(platform, chain) for chain in chains)
    return [run for run in found if run is not None]
