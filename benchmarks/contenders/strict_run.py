"""The platform: one window of notes from its log to a reader's rows, by CPU seconds a step."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from platform_assets.identifiers import RunId
from platform_assets.pipeline import (
    Platform,
    admit,
    build,
    certify,
    close,
    land,
    open_product,
    pin,
)

if TYPE_CHECKING:
    from collections.abc import Callable

RUN = RunId("notes", 1)


def main() -> None:
    platform = Platform.open(Path(json.loads(sys.argv[1])["home"]))
    pin(platform, RUN.feed)
    acts: dict[str, Callable[[], object]] = {
        "land": lambda: land(platform, RUN, "notes"),
        "admit": lambda: admit(platform, RUN, "notes"),
        "build": lambda: build(platform, RUN, "notes"),
        "certify": lambda: certify(platform, RUN, "notes"),
        "close": lambda: close(platform, RUN),
        "read": lambda: open_product(platform, RUN, "notes").scan().collect(),
    }
    steps = {}
    for name, act in acts.items():
        begun = time.process_time()
        act()
        steps[name] = time.process_time() - begun
    rows = open_product(platform, RUN, "notes").rows
    print(json.dumps({"records": rows, "rows": rows, "steps": steps}))


if __name__ == "__main__":
    main()
