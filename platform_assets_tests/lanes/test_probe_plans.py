"""The plan of a probe: its windows are its load."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from platform_assets.lanes.plan import LanePlan
from platform_assets_tests.lanes.probe_plans import probe


def test_windows_double_up_to_the_largest_that_is_allowed() -> None:
    doubling = probe(first=1_000, at_most=4_000).doubling
    assert doubling is not None

    assert doubling.windows == (1_000, 2_000, 4_000)
    assert doubling.model_copy(update={"at_most": 7_999}).windows == (1_000, 2_000, 4_000)
    assert doubling.model_copy(update={"at_most": 1_000}).windows == (1_000,)


@pytest.mark.parametrize(
    "changed",
    [
        {"processes": 2},
        {"phases": [{"name": "windows", "seconds": 1, "rate": 6_999}]},
        {"phases": [{"name": "windows", "seconds": 2, "rate": 7_000}]},
    ],
)
def test_a_load_that_is_not_the_windows_is_refused(changed: dict[str, object]) -> None:
    plan = probe(first=1_000, at_most=4_000).record()
    plan["workload"] |= changed

    with pytest.raises(ValidationError, match="7,000 events together, sent by one process"):
        LanePlan.model_validate(plan)


def test_a_window_that_one_run_may_not_take_is_refused() -> None:
    plan = probe(first=1_000, at_most=4_000).record()
    plan["target"]["max_records"] = 3_999

    with pytest.raises(ValidationError, match="window of 4,000 events"):
        LanePlan.model_validate(plan)
