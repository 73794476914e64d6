"""Waiting for another run: a step that has to is taken again, until the other one has come far enough.

A step refuses with `PredecessorOpen` before it does anything. Whether it is then taken again, and for
how long, is for its caller to say. Runs never wait for each other in a circle: who settles later waits
for who settled before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from platform_assets.errors import PredecessorOpen

if TYPE_CHECKING:
    from platform_assets.identifiers import RunId
    from platform_assets.pipeline.platform import Platform

#: Returns when a step shall be taken again, or raises the error.
Waits = Callable[[PredecessorOpen], None]

_LOOK_SECONDS = 0.2


def at_once(error: PredecessorOpen) -> None:
    """Wait for nobody.

    Raises:
        PredecessorOpen: always.
    """
    raise error


def patient(
    platform: Platform, seconds: float, given_up: Callable[[], bool] = lambda: False
) -> Waits:
    """Return what waits so long in all, unless it is to be given up before."""
    deadline = platform.clock.monotonic() + seconds

    def waits(error: PredecessorOpen) -> None:
        if given_up() or platform.clock.monotonic() > deadline:
            raise error
        platform.clock.sleep(_LOOK_SECONDS)

    return waits


def taken(
    step: Callable[..., dict[str, Any]], waits: Waits, platform: Platform, run: RunId, *of: str
) -> dict[str, Any]:
    """Take a step of a run, again after each wait, and return its record."""
    while True:
        try:
            return step(platform, run, *of)
        except PredecessorOpen as error:
            waits(error)
