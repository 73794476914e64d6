"""A store that writes down what a closer did there and when, and stops or kills it where it is told.

Moments are those of the machine's monotonic clock, which all its processes share. Every event is one
write to a file that is opened for appending, so it stands also when the process is killed.
"""

from __future__ import annotations

import json
import os
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from platform_assets.errors import PlatformError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from platform_assets.ports.store import Store

SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


@dataclass(frozen=True)
class Struck:
    """What befalls a closer: killed or stopped, just before or after its n-th create."""

    how: str
    create: int
    moment: str


class Events:
    """What one closer did, one JSON line each."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC)

    def note(self, what: str, **fields: Any) -> None:
        """Write an event down."""
        event = {"at": time.monotonic(), "pid": os.getpid(), "what": what, **fields}
        os.write(self._file, json.dumps(event).encode() + b"\n")


class WatchedStore:
    """Any store, watched: creates are noted, and one of them may be the closer's last act."""

    def __init__(self, store: Store, events: Events, struck: Struck | None) -> None:
        self._store = store
        self._events = events
        self._struck = struck
        self._creates = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def create(self, path: str, data: bytes) -> None:
        self._around(path, lambda: self._store.create(path, data))

    def create_from(self, path: str, source: Path) -> None:
        self._around(path, lambda: self._store.create_from(path, source))

    def _around(self, path: str, create: Callable[[], None]) -> None:
        self._creates += 1
        number = self._creates
        self._strike(number, "before")
        said = "created"
        try:
            create()
        except PlatformError as error:
            said = error.code
            raise
        finally:
            self._events.note("create", path=path, said=said)
            self._strike(number, "after")

    def _strike(self, number: int, moment: str) -> None:
        struck = self._struck
        if struck is not None and (struck.create, struck.moment) == (number, moment):
            self._events.note("struck", how=struck.how)
            os.kill(os.getpid(), SIGNALS[struck.how])
