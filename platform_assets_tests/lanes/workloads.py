"""Workloads for tests: of the shipped feed, small enough to be looked at whole."""

from __future__ import annotations

from typing import Any

from platform_assets.lanes.feed import SAMPLE_FILE, feed_folder
from platform_assets.lanes.workload import Workload

PREFIX = "0123456789ab"


def workload(**changed: Any) -> Workload:
    """Return a workload of the shipped feed."""
    return Workload.model_validate(
        {
            "seed": 7,
            "stream": "orders",
            "sample": (feed_folder() / SAMPLE_FILE).read_text(),
            "processes": 2,
            "partitions": 4,
            "phases": [{"name": "steady", "seconds": 2, "rate": 1_000}],
            "keys": {"count": 1_000, "skew": "1.1"},
            "key_field": "account_id",
            "sizes": {"field": "note", "at_least": 340, "at_most": 400},
            "duplicates": "1%",
            "duplicate_distance": 500,
            "late": "1%",
            "late_by_seconds": 3_600,
            "invalid": "0.5%",
            **changed,
        }
    )
