"""Whether `lane compare` finds one step that is a fifth slower, and finds nothing in the same again.

Four soaks of one plan, one after the other: three of a feed as it is, and one of the same feed with a
consumer that waits for a fifth of the time that its step took in the first. What the first two differ
is the noise. With it, the third and the fourth are compared to the first.

Exits with 1 where the third is told to be worse in any step, or where the slower step is not found, or
another one is.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.tables import machine, print_table
from platform_assets.adapters.bundle_files import DirectoryBundle
from platform_assets.lanes.recorded import read_measured
from platform_assets_tests.lanes.planted_homes import planted_home, write_soak

_COMMAND = Path(sys.executable).with_name("platform-assets")
_STEP = "consume turnover"
_LIMIT = {"metric": "lost", "statistic": "sum", "at_most": 0, "unit": "1"}


def soak(folder: Path, plan: Path, **planted: int) -> Path:
    """Take a soak in a home of its own, and return the folder of its evidence."""
    home = planted_home(folder, **planted)
    given: list[str | Path] = ["--profile", "tiny", "--plan", plan, "--home", home, "--json"]
    done = subprocess.run([_COMMAND, "lane", "soak", *given], check=True, stdout=subprocess.PIPE)
    return Path(json.loads(done.stdout)["evidence"])


def step_milliseconds(evidence: Path) -> float:
    """Return how long the step took in the median."""
    samples = read_measured(DirectoryBundle(evidence)).series["step_duration"]
    return statistics.median(each.value for each in samples if each.label == _STEP) / 1000


def compared(first: Path, second: Path, noise: tuple[Path, Path]) -> list[dict[str, Any]]:
    """Return what `lane compare` says of every step."""
    given: list[str | Path] = [
        first,
        second,
        "--noise",
        *noise,
        "--metric",
        "step_duration",
        "--json",
    ]
    done = subprocess.run(
        [_COMMAND, "lane", "compare", *given], check=False, stdout=subprocess.PIPE
    )
    answer = json.loads(done.stdout)
    if "figures" not in answer:
        raise SystemExit(f"lane compare refused: {answer}")
    figures: list[dict[str, Any]] = answer["figures"]
    return figures


def ratio(figure: dict[str, Any]) -> str:
    """Return what a figure became, in words."""
    return f"{figure['ratio']:.3f}x" if "ratio" in figure else "-"


def main() -> None:
    """Measure, print, and judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=120, help="of steady load in each soak")
    parser.add_argument("--rate", type=int, default=2_000, help="events a second")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        plan = write_soak(
            work / "plan.yaml",
            {"lost": _LIMIT},
            seconds=given.seconds,
            warmup=20,
            rate=given.rate,
        )
        first, again, once_more = (
            soak(work / name, plan) for name in ("first", "again", "once_more")
        )
        step = step_milliseconds(first)
        slower = soak(work / "slower", plan, slow_ms=round(step / 5))
        same = compared(first, once_more, (first, again))
        worse = compared(first, slower, (first, again))
    print_table(
        f"`{_STEP}` takes {step:.0f} ms, and {round(step / 5)} ms more where it is slower; {machine()}",
        ["step", "the same again", "told", "a fifth slower", "told"],
        [
            (a["label"], ratio(a), a["change"], ratio(b), b["change"])
            for a, b in zip(same, worse, strict=True)
        ],
    )
    found = [each["label"] for each in worse if each["change"] == "REGRESSION"]
    alarms = [each["label"] for each in same if each["change"] == "REGRESSION"]
    if found != [_STEP] or alarms:
        sys.exit(f"regressions told: {found}, of the same again: {alarms}")


if __name__ == "__main__":
    main()
