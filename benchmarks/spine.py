"""NDJSON file log to certified Parquet, beside three peers on the same files in the same run.

Prints records per second, CPU time, peak RSS and ratios, and exits with 1 where a target is missed:
at least 10 times the plain loop's records per second, at least 3 times dlt's, at most 4 times the
time of the unchecked floor. Rates are medians over the repeats; contenders take turns, so that a slow
minute of the machine does not hit one alone. Everything is read from a warm page cache.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import inputs
import psutil
from measure import Measurement, measure
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable

_GIB = 1024**3
_MIB = 1024**2


@dataclass(frozen=True, slots=True)
class Target:
    """A ratio of the platform's speed to a peer's that must be reached."""

    peer: str
    least_ratio: float
    words: str


TARGETS = (
    Target("loop", 10.0, "at least 10x the records/s of (a)"),
    Target("dlt", 3.0, "at least 3x the records/s of (b)"),
    Target("floor", 0.25, "at most 4x the time of (c)"),
)
TITLES = {
    "certified": "platform: certified Parquet",
    "closed": "platform: closed run",
    "loop": "(a) plain Python loop",
    "dlt": "(b) dlt, schema contract",
    "floor": "(c) unchecked floor, polars",
}


@dataclass(slots=True)
class Results:
    """All measurements by contender."""

    runs: dict[str, list[Measurement]] = field(default_factory=dict)

    def rate(self, contender: str) -> float:
        """Median records per second."""
        return statistics.median(run.records_per_second for run in self.runs[contender])

    def ratio(self, peer: str) -> float:
        """How many times faster than the peer the platform is."""
        return self.rate("certified") / self.rate(peer)

    def median(self, contender: str, value: Callable[[Measurement], float]) -> float:
        """Median of any figure of a contender."""
        return statistics.median(value(run) for run in self.runs[contender])


def contenders(work: Path, events: int, slice_records: int) -> dict[str, Callable[[], Measurement]]:
    """Prepare the inputs and return each contender as something to call."""
    folder = work / "input"
    counts = inputs.write_input(folder, events)
    sliced = inputs.write_slice(folder, min(slice_records, counts["delivered"]))
    everything = {"records": counts["delivered"]}
    segments = [str(path) for path in inputs.segments(folder)]
    home = work / "home"

    def certified() -> Measurement:
        inputs.write_home(home, folder / "log")
        run = measure("certified", {"home": str(home), "steps": "certify"})
        expect("the platform's rows", run.rows, counts["admitted"])
        return run

    def closed() -> Measurement:
        given = everything | {"home": str(home), "steps": "close", "rows": counts["admitted"]}
        return measure("certified", given)

    def loop() -> Measurement:
        given = [str(path) for path in sorted((folder / "slice").rglob("*.ndjson"))]
        run = measure("plain_loop", {"segments": given, "target": str(work / "loop.parquet")})
        expect("the loop's records", run.records, sliced)
        return run

    def dlt() -> Measurement:
        with tempfile.TemporaryDirectory(dir=work) as target:
            log = str(folder / "log" / inputs.STREAM)
            workers = os.cpu_count() or 1
            given = everything | {"log": log, "target": target, "workers": workers}
            run = measure("dlt_load", given)
        expect("dlt's rows", run.rows, counts["delivered"])
        return run

    def floor() -> Measurement:
        target = str(work / "floor.parquet")
        run = measure("polars_floor", everything | {"segments": segments, "target": target})
        expect("the floor's rows", run.rows, counts["delivered"])
        return run

    return {"certified": certified, "closed": closed, "loop": loop, "dlt": dlt, "floor": floor}


def expect(what: str, found: int, wanted: int) -> None:
    """A contender that did other work is not compared.

    Raises:
        RuntimeError: the counts differ.
    """
    if found != wanted:
        raise RuntimeError(f"{what}: expected {wanted:,}, found {found:,}")


def machine() -> str:
    """Name the machine by its cores and its memory, nothing else."""
    return f"{os.cpu_count()} cores, {psutil.virtual_memory().total / _GIB:.0f} GiB"


def rows_of(results: Results) -> list[list[str]]:
    """Return the table's rows as text."""
    rows = []
    for name in results.runs:
        records = results.runs[name][0].records
        first = name in {"certified", "closed"}
        rows.append(
            [
                TITLES[name],
                f"{records:,}",
                f"{results.median(name, lambda run: run.wall_seconds):.1f}",
                f"{results.rate(name):,.0f}",
                f"{results.median(name, lambda run: 1e6 * run.cpu_seconds / run.records):.1f}",
                f"{results.median(name, lambda run: run.peak_rss_bytes / _MIB):,.0f}",
                "" if first or "certified" not in results.runs else f"{results.ratio(name):.2f}x",
            ]
        )
    return rows


