"""Plans for tests: small lanes over the shipped feed and a file log."""

from __future__ import annotations

from typing import Any

from platform_assets.lanes.plan import LanePlan
from platform_assets_tests.lanes.workloads import workload


def target(**changed: Any) -> dict[str, Any]:
    return {
        "feed": "load",
        "source": {"kind": "file_log", "path": "data/load"},
        "runner": "follow",
        "memory_budget": "1GiB",
        "max_records": 5_000,
        "max_age_seconds": 2,
        "max_open_runs": 2,
        **changed,
    }


def burst(*, of: dict[str, Any] | None = None, **changed: Any) -> LanePlan:
    """Return the plan of a burst lane; ``of`` changes its workload, the rest its target."""
    return LanePlan.model_validate(
        {
            "lane": "burst",
            "profile": "tiny",
            "description": "A lane of a few seconds.",
            "workload": workload(**(of or {})).model_dump(mode="json"),
            "target": target(**changed),
            "steady": {"lag_seconds": 30},
            "thresholds": {
                "nothing_lost": {
                    "metric": "lost",
                    "statistic": "sum",
                    "at_most": "0",
                    "unit": "1",
                }
            },
            "budgets": {"drain_seconds": 120, "disk": "2GiB"},
        }
    )
