"""Protocol steps without I/O: a procedure yields what it wants done and is told what came of it.

A procedure is a generator of acts: create an object, read one, wait. It holds no store and no clock, so
a simulator can interleave, delay, lose or crash it between any two acts, and the same procedure runs on
every store. `perform` drives a procedure over a real store and clock.

Answers keep apart what must not be confused: that an object is absent, that it is there, and that
nobody can tell. A create that was answered with an error may have taken effect; `settle` reads back
before it tries again.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar

from platform_assets.errors import (
    AlreadyExists,
    DependencyUnreachable,
    ObjectMissing,
    UnknownOutcome,
)

if TYPE_CHECKING:
    from platform_assets.ports.clock import Clock
    from platform_assets.ports.store import Store


@dataclass(frozen=True, slots=True)
class Create:
    """Create an object. Answered with `Wrote`."""

    path: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Read:
    """Read an object. Answered with its bytes, None where nothing is there, or `UNCLEAR`."""

    path: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait so many seconds. Answered with the own monotonic clock in seconds."""

    seconds: float


class Wrote(Enum):
    """What the store says of a create."""

    CREATED = "created"
    TAKEN = "taken"
    UNKNOWN = "unknown"


class Unclear(Enum):
    """The store does not say what stands at a path."""

    UNCLEAR = "unclear"


UNCLEAR = Unclear.UNCLEAR
Act = Create | Read | Wait
_T = TypeVar("_T")
Steps = Generator[Act, Any, _T]

_ATTEMPTS = 4
_PAUSE_SECONDS = 0.2


def look(path: str) -> Steps[bytes | Unclear | None]:
    """Read an object, trying again a few times where the store gives no clear answer."""
    for attempt in range(_ATTEMPTS):
        if attempt:
            yield Wait(_PAUSE_SECONDS * 2**attempt)
        found: bytes | Unclear | None = yield Read(path)
        if found is not UNCLEAR:
            return found
    return UNCLEAR


def settle(path: str, data: bytes) -> Steps[bytes | Unclear]:
    """Create an object and return what then stands at the path: these bytes, or another's.

    A lost response, or a store's retry that meets its own success, is settled by reading back. Where
    nothing stands there, the create is tried again; it is harmless should the first still arrive.
    """
    for attempt in range(_ATTEMPTS):
        if attempt:
            yield Wait(_PAUSE_SECONDS * 2**attempt)
        wrote: Wrote = yield Create(path, data)
        if wrote is Wrote.CREATED:
            return data
        standing = yield from look(path)
        if standing is not None:
            return standing
    return UNCLEAR


def answer(act: Act, store: Store, clock: Clock) -> Any:
    """Do one act and return the answer that the procedure is to be sent."""
    match act:
        case Create(path, data):
            return _create(store, path, data)
        case Read(path):
            return _read(store, path)
        case Wait(seconds):
            if seconds > 0:
                clock.sleep(seconds)
            return clock.monotonic()


def perform(steps: Steps[_T], store: Store, clock: Clock) -> _T:
    """Run a procedure to its end over a store and a clock, and return its outcome."""
    reply: Any = None
    while True:
        try:
            act = steps.send(reply)
        except StopIteration as stop:
            outcome: _T = stop.value
            return outcome
        reply = answer(act, store, clock)


def _create(store: Store, path: str, data: bytes) -> Wrote:
    try:
        store.create(path, data)
    except AlreadyExists:
        return Wrote.TAKEN
    except (UnknownOutcome, DependencyUnreachable):
        return Wrote.UNKNOWN
    return Wrote.CREATED


def _read(store: Store, path: str) -> bytes | Unclear | None:
    try:
        return store.read(path)
    except ObjectMissing:
        return None
    except (UnknownOutcome, DependencyUnreachable):
        return UNCLEAR
