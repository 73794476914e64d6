"""The probe: windows of twice the events each time, until memory, disk or time ends one.

For each window:

1. Its events are sent into the lane's stream, as fast as it takes them.
2. The shipped command takes it, in a process of its own that has the limits of the plan: of memory, of
   spill, of time. How that ends is evidence, whatever it is.
3. Where it was closed within the limits, the next window is tried. Where not, the gate is asked for
   every output of the run, as it stands: what was not certified before the end may not be readable.
4. Then the window is taken once more, without limits but the time of the drain; a volume of the lane's
   own is as large as its plan's disk now. What a limit ended is to be continued: it has to be closed,
   or it is said why it is not.

A window for which the plan's disk has no room, by what the one before it took, is not begun. The
largest window that was closed within the limits is what the probe states.
"""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from platform_assets.lanes.attempt import How, attempt
from platform_assets.lanes.disk_sizes import DiskSizes
from platform_assets.lanes.measured import Sample
from platform_assets.lanes.schedule import SECOND
from platform_assets.lanes.spill_limits import SpillLimits
from platform_assets.lanes.window_sending import WindowSender
from platform_assets.lanes.windows import Tried, Window, largest_certified
from platform_assets.pipeline import is_closed, product_state, runs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from platform_assets.identifiers import RunId
    from platform_assets.lanes.attempt import Ended
    from platform_assets.lanes.faults.volume import Volume
    from platform_assets.lanes.ledger import ProcessLedger
    from platform_assets.lanes.load_clock import LoadClock
    from platform_assets.lanes.plan import LanePlan
    from platform_assets.pipeline import Platform


