"""The time until a spike is drained, from the lag at each second."""

from __future__ import annotations

from platform_assets.lanes.drains import drains, spikes_ended
from platform_assets.lanes.measured import Sample
from platform_assets.lanes.schedule import SECOND, Schedule
from platform_assets_tests.lanes.plans import burst

PLAN = burst(
    of={
        "phases": [
            {"name": "baseline", "seconds": 10, "rate": 100},
            {"name": "spike", "seconds": 10, "rate": 300},
            {"name": "calm", "seconds": 40, "rate": 100},
        ]
    }
)
PHASES = Schedule(PLAN.workload).phases()


def lag(high_until: int, *, again: tuple[int, ...] = ()) -> list[Sample]:
    """Return a lag in each second: above the 30 s that count as steady up to one, and in others."""
    return [
        Sample(second * SECOND, "", (31 if second < high_until or second in again else 30) * SECOND)
        for second in range(60)
    ]


def test_a_spike_ends_where_the_rate_falls() -> None:
    assert spikes_ended(PLAN) == ["calm"]
    assert spikes_ended(burst()) == []


def test_the_time_counts_from_the_end_of_the_spike() -> None:
    assert list(drains(PLAN, PHASES, lag(33))) == [Sample(33 * SECOND, "calm", 13 * SECOND)]
    assert list(drains(PLAN, PHASES, lag(5))) == [Sample(20 * SECOND, "calm", 0)]


def test_it_has_to_stay_steady_for_five_seconds() -> None:
    found = drains(PLAN, PHASES, lag(25, again=(29, 33)))
    assert [sample.at for sample in found] == [34 * SECOND]


def test_a_spike_that_is_never_drained_has_no_time() -> None:
    assert list(drains(PLAN, PHASES, lag(56))) == []
