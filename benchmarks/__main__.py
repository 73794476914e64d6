"""Takes generated file logs to closed runs, beside peers on the same files, and says what that takes.

Every contender is a process of its own, measured from outside: wall time from start to exit, CPU time
and peak memory of all its processes, what it spilled and wrote. The platform does all it does: pins,
lands, admits, builds, certifies, closes. Inputs are generated once below --work, as segments of NDJSON
that are all compressed with zstd (52 bytes an event; 100M take 5 GB and ten minutes), and are
read from a warm page cache where they fit. 100M events need 25 GB of disk besides.

Exits with 1 where a goal is missed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ByteSize, TypeAdapter
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import inputs, peers, plot, report, sizes
from benchmarks.scale import OURS, Results
from benchmarks.tables import TOO_BUSY, into_document

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchmarks.measure import Measurement

_MARKERS = ("<!-- scale: begin -->", "<!-- scale: end -->")
_DIGEST_ROWS = 5_000_000
_EXAMPLES = """examples:
  python -m benchmarks --sizes 20k --only platform          # does it run?
  python -m benchmarks --work /data/bench --json now.json   # 1M and 10M, everyone
  python -m benchmarks --sizes 100M --only platform,duckdb --work /data/bench \\
    --json now.json --add --document docs/performance.md    # and 100M, into the document
"""


class Contest:
    """Runs contenders one after the other and keeps what was measured."""

    def __init__(self, field: peers.Field, results: Results, progress: Progress) -> None:
        self._field = field
        self._results = results
        self._progress = progress
        self._task = progress.add_task("", total=None)

    def run(self, events: Iterable[int], only: Sequence[str], slices: dict[str, int]) -> None:
        """Measure the chosen contenders at every size, the sliced ones on the first log."""
        wanted = list(events)
        of_logs = [name for name in only if name not in peers.SLICED]
        of_slices = [name for name in only if name in peers.SLICED]
        self._progress.update(self._task, total=len(wanted) * len(of_logs) + len(of_slices))
        for turn, size in enumerate(wanted):
            self._field.require_room(size)
            self._begin(f"{sizes.label(size)}: making the input")
            counts = inputs.write_input(self._field.input(size), size)
            for name in of_logs:
                self._measure(name, size, counts)
            for name in of_slices if turn == len(wanted) - 1 else ():
                self._begin(f"a slice: {peers.TITLES[name]}")
                run = peers.sliced(name, self._field, size, slices[name])
                self._results.slices[name] = run
                self._done(name, f"{run.records:,}", run)

    def _measure(self, name: str, size: int, counts: inputs.Counts) -> None:
        self._begin(f"{sizes.label(size)}: {peers.TITLES[name]}")
        try:
            if name == OURS:
                run = peers.platform(self._field, size, counts)
                digest_cpu = peers.digest_cpu(self._field, _DIGEST_ROWS)
                self._results.digest_cpu[size] = digest_cpu
            else:
                run = peers.peer(name, self._field, size, counts)
        except peers.Skipped as why:
            self._results.skipped.setdefault(size, {})[name] = str(why)
            self._progress.advance(self._task)
            return
        self._results.sizes.setdefault(size, {})[name] = run
        self._results.skipped.get(size, {}).pop(name, None)
        self._done(name, sizes.label(size), run)

    def _begin(self, what: str) -> None:
        self._progress.update(self._task, description=what)

    def _done(self, name: str, what: str, run: Measurement) -> None:
        self._progress.advance(self._task)
        self._progress.console.print(
            f"{what} {peers.TITLES[name]}: {run.wall_seconds:,.1f} s, "
            f"{run.cpu_seconds:,.1f} CPU s, others {run.other_cpu_share:.0%} of the machine"
        )


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks",
        description=__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--sizes",
        default="1M,10M",
        type=lambda text: [sizes.parse(each) for each in text.split(",") if each],
        help="events of the logs, for example 20k,1M,100M; 1M,10M if absent",
    )
    parser.add_argument(
        "--only",
        default=",".join(peers.TITLES),
        type=lambda text: text.split(","),
        help=f"contenders, of {','.join(peers.TITLES)}; all if absent",
    )
    parser.add_argument("--work", type=Path, help="folder for inputs and outputs; inputs stay")
    parser.add_argument(
        "--memory",
        default="2GiB",
        type=TypeAdapter(ByteSize).validate_python,
        help="for the platform, DuckDB and Spark; 2GiB if absent",
    )
    parser.add_argument("--loop-events", type=sizes.parse, default=200_000, help="the loop's slice")
    parser.add_argument("--dlt-events", type=sizes.parse, default=1_000_000, help="dlt's slice")
    parser.add_argument("--json", type=Path, help="write every measurement to this file")
    parser.add_argument(
        "--add", action="store_true", help="keep what the JSON file holds and is not measured anew"
    )
    parser.add_argument(
        "--document",
        type=Path,
        help="put the tables between this file's markers and a plot beside it, if it was quiet",
    )
    chosen = parser.parse_args(given)
    if unknown := [name for name in chosen.only if name not in peers.TITLES]:
        parser.error(f"there are no contenders {', '.join(unknown)}; of {', '.join(peers.TITLES)}")
    if chosen.add and not chosen.json:
        parser.error("--add needs --json, the file that is added to")
    return chosen


def main(given: Sequence[str] | None = None) -> int:
    """Run the contest; return 1 where a goal is missed."""
    chosen = arguments(given)
    kept = chosen.add and chosen.json.exists()
    results = Results.read(chosen.json) if kept else Results()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with tempfile.TemporaryDirectory() as temporary:
        field = peers.Field((chosen.work or Path(temporary)).absolute(), int(chosen.memory))
        field.work.mkdir(parents=True, exist_ok=True)
        with Progress(*columns, console=Console(stderr=True)) as progress:
            contest = Contest(field, results, progress)
            slices = {"loop": chosen.loop_events, "dlt": chosen.dlt_events}
            contest.run(chosen.sizes, chosen.only, slices)
        field.clear()
    report.print_results(results)
    if chosen.json:
        results.write(chosen.json)
    if chosen.document:
        _document(chosen.document, results)
    return 0 if all(goal.reached for goal in results.goals()) else 1


def _document(document: Path, results: Results) -> None:
    if (busy := results.disturbance()) > TOO_BUSY:
        print(f"{document} is left as it was: others took {busy:.0%} of the machine")
        return
    into_document(document, report.as_markdown(results), _MARKERS)
    document.with_suffix(".svg").write_text(plot.draw(results))


if __name__ == "__main__":
    sys.exit(main())
