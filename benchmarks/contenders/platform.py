"""The platform: file log to closed run through the pipeline's own steps, all guarantees kept.

``steps`` names which of them, all if absent; what comes before them must have been done.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.feed import FEED, STREAM
from benchmarks.phases import phase
from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, admit, build, certify, close, land, pin

if TYPE_CHECKING:
    from collections.abc import Callable


def main() -> None:
    arguments = json.loads(sys.argv[1])
    platform, run = Platform.open(Path(arguments["home"])), RunId(FEED, 1)
    steps: dict[str, Callable[[], Any]] = {
        "pin": lambda: pin(platform, FEED),
        "land": lambda: land(platform, run, STREAM),
        "admit": lambda: admit(platform, run, STREAM),
        "build": lambda: build(platform, run, STREAM),
        "certify": lambda: certify(platform, run, STREAM),
        "close": lambda: close(platform, run),
    }
    phases: list[dict[str, Any]] = []
    answers = {}
    for name in arguments.get("steps", steps):
        with phase(name, phases):
            answers[name] = steps[name]()
    if answers.get("certify", {"verdict": "PASS"})["verdict"] != "PASS":
        raise RuntimeError(f"the product was not certified: {answers['certify']['checks']}")
    print(
        json.dumps(
            {
                "records": answers["admit"]["delivered"] if "admit" in answers else 0,
                "rows": answers["build"]["rows"] if "build" in answers else 0,
                "phases": phases,
            }
        )
    )


if __name__ == "__main__":
    main()
