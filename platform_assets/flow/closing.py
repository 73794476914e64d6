"""One closer from its claim to its end: the order of these acts is the protocol.

1 to 4. Claim the run, or adopt the seal that stands.
5, 6. Prepare: judge the run and write its evidence under the epoch. A closer that is refused, fails, or
is interrupted gives its claim up, so that the next attempt need not wait for the TTL.
7. Seal.

A closer that failed, or finds itself barred, looks once more what became of the run: the seal of
whoever replaced it is the run's closure, and all closers give the same answer.

(8, the log, is `closure_log`: it comes after a seal was read and verified, whoever made it.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_assets.flow.closure import (
    AlreadyClosed,
    Closer,
    ClosureOf,
    Held,
    Lost,
    Patience,
    Sealed,
    Unknown,
    claim,
    find_seal,
    release,
    seal,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from platform_assets.flow.steps import Steps

Ended = Sealed | AlreadyClosed | Lost | Unknown


def closing(
    closure: ClosureOf,
    closer: Closer,
    patience: Patience,
    prepare: Callable[[Held], Steps[bytes | AlreadyClosed | Lost]],
) -> Steps[Ended]:
    """Close a run, from the claim to the seal.

    Args:
        closure: the run's closure.
        closer: who closes.
        patience: how long to wait for another closer.
        prepare: steps 5 and 6 under the claim; returns the seal's bytes, or what a sign of life found
            where the claim turned out to be lost meanwhile. What it raises ends the closing.
    """
    held = yield from claim(closure, closer, patience)  # 1 to 4
    if not isinstance(held, Held):
        return held
    try:
        prepared = yield from prepare(held)  # 5, 6
    except (Exception, KeyboardInterrupt):
        yield from release(closure, held)
        standing = yield from find_seal(closure)
        if isinstance(standing, AlreadyClosed):  # what failed was judged from a barred epoch
            return standing
        raise
    ended: Ended
    if isinstance(prepared, bytes):
        ended = yield from seal(closure, held, prepared)  # 7
    else:
        ended = prepared
    if not isinstance(ended, Lost):
        return ended
    standing = yield from find_seal(closure)
    return ended if standing is None else standing