COLUMNS = [
    "contender",
    "records",
    "wall s",
    "records/s",
    "CPU us/record",
    "peak RSS MiB",
    "platform is",
]


def verdicts(results: Results) -> list[tuple[Target, float, bool]]:
    """Hold the ratios against the targets."""
    measured = [target for target in TARGETS if target.peer in results.runs]
    ratios = [(target, results.ratio(target.peer)) for target in measured]
    return [(target, ratio, ratio >= target.least_ratio) for target, ratio in ratios]


def print_results(results: Results) -> None:
    """Print the table, the steps and the targets."""
    console = Console(width=120)
    table = Table(title=f"file log to certified Parquet, {machine()}")
    for column in COLUMNS:
        table.add_column(column, justify="left" if column == "contender" else "right")
    for row in rows_of(results):
        table.add_row(*row)
    console.print(table)
    steps = results.runs.get("certified", [])
    if steps:
        names = [
            f"{step} {results.median('certified', _step(step)):.1f} s" for step in steps[0].steps
        ]
        console.print("steps: " + ", ".join(names))
    for target, ratio, reached in verdicts(results) if steps else []:
        console.print(
            f"{'reached' if reached else 'MISSED '} {target.words}: {ratio:.2f}x its speed"
        )


def _step(name: str) -> Callable[[Measurement], float]:
    return lambda run: run.steps[name]


def as_json(results: Results) -> dict[str, Any]:
    """Return every measurement."""
    return {
        "machine": machine(),
        "runs": {name: [asdict(run) for run in runs] for name, runs in results.runs.items()},
        "targets": [
            {"target": target.words, "ratio": round(ratio, 3), "reached": reached}
            for target, ratio, reached in (verdicts(results) if "certified" in results.runs else [])
        ],
    }


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--events", type=int, default=2_000_000, help="authorisations in the log")
    parser.add_argument("--loop-events", type=int, default=200_000, help="slice for the plain loop")
    parser.add_argument("--repeat", type=int, default=1, help="measure so often, take medians")
    parser.add_argument("--only", nargs="+", choices=list(TITLES), default=list(TITLES))
    parser.add_argument("--work", type=Path, help="folder for inputs and outputs; kept if given")
    parser.add_argument("--json", type=Path, help="write every measurement to this file")
    return parser.parse_args()


def main() -> int:
    given = arguments()
    with tempfile.TemporaryDirectory() as temporary:
        work = given.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        results = Results()
        ready = contenders(work.absolute(), given.events, given.loop_events)
        for turn in range(given.repeat):
            for name in (name for name in ready if name in given.only):
                run = ready[name]()
                results.runs.setdefault(name, []).append(run)
                print(
                    f"{turn + 1}/{given.repeat} {TITLES[name]}: {run.wall_seconds:.1f} s",
                    flush=True,
                )
    print_results(results)
    if given.json:
        given.json.write_text(json.dumps(as_json(results), indent=1) + "\n")
    missed = "certified" in results.runs and not all(reached for *_, reached in verdicts(results))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
