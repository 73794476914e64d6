"""Where planted records stand and what their bytes are.

Each stands by a good event of its own partition: a repetition behind its original, so that the
original comes first wherever windows are cut; an attempt that is corrected later, before it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from platform_assets.examples.payments.faults import COPIES, FAR, FAULTS, compact
from platform_assets.examples.payments.population import uuids
from platform_assets.examples.payments.rendering import RENDERERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import polars as pl
    from numpy.typing import NDArray

_NEAR = 50
_STREAM_SEEDS = {"authorisations": 3, "reversals": 4}


@dataclass(frozen=True, slots=True)
class Planted:
    """Planted records in the order in which they were drawn.

    Attributes:
        kinds: the names of the faults that occur.
        kind: index into ``kinds``, per record.
        event: the good event that the record stands by, per record.
        delay: how many events of the partition stand between the two; -1 is just before.
        content: the bytes with a line feed; None for a copy, which is rendered with the events.
    """

    kinds: tuple[str, ...]
    kind: NDArray[np.int64]
    event: NDArray[np.int64]
    delay: NDArray[np.int64]
    content: tuple[bytes | None, ...]


def plant(
    stream: str, seed: int, counts: Mapping[str, int], frame: pl.DataFrame, *, far: int
) -> Planted:
    """Draw the planted records of a stream.

    Args:
        stream: its name.
        seed: the recipe's seed.
        counts: fault -> how many.
        frame: the good events in the order of the log.
        far: the most events of the partition between an event and its far repetition.
    """
    random = np.random.default_rng([seed, _STREAM_SEEDS[stream]])
    counts = {kind: count for kind, count in counts.items() if count}
    events, delays = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for kind, count in counts.items():
        fault = FAULTS[kind]
        # Far repetitions stand by events of the first half, so that the log does not end too early.
        drawn = random.integers(0, len(frame) // 2 if kind in FAR else len(frame), count)
        events.append(np.repeat(drawn, 2)[:count] if fault.paired else drawn)
        least, most = (far // 2, far) if kind in FAR else (0, _NEAR)
        delay = random.integers(least, most + 1, count)
        delays.append(np.full(count, -1) if fault.before else delay)
    kinds = tuple(counts)
    kind_of = np.repeat(np.arange(len(kinds)), list(counts.values()))
    event = np.concatenate(events)
    names = [kinds[kind] for kind in kind_of.tolist()]
    lines = RENDERERS[stream](frame[event])
    ids = uuids(random, len(event)).to_list()
    originals = (json.loads(lines[index]) for index in range(len(names)))
    content = tuple(_contents(names, originals, ids))
    return Planted(kinds, kind_of, event, np.concatenate(delays), content)


def order(
    members: NDArray[np.int64], planted: Planted, mine: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return a partition's records in order: event ``i`` as ``i``, planted ``j`` as ``-1 - j``.

    Args:
        members: the good events of the partition, ascending.
        planted: the planted records of the stream.
        mine: those of the partition, by index.
    """
    rank = np.searchsorted(members, planted.event[mine])
    place = np.minimum(rank + planted.delay[mine], len(members) - 1)
    places = np.concatenate([np.arange(len(members)), place])
    turns = np.concatenate([np.full(len(members), -1), mine])
    records = np.concatenate([members, -1 - mine])
    ordered: NDArray[np.int64] = records[np.lexsort((turns, places))]
    return ordered


def _contents(
    names: list[str], originals: Iterator[dict[str, object]], ids: list[str]
) -> Iterator[bytes | None]:
    previous: tuple[str, bytes] | None = None
    data = b""
    for name, original, own_id in zip(names, originals, ids, strict=True):
        fault = FAULTS[name]
        this = (name, compact(original))
        # The second of a pair has the bytes of the first, so it keeps the id drawn for the first.
        if this != previous or not fault.paired:
            data = fault.make(original if fault.keeps_id else original | {"event_id": own_id})
        previous = this
        yield None if name in COPIES else data + b"\n"
