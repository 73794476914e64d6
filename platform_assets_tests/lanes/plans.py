"""Plans for tests: small lanes over the shipped feed and a file log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from platform_assets.lanes.feed import SAMPLE_FILE, feed_folder
from platform_assets.lanes.plan import LanePlan
from platform_assets_tests.lanes.workloads import workload

if TYPE_CHECKING:
    from pathlib import Path


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


def write_plan(path: Path, thresholds: dict[str, Any], *, seconds: int, **of: Any) -> Path:
    """Write a plan of a burst with one profile, ``tiny``: a hundred events a second, so long."""
    document = burst(
        of={"phases": [{"name": "calm", "seconds": seconds, "rate": 100}]}, **of
    ).record()
    document |= {"thresholds": thresholds, "profiles": {"tiny": {}}}
    del document["profile"]
    document["workload"]["sample"] = str(feed_folder() / SAMPLE_FILE)
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path
