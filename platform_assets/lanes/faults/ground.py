"""What faults need of the machine, made before the system starts: its clock, its volume.

What cannot be had on this machine is kept as the reason why the faults that need it are not injected.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from platform_assets.errors import FaultNotInjected
from platform_assets.lanes.faults.volume import Volume
from platform_assets.lanes.faults.wall_clock import WallClock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from platform_assets.lanes.plan import FaultKind, LanePlan

_Thing = TypeVar("_Thing")

CLOCK_KINDS: frozenset[FaultKind] = frozenset({"clock_forward", "clock_back"})


class Ground:
    """The clock and the volume of a lane; as a context manager it makes them, and clears them away.

    Args:
        plan: says which of them are needed.
        home: the lane's home, on the volume; nothing stands there yet.
        work: a folder that is not on the volume.
    """

    def __init__(self, plan: LanePlan, home: Path, work: Path) -> None:
        kinds = {fault.kind for fault in plan.schedule.faults} if plan.schedule else set()
        declared = plan.target.volume
        self._volume = Volume(home, int(declared.size)) if declared else None
        self._clock = WallClock(work) if kinds & CLOCK_KINDS else None
        self._missing: dict[object, FaultNotInjected] = {}

    def __enter__(self) -> Self:
        """Make what is needed, as far as it can be had."""
        if self._volume is not None:
            self._try(self._volume, self._volume.mount)
        if self._clock is not None:
            self._try(self._clock, self._clock.make)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Unmount the volume."""
        if self._volume is not None and self._volume not in self._missing:
            self._volume.unmount()

    def environment(self) -> dict[str, str]:
        """Return what the processes of the system need in their environment."""
        if self._clock is None or self._clock in self._missing:
            return {}
        return self._clock.environment()

    def clock(self) -> WallClock:
        """Return the clock.

        Raises:
            FaultNotInjected: there is none.
        """
        return self._found(self._clock)

    def volume(self) -> Volume:
        """Return the volume.

        Raises:
            FaultNotInjected: there is none.
        """
        return self._found(self._volume)

    def _try(self, thing: object, act: Callable[[], None]) -> None:
        try:
            act()
        except FaultNotInjected as error:
            self._missing[thing] = error

    def _found(self, thing: _Thing | None) -> _Thing:
        if thing is None:
            raise RuntimeError("the plan declares nothing that would need it")
        if thing in self._missing:
            raise self._missing[thing]
        return thing
