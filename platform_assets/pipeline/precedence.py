"""Which of several open runs is taken first: one that has to wait for none of the others.

1. Without runs that go side by side it is that of the earliest window, because others may wait for it.
2. Of those that go side by side the ones that are settled come first, in the order of the log of their
   first stream. Whoever settles after them waits until they are closed, and they wait for none of those
   that are not settled yet.
3. An open correction comes before both, as who is settled next waits for it; unless a run that goes
   after the others in order has an earlier window, for which the correction may wait.

So whatever a process has left that died, a single one that goes on waits for nobody, and several wait
only for what one of them has under way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_assets.flow.continuity import is_correction
from platform_assets.pipeline.corrections import corrections_of
from platform_assets.pipeline.settlement_log import SettlementLog
from platform_assets.pipeline.settlement_rules import recorded_rules

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platform_assets.identifiers import RunId
    from platform_assets.pipeline.platform import Platform


def first_of(platform: Platform, feed: str, standing: Sequence[RunId]) -> RunId:
    """Return the open run to take first; there is at least one.

    Raises:
        ChainBroken: a settlement log, or the feed's log, is damaged.
    """
    ordered = corrections_of(platform, feed).in_order(list(standing))
    rules = {run: recorded_rules(platform, platform.anchors(run)) for run in ordered}
    beside = {run: found for run, found in rules.items() if found is not None}
    other = next((run for run in ordered if run not in beside), None)
    if not beside:  # 1
        return ordered[0]
    if other is not None and is_correction(platform.anchors(other)):  # 3
        return other
    leading = min(next(iter(beside.values())).streams)
    log = SettlementLog(platform.store, feed, leading, since=min(beside).sequence)
    log.read()
    return next((entry.run for entry in log.entries if entry.run in beside), ordered[0])  # 2
