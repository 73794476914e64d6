"""The limit of hashing: ``openssl dgst -sha256`` over the files of a folder, one process a core.

Not ``sha256sum``: where a processor has instructions for SHA-256, coreutils does not use them.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

_FILES_A_PROCESS = 64


def main() -> None:
    arguments = json.loads(sys.argv[1])
    files = [path for path in sorted(Path(arguments["folder"]).rglob("*")) if path.is_file()]
    names = b"\0".join(str(path).encode() for path in files)
    processes = arguments["processes"]
    each = _FILES_A_PROCESS if len(files) > _FILES_A_PROCESS * processes else 1
    limits = ["-0", "-n", str(each), "-P", str(processes)]
    wall = time.perf_counter()
    subprocess.run(
        ["xargs", *limits, "openssl", "dgst", "-sha256"],  # noqa: S607 - from the PATH, as peers are
        input=names,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    steps = {"act": time.perf_counter() - wall}
    print(json.dumps({"records": 0, "rows": 0, "steps": steps}))


if __name__ == "__main__":
    main()
