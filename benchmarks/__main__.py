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
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ByteSize, TypeAdapter
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import peers, plot, report, sizes
from benchmarks.contest import Contest
from benchmarks.scale import Results
from benchmarks.tables import TOO_BUSY, into_document

if TYPE_CHECKING:
    from collections.abc import Sequence

_MARKERS = ("<!-- scale: begin -->", "<!-- scale: end -->")
_EXAMPLES = """examples:
  python -m benchmarks --sizes 20k --only platform          # does it run?
  python -m benchmarks --work /data/bench --json now.json   # 1M and 10M, everyone
  python -m benchmarks --sizes 100M --only platform,duckdb,duckdb_copy --work /data/bench \\
    --json now.json --add --document docs/performance.md    # and 100M, into the document
"""


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    """Return what was asked for."""
    parser = _parser()
    chosen = parser.parse_args(given)
    if unknown := [name for name in chosen.only if name not in peers.TITLES]:
        parser.error(f"there are no contenders {', '.join(unknown)}; of {', '.join(peers.TITLES)}")
    if chosen.add and not chosen.json:
        parser.error("--add needs --json, the file that is added to")
    return chosen


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m benchmarks",
        description=__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    everyone = ",".join(peers.TITLES)
    for option, default, meaning, said in (
        (
            "--sizes",
            "1M,10M",
            _sizes,
            "events of the logs, for example 20k,1M,100M; 1M,10M if absent",
        ),
        ("--only", everyone, _names, f"contenders, of {everyone}; all if absent"),
        ("--work", None, Path, "folder for inputs and outputs; the inputs stay"),
        ("--memory", "2GiB", _bytes, "for the platform, DuckDB and Spark; 2GiB if absent"),
        ("--loop-events", "200k", _size, "events of the plain loop's slice"),
        ("--dlt-events", "1M", _size, "events of dlt's slice"),
        ("--json", None, Path, "write every measurement to this file"),
        ("--document", None, Path, "put tables and a plot into this document, if it was quiet"),
    ):
        parser.add_argument(option, default=default, type=meaning, help=said)
    parser.add_argument(
        "--add", action="store_true", help="keep what the JSON file holds and is not measured anew"
    )
    return parser


def _size(text: str) -> int:
    try:
        return sizes.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _sizes(text: str) -> list[int]:
    return [_size(each) for each in text.split(",") if each]


def _names(text: str) -> list[str]:
    return text.split(",")


def _bytes(text: str) -> int:
    return int(TypeAdapter(ByteSize).validate_python(text))


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
        field = peers.Field((chosen.work or Path(temporary)).absolute(), chosen.memory)
        field.work.mkdir(parents=True, exist_ok=True)
        with Progress(*columns, console=Console(stderr=True)) as progress:
            saved = partial(results.write, chosen.json) if chosen.json else None
            contest = Contest(field, results, progress, saved)
            slices = {"loop": chosen.loop_events, "dlt": chosen.dlt_events}
            contest.run(chosen.sizes, chosen.only, slices)
        field.clear()
    report.print_results(results)
    if chosen.document:
        _document(chosen.document, results)
    return 0 if all(goal.reached for goal in results.goals()) else 1


def _document(document: Path, results: Results) -> None:
    if (busy := results.disturbance()) > TOO_BUSY:
        print(f"{document} is left as it was: others took {busy:.0%} of the machine")
        return
    picture = document.with_suffix(".svg")
    picture.write_text(plot.draw(results))
    shown = f"![Microseconds for each event over the number of events]({picture.name})"
    into_document(document, f"{report.as_markdown(results)}\n\n{shown}", _MARKERS)


if __name__ == "__main__":
    sys.exit(main())
