"""The platform: a pinned window of a Kafka topic, landed through the pipeline to its receipt."""

from __future__ import annotations

import json
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.feed import FEED, STREAM
from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, land, pin

if TYPE_CHECKING:
    from collections.abc import Iterator

_seconds: dict[str, float] = {}


@contextmanager
def _timed(step: str) -> Iterator[None]:
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    _seconds[step] = time.perf_counter() - wall
    _seconds[f"{step} CPU"] = time.process_time() - cpu


def main() -> None:
    arguments = json.loads(sys.argv[1])
    platform = Platform.open(Path(arguments["home"]))
    with _timed("pin"):
        pin(platform, FEED)
    with _timed("read"):
        receipt = land(platform, RunId(FEED, 1), STREAM)
    records = sum(part["delivered"] for part in receipt["partitions"])
    print(json.dumps({"records": records, "rows": records, "steps": _seconds}))


if __name__ == "__main__":
    main()
