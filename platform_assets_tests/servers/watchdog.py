"""Kills the servers of a test run that ended without stopping them, whichever way it ended.

Run as a script by `processes.py`, which holds the other end of its stdin. That end closes when the test
run ends, by SIGKILL too, and what is still on the list then is killed and deleted. It imports nothing
of the project, so that it starts at once.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys


def main() -> None:
    """Read ``watch PID``, ``forget PID`` and ``delete FOLDER`` until the pipe closes; then act."""
    pids: set[int] = set()
    folders: set[str] = set()
    for line in sys.stdin:
        word, _, rest = line.rstrip("\n").partition(" ")
        if word == "watch":
            pids.add(int(rest))
        elif word == "forget":
            pids.discard(int(rest))
        elif word == "delete":
            folders.add(rest)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
