"""Runs a contender in a process of its own and measures it from outside.

Wall time is from start to exit, the interpreter's start and imports included. CPU time and the bytes
that were written to disks are what the kernel accounts to the process and all children that were waited
for. What other processes took of the machine meanwhile is measured too: on a busy machine wall time
says little.

A contender prints one JSON object as its last line: the ``records`` that it read, the ``rows`` that it
wrote, and either ``steps``, figures of its own, or ``phases``, what `benchmarks.phases` made, to which
the peaks between their times are added here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from benchmarks.phases import BLOCK
from benchmarks.sampling import Sampler

if TYPE_CHECKING:
    import resource

_ROOT = Path(__file__).parents[1]


class ContenderFailed(Exception):
    """A contender exited with an error; its last words are the message."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A step of a contender."""

    name: str
    wall_seconds: float
    cpu_seconds: float
    written_bytes: int
    peak_rss_bytes: int
    peak_pss_bytes: int
    spilled_bytes: int


@dataclass(frozen=True, slots=True)
class Measurement:
    """One run of one contender."""

    records: int
    rows: int
    wall_seconds: float
    cpu_seconds: float
    written_bytes: int
    peak_rss_bytes: int
    peak_pss_bytes: int
    spilled_bytes: int
    other_cpu_share: float
    steps: dict[str, float]
    phases: tuple[Phase, ...]

    @property
    def records_per_second(self) -> float:
        """Input records for each second of wall time."""
        return self.records / self.wall_seconds


def measure(contender: str, arguments: dict[str, Any], spill: Path | None = None) -> Measurement:
    """Run a module of ``benchmarks.contenders`` with JSON arguments, watching its spill folder.

    Raises:
        ContenderFailed: it exited with an error.
    """
    command = [
        sys.executable,
        "-m",
        f"benchmarks.contenders.{contender}",
        json.dumps(arguments, default=str),
    ]
    paths = [str(_ROOT), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        busy, start = _busy_seconds(), time.monotonic()
        process = subprocess.Popen(command, stdout=out, stderr=err, env=environment)
        sampler = Sampler(process.pid, spill)
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            raise
        finally:
            wall, busy = time.monotonic() - start, _busy_seconds() - busy
            sampler.stop()
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        said, complained = out.read().decode(), err.read().decode()
    if process.returncode != 0:
        raise ContenderFailed(
            f"{contender} exited with {process.returncode}:\n{complained[-2000:]}"
        )
    cpu = usage.ru_utime + usage.ru_stime
    others = max(busy - cpu, 0.0) / (wall * (os.cpu_count() or 1))
    return _measurement(json.loads(said.strip().splitlines()[-1]), sampler, usage, (wall, others))


def _measurement(
    result: dict[str, Any],
    sampler: Sampler,
    usage: resource.struct_rusage,
    wall_and_others: tuple[float, float],
) -> Measurement:
    wall, others = wall_and_others
    peaks = sampler.peaks()
    phases = []
    for each in result.get("phases", []):
        within = sampler.peaks(each["begin"], each["end"])
        phases.append(
            Phase(
                name=each["name"],
                wall_seconds=each["end"] - each["begin"],
                cpu_seconds=each["cpu_seconds"],
                written_bytes=each["written_bytes"],
                peak_rss_bytes=within.rss,
                peak_pss_bytes=within.pss,
                spilled_bytes=within.spilled,
            )
        )
    return Measurement(
        records=result["records"],
        rows=result["rows"],
        wall_seconds=wall,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        written_bytes=usage.ru_oublock * BLOCK,
        peak_rss_bytes=peaks.rss,
        peak_pss_bytes=peaks.pss,
        spilled_bytes=peaks.spilled,
        other_cpu_share=others,
        steps=result.get("steps", {}),
        phases=tuple(phases),
    )


def _busy_seconds() -> float:
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - times.iowait - times.guest - times.guest_nice)
