"""Settling the identities of a judged stream, within the run and against what earlier runs admitted.

1. The ids that earlier runs admitted are hashed, part by part, each part once.
2. Ids that may occur twice are found by their hashes, event by event.
3. Only rows with such an id are read, and settled by their ids and contents themselves.
"""

from __future__ import annotations

from dataclasses import replace
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
    from pathlib import Path

    from platform_assets.adapters.hash_buckets import HashFile
    from platform_assets.adapters.judged_parts import StreamTask
    from platform_assets.adapters.workers import Workers
    from platform_assets.contracts.registry import Contract
    from platform_assets.pipeline.admitted_parts import AcceptedParts
    from platform_assets.pipeline.horizon import EarlierRows, Horizon


def settled_parts(
    pool: Workers,
    accepted: AcceptedParts,
    horizon: Horizon,
    *,
    task: StreamTask,
    contracts: Mapping[str, Contract],
    memory: int,
    hashes: EarlierHashes | None = None,
) -> Settled:
    """Settle the accepted rows of all events of a stream, in so many bytes of memory.

    Whoever settles again, because more runs count, passes the hashes of before.

    Raises:
        GateRefusal: a product of an earlier run may not be read.
        SpillExhausted: there is no room for what does not fit in memory.
    """
    given = [(event.name, rows) for event in task.events for rows in horizon.consult(event.name)]
    earlier = (hashes or EarlierHashes()).of(pool, given)  # 1
    found: dict[int, list[SuspectRows]] = {}
    for event in accepted.parts:  # 2
        before = [(part, file) for part, file in earlier if part.event == event]
        for number, rows in _suspects(event, accepted, before, memory, pool.count):
            found.setdefault(number, []).append(rows)
    shared = {
        event.name: horizon.shared(event.name, contracts[event.contract].columns)
        for event in task.events
    }
    tasks = [SuspectTask(number, parts, shared) for number, parts in sorted(found.items())]
    files = list(pool.map(read_suspects, tasks))  # 3
    return settle(files, task.spill, memory)


class EarlierHashes:
    """The hashes of what earlier runs admitted, kept for whoever has to settle again."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, Path], tuple[EarlierPart, HashFile]] = {}

    def of(
        self, pool: Workers, given: Sequence[tuple[str, EarlierRows]]
    ) -> list[tuple[EarlierPart, HashFile]]:
        """Return the parts of what counts, numbered below zero in that order, with their hashes."""
        wanted = {
            (event, rows.run, path): rows.excluded for event, rows in given for path in rows.paths
        }
        new = [key for key in wanted if key not in self._known]
        parts = [
            EarlierPart(-len(self._known) - n, *key, excluded=tuple(wanted[key]))
            for n, key in enumerate(new, 1)
        ]
        for key, part, file in zip(new, parts, pool.map(hash_earlier, parts), strict=True):
            self._known[key] = part, file
        return [
            (replace(part, number=number), replace(file, source=number))
            for number, (part, file) in enumerate(
                map(self._known.__getitem__, wanted), -len(wanted)
            )
        ]


def _suspects(
    event: str,
    accepted: AcceptedParts,
    before: Sequence[tuple[EarlierPart, HashFile]],
    memory: int,
    threads: int,
) -> list[tuple[int, SuspectRows]]:
    own = {p.landed.number: p.accepted[event] for p in accepted.judged if event in p.accepted}
    bits = suspected([a.hashes for a in own.values()], [f for _, f in before], memory, threads)
    rows = [
        (n, SuspectRows(event, a.part.path, a.part.rows, bits[n]))
        for n, a in own.items()
        if n in bits
    ]
    return rows + [
        (p.number, SuspectRows(event, p.path, file.numbered, bits[p.number], p.run))
        for p, file in before
        if p.number in bits
    ]
