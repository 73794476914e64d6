"""Executors that a test started, and how one of them dies."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from pathlib import Path

_SECONDS = 300


def kill_an_executor_at_work(home: Path, working: threading.Thread, written: str) -> None:
    """Kill an executor that this test started, when the first file is written and most are not."""
    until = time.monotonic() + _SECONDS
    while not any(home.glob(written)):
        assert working.is_alive(), "the job ended before it wrote anything"
        assert time.monotonic() < until, "the job wrote nothing in time"
        time.sleep(0.05)
    executors = [
        process
        for process in psutil.Process().children(recursive=True)
        if "CoarseGrainedExecutorBackend" in " ".join(_command(process))
    ]
    assert executors, "the job has no executors of its own"
    executors[0].kill()


def outcome_of(step: Callable[[], object]) -> object:
    """Return what a step returns or raises, for a test that looks at it in another thread."""
    try:
        return step()
    except BaseException as error:  # noqa: BLE001 - the test shows it
        return error


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []
