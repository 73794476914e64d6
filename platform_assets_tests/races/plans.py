"""What is to befall the closers of one race, drawn from a seed.

Of eight closers the first is never struck: somebody always watches, so that the time of a takeover is
the protocol's and not that of nobody being there. Of the others many are killed or stopped: at one of
their own creates (claim, each file of the evidence, bundle, seal, log, checkpoint), or at any time. Who
was stopped sleeps beyond the TTL and wakes up later, in the middle of whatever it did.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from platform_assets_tests.races.watched_store import Struck

CLOSERS = 8
MOST_CREATES = 14


@dataclass(frozen=True)
class Plan:
    """One closer: when it begins, what befalls it at a create or after a time, how long it sleeps."""

    begins: float
    struck: Struck | None = None
    struck_how: str = ""
    struck_after: float = 0.0
    sleeps: float = 0.0


def plans(seed: int, ttl: float) -> list[Plan]:
    """Return the plans of a race, in seconds."""
    choose = random.Random(seed)  # noqa: S311 - a reproducible race, no secret
    found = [Plan(begins=choose.uniform(0, 0.05))]
    for _ in range(CLOSERS - 1):
        begins = choose.choice((0.0, 0.0, choose.uniform(0, 0.5)))
        sleeps = ttl + 1.2 + choose.uniform(0, ttl)
        how = choose.choice(("", "kill", "kill", "stop", "stop"))
        if not how:
            found.append(Plan(begins))
        elif choose.random() < 0.7:
            struck = Struck(
                how, choose.randint(1, MOST_CREATES), choose.choice(("before", "after"))
            )
            found.append(Plan(begins, struck=struck, sleeps=sleeps))
        else:
            after = choose.uniform(0, 1.5 * ttl)
            found.append(Plan(begins, struck_how=how, struck_after=after, sleeps=sleeps))
    choose.shuffle(found)
    return found


def frozen_plans(seed: int, ttl: float) -> list[Plan]:
    """Return plans where two come first and are frozen, if they own, with the evidence half written."""
    struck = Struck("stop", 5, "before")
    frozen = [Plan(0.0, struck=struck, sleeps=2 * ttl + 1.2 + seed % 2) for _ in range(2)]
    return [*frozen, *[Plan(begins=0.5) for _ in range(CLOSERS - 2)]]
