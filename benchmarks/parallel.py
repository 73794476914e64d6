"""Windows side by side against one after the other: the same payments, on the same cores, all closed.

A log of generated payments is taken to closed runs by the command line, each time in a home of its own
with the whole memory budget and all cores: by ``run --until-caught-up``, and by the same with
``--parallel``, in turn. Both have to admit the same number of events, or there is no result. The ratio
is that of the medians. Side by side each process has its share of memory and cores, so that what is
gained is what a single run leaves idle.

Examples:
  python -m benchmarks.parallel
  python -m benchmarks.parallel --windows 4 --records 50000 --repeat 3
  python -m benchmarks.parallel --parallel 4 --work /data/bench --json parallel.json
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from benchmarks.feed import FEED, write_home
from benchmarks.inputs import write_input
from benchmarks.tables import machine, print_table

if TYPE_CHECKING:
    from collections.abc import Sequence

COLUMNS = ("windows", "records each", "in order s", "side by side s", "ratio")
_ROOT = Path(__file__).parents[1]


def taken(work: Path, log: Path, records: int, processes: int) -> tuple[float, dict[str, Any]]:
    """Return the seconds in which a log is caught up with, and what the command answers."""
    with tempfile.TemporaryDirectory(dir=work) as folder:
        home = Path(folder) / "home"
        write_home(home, log)
        path = home / "defs" / FEED / "defs.yaml"
        feed = yaml.safe_load(path.read_text())
        feed["attributes"]["window"] |= {"max_records": records, "parallel": processes}
        path.write_text(yaml.safe_dump(feed, sort_keys=False))
        command = ["run", FEED, "--until-caught-up", "--json", "--home", str(home)]
        if processes > 1:
            command += ["--parallel", str(processes)]
        begun = time.perf_counter()
        answer = subprocess.run(
            [sys.executable, "-m", "platform_assets", *command],
            cwd=_ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.perf_counter() - begun
    if answer.returncode:
        sys.exit(f"platform-assets {' '.join(command)}\n{answer.stdout}{answer.stderr}")
    return seconds, json.loads(answer.stdout)


def compared(
    work: Path, *, windows: int, records: int, processes: int, rounds: int
) -> dict[str, Any]:
    """Return the seconds of each round, in order and side by side, and the ratio of their medians."""
    made = work / f"payments-{windows * records}"
    counts = write_input(made, windows * records)
    seconds: dict[int, list[float]] = {1: [], processes: []}
    runs = 0
    for _ in range(rounds):
        for count, found in seconds.items():
            elapsed, answer = taken(work, made / "log", records, count)
            found.append(elapsed)
            runs = len(answer["runs"])
            if answer["totals"]["admitted"] != counts.admitted:
                sys.exit(f"{answer['totals']} with {count} at a time, expected {counts}")
    in_order, beside = (statistics.median(found) for found in seconds.values())
    return {
        "windows": runs,
        "records": records,
        "processes": processes,
        "cores": os.cpu_count(),
        "in_order_seconds": seconds[1],
        "side_by_side_seconds": seconds[processes],
        "ratio": in_order / beside,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print a table, and write it as JSON where that is asked for."""
    given = _arguments(arguments)
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(dir=given.work) as folder:
        found = compared(
            given.work or Path(folder),
            windows=given.windows,
            records=given.records,
            processes=given.parallel,
            rounds=given.repeat,
        )
    found["load_before"] = before
    medians = [statistics.median(found[f"{name}_seconds"]) for name in ("in_order", "side_by_side")]
    row = [
        f"{found['windows']}",
        f"{given.records:,}",
        *(f"{seconds:.1f}" for seconds in medians),
        f"{found['ratio']:.2f}x",
    ]
    said = [f"{given.parallel} processes; load of the machine before: {before:.1f}"]
    print_table(f"windows side by side, {machine()}", COLUMNS, [row], said)
    if given.json:
        given.json.write_text(json.dumps(found, indent=1))


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.parallel",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--windows", type=int, default=10, help="how many; 10")
    parser.add_argument("--records", type=int, default=200_000, help="of each window; 200,000")
    parser.add_argument("--parallel", type=int, default=2, help="processes at a time; 2")
    parser.add_argument("--repeat", type=int, default=1, help="rounds; medians are compared; 1")
    parser.add_argument("--work", type=Path, help="folder that keeps the log for the next time")
    parser.add_argument("--json", type=Path, help="file for the figures")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
