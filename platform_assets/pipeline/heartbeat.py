"""Showing life while the evidence of a run is made.

A closer that works for longer than the TTL without a beat is taken for dead and barred. A heartbeat
beats in a thread of its own until it is stopped, or until the store says that the claim is lost. A
beat that fails is tried again at the next one's time. It decides nothing: the seal does, and a closer
that was barred meanwhile finds that out when it seals.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self

from platform_assets.errors import PlatformError
from platform_assets.flow.closure import AlreadyClosed, ClosureOf, Held, Lost, Unknown, beat
from platform_assets.flow.steps import perform

if TYPE_CHECKING:
    from types import TracebackType

    from platform_assets.ports.clock import Clock
    from platform_assets.ports.store import Store

BEATS_PER_TTL = 3


class Heartbeat:
    """Beats for a held claim while the ``with`` block runs."""

    def __init__(
        self, store: Store, clock: Clock, closure: ClosureOf, held: Held, *, ttl_seconds: float
    ) -> None:
        self._store = store
        self._clock = clock
        self._closure = closure
        self._held = held
        self._outcome: Held | AlreadyClosed | Lost | Unknown = held
        self._every = ttl_seconds / BEATS_PER_TTL
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="closure heartbeat", daemon=True)

    @property
    def outcome(self) -> Held | AlreadyClosed | Lost | Unknown:
        """What the newest beat found: the claim held, lost, the run closed, or no answer."""
        return self._outcome

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(self._every):
            try:
                self._outcome = perform(beat(self._closure, self._held), self._store, self._clock)
            except PlatformError:  # denied, or the like: the closer's own work meets it and says so
                continue
            if isinstance(self._outcome, Held):
                self._held = self._outcome
            elif not isinstance(self._outcome, Unknown):
                return  # lost or closed: further beats would mean nothing
