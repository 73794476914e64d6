"""Settling the identities of a judged stream, within the run and against what earlier runs admitted.

1. The ids that earlier runs admitted are hashed, part by part of their certified products.
2. Ids that may occur twice are found by their hashes, event by event.
3. Only rows with such an id are read, and settled by their ids and contents themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_assets.adapters.dedupe import Settled, settle, suspected
from platform_assets.adapters.suspects import (
    EarlierPart,
    SuspectRows,
    SuspectTask,
    hash_earlier,
    read_suspects,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from platform_assets.adapters.hash_buckets import HashFile
    from platform_assets.adapters.judged_parts import StreamTask
    from platform_assets.adapters.workers import Workers
    from platform_assets.contracts.registry import Contract
    from platform_assets.pipeline.admitted_parts import AcceptedParts
    from platform_assets.pipeline.horizon import Horizon


def settled_parts(
    pool: Workers,
    accepted: AcceptedParts,
    horizon: Horizon,
    *,
    task: StreamTask,
    contracts: Mapping[str, Contract],
    memory: int,
) -> Settled:
    """Settle the accepted rows of all events of a stream, in so many bytes of memory.

    Raises:
        GateRefusal: a product of an earlier run may not be read.
        SpillExhausted: there is no room for what does not fit in memory.
    """
    earlier = _earlier_parts(task, horizon)
    hashed = list(pool.map(hash_earlier, earlier))  # 1
    found: dict[int, list[SuspectRows]] = {}
    for event in accepted.parts:  # 2
        before = [(p, f) for p, f in zip(earlier, hashed, strict=True) if p.event == event]
        for number, rows in _suspects(event, accepted, before, memory):
            found.setdefault(number, []).append(rows)
    shared = {
        event.name: horizon.shared(event.name, contracts[event.contract].columns)
        for event in task.events
    }
    tasks = [SuspectTask(number, parts, shared) for number, parts in sorted(found.items())]
    files = list(pool.map(read_suspects, tasks))  # 3
    return settle(files, task.spill, memory)


def _earlier_parts(task: StreamTask, horizon: Horizon) -> list[EarlierPart]:
    """Return the parts of the earlier runs' products, numbered below zero in the order of the runs."""
    parts = [
        (event.name, str(opened.run), path)
        for event in task.events
        for opened in horizon.consult(event.name)
        for path in opened.paths
    ]
    return [EarlierPart(n - len(parts), *part) for n, part in enumerate(parts)]


def _suspects(
    event: str,
    accepted: AcceptedParts,
    before: Sequence[tuple[EarlierPart, HashFile]],
    memory: int,
) -> list[tuple[int, SuspectRows]]:
    own = {p.landed.number: p.accepted[event] for p in accepted.judged if event in p.accepted}
    bits = suspected([a.hashes for a in own.values()], [f for _, f in before], memory)
    rows = [
        (n, SuspectRows(event, a.part.path, a.part.rows, bits[n]))
        for n, a in own.items()
        if n in bits
    ]
    return rows + [
        (p.number, SuspectRows(event, p.path, file.rows, bits[p.number], p.run))
        for p, file in before
        if p.number in bits
    ]
