"""The platform: file log to certified Parquet through the pipeline's own steps, all guarantees kept.

``steps`` names what to do: pinning to certifying, or closing what was certified before.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import inputs

from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, admit, build, certify, close, land, pin

if TYPE_CHECKING:
    from collections.abc import Iterator

_RUN = RunId("payments", 1)
_seconds: dict[str, float] = {}


@contextmanager
def _timed(step: str) -> Iterator[None]:
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    _seconds[step] = round(time.perf_counter() - wall, 2)
    _seconds[f"{step} CPU"] = round(time.process_time() - cpu, 2)


def _certified(platform: Platform) -> tuple[int, int]:
    with _timed("pin"):
        pin(platform, "payments")
    with _timed("land"):
        land(platform, _RUN, inputs.STREAM)
    with _timed("admit"):
        receipt = admit(platform, _RUN, inputs.STREAM)
    with _timed("build"):
        manifest = build(platform, _RUN, inputs.STREAM)
    with _timed("certify"):
        certificate = certify(platform, _RUN, inputs.STREAM)
    if certificate["verdict"] != "PASS":
        raise RuntimeError(f"the product was not certified: {certificate['checks']}")
    return receipt["delivered"], manifest["rows"]


def main() -> None:
    arguments = json.loads(sys.argv[1])
    platform = Platform.open(Path(arguments["home"]))
    if arguments["steps"] == "certify":
        records, rows = _certified(platform)
    else:
        records, rows = arguments["records"], arguments["rows"]
        with _timed("close"):
            close(platform, _RUN)
    print(json.dumps({"records": records, "rows": rows, "steps": _seconds}))


if __name__ == "__main__":
    main()
