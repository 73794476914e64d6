"""A process that sends its share of a load: each event when it is due, whatever the system does.

1. The task comes as one line of JSON on the standard input. The process prepares itself, looks whether
   the stream has the partitions that it sends to, and says in its progress file that it is ready.
2. A second line says when the load begins, by the monotonic clock and by the wall clock.
3. Events are rendered a chunk at a time and sent by `pipeline.produce.produce`, on their schedule.
4. Where a sending ends early, what became of its events is noted, and the next event is sent at once by
   another sending. What left and came to nothing is refused: no event is sent twice, and none is left
   out. While there is nothing to send to, events wait, and are late by as much.
5. In the end, or when it is told to end, it writes its ledger.

It never outlives who started it: when its standard input closes, it ends at once.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import threading
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from platform_assets.adapters.record_files import Chunk, Supply
from platform_assets.adapters.worker import ORPHANED
from platform_assets.errors import PlatformError, SourceChanged
from platform_assets.lanes.accounts import Accounts
from platform_assets.lanes.load_clock import LoadClock
from platform_assets.lanes.progress import ProgressFile, Stage
from platform_assets.lanes.rendering import Rendering
from platform_assets.lanes.schedule import SECOND
from platform_assets.lanes.witness import Witness
from platform_assets.lanes.workload import Workload
from platform_assets.pipeline import Platform
from platform_assets.pipeline.produce import produce

if TYPE_CHECKING:
    from collections.abc import Iterator

    from platform_assets.declarations import FeedDeclaration
    from platform_assets.lanes.draws import Numbers

LEDGER_FILE, PROGRESS_FILE = "ledger.json", "progress"
#: A chunk holds so many events at most, and what is due in so many microseconds.
_CHUNK_EVENTS, _CHUNK_MICROSECONDS = 1_000, SECOND // 4
_PAUSE_SECONDS = 0.05
_NICER = -5


@dataclass(frozen=True, slots=True)
class Task:
    """What a process is to do, as it comes in JSON.

    Attributes:
        workload: what is sent.
        feed: the feed to whose stream it is sent.
        prefix: what the ids of the events begin with.
        process: the number of this process.
        home: the platform home of the feed.
        folder: where it writes histograms and ledger; its progress file is there.
    """

    workload: dict[str, Any]
    feed: str
    prefix: str
    process: int
    home: str
    folder: str


class OnTime:
    """When the events of a sending are due. Implements `pipeline.pacing.Schedule`.

    Only the events of the chunk at hand are asked for.
    """

    def __init__(self) -> None:
        self._first = 0
        self._due: list[float] = []

    def due(self, number: int) -> float:
        """Return when an event is due, in seconds of the monotonic clock."""
        return self._due[number - self._first]

    def hold(self, first: int, due: list[float]) -> None:
        """Take the moments of the chunk that begins with an event."""
        self._first, self._due = first, due


class Generator:
    """Sends the share of one process.

    Raises:
        ConfigurationError: the sample records do not fit the contract.
        SourceUnreachable, SourceChanged: there is no such stream, or it has fewer partitions.
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        self._workload = Workload.model_validate(task.workload)
        self._folder = Path(task.folder)
        opened = Platform.open(Path(task.home))
        scratch = {"scratch": str(self._folder / "scratch"), "spill_dir": None}
        settings = opened.settings.model_copy(update=scratch)  # nothing of the home under load
        self._platform = replace(opened, settings=settings)
        declared = opened.feed(task.feed)
        events = declared.streams[self._workload.stream].events
        self._rendering = Rendering(self._workload, task.prefix, events, opened.contracts)
        _require_partitions(opened, declared, self._workload)
        self._schedule = self._rendering.schedule
        self._numbers = self._schedule.numbers_of(task.process)
        self._ended = threading.Event()
        self.progress = ProgressFile(self._folder / PROGRESS_FILE)

    def end(self) -> None:
        """Send no more than the chunk at hand."""
        self._ended.set()

    def run(self, clock: LoadClock, begun_us: int) -> None:
        """Send, and write the ledger. ``begun_us`` is when the load begins by the wall clock."""
        process = self._task.process
        accounts = Accounts(self._task.prefix, self._schedule, process)
        witness = Witness(
            self._schedule, process, clock=clock, folder=self._folder, progress=self.progress
        )
        self.progress.enter(Stage.SENDING)
        witness.start()
        try:
            while witness.sent < len(self._numbers) and not self._ended.is_set():
                self._send(witness, accounts, clock, begun_us)
        finally:
            witness.stop()
        staged = self._folder / f".{LEDGER_FILE}.partial"
        staged.write_bytes(accounts.ledger(witness).encoded())
        staged.replace(self._folder / LEDGER_FILE)
        self.progress.enter(Stage.ENDED)

    def _send(self, witness: Witness, accounts: Accounts, clock: LoadClock, begun_us: int) -> None:
        stream, begun = self._workload.stream, witness.sent
        witness.notes.begun = begun
        on_time = OnTime()
        own = range(self._task.process, self._workload.partitions, self._workload.processes)
        supply = Supply(
            self._chunks(begun, on_time, clock, begun_us), partitions=tuple(map(str, own))
        )
        told = produce(
            self._platform,
            self._task.feed,
            {stream: supply},
            schedules={stream: on_time},
            observer=witness.notes,
        )
        witness.look()
        sent = witness.sent - begun
        witness.note_known(accounts.note(begun, sent, told.streams[stream]))
        if not sent:
            self._ended.wait(_PAUSE_SECONDS)

    def _chunks(
        self, begun: int, on_time: OnTime, clock: LoadClock, begun_us: int
    ) -> Iterator[Chunk]:
        place = begun
        while place < len(self._numbers) and not self._ended.is_set():
            events = self._schedule.of(self._next(place))
            due = (clock.start_ns / 1e9 + events.intended / 1e6).tolist()
            on_time.hold(place - begun, due)
            yield Chunk("event", place, self._rendering.outgoing(events, begun_us))
            place += len(due)

    def _next(self, place: int) -> Numbers:
        """Return the numbers of the next chunk: at least one."""
        first = self._numbers[place]
        due = int(self._schedule.intended(np.array([first]))[0])
        until = max(self._schedule.due_before(due + _CHUNK_MICROSECONDS), first + 1)
        return np.arange(first, until, self._numbers.step)[:_CHUNK_EVENTS]


