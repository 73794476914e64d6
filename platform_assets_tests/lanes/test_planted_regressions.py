"""What grows slowly is found by the trend that is about it, by a whole lane, with its real feed.

Each lane takes a window a second for a minute. What is planted is in the consumer of the feed, a
function of the home's own. Limits lie between what is planted and what the same lane shows without.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platform_assets_tests.cli.calls import Called, call
from platform_assets_tests.lanes.planted_homes import planted_home, write_soak

if TYPE_CHECKING:
    from pathlib import Path

MEBIBYTE = 2**20
#: With these words a lane says that its generator did not keep its schedule.
NOT_AS_PLANNED = "the load was not as planned: sent"


def slope(metric: str, at_most: int, unit: str) -> dict[str, Any]:
    return {
        "metric": metric,
        "statistic": "slope",
        "at_most": at_most,
        "unit": unit,
        "phases": ["steady"],
    }


TRENDS = {
    "memory": slope("memory_floor", 1, "GiB"),
    "descriptors": slope("descriptors", 600, "1"),
    "latency": slope("latency", 60, "s"),
}


def test_what_grows_with_every_window_fails_its_trend(tmp_path: Path) -> None:
    planted = {"leaked_bytes": MEBIBYTE, "leaked_descriptors": 1, "slower_ms": 50}
    assert failing(tmp_path, **planted) == set(TRENDS)


def test_without_anything_planted_neither_memory_nor_descriptors_grow(tmp_path: Path) -> None:
    """Latencies are not asked about: that tests run beside it makes them grow."""
    assert failing(tmp_path) <= {"latency"}


def failing(folder: Path, **planted: int) -> set[str]:
    """Take a soak of a minute in a home with this planted, and return which trends failed."""
    home = planted_home(folder / "home", **planted)
    done = judged(home, write_soak(folder / "plan.yaml", TRENDS, seconds=60, warmup=15))
    assert all(each["satisfied"] for each in done.document["requirements"]), done.out
    verdicts = {each["name"]: each["verdict"] for each in done.document["thresholds"]}
    assert verdicts.keys() == TRENDS.keys()
    assert "NO_DATA" not in verdicts.values(), done.out
    found = {name for name, verdict in verdicts.items() if verdict == "FAIL"}
    assert (done.code, done.document["verdict"]) == ((1, "FAIL") if found else (0, "PASS"))
    assert call("verify", done.document["lane_run"], "--home", home).code == 0
    return found


def judged(home: Path, plan: Path) -> Called:
    """Take the soak, again where the machine was too busy to send events when they were due."""
    for _ in range(3):
        done = call("lane", "soak", "--profile", "tiny", "--plan", plan, "--home", home, "--json")
        reasons = [each["reason"] for each in done.document["thresholds"]]
        if not any(reason.startswith(NOT_AS_PLANNED) for reason in reasons):
            break
    return done
