"""A step of the wall clock, for the processes of the system alone; and the step back.

Both are steps: what was noted while the clock was wrong is in the future, or long ago, once it is
right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_assets.lanes.faults.fault import Injected

if TYPE_CHECKING:
    from platform_assets.lanes.faults.wall_clock import WallClock

STEP_SECONDS = 3600


class ClockStep(Injected):
    """The clock is wrong by so many seconds until it is healed: ahead, or behind if negative."""

    def __init__(self, clock: WallClock, seconds: int) -> None:
        self._clock, self._seconds = clock, seconds

    def strike(self) -> str:
        """Set it wrong."""
        self._clock.set(self._seconds)
        return f"{self._seconds:+d} s"

    def heal(self) -> None:
        """Set it right."""
        self._clock.set(0)
