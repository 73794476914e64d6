"""Samples the memory of a process tree and the size of its spill folder, beside the process.

Two sums over the process and all its descendants. RSS counts a page in each process that has it mapped;
PSS divides it by their number, so that the sum is what the tree takes of the machine. RSS is read every
50 ms; the folder and who is in the tree every 200 ms; PSS, for which the system walks all pages while
the process waits to map others, every second. Linux only.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from platform_assets.adapters.process_tree import with_descendants

if TYPE_CHECKING:
    from collections.abc import Sequence

_INTERVAL_SECONDS = 0.05
# intervals
_SELDOM = 4
_RARELY = 20
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Peaks:
    """The highest of each within a time, in bytes."""

    rss: int
    pss: int
    spilled: int


class Sampler:
    """Samples until stopped."""

    def __init__(self, pid: int, spill: Path | None) -> None:
        self._pid = pid
        self._spill = spill
        self._rss: list[tuple[float, int]] = []
        self._pss: list[tuple[float, int]] = []
        self._spilled: list[tuple[float, int]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Take no more samples."""
        self._over.set()
        self._thread.join()

    def peaks(self, begin: float = float("-inf"), end: float = float("inf")) -> Peaks:
        """Return the highest of what was sampled between two times of the monotonic clock.

        Within a time that was too short for a sample it is as it was before.
        """
        return Peaks(
            *(_peak(samples, begin, end) for samples in (self._rss, self._pss, self._spilled))
        )

    def _sample(self) -> None:
        pids: list[int] = []
        for turn in itertools.count():
            if turn % _SELDOM == 0:
                pids = list(with_descendants(self._pid))
            self._rss.append((time.monotonic(), sum(map(_rss, pids))))
            if turn % _RARELY == 0:
                self._pss.append((time.monotonic(), sum(map(_pss, pids))))
            if turn % _SELDOM == 0:
                spilled = _size(self._spill) if self._spill else 0
                self._spilled.append((time.monotonic(), spilled))
            if self._over.wait(_INTERVAL_SECONDS):
                return


def _peak(samples: Sequence[tuple[float, int]], begin: float, end: float) -> int:
    within = [value for at, value in samples if begin <= at <= end]
    return max(within or [value for at, value in samples if at <= end][-1:], default=0)


def _rss(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_bytes().split()[1]) * _PAGE
    except (OSError, IndexError):  # it ended
        return 0


def _pss(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:  # it ended
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            stat = path.stat()
        except OSError:  # what is spilled comes and goes
            continue
        total += stat.st_blocks * 512
    return total
