"""Sends the events of a probe, window by window, as fast as the stream takes them.

It is the one process of its load. What is acknowledged is noted when a window is sent; a window that
could not be sent as a whole ends the sending for good, and what came after it was never sent.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from platform_assets.adapters.record_files import Chunk, Supply
from platform_assets.lanes.accounts import Accounts
from platform_assets.lanes.rendering import Rendering
from platform_assets.pipeline.produce import produce

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from platform_assets.lanes.ledger import ProcessLedger
    from platform_assets.lanes.load_clock import LoadClock
    from platform_assets.lanes.plan import LanePlan
    from platform_assets.pipeline import Platform

_CHUNK_EVENTS = 5_000


class WindowSender:
    """Sends windows to the stream under load.

    Args:
        plan: the pinned plan.
        prefix: what the ids of the events begin with.
        platform: the lane's home, opened.
        scratch: a folder of its own: nothing of the home under load, which may be full.
        clock: the lane's clock, which has begun.

    Attributes:
        sent: how many events were sent.
        acknowledged: how many of them were acknowledged, as far as it is known.
        bytes: how many bytes they are.

    Raises:
        ConfigurationError: the sample records do not fit the contract.
    """

    def __init__(
        self, plan: LanePlan, prefix: str, platform: Platform, scratch: Path, clock: LoadClock
    ) -> None:
        self.sent = self.acknowledged = self.bytes = 0
        self.first_sent_us: int | None = None
        self.last_sent_us: int | None = None
        self._workload, self._feed = plan.workload, plan.target.feed
        elsewhere = {"scratch": str(scratch), "spill_dir": None}
        settings = platform.settings.model_copy(update=elsewhere)
        self._platform, self._clock = replace(platform, settings=settings), clock
        events = platform.feed(self._feed).streams[self._workload.stream].events
        self._rendering = Rendering(self._workload, prefix, events, platform.contracts)
        self._accounts = Accounts(prefix, self._rendering.schedule, process=0)
        self._begun_us = time.time_ns() // 1000 - clock.now()

    def send(self, events: int) -> str:
        """Send the next so many events; return what ended that early, nothing where all were sent."""
        begun, stream = self.sent, self._workload.stream
        partitions = tuple(map(str, range(self._workload.partitions)))
        if self.first_sent_us is None:
            self.first_sent_us = self._clock.now()
        supply = Supply(self._chunks(begun, begun + events), events, partitions)
        told = produce(self._platform, self._feed, {stream: supply}, told=self._note)
        self._accounts.note(begun, self.sent - begun, told.streams[stream])
        self.acknowledged += told.streams[stream].report.total
        failure = told.failure()
        return "" if failure is None else f"{failure.code}: {failure.found}"

    def ledger(self) -> ProcessLedger:
        """Return what became of everything that was sent."""
        return self._accounts.ledger(self)

    def _note(self, _: str, count: int) -> None:
        self.sent += count
        self.last_sent_us = self._clock.now()

    def _chunks(self, begin: int, end: int) -> Iterator[Chunk]:
        schedule = self._rendering.schedule
        for first in range(begin, end, _CHUNK_EVENTS):
            numbers = np.arange(first, min(first + _CHUNK_EVENTS, end))
            records = self._rendering.outgoing(schedule.of(numbers), self._begun_us)
            self.bytes += sum(len(record.value or b"") for record in records)
            yield Chunk("event", first, records)
