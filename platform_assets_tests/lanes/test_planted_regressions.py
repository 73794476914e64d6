"""What grows slowly is found by the trend that is about it, by a whole lane, with its real feed.

Each lane takes a window a second for a minute. What is planted is in the consumer of the feed, a
function of the home's own. Limits lie between what is planted and what the same lane shows without.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from platform_assets_tests.cli.calls import call
from platform_assets_tests.lanes.planted_homes import planted_home, write_soak

if TYPE_CHECKING:
    from pathlib import Path

_MEBIBYTE = 2**20


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


@pytest.mark.parametrize(
    ("planted", "trend"),
    [
        ({"leaked_bytes": _MEBIBYTE}, "memory"),
        ({"leaked_descriptors": 1}, "descriptors"),
        ({"slower_ms": 50}, "latency"),
    ],
    ids=["memory", "descriptors", "latency"],
)
def test_what_grows_with_every_window_fails_its_trend(
    tmp_path: Path, planted: dict[str, int], trend: str
) -> None:
    assert trend in failing(tmp_path, **planted)


def test_without_anything_planted_neither_memory_nor_descriptors_grow(tmp_path: Path) -> None:
    """Latencies are not asked about: that tests run beside it makes them grow."""
    assert failing(tmp_path) <= {"latency"}


def failing(folder: Path, **planted: int) -> set[str]:
    """Take a soak of a minute in a home with this planted, and return which trends failed."""
    home = planted_home(folder / "home", **planted)
    plan = write_soak(folder / "plan.yaml", TRENDS, seconds=60, warmup=15)
    done = call("lane", "soak", "--profile", "tiny", "--plan", plan, "--home", home, "--json")
    assert all(each["satisfied"] for each in done.document["requirements"]), done.out
    judged = {each["name"]: each["verdict"] for each in done.document["thresholds"]}
    assert judged.keys() == TRENDS.keys()
    assert "NO_DATA" not in judged.values(), done.out
    found = {name for name, verdict in judged.items() if verdict == "FAIL"}
    assert (done.code, done.document["verdict"]) == ((1, "FAIL") if found else (0, "PASS"))
    assert call("verify", "lane-soak-00000001", "--home", home).code == 0
    return found
