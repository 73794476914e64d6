"""Runs races of closers, several side by side, because racers mostly wait.

The process forks every racer from itself, with the platform imported and the home read once. It has no
thread of its own. It stops, wakes up and kills nothing but its own children, each by its process id.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from platform_assets_tests.races.judge import Event, Verdict, judge
from platform_assets_tests.races.plans import Plan, plans
from platform_assets_tests.races.racer import come_last, ended_by, race

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from platform_assets.identifiers import RunId
    from platform_assets.pipeline import Platform
    from platform_assets_tests.races.grounds import Ground

_TICK_SECONDS = 0.01
_LONGEST_SECONDS = 240.0


@dataclass
class _Racer:
    plan: Plan
    begins_at: float
    pid: int = 0
    strikes_at: float | None = None
    wakes_at: float | None = None
    ended: bool = False


@dataclass
class _Race:
    number: int
    folder: Path
    ground: Ground
    racers: list[_Racer]
    began: float
    preparing: int = 0
    killed: set[int] = field(default_factory=set)
    struck: list[Event] = field(default_factory=list)
    last: int = 0
    over: bool = False


@dataclass
class Arena:
    """Where races are run: ``ground_for`` makes a fresh copy of the ready run's store for a race."""

    platform: Platform
    run: RunId
    folder: Path
    ground_for: Callable[[Path], Ground]
    seed: int = 0
    drawn: Callable[[int, float], list[Plan]] = plans
    _races: list[_Race] = field(default_factory=list)

    def results(self, races: int, side_by_side: int) -> Iterator[tuple[int, Verdict]]:
        """Run so many races and return each one's number and verdict, in the order of their ends."""
        following = 0
        try:
            while following < races or self._races:
                while following < races and len(self._races) < side_by_side:
                    self._races.append(self._prepared(following))
                    following += 1
                self._tick()
                for race_over in [r for r in self._races if r.over]:
                    self._races.remove(race_over)
                    yield race_over.number, self._judged(race_over)
                time.sleep(_TICK_SECONDS)
        finally:
            for unfinished in self._races:
                self._end(unfinished)

    def _prepared(self, number: int) -> _Race:
        folder = self.folder / f"race-{number}"
        folder.mkdir(parents=True)
        ground = self.ground_for(folder)
        now = time.monotonic()
        ttl = self.platform.settings.claim_ttl_seconds
        drawn = self.drawn(self.seed + number, ttl)
        one = _Race(number, folder, ground, [_Racer(p, now + p.begins) for p in drawn], now)
        if ground.prepare is not None:
            one.preparing = ended_by(ground.prepare, folder / "prepared.ndjson")
        return one

    def _tick(self) -> None:
        self._collect()
        now = time.monotonic()
        for one in self._races:
            for racer in () if one.preparing else one.racers:
                self._move(one, racer, now)
            if now - one.began > _LONGEST_SECONDS:
                self._end(one)
                one.over = True
            elif not one.last and all(racer.ended for racer in one.racers):
                noted = one.folder / "last.ndjson"
                one.last = ended_by(
                    lambda one=one, noted=noted: come_last(
                        self.platform, self.run, one.ground.open_store, noted
                    ),
                    noted,
                )

    def _move(self, one: _Race, racer: _Racer, now: float) -> None:
        plan = racer.plan
        if not racer.pid:
            if now >= racer.begins_at:
                noted = one.folder / f"racer-{one.racers.index(racer)}.ndjson"
                racer.pid = ended_by(
                    lambda: race(
                        self.platform, self.run, one.ground.open_store, noted, plan.struck
                    ),
                    noted,
                )
                racer.strikes_at = now + plan.struck_after if plan.struck_how else None
        elif not racer.ended and racer.strikes_at is not None and now >= racer.strikes_at:
            racer.strikes_at = None
            one.struck.append({"at": now, "pid": racer.pid, "what": "struck"})
            os.kill(racer.pid, {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}[plan.struck_how])
        elif not racer.ended and racer.wakes_at is not None and now >= racer.wakes_at:
            racer.wakes_at = None
            os.kill(racer.pid, signal.SIGCONT)

    def _collect(self) -> None:
        """Take in which children ended and which were stopped."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED)
            except ChildProcessError:
                return
            if not pid:
                return
            for one in self._races:
                _note_child(one, pid, status)

    def _judged(self, one: _Race) -> Verdict:
        events = list(one.struck)
        for path in sorted(one.folder.glob("*.ndjson")):
            # The line that a kill cut off says nothing.
            lines = path.read_bytes().split(b"\n")[:-1]
            events += [json.loads(line) for line in lines]
        verdict = judge(events, one.killed)
        if verdict.problems:
            verdict.problems.append(f"kept in {one.folder}")
        else:
            shutil.rmtree(one.folder)
        return verdict

    def _end(self, one: _Race) -> None:
        pids = [racer.pid for racer in one.racers if racer.pid and not racer.ended]
        pids += [pid for pid in (one.preparing, one.last) if pid and not one.over]
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)


def _note_child(one: _Race, pid: int, status: int) -> None:
    """Take in that a child of this race, if it is one, ended or was stopped."""
    now = time.monotonic()
    if pid == one.preparing:
        one.preparing = 0
        for racer in one.racers:
            racer.begins_at = now + racer.plan.begins
    one.over = one.over or pid == one.last
    for racer in one.racers:
        if racer.pid != pid:
            continue
        if os.WIFSTOPPED(status):
            racer.wakes_at = now + racer.plan.sleeps
            continue
        racer.ended = True
        if os.WIFSIGNALED(status):
            one.killed.add(pid)
