"""Audits closed runs while the load continues, in a thread of its own.

1. Each closed run is read through the gate and held against the schedule (see `auditor`). A store that
   does not answer is asked again until it does.
2. What waited at a moment is settled once every run that was closed before it is audited.
3. A run that the gate refuses is kept with the reason: it is closed and cannot be read.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from platform_assets.errors import DependencyUnreachable, Refusal, UnknownOutcome
from platform_assets.lanes.closures import LOOK_SECONDS
from platform_assets.lanes.measured import Sample

if TYPE_CHECKING:
    from collections.abc import Callable

    from platform_assets.identifiers import RunId
    from platform_assets.lanes.auditor import Auditor
    from platform_assets.lanes.closures import SeenClosure
    from platform_assets.lanes.ledger import Mask
    from platform_assets.lanes.waiting import Waiting


class Auditing:
    """A thread that audits runs from `start` to `stop`.

    Args:
        auditor: counts their rows.
        waiting: is told what was closed, and settled.
        looked: returns a moment up to which every closure was told of, in microseconds of the load.
    """

    def __init__(self, auditor: Auditor, waiting: Waiting, looked: Callable[[], int]) -> None:
        self._auditor, self._waiting, self._looked = auditor, waiting, looked
        self._runs: deque[SeenClosure] = deque()
        self.unexpected: list[Sample] = []
        self.doubled: list[Sample] = []
        #: Run -> why the gate refused it.
        self.refused: dict[RunId, str] = {}
        self._stands: Mask | None = None
        #: What ended the thread before its time.
        self.failure: BaseException | None = None
        #: CPU time of the thread.
        self.cpu_microseconds = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, name="auditor", daemon=True)

    def abandon(self) -> None:
        """Let the thread come to its end, whenever that is; nobody waits for it."""
        self._stopped.set()

    def start(self) -> None:
        """Begin to audit."""
        self._thread.start()

    def note(self, seen: SeenClosure) -> None:
        """Let a closed run be audited; any thread may say so."""
        self._runs.append(seen)

    def note_ledgers(self, stands: Mask) -> None:
        """Let only what was acknowledged wait, once that is known of all events."""
        self._stands = stands

    def finish(self, seconds: float) -> bool:
        """Audit what is left, for so long at most, and settle; tell whether all was audited."""
        deadline = time.monotonic() + seconds
        while self._runs and self._thread.is_alive() and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
        self._stopped.set()
        self._thread.join()
        if not self._runs:
            self._audit_next()
        return not self._runs

    def _work(self) -> None:
        try:
            while not self._stopped.wait(0 if self._audit_next() else LOOK_SECONDS):
                pass
        except BaseException as failure:  # noqa: BLE001 - raised again by whoever looks after the threads
            self.failure = failure

    def _audit_next(self) -> bool:
        """Audit the run that was closed first; False where nothing could be done."""
        if self._stands is not None:
            self._waiting.note_ledgers(self._stands)
            self._stands = None
        looked = self._looked()  # before the runs: those told of since are none of it
        if not self._runs:
            self._waiting.settle(looked)
            return False
        seen = self._runs[0]
        try:
            self._audit(seen)  # 1
        except (DependencyUnreachable, UnknownOutcome):
            return False
        except Refusal as error:  # 3
            self.refused[seen.run] = str(error)
        self._runs.popleft()
        self._waiting.settle(self._runs[0].closed - 1 if self._runs else seen.closed)  # 2
        self.cpu_microseconds = time.thread_time_ns() // 1000
        return True

    def _audit(self, seen: SeenClosure) -> None:
        audited = self._auditor.audit(seen)
        self._waiting.note_closed(seen.closed, seen.counts["delivered"], audited.numbers)
        self.unexpected.append(Sample(seen.closed, str(seen.run), audited.unexpected))
        self.doubled.append(Sample(seen.closed, str(seen.run), audited.doubled))
