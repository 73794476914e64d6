"""Plans of small probes, over the shipped feed and a file log."""

from __future__ import annotations

from typing import Any

from platform_assets.lanes.plan import LanePlan
from platform_assets_tests.lanes.plans import target
from platform_assets_tests.lanes.workloads import workload


def probe(
    first: int = 1_000, at_most: int = 4_000, volume: str | None = None, **limits: Any
) -> LanePlan:
    """Return the plan of a probe; ``limits`` are those of its windows, ``volume`` that of its disk."""
    disk = {"volume": {"size": volume}} if volume else {}
    windows = [first << turn for turn in range(20) if first << turn <= at_most]
    sent = [{"name": "windows", "seconds": 1, "rate": sum(windows)}]
    return LanePlan.model_validate(
        {
            "lane": "probe",
            "profile": "tiny",
            "description": "A few small windows.",
            "workload": workload(processes=1, phases=sent).model_dump(mode="json"),
            "target": target(max_records=at_most, **disk),
            "steady": {"lag_seconds": 600},
            "thresholds": {
                "largest": {
                    "metric": "largest_window",
                    "statistic": "max",
                    "at_least": str(first),
                    "unit": "1",
                }
            },
            "budgets": {"drain_seconds": 120, "disk": "4GiB"},
            "doubling": {
                "first": first,
                "at_most": at_most,
                "window_seconds": 120,
                "memory_limit": "2GiB",
                "spill_limit": "2GiB",
                **limits,
            },
        }
    )
