"""The queue of Dagster runs, in a daemon that waits as long as it should, whatever the wall clock does.

Dagster's daemon waits by the wall clock. Where that is set back, for example by whoever mends a clock
that was wrong, the daemon looks at its queue and at the health of runs again when the old time has come
once more, and a sensor whose last tick is in the future is not looked at before: an hour for an hour.

The daemon loads this module before it begins to wait, because its settings name the queue. From then on

1. its loops wait by the monotonic clock;
2. a tick in the future is no reason not to look.

Dagster has no setting for either. What is replaced are names in its modules; its version is pinned, and
tests hold that they are used as here.
"""

import time
from collections.abc import Callable

from dagster._core.run_coordinator import QueuedRunCoordinator
from dagster._core.scheduler.instigation import InstigatorState
from dagster._daemon import daemon, sensor

_AHEAD = time.time() - time.monotonic()


class SteadyRunCoordinator(QueuedRunCoordinator):
    """Dagster's own queue."""


class _SteadyTime:
    """Stands for the module ``time`` where a loop waits."""

    sleep = staticmethod(time.sleep)

    @staticmethod
    def time() -> float:
        """Return seconds since the epoch as they were when this process began, and since then."""
        return _AHEAD + time.monotonic()


def _never_negative(
    elapsed: Callable[[InstigatorState], float | None],
) -> Callable[[InstigatorState], float | None]:
    def since_last_tick(state: InstigatorState) -> float | None:
        found = elapsed(state)
        return None if found is not None and found < 0 else found

    return since_last_tick


daemon.time = _SteadyTime  # type: ignore[attr-defined, assignment] # 1: of queue and health
sensor.get_current_timestamp = _SteadyTime.time  # type: ignore[attr-defined] # 1: of sensors
sensor.get_elapsed = _never_negative(sensor.get_elapsed)  # type: ignore[assignment] # 2
