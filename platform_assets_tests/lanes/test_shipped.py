"""What is shown of the shipped plans before they are resolved is what they ask for."""

from __future__ import annotations

import pytest

from platform_assets.lanes.plan import LANES
from platform_assets.lanes.plan_loading import resolve
from platform_assets.lanes.shipped import shipped_lanes

PROFILES = ("smoke", "standard", "full")


def test_every_lane_ships_with_a_plan() -> None:
    assert set(shipped_lanes()) == set(LANES)


@pytest.mark.parametrize("lane", LANES)
def test_the_thresholds_of_all_profiles_are_shown_with_what_they_measure(lane: str) -> None:
    shown = shipped_lanes()[lane]
    plans = [resolve(lane, profile, plan=None, target=None) for profile in PROFILES]
    assert set(shown.thresholds) == {name for plan in plans for name in plan.thresholds}
    assert {plan.description for plan in plans} == {shown.description}
    for plan in plans:
        for name, threshold in plan.thresholds.items():
            statistic = threshold.statistic.replace("_", ".")
            assert shown.thresholds[name].startswith(f"{statistic} of {threshold.metric}")
            assert (threshold.label or "") in shown.thresholds[name]