def _require_partitions(platform: Platform, declared: FeedDeclaration, workload: Workload) -> None:
    with closing(platform.sink(declared, workload.stream)) as sink:
        there = sink.partitions()
    if len(there) < workload.partitions:
        raise SourceChanged(
            f"stream {workload.stream} of feed {declared.feed}",
            expected=f"{workload.partitions} partitions, as the plan says",
            found=f"{len(there)}",
            remedy="Make the stream with as many partitions as the plan says.",
        )


def main() -> int:
    """Do what the standard input says."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started it is interrupted, and ends it
    with suppress(PermissionError):
        os.nice(_NICER)
    source = sys.stdin.buffer
    try:
        generator = Generator(Task(**_read(source.readline())))
    except PlatformError as error:
        print(error, file=sys.stderr)  # noqa: T201 - its log
        return error.exit_code
    signal.signal(signal.SIGTERM, lambda *_: generator.end())
    gc.collect()
    gc.freeze()  # what is prepared stays; it is not looked through again
    generator.progress.enter(Stage.READY)
    begin = _read(source.readline())  # 2
    threading.Thread(target=_end_with, args=(source.fileno(),), daemon=True).start()
    generator.run(LoadClock(begin["start_ns"]), begin["begun_us"])
    gc.unfreeze()
    return 0


def _read(line: bytes) -> dict[str, Any]:
    if not line.endswith(b"\n"):
        os._exit(ORPHANED)
    read: dict[str, Any] = json.loads(line)
    return read


def _end_with(source: int) -> None:
    while os.read(
        source, 1
    ):  # not the buffered reader: its lock would be held when the process ends
        pass
    os._exit(ORPHANED)


if __name__ == "__main__":
    sys.exit(main())
