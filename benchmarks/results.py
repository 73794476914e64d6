"""The figures of the spine benchmark: medians, ratios, targets, and how they are printed.

`print_table` and `markdown_table` print the figures of every benchmark.
"""

from __future__ import annotations

import os
import statistics
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import psutil
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from measure import Measurement

_GIB = 1024**3
_MIB = 1024**2
#: Above this share of the machine, other processes disturb the wall times.
_QUIET = 0.05
#: Above this one, wall times and their ratios are not worth writing down.
TOO_BUSY = 0.2


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
COLUMNS = (
    "contender",
    "records",
    "wall s",
    "records/s",
    "CPU us/record",
    "peak RSS MiB",
    "we are faster",
    "by CPU",
)
TITLES = {
    "certified": "certified Parquet",
    "closed": "closing that run",
    "loop": "(a) plain Python loop",
    "dlt": "(b) dlt, schema contract",
    "floor": "(c) unchecked floor",
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

    def cpu(self, contender: str) -> float:
        """Median microseconds of CPU for each record."""
        return self.median(contender, lambda run: 1e6 * run.cpu_seconds / run.records)

    def median(self, contender: str, value: Callable[[Measurement], float]) -> float:
        """Median of any figure of a contender."""
        return statistics.median(value(run) for run in self.runs[contender])


def machine() -> str:
    """Name the machine by its cores and its memory, nothing else."""
    return f"{os.cpu_count()} cores, {psutil.virtual_memory().total / _GIB:.0f} GiB"


def rows_of(results: Results) -> list[list[str]]:
    """Return the table's rows as text."""
    rows = []
    ours = "certified" in results.runs
    for name in results.runs:
        records = results.runs[name][0].records
        first = name in {"certified", "closed"}
        rows.append(
            [
                TITLES[name],
                f"{records:,}",
                f"{results.median(name, lambda run: run.wall_seconds):.1f}",
                f"{results.rate(name):,.0f}",
                f"{results.cpu(name):.1f}",
                f"{results.median(name, lambda run: run.peak_rss_bytes / _MIB):,.0f}",
                "" if first or not ours else f"{results.ratio(name):.2f}x",
                "" if first or not ours else f"{results.cpu(name) / results.cpu('certified'):.2f}x",
            ]
        )
    return rows


def verdicts(results: Results) -> list[tuple[Target, float, bool]]:
    """Hold the ratios against the targets."""
    measured = [target for target in TARGETS if target.peer in results.runs]
    ratios = [(target, results.ratio(target.peer)) for target in measured]
    return [(target, ratio, ratio >= target.least_ratio) for target, ratio in ratios]


def print_results(results: Results) -> None:
    """Print the table, the steps and the targets."""
    title = f"file log to certified Parquet, {machine()}"
    print_table(title, COLUMNS, rows_of(results), remarks(results))


def print_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], said: Iterable[str]
) -> None:
    """Print a table of figures, and what is said beneath it; the first column holds names."""
    table = Table(title=title)
    for column in columns:
        table.add_column(column, justify="left" if column == columns[0] else "right")
    for row in rows:
        table.add_row(*row)
    console = Console(width=120)
    console.print(table)
    for remark in said:
        console.print(remark)


def disturbance(results: Results) -> float:
    """Return the largest share of the machine that other processes took during a measurement."""
    return max(run.other_cpu_share for runs in results.runs.values() for run in runs)


def remarks(results: Results) -> list[str]:
    """Return what stands beneath the table: steps, disturbance, targets."""
    said = []
    ours = results.runs.get("certified", [])
    if ours:
        medians = {name: results.median("certified", _step(name)) for name in ours[0].steps}
        names = [name for name in medians if f"{name} CPU" in medians]
        words = [f"{name} {medians[name]:.1f} ({medians[f'{name} CPU']:.1f})" for name in names]
        said.append(f"- steps, seconds (CPU seconds): {', '.join(words)}")
    busy = max(run.other_cpu_share for runs in results.runs.values() for run in runs)
    if busy > _QUIET:
        said.append(
            f"- other processes took up to {busy:.0%} of the machine: trust the CPU columns"
        )
    for target, ratio, reached in verdicts(results) if ours else []:
        word = "reached" if reached else "MISSED"
        said.append(f"- {word}: {target.words}; {ratio:.2f}x its speed")
    return said


def _step(name: str) -> Callable[[Measurement], float]:
    return lambda run: run.steps[name]


def as_markdown(results: Results) -> str:
    """Return table, steps and targets for a document."""
    return markdown_table(machine(), COLUMNS, rows_of(results), remarks(results))


def markdown_table(
    measured_on: str, columns: Sequence[str], rows: Iterable[Sequence[str]], said: Iterable[str]
) -> str:
    """Return for a document what `print_table` prints."""
    lines = [
        f"Measured on {measured_on}.",
        "",
        "| " + " | ".join(columns) + " |",
        "| --- |" + " ---: |" * (len(columns) - 1),
        *("| " + " | ".join(row) + " |" for row in rows),
        "",
        *said,
    ]
    return "\n".join(lines)


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
