"""What opening a certified product through the gate costs, beside a Polars scan of the same files.

Three things of one product, alternately; of the repeats the fastest counts, because other processes can
only add to it. Hashing its parts with hashlib, on as many threads as there are cores, and nothing else.
The gate with `strict`, which is its first opening in a process: the same hashing, and all its other
steps. The gate once more, for parts that this process has hashed, and `scan`, beside
`polars.scan_parquet`.

Exits with 1 where the first opening reaches less than 80 percent of the hashing speed, or where opening
takes over 5 ms more than the scan.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from benchmarks.feed import FEED, STREAM, write_home
from benchmarks.inputs import write_input
from benchmarks.tables import machine, print_table
from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, open_product, pin
from platform_assets.pipeline.steps import admit, build, certify, land

if TYPE_CHECKING:
    from collections.abc import Callable

_MIB = 1024**2
_LEAST_OF_HASHING = 0.8
_MOST_OVER_SCAN = 0.005


def certified_home(work: Path, events: int) -> Path:
    """Return a home with one certified product of about so many rows; it is made where it is not."""
    home = work / f"home-{events}"
    if not home.exists():
        write_input(work / f"input-{events}", events)
        write_home(home, work / f"input-{events}" / "log")
        platform, run = Platform.open(home), RunId(FEED, 1)
        pin(platform, FEED)
        for step in (land, admit, build, certify):
            step(platform, run, STREAM)
    return home


def hash_all(paths: tuple[Path, ...]) -> list[str]:
    """Hash files with hashlib, and do nothing else."""

    def sha256(path: Path) -> str:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
        return list(threads.map(sha256, paths))


def main() -> None:
    """Measure, print, and judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=2_000_000, help="rows of the product")
    parser.add_argument("--repeat", type=int, default=30, help="measurements of each")
    parser.add_argument("--work", type=Path, help="a folder that is kept, inputs and home in it")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        home = certified_home((given.work or Path(temporary)).absolute(), given.events)
        platform, run = Platform.open(home), RunId(FEED, 1)
        opened = open_product(platform, run, STREAM)
        acts: dict[str, Callable[[], object]] = {
            "hashing": lambda: hash_all(opened.paths),
            "first": lambda: open_product(platform, run, STREAM, strict=True),
            "again": lambda: open_product(platform, run, STREAM).scan(),
            "scan": lambda: pl.scan_parquet(list(opened.paths), glob=False),
        }
        taken = {name: min(times) for name, times in _times(acts, given.repeat).items()}
        size = sum(path.stat().st_size for path in opened.paths)
    share, over = taken["hashing"] / taken["first"], taken["again"] - taken["scan"]
    print_table(
        f"{opened.rows:,} rows in {len(opened.paths)} parts of {size / _MIB:,.0f} MiB in all",
        ("what", "ms"),
        [
            ("hashing the parts, nothing else", f"{taken['hashing'] * 1000:.1f}"),
            ("opening for the first time", f"{taken['first'] * 1000:.1f}"),
            ("opening again, and a lazy frame", f"{taken['again'] * 1000:.2f}"),
            ("a lazy frame of the same files", f"{taken['scan'] * 1000:.2f}"),
        ],
        [
            f"the first opening has {share:.0%} of the speed of hashing alone",
            f"opening again takes {over * 1000:.2f} ms more than the scan",
            machine(),
        ],
    )
    sys.exit(1 if share < _LEAST_OF_HASHING or over > _MOST_OVER_SCAN else 0)


def _times(acts: dict[str, Callable[[], object]], repeat: int) -> dict[str, list[float]]:
    taken: dict[str, list[float]] = {name: [] for name in acts}
    for _ in range(repeat):
        for name, act in acts.items():
            begun = time.perf_counter()
            act()
            taken[name].append(time.perf_counter() - begun)
    return taken


if __name__ == "__main__":
    main()
