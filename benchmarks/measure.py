"""Runs a contender in a process of its own and measures it from outside.

Wall time is from start to exit, the interpreter's start and imports included. CPU time is what the
kernel accounts to the process and all children that it waited for. Peak RSS is the largest sum over
the process and its descendants, sampled every 50 ms: pages that they share count in each. What other
processes took of the machine meanwhile is measured too: on a busy machine wall time says little.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

_INTERVAL_SECONDS = 0.05
_CONTENDERS = Path(__file__).parent / "contenders"


class ContenderFailed(Exception):
    """A contender exited with an error; its last words are the message."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One run of one contender."""

    records: int
    rows: int
    wall_seconds: float
    cpu_seconds: float
    peak_rss_bytes: int
    other_cpu_share: float
    steps: dict[str, float]

    @property
    def records_per_second(self) -> float:
        """Input records for each second of wall time."""
        return self.records / self.wall_seconds


def measure(contender: str, arguments: dict[str, Any]) -> Measurement:
    """Run ``contenders/<contender>.py`` with JSON arguments; it prints its result as the last line.

    Raises:
        ContenderFailed: it exited with an error.
    """
    command = [sys.executable, str(_CONTENDERS / f"{contender}.py"), json.dumps(arguments)]
    paths = [str(_CONTENDERS.parent), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        busy, start = _busy_seconds(), time.perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=err, env=environment)
        peak = _Peak(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        wall, busy = time.perf_counter() - start, _busy_seconds() - busy
        process.returncode = os.waitstatus_to_exitcode(status)
        peak.stop()
        out.seek(0)
        err.seek(0)
        said, complained = out.read().decode(), err.read().decode()
    if process.returncode != 0:
        raise ContenderFailed(
            f"{contender} exited with {process.returncode}:\n{complained[-2000:]}"
        )
    result = json.loads(said.strip().splitlines()[-1])
    cpu = usage.ru_utime + usage.ru_stime
    return Measurement(
        records=result["records"],
        rows=result["rows"],
        wall_seconds=wall,
        cpu_seconds=cpu,
        peak_rss_bytes=peak.bytes,
        other_cpu_share=max(busy - cpu, 0.0) / (wall * (os.cpu_count() or 1)),
        steps=result.get("steps", {}),
    )


def _busy_seconds() -> float:
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - times.iowait - times.guest - times.guest_nice)


class _Peak:
    """Samples the memory of a process tree until stopped."""

    def __init__(self, pid: int) -> None:
        self.bytes = 0
        self._process = psutil.Process(pid)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._over.wait(_INTERVAL_SECONDS):
            self.bytes = max(self.bytes, self._now())

    def _now(self) -> int:
        total = 0
        try:
            for process in (self._process, *self._process.children(recursive=True)):
                try:
                    total += process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
        except psutil.NoSuchProcess:
            return 0
        return total
