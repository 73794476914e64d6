"""What a worker was stopped at: told once, and tried again when its time has come.

1. An outage is told when it begins, once for each kind of error that comes to it. What met it is tried
   again after a pause that doubles with each try, up to five seconds, for ever. When nothing is left
   that met one and did not pass since, its end is told.
2. A refusal is told once in the same words. What was refused is tried again after a minute.
3. Who waits for another run is told nothing, and tries again with the next look.
4. Anything else is a mistake of whoever declared, and nothing to be tried again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from platform_assets.errors import PlatformError, PredecessorOpen, Refusal, is_outage
from platform_assets.identifiers import RunId

if TYPE_CHECKING:
    from collections.abc import Collection

    from platform_assets.pipeline.followed import Listener
    from platform_assets.ports.clock import Clock

#: How long who waits for another run leaves it alone.
LOOK_SECONDS = 1.0
REFUSAL_SECONDS = 60.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.25, 5.0

#: A run, or something else that is done for a feed, in words.
Thing = RunId | str


@dataclass(frozen=True, slots=True)
class _Setback:
    """An error, when to try again by the monotonic clock, and the refusal that was told last."""

    error: PlatformError
    until: float
    pause: float
    refusal: Refusal | None

    @property
    def out(self) -> bool:
        return is_outage(type(self.error))


class Setbacks:
    """What is stopped now, and what a listener was told of it."""

    def __init__(self, listener: Listener, clock: Clock) -> None:
        self.outages = 0
        self._listener, self._clock = listener, clock
        self._standing: dict[Thing, _Setback] = {}
        self._out_since = 0.0
        self._out_told: set[str] = set()
        self._refused: set[RunId] = set()

    def stops(self, thing: Thing) -> bool:
        """Tell whether something is to be left alone for now."""
        setback = self._standing.get(thing)
        return setback is not None and self._clock.monotonic() < setback.until

    def note(self, thing: Thing, error: PlatformError) -> None:
        """Note that something was stopped by an error, and tell of it what is new.

        Raises:
            PlatformError: the error itself, where trying again is of no use.
        """
        before = self._standing.get(thing)
        refusal = before.refusal if before else None
        if isinstance(error, PredecessorOpen):  # 3
            pause = LOOK_SECONDS
        elif is_outage(type(error)):  # 1
            doubled = before.pause * 2 if before and before.out else FIRST_PAUSE_SECONDS
            pause = min(doubled, LONGEST_PAUSE_SECONDS)
            self._tell_outage(error)
        elif isinstance(error, Refusal):  # 2
            pause, refusal = REFUSAL_SECONDS, error
            self._tell_refusal(thing, error)
        else:  # 4
            raise error
        until = self._clock.monotonic() + pause
        self._standing[thing] = _Setback(error, until, pause, refusal)

    def passed(self, thing: Thing) -> None:
        """Note that something is stopped no more."""
        self._standing.pop(thing, None)

    def keep(self, runs: Collection[RunId]) -> None:
        """Forget all runs but these; whoever closed the others, nothing stops them any more."""
        gone = [t for t in self._standing if isinstance(t, RunId) and t not in runs]
        for thing in gone:
            del self._standing[thing]

    def try_all(self) -> None:
        """Let everything be tried again at once."""
        for thing, each in self._standing.items():
            self._standing[thing] = _Setback(each.error, 0.0, each.pause, each.refusal)

    def over(self) -> bool:
        """Tell that an outage is over, if one was and now is; return whether it was told."""
        if not self._out_told or any(each.out for each in self._standing.values()):
            return False
        self._out_told.clear()
        self._listener.recovered(self._clock.monotonic() - self._out_since)
        return True

    def wait_seconds(self) -> float:
        """Return how long nothing needs to be tried, up to the next look."""
        now = self._clock.monotonic()
        due = min((each.until - now for each in self._standing.values()), default=LOOK_SECONDS)
        return min(max(due, FIRST_PAUSE_SECONDS), LOOK_SECONDS)

    @property
    def refused_runs(self) -> int:
        """How many runs were ever refused."""
        return len(self._refused)

    def refused(self) -> list[dict[str, Any]]:
        """Return what is refused now, each with its error."""
        refusals = [(thing, each.refusal) for thing, each in self._standing.items()]
        return [{"refused": str(t), **error.as_json()} for t, error in refusals if error]

    def _tell_outage(self, error: PlatformError) -> None:
        if not self._out_told:
            self.outages += 1
            self._out_since = self._clock.monotonic()
        if error.code not in self._out_told:
            self._out_told.add(error.code)
            self._listener.outage(error)

    def _tell_refusal(self, thing: Thing, error: Refusal) -> None:
        if isinstance(thing, RunId):
            self._refused.add(thing)
        told = {str(each.refusal) for each in self._standing.values() if each.refusal}
        if str(error) not in told:
            self._listener.refused(thing, error)