class Probe:
    """Tries the windows of one lane.

    Args:
        plan: the pinned plan.
        prefix: what the ids of the events begin with.
        platform: the lane's home, opened.
        clock: the lane's clock, which has begun.
        work: the lane's folder for its home and logs; what it takes is what the windows took.
        told: is called with what is under way, in words.
        volume: the file system on which the home stands, where it is the lane's own.

    Attributes:
        windows: those that were tried.
        series: what their steps took, labelled with the window, the step and its thing.

    Raises:
        ConfigurationError: the sample records do not fit the contract.
    """

    def __init__(
        self,
        plan: LanePlan,
        prefix: str,
        platform: Platform,
        *,
        clock: LoadClock,
        work: Path,
        told: Callable[[str], None],
        volume: Volume | None = None,
    ) -> None:
        if plan.doubling is None:
            raise RuntimeError(f"lane {plan.lane} has no windows to be doubled")
        self.windows: list[Window] = []
        self.series: defaultdict[str, list[Sample]] = defaultdict(list)
        self.sender = WindowSender(plan, prefix, platform, work / "sending", clock)
        self._doubling, self._feed = plan.doubling, plan.target.feed
        self._disk, self._drain_seconds = int(plan.budgets.disk), plan.budgets.drain_seconds
        self._platform, self._clock, self._work = platform, clock, work
        self._logs = work / "logs" / "windows"
        self._spill_limits = SpillLimits(platform.home, int(plan.doubling.spill_limit))
        self._told, self._volume = told, volume
        self._pid: int | None = None
        self._taken = 0

    def run(self) -> None:
        """Try window after window until one is not certified within the limits, or all are."""
        for events in self._doubling.windows:
            window = self._no_room(events) or self._window(events)
            self.windows.append(window)
            if window.ended:
                break
        largest = largest_certified(self.windows)
        self.series["largest_window"].append(Sample(self._clock.now(), "", largest))

    def under_load(self) -> list[int]:
        """Return the process that takes a window, if one is under way."""
        return [] if self._pid is None else [self._pid]

    def ledger(self) -> ProcessLedger:
        """Return what became of everything that was sent."""
        return self.sender.ledger()

    def _window(self, events: int) -> Window:
        self._told(f"sends {events:,} events")
        trying = _Trying(events, runs_before=len(runs(self._platform, self._feed)))
        bytes_before = self.sender.bytes
        unsent = self.sender.send(events)  # 1
        if unsent:
            trying.ended = f"its events could not be sent: {unsent}"
        else:
            trying.ended = _beyond(self._attempt(trying, limited=True), events)  # 2
        certified = not trying.ended
        if not certified:
            trying.outputs = self._outputs(self._runs_of(trying))  # 3
            if self._volume is not None:
                self._volume.resize(self._disk)
            self._attempt(trying, limited=False)  # 4
        elif events == self._doubling.windows[-1]:
            trying.ended = "it was the largest window that the plan allows"
        made = self._runs_of(trying)
        return Window(
            events=events,
            bytes=self.sender.bytes - bytes_before,
            run_id=str(made[0]) if made else None,
            certified=certified,
            closed=bool(made) and all(is_closed(self._platform, run) for run in made),
            attempts=tuple(trying.attempts),
            outputs=trying.outputs,
            ended=self._without_paths(trying.ended),
        )

    def _attempt(self, trying: _Trying, *, limited: bool) -> Ended:
        """Take the open run, or the next one; without limits, until nothing is left to take."""
        self._told(f"takes {trying.events:,} events with{'' if limited else 'out'} limits")
        self._spill_limits.use(limited=limited)
        logs = self._logs / f"{trying.events}-{len(trying.attempts) + 1}"
        logs.mkdir(parents=True)
        whole = [] if limited else ["--until-caught-up"]
        try:
            ended = attempt(
                [sys.executable, "-m", "platform_assets", "run", self._feed, "--json", *whole],
                logs=logs,
                environment={**os.environ, "PLATFORM_HOME": str(self._platform.home)},
                memory=int(self._doubling.memory_limit) if limited else None,
                seconds=self._doubling.window_seconds if limited else self._drain_seconds,
                started=self._started,
            )
        finally:
            self._pid = None
        steps = ended.answer.get("steps", [])
        self._note_steps(trying.events, steps)
        spilled = max((step["spilled_bytes"] for step in steps), default=None)
        tried = Tried(
            limited=limited,
            how=str(ended.how),
            exit_code=ended.exit_code,
            by=ended.by,
            error=self._without_paths(ended.error),
            said=self._without_paths(ended.said),
            duration_us=round(ended.seconds * SECOND),
            held_bytes=ended.held,
            spilled_bytes=spilled,
            limit=ended.limit,
        )
        trying.attempts.append(tried)
        return ended

    def _started(self, pid: int) -> None:
        self._pid = pid

    def _note_steps(self, events: int, steps: Iterable[Mapping[str, Any]]) -> None:
        at = self._clock.now()
        for step in steps:
            label = f"{events} {step['step']} {step['thing']}".strip()
            values = {
                "step_duration": round(step["wall_seconds"] * SECOND),
                "step_memory": step["peak_rss_bytes"],
                "spilled": step["spilled_bytes"],
            }
            for metric, value in values.items():
                self.series[metric].append(Sample(at, label, value))

    def _no_room(self, events: int) -> Window | None:
        """Return the window as one that was not begun, where the disk has no room for it."""
        before, self._taken = (
            self._taken,
            sum(DiskSizes((self._work,), {}, self._work).look().values()),
        )
        needed = 2 * (self._taken - before) if self.windows else 0
        if self._taken + needed <= self._disk:
            return None
        ended = (
            f"it was not begun: {self._taken:,} bytes are taken, it would take {needed:,} more, and "
            f"budgets.disk is {self._disk:,}"
        )
        return Window(events, 0, None, False, False, (), {}, ended)

    def _runs_of(self, trying: _Trying) -> list[RunId]:
        """Return the runs that were pinned for a window: one, unless the feed cut it."""
        return runs(self._platform, self._feed, after=trying.runs_before)

    def _outputs(self, made: Iterable[RunId]) -> dict[str, str]:
        """Return why the gate does not open each output; empty for one that is certified."""
        found = {}
        for run in made:
            for name in self._platform.run_configuration(run).declaration.outputs():
                state = product_state(self._platform, run, name)
                certificate = state.get("certificate")
                if state["readable"] and (certificate or {}).get("verdict") != "PASS":
                    raise RuntimeError(f"{name} of {run} is readable, and nothing certifies it")
                found[name] = "" if state["readable"] else str(state["refusal"]["error"])
        return found

    def _without_paths(self, text: str) -> str:
        """Return a text that names no folder of this machine."""
        return text.replace(str(self._platform.home), "HOME")


@dataclass(slots=True)
class _Trying:
    """A window while it is tried, and how many runs there were before it."""

    events: int
    runs_before: int
    attempts: list[Tried] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)
    ended: str = ""


def _beyond(ended: Ended, events: int) -> str:
    """Say how a window ended that was not certified within the limits; nothing for one that was."""
    if ended.how is not How.CLOSED:
        words = [str(ended.how).replace("_", " "), f"exit {ended.exit_code}", f"by {ended.by}"]
        return ", ".join([*words, *filter(None, [ended.error])])
    delivered = sum(run["delivered"] for run in ended.answer.get("runs", ()))
    if delivered != events:
        return f"its run took {delivered:,} of {events:,} events"
    return ""
