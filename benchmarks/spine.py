"""NDJSON file log to certified Parquet, beside three peers on the same files in the same run.

Prints records per second, CPU time, peak RSS and ratios, and exits with 1 where a target is missed:
at least 10 times the plain loop's records per second, at least 3 times dlt's, at most 4 times the
time of the unchecked floor. Rates are medians over the repeats; contenders take turns, so that a slow
minute of the machine does not hit one alone. Everything is read from a warm page cache. What was
measured while other processes took more than a fifth of the machine is printed, but not documented.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import inputs
from measure import Measurement, measure
from results import (
    TITLES,
    TOO_BUSY,
    Results,
    as_json,
    as_markdown,
    disturbance,
    print_results,
    verdicts,
)

if TYPE_CHECKING:
    from collections.abc import Callable


_BEGIN, _END = "<!-- spine: begin -->", "<!-- spine: end -->"


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


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--events", type=int, default=2_000_000, help="authorisations in the log")
    parser.add_argument("--loop-events", type=int, default=200_000, help="slice for the plain loop")
    parser.add_argument("--repeat", type=int, default=1, help="measure so often, take medians")
    parser.add_argument("--only", nargs="+", choices=list(TITLES), default=list(TITLES))
    parser.add_argument("--work", type=Path, help="folder for inputs and outputs; kept if given")
    parser.add_argument("--json", type=Path, help="write every measurement to this file")
    parser.add_argument("--document", type=Path, help="put the table between this file's markers")
    return parser.parse_args()


def into_document(document: Path, table: str, markers: tuple[str, str] = (_BEGIN, _END)) -> None:
    """Replace what stands between the markers of a Markdown file."""
    begin, end = markers
    before, _, rest = document.read_text().partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise SystemExit(f"{document} has no markers {begin} and {end}")
    document.write_text(f"{before}{begin}\n\n{table}\n\n{end}{after}")


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
    if given.document and disturbance(results) > TOO_BUSY:
        print(
            f"{given.document} is left as it was: the machine was too busy for wall times to count"
        )
    elif given.document:
        into_document(given.document, as_markdown(results))
    missed = "certified" in results.runs and not all(reached for *_, reached in verdicts(results))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
