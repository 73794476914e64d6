"""The thresholds that a schedule of faults stands for: each of its kinds is recovered from in time.

A plan states the limit of a kind once, where it says how often that strikes (`recover_within_seconds`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def fault_limits(faults: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return name -> threshold for faults as they are declared; a threshold has its kind's name."""
    return {
        fault["kind"]: {
            "metric": "recovery",
            "label": fault["kind"],
            "statistic": "max",
            "at_most": fault["recover_within_seconds"],
            "unit": "s",
            "why": "recover_within_seconds of this fault",
        }
        for fault in faults
    }
