"""How long it takes after a spike until all is steady again.

A spike ends where a phase begins whose rate is lower than that of the phase before it. All is steady
again at the first sample from then on at which the lag is what the plan calls steady, and stays so for
five seconds. A spike that is never drained has no such time: there is no data of it, which fails.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from platform_assets.lanes.measured import Sample
from platform_assets.lanes.schedule import SECOND

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from platform_assets.lanes.plan import LanePlan

STAYS_MICROSECONDS = 5 * SECOND


def spikes_ended(plan: LanePlan) -> list[str]:
    """Return the phases that begin where a spike ends."""
    phases = plan.workload.phases
    return [after.name for before, after in pairwise(phases) if after.rate < before.rate]


def drains(
    plan: LanePlan, phases: Mapping[str, tuple[int, int]], lag: Sequence[Sample]
) -> Iterator[Sample]:
    """Yield for each spike that was drained how long that took, labelled with the phase after it."""
    limit = plan.steady.lag_seconds * SECOND
    for name in spikes_ended(plan):
        begin, _ = phases[name]
        since = None
        for sample in lag:
            if sample.at < begin:
                continue
            if sample.value > limit:
                since = None
            elif since is None:
                since = sample.at
            if since is not None and sample.at - since >= STAYS_MICROSECONDS:
                yield Sample(since, name, since - begin)
                break
