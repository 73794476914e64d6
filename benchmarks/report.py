"""The results of ``python -m benchmarks`` as tables, for a terminal and for a document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.peers import TITLES
from benchmarks.scale import OURS, PRODUCT_STEPS, product_seconds
from benchmarks.sizes import label
from benchmarks.tables import MIB, QUIET, bare_table, markdown_table, print_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.measure import Measurement, Phase
    from benchmarks.scale import Results

COLUMNS = (
    "contender",
    "events",
    "wall s",
    "events/s",
    "CPU s",
    "RSS MiB",
    "PSS MiB",
    "spilled MiB",
    "written MiB",
    "we are faster",
)
STEP_COLUMNS = ("step", *COLUMNS[1:-1])


def rows_of(results: Results) -> list[list[str]]:
    """Return the rows of the contenders, size by size, then the slices."""
    rows = []
    for events, runs in sorted(results.sizes.items()):
        for name in (name for name in TITLES if name in runs):
            run, compared = runs[name], name != OURS and OURS in runs
            ratio = f"{results.times_faster(run, events):.2f}x" if compared else ""
            rows.append([TITLES[name], label(events), *_figures(run, run.records), ratio])
    for name, run in results.slices.items():
        ratio = f"{results.times_faster(run):.1f}x" if results.ours else ""
        rows.append([TITLES[name], f"{run.records:,}", *_figures(run, run.records), ratio])
    return rows


def step_rows_of(results: Results) -> list[list[str]]:
    """Return the rows of the platform's steps, size by size."""
    return [
        [step.name, label(events), *_figures(step, run.records)]
        for events, run in results.ours.items()
        for step in run.phases
    ]


def remarks(results: Results) -> Iterator[str]:
    """Yield what stands beneath the tables."""
    for goal in results.goals():
        yield f"- {'reached' if goal.reached else 'MISSED'}: {goal.words}"
    for events, run in results.ours.items():
        seconds = product_seconds(run)
        steps = ", ".join(PRODUCT_STEPS)
        yield f"- product of {label(events)} ({steps}): {seconds:,.1f} s of {run.wall_seconds:,.1f}"
    for events, names in sorted(results.skipped.items()):
        for name, why in names.items():
            yield f"- {TITLES[name]}, {label(events)}: left out; {why}"
    if (busy := results.disturbance()) > QUIET:
        yield f"- other processes took up to {busy:.0%} of the machine: trust the CPU columns"


def print_results(results: Results) -> None:
    """Print both tables and the remarks."""
    print_table(f"NDJSON to certified Parquet, {results.machine}", COLUMNS, rows_of(results))
    print_table("the platform's steps", STEP_COLUMNS, step_rows_of(results), remarks(results))


def as_markdown(results: Results) -> str:
    """Return both tables and the remarks for a document."""
    steps = bare_table(STEP_COLUMNS, step_rows_of(results))
    said = [*remarks(results), "", "Step by step:", "", steps]
    return markdown_table(results.machine, COLUMNS, rows_of(results), said)


def _figures(run: Measurement | Phase, records: int) -> list[str]:
    return [
        f"{run.wall_seconds:,.1f}",
        f"{records / run.wall_seconds:,.0f}",
        f"{run.cpu_seconds:,.1f}",
        *(
            f"{size / MIB:,.0f}"
            for size in (
                run.peak_rss_bytes,
                run.peak_pss_bytes,
                run.spilled_bytes,
                run.written_bytes,
            )
        ),
    ]
