"""Backpressure: only so many runs of a feed are open at a time, and each starts only when it can.

1. Look at the streams, and count the open runs up to the head of the log as it was at that look.
2. While fewer are open than the feed allows, pin the next window, if it is due, and look again. Two
   processes that do this at once plan the same sequence, and the store lets one of them create it; so
   both together pin no more than one alone. Where it has to wait until open runs are closed, because
   they settle by other rules, it is left for a later turn.
3. Tell which of the open runs can proceed. A run takes into account what runs before it admitted and
   made, as far back as the dedupe horizon and the history that consumers and checks read; it can
   proceed when those are closed, corrections of their windows included. Runs that reach back to none
   are independent. Where windows go side by side, repeats are settled in a log, and nobody waits for
   the dedupe horizon; so many proceed as the feed declares.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from platform_assets.errors import PredecessorOpen
from platform_assets.pipeline.corrections import corrected_run
from platform_assets.pipeline.horizon import earlier_chains
from platform_assets.pipeline.lag import FeedLag, lag_of
from platform_assets.pipeline.pin import pin_window, window_status
from platform_assets.pipeline.pinned_runs import open_runs
from platform_assets.pipeline.reach import history_reach, reach_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from platform_assets.identifiers import RunId
    from platform_assets.pipeline.platform import Platform


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What one look at a feed found, and what it led to.

    Attributes:
        lag: what waited when the look began.
        left: the number of offsets that wait still.
        open: the open runs, earliest first, those that were pinned just now included.
        pinned: those of them that were pinned just now.
        ready: those of them that can proceed, in order.
        limit: how many may be open.
    """

    lag: FeedLag
    left: int
    open: tuple[RunId, ...]
    pinned: tuple[RunId, ...]
    ready: tuple[RunId, ...]
    limit: int

    @property
    def full(self) -> bool:
        """Whether nothing more is pinned until a run is closed."""
        return len(self.open) >= self.limit


def take_turn(platform: Platform, feed: str, *, force: bool = False) -> Turn:
    """Pin as many windows as are due and may be open, and tell which open runs can proceed.

    Args:
        platform: the opened home.
        feed: the feed's name.
        force: pin whatever is there; otherwise only windows that are due.

    Raises:
        SourceUnreachable, SourceChanged, OffsetExpired, OffsetTruncated, ChainBroken,
            UnknownOutcome: as for `pin`; windows that were pinned before stay, and are found as open
            runs the next time.
        GateRefusal, EvidenceInconsistent: a seal stands and does not verify.
    """
    window = platform.feed(feed).window
    limit = max(window.max_open_runs, window.parallel)
    status = window_status(platform, feed)  # 1
    found = lag_of(status.waiting, platform.clock.now())
    left, standing = status.records, open_runs(platform, feed, through=status.last)
    pinned: list[RunId] = []
    while len(standing) < limit:  # 2
        try:
            run = pin_window(platform, feed, status, force=force)
        except PredecessorOpen:
            break  # those that it waits for are among the open runs
        if run is None:
            break
        pinned.append(run)
        left, standing = status.left, [*standing, run]
        if not left:
            break
        if len(standing) < limit:
            status = window_status(platform, feed)
            left, standing = status.records, open_runs(platform, feed, through=status.last)
    return Turn(
        lag=found,
        left=left,
        open=tuple(standing),
        pinned=tuple(pinned),
        ready=ready_runs(platform, standing),  # 3
        limit=limit,
    )


def can_proceed(platform: Platform, run: RunId, standing: Collection[RunId]) -> bool:
    """Tell whether every run that this one takes into account is closed, given those that are open."""
    declaration = platform.run_configuration(run).declaration
    chains = earlier_chains(platform, run, reach_of(declaration))
    read = len(chains) - history_reach(declaration)
    return not any(
        before in standing and (position >= read or _is_awaited(platform, run, before))
        for position, chain in enumerate(chains)
        for before in chain
    )


def ready_runs(platform: Platform, standing: Sequence[RunId]) -> tuple[RunId, ...]:
    """Return the open runs that can proceed; of those side by side, as many as are declared."""
    found: list[RunId] = []
    beside = 0
    for run in standing:
        if can_proceed(platform, run, standing):
            declaration = platform.run_configuration(run).declaration
            beside += declaration.side_by_side
            if not declaration.side_by_side or beside <= declaration.window.parallel:
                found.append(run)
    return tuple(found)


def _is_awaited(platform: Platform, run: RunId, before: RunId) -> bool:
    """Tell whether an open run within the dedupe horizon has to be closed first."""
    both = all(platform.run_configuration(each).declaration.side_by_side for each in (run, before))
    return not both or any(corrected_run(platform, each) for each in (run, before))
