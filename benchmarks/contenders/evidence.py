"""The platform: one act upon the evidence of a run, timed from inside.

``act``: ``certify`` (everything before the closure), ``close``, ``verify`` (the run in its home, data
included), ``export`` (with data, to ``archive``), ``check`` (the exported archive), ``hash`` (the files
of a folder, by the function that verification uses).
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from platform_assets.identifiers import RunId
from platform_assets.pipeline import (
    Platform,
    admit,
    build,
    certify,
    close,
    export_run,
    land,
    pin,
    verify_bundle,
    verify_run,
)

_RUN = RunId("notes", 1)


def _act(arguments: dict[str, Any]) -> None:
    act = arguments["act"]
    if act == "hash":
        from platform_assets.adapters.bundle_files import DirectoryBundle  # noqa: PLC0415

        bundle = DirectoryBundle(Path(arguments["folder"]))
        bundle.fingerprints(bundle.paths())
        return
    if act == "check":
        verify_bundle(Path(arguments["archive"])).require()
        return
    platform = Platform.open(Path(arguments["home"]))
    if act == "certify":
        pin(platform, _RUN.feed)
        land(platform, _RUN, "notes")
        admit(platform, _RUN, "notes")
        build(platform, _RUN, "notes")
        certify(platform, _RUN, "notes")
    elif act == "close":
        close(platform, _RUN)
    elif act == "verify":
        verify_run(platform, _RUN).require()
    else:
        export_run(platform, _RUN, Path(arguments["archive"]), with_data=True)


def main() -> None:
    arguments = json.loads(sys.argv[1])
    wall = time.perf_counter()
    _act(arguments)
    steps = {"act": time.perf_counter() - wall}
    print(json.dumps({"records": 0, "rows": 0, "steps": steps}))


if __name__ == "__main__":
    main()
