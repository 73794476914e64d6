"""How much of what waits one window takes, and when a window is due.

Records are shared out in proportion to what waits, so that while a feed catches up on a backlog all
its streams move through it together: a stream that is small does not run ahead of the one that it
refers to. Every partition with something waiting gets one record at least, so that none starves. The
split is a function of what was seen: largest remainders first, then natural order.

Bytes are shared out to one level. A partition whose part fits its share gives back what it does not
need; the rest is shared among the others. The bound holds for the window as a whole, except that every
partition with something waiting gets one record at least: one that is larger than the bound would
block its feed for ever.

A window is due when it is full, or when its oldest record has waited long enough. Where nothing tells
when that record arrived, it may have waited for any time, and the window is due. That is so too where
the clock was set back behind what was noted before.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from platform_assets.canonical import parse_rfc3339
from platform_assets.flow.continuity import position_seen_at
from platform_assets.flow.positions import is_worth_pinning

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime, timedelta
    from typing import Any

    from platform_assets.flow.anchors import Range

    # What waits of a partition, and how many bytes -> where to cut, as `StreamSource.limit_bytes` does.
    LimitBytes = Callable[[Range, int], int]

_HALVINGS = 6


@dataclass(frozen=True, slots=True)
class WindowBounds:
    """What one window takes at most."""

    max_records: int
    max_bytes: int


class Due(StrEnum):
    """Why a window is due."""

    FULL = "full"
    AGE = "age"
    POSITION = "position"  # nothing to read, but a position to be fixed


def cut_window(
    waiting: Sequence[Range], bounds: WindowBounds, limit_bytes: LimitBytes
) -> list[Range]:
    """Return what a window takes of each range, in the same order."""
    counts = share_records([part.records for part in waiting], bounds.max_records)
    window = [part.until(part.start + count) for part, count in zip(waiting, counts, strict=True)]
    return _share_bytes(window, bounds.max_bytes, limit_bytes)


def share_records(waiting: Sequence[int], total: int) -> list[int]:
    """Split a number of records over partitions: one each, the rest in proportion to what waits."""
    if sum(waiting) <= total:
        return list(waiting)
    some = [index for index, count in enumerate(waiting) if count]
    shares = [0] * len(waiting)
    for index in some[:total]:
        shares[index] = 1
    left = total - sum(shares)
    rest = [count - share for count, share in zip(waiting, shares, strict=True)]
    whole = sum(rest)
    fractions = {index: left * rest[index] % whole for index in some}
    for index in some:
        shares[index] += left * rest[index] // whole
    # Largest remainders first; of equal ones, the first in natural order.
    for index in sorted(some, key=lambda index: (-fractions[index], index))[: total - sum(shares)]:
        shares[index] += 1
    return shares


def due(
    waiting: Sequence[Range],
    window: Sequence[Range],
    predecessor: Mapping[str, Any] | None,
    *,
    now: datetime,
    max_age: timedelta,
) -> Due | None:
    """Tell why a window is due, None where it is not.

    It is full when it cannot take all that waits.
    """
    if not any(part.records for part in waiting):
        return Due.POSITION if is_worth_pinning(window) else None
    if sum(part.records for part in window) < sum(part.records for part in waiting):
        return Due.FULL
    since = oldest_arrival(waiting, predecessor, now=now)
    return Due.AGE if since is None or now - since >= max_age else None


def oldest_arrival(
    waiting: Sequence[Range], predecessor: Mapping[str, Any] | None, *, now: datetime
) -> datetime | None:
    """Return the earliest moment at which a waiting record can have arrived, None where unknown.

    It was not there when the sources were looked at for the window before, and where every source
    knows better, not before what the sources say. A moment that is to come tells nothing: a clock was
    set, or is another's, and to wait for it could take for ever.
    """
    bounds = [parse_rfc3339(position_seen_at(predecessor))] if predecessor else []
    told = [part.waiting_since for part in waiting if part.records]
    known = [moment for moment in told if moment is not None]
    if known and len(known) == len(told):
        bounds.append(min(known))
    return max((bound for bound in bounds if bound <= now), default=None)


def _share_bytes(window: Sequence[Range], max_bytes: int, limit_bytes: LimitBytes) -> list[Range]:
    ends = [part.end for part in window]
    left = [index for index, part in enumerate(window) if part.records]
    remaining = max_bytes
    while left:
        share = max(0, remaining) // len(left)
        stops = {index: limit_bytes(window[index], share) for index in left}
        whole = [index for index in left if stops[index] == window[index].end]
        if not whole:
            ends = [stops.get(index, end) for index, end in enumerate(ends)]
            break
        left = [index for index in left if index not in whole]
        if left:  # for whom it matters what the others do not need
            remaining -= sum(_size_bound(window[index], share, limit_bytes) for index in whole)
    return [part.until(end) for part, end in zip(window, ends, strict=True)]


def _size_bound(part: Range, share: int, limit_bytes: LimitBytes) -> int:
    """Return a size that the range, which fits the share, does not exceed; found by halving.

    A single record always "fits", so that nothing is learned about its size by asking.
    """
    for _ in range(_HALVINGS if part.records > 1 else 0):
        if limit_bytes(part, share // 2) < part.end:
            break
        share //= 2
    return share
