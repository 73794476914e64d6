"""Contract validation: records for each second, beside validators that take records one by one.

Generated card authorisations are pinned and landed by the platform. Then its judge reads the landed
parts and judges them, in one process and in two, from the file to typed columns. Beside it, in the same
run, on the first of the same records, which are in memory already: jsonschema-rs behind orjson and
behind the standard library's parser, jsonschema in Python, and Polars' lenient decoding, which refuses
nothing. Each is measured some times, the fastest time counts. Workers start before the clock does.

Exits with 1 where the judge takes less than a million records a second with two processes, or accepts
other records than jsonschema-rs does.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.contenders.validators import (
    SLICES,
    judge_part,
    lenient,
    one_by_one,
    prepared_judge,
    read_values,
)
from benchmarks.feed import FEED, STREAM, write_home
from benchmarks.inputs import write_input
from benchmarks.tables import machine, print_table
from platform_assets.adapters.workers import workers
from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, land, pin

if TYPE_CHECKING:
    from collections.abc import Callable

_GOAL = 1_000_000
_PROCESSES = (1, 2)


@dataclass(frozen=True, slots=True)
class Speed:
    """What one contender did."""

    records: int
    accepted: int
    seconds: float
    cpu_seconds: float

    @property
    def rate(self) -> float:
        """Records for each second."""
        return self.records / self.seconds

    @property
    def cpu(self) -> float:
        """Microseconds of CPU for each record, which mean something on a busy machine too."""
        return self.cpu_seconds / self.records * 1e6


def landed_parts(work: Path, events: int) -> tuple[str, list[str]]:
    """Write, pin and land a log; return the home and its landed parts."""
    home = work / "home"
    write_input(work / "input", events)
    write_home(home, work / "input" / "log")
    platform = Platform.open(home)
    pin(platform, FEED)
    land(platform, RunId(FEED, 1), STREAM)
    return str(home), sorted(map(str, home.glob("store/runs/*/landing/*/*.parquet")))


def judged(home: str, parts: list[str], count: int, repeat: int) -> tuple[Speed, int]:
    """Judge all parts in so many processes; return the speed, and how many went one by one."""
    best: Speed | None = None
    slow = 0
    with workers(count, prepared_judge, home) as pool:
        list(pool.map(judge_part, parts[: 2 * count]))  # all have started, and warmed up
        for _ in range(repeat):
            begun = time.perf_counter()
            found = list(pool.map(judge_part, parts))
            seconds = time.perf_counter() - begun
            records = sum(part.columnar + part.one_by_one for part in found)
            slow = sum(part.one_by_one for part in found)
            accepted = sum(part.accepted for part in found)
            speed = Speed(records, accepted, seconds, sum(part.cpu_seconds for part in found))
            best = speed if best is None or speed.seconds < best.seconds else best
    if best is None:
        raise RuntimeError("nothing was repeated")
    return best, slow


def timed(records: int, repeat: int, act: Callable[[], int]) -> Speed:
    """Return the fastest of some times."""
    found = []
    for _ in range(repeat):
        begun, cpu = time.perf_counter(), time.process_time()
        accepted = act()
        cpu = time.process_time() - cpu
        found.append(Speed(records, accepted, time.perf_counter() - begun, cpu))
    return min(found, key=lambda speed: speed.seconds)


def main() -> None:
    """Measure and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    given = parser.parse_args()
    speeds: dict[str, Speed] = {}
    with tempfile.TemporaryDirectory() as folder:
        home, parts = landed_parts(Path(folder), given.events)
        values = read_values(parts[0])
        for count in _PROCESSES:
            speeds[_ours(count)], slow = judged(home, parts, count, given.repeat)
        speeds["Polars, lenient"] = timed(len(values), given.repeat, lambda: lenient(home, values))
        agreed = True
        for name, most in SLICES.items():
            records = values[:most].to_list()
            act = partial(one_by_one, name, records)
            speeds[name] = timed(len(records), given.repeat, act)
            verdicts = prepared_judge(home).judge(values[:most])
            accepted = sum(len(frame) for frame in verdicts.accepted.values())
            agreed &= accepted == speeds[name].accepted
    fastest = speeds[_ours(_PROCESSES[-1])]
    said = [
        f"{'reached' if fastest.rate >= _GOAL else 'missed'}: {_GOAL:,} records/s in two processes",
        f"{'reached' if agreed else 'missed'}: as many records accepted as by the others",
        f"{slow:,} records were judged one by one",
        machine(),
    ]
    print_table(
        "Validation of generated payments",
        ("contender", "records", "records/s", "CPU us/record", "we are faster", "by CPU"),
        [_row(name, speed, fastest) for name, speed in speeds.items()],
        said,
    )
    sys.exit(0 if agreed and fastest.rate >= _GOAL else 1)


def _row(name: str, speed: Speed, ours: Speed) -> tuple[str, ...]:
    return (
        name,
        f"{speed.records:,}",
        f"{speed.rate:,.0f}",
        f"{speed.cpu:.2f}",
        f"{ours.rate / speed.rate:.1f}x",
        f"{speed.cpu / ours.cpu:.1f}x",
    )


def _ours(count: int) -> str:
    return f"the judge, {count} process{'es' if count > 1 else ''}"


if __name__ == "__main__":
    main()
