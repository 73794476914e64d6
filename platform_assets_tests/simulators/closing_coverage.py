"""What histories of closers met: an explorer that became too quiet proves nothing, and shows here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_assets.flow.closure import Lost, Unknown
from platform_assets_tests.simulators.closers import Refused, Said, WriteFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from platform_assets_tests.simulators.closing_world import Effect, World

ENDS = {
    Said: "said CLOSED",
    Refused: "refused",
    Lost: "lost",
    Unknown: "unknown",
    WriteFailed: "evidence failed",
    type(None): "crashed",
}
HAPPENS = {
    *ENDS.values(),
    "one run",
    "two runs",
    "adopted another's seal",
    "barred by another",
    "gave its claim up",
    "third epoch or later",
    "barred owner gave the answer that stands",
    "effect after its closer had ended",
    "entered into the log by another than the sealer",
}


def what_happened(world: World) -> Iterator[str]:
    """Name what a history met."""
    yield "two runs" if len({closer.run for closer in world.closers}) > 1 else "one run"
    yield from (ENDS[type(closer.outcome)] for closer in world.closers)
    claimed = {effect.path: effect.closer for effect in world.effects if ".claim" in effect.path}
    sealed: dict[int, int] = {}
    for effect in world.effects:
        closer = world.closers[effect.closer]
        if 0 < closer.ended_at < effect.moment:
            yield "effect after its closer had ended"
        if effect.path.endswith(".seal"):
            if b'"void"' not in effect.data:
                sealed[closer.run] = effect.closer
            yield from _of_seal(world, effect, claimed[effect.path.replace(".seal", ".claim")])
        elif effect.path.startswith("log/0") and sealed[closer.run] != effect.closer:
            yield "entered into the log by another than the sealer"
    for number, closer in enumerate(world.closers):
        if isinstance(closer.outcome, Said) and sealed[closer.run] != number:
            yield "adopted another's seal"


def _of_seal(world: World, seal: Effect, owner: int) -> Iterator[str]:
    if b'"void"' not in seal.data:
        if not seal.path.endswith(("0001.seal", "0002.seal")):
            yield "third epoch or later"
    elif owner == seal.closer:
        yield "gave its claim up"
    else:
        yield "barred by another"
        if isinstance(world.closers[owner].outcome, Said):
            yield "barred owner gave the answer that stands"
