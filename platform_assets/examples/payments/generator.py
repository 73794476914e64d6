"""Writes the payments log and the ledger of what was planted in it.

1. The good events are made, as columns, and dealt to partitions by account.
2. The planted records are drawn, each by a good event of its own partition.
3. Every partition is written segment by segment: rendered lines, with the planted bytes between.
4. The ledger is written beside the topics.

Planted records are made one by one in Python; there are few of them. Nothing else is made per record.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from platform_assets.examples.payments.faults import FAULTS, Outcome
from platform_assets.examples.payments.plant import Plant, StreamPlant, Tally
from platform_assets.examples.payments.planting import Planted, order, plant
from platform_assets.examples.payments.population import authorisations, partition_of, reversals
from platform_assets.examples.payments.recipe import Recipe
from platform_assets.examples.payments.rendering import RENDERERS, Lines
from platform_assets.examples.segments import whole_log, write_segment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import polars as pl
    from numpy.typing import NDArray

_SEGMENT_RECORDS = 250_000


@dataclass(frozen=True, slots=True)
class _Stream:
    """A stream to be written: its name, its good events and how many partitions it has."""

    name: str
    frame: pl.DataFrame
    partitions: int


def write_log(directory: Path, recipe: Recipe | None = None) -> Plant:
    """Write the log ``directory/<topic>/<partition>/...`` and its ledger, and return the ledger.

    Raises:
        FileExistsError: the directory exists.
        ValueError: the recipe cannot be met.
    """
    recipe = recipe or Recipe()
    shape = recipe.shape()
    authorised = authorisations(recipe.seed, shape)
    reversed_ = reversals(recipe.seed, shape, authorised)
    streams = (
        _Stream("authorisations", authorised, recipe.partitions),
        _Stream("reversals", reversed_, recipe.reversal_partitions),
    )
    with whole_log(directory) as log:
        ledger = Plant(
            seed=recipe.seed,
            records=recipe.records,
            late=shape.late,
            orphans=shape.orphans,
            shared_ids=shape.shared_ids,
            streams={stream.name: _write_stream(log, recipe, stream) for stream in streams},
        )
        ledger.write(log)
    return ledger


def _write_stream(log: Path, recipe: Recipe, stream: _Stream) -> StreamPlant:
    far = min(recipe.far, len(stream.frame) // stream.partitions // 3)
    counts = recipe.planted()[stream.name]
    planted = plant(stream.name, recipe.seed, counts, stream.frame, far=far)
    partition = partition_of(stream.frame["account"].to_numpy(), stream.partitions)
    tallies = {}
    for number in range(stream.partitions):
        members = np.flatnonzero(partition == number)
        mine = np.flatnonzero(partition[planted.event] == number)
        records = order(members, planted, mine)
        size = recipe.segment_records or min(_SEGMENT_RECORDS, max(100, -(-len(records) // 3)))
        for turn, base in enumerate(range(0, len(records), size)):
            segment = b"".join(_segment(stream, planted, records[base : base + size]))
            zstd = recipe.compress and turn % 2 == 1
            write_segment(log, stream.name, str(number), base, segment, zstd=zstd)
        tallies[str(number)] = _tally(len(members), planted, mine)
    kinds = Counter(planted.kinds[kind] for kind in planted.kind.tolist())
    return StreamPlant(tallies, _admitted(stream, planted), dict(sorted(kinds.items())))


def _segment(
    stream: _Stream, planted: Planted, records: NDArray[np.int64]
) -> Iterator[bytes | memoryview]:
    places = np.flatnonzero(records < 0)
    contents = [planted.content[-1 - record] for record in records[places].tolist()]
    made = np.array([content is not None for content in contents], dtype=np.bool_)
    copies, breaks = places[~made], places[made]
    events = records.copy()
    events[copies] = planted.event[-1 - records[copies]]
    lines = RENDERERS[stream.name](stream.frame[np.delete(events, breaks)])
    return _woven(lines, breaks, [content for content in contents if content is not None])


def _woven(
    lines: Lines, breaks: NDArray[np.int64], contents: list[bytes]
) -> Iterator[bytes | memoryview]:
    start = 0
    for turn, (place, content) in enumerate(zip(breaks.tolist(), contents, strict=True)):
        # Of the records before this one, `turn` were woven in and are no lines.
        stop = place - turn
        yield lines.buffer[lines.offsets[start] : lines.offsets[stop]]
        yield content
        start = stop
    yield lines.buffer[lines.offsets[start] : lines.offsets[-1]]


def _tally(events: int, planted: Planted, mine: NDArray[np.int64]) -> Tally:
    outcomes = Counter({Outcome.ADMITTED: events})
    reasons: Counter[str] = Counter()
    for kind, count in Counter(planted.kind[mine].tolist()).items():
        fault = FAULTS[planted.kinds[kind]]
        outcomes[fault.outcome] += count
        reasons.update(dict.fromkeys(fault.codes, count))
    return Tally(
        delivered=events + len(mine),
        admitted=outcomes[Outcome.ADMITTED],
        duplicate=outcomes[Outcome.DUPLICATE],
        quarantined=outcomes[Outcome.QUARANTINED],
        reasons=dict(sorted(reasons.items())),
    )


def _admitted(stream: _Stream, planted: Planted) -> dict[str, int]:
    good = [FAULTS[kind].outcome is Outcome.ADMITTED for kind in planted.kinds]
    extra = planted.event[np.array(good, dtype=np.bool_)[planted.kind]]
    total = len(stream.frame) + len(extra)
    if stream.name == "authorisations":
        return {"authorisation": total}
    chargeback = stream.frame["chargeback"].to_numpy()
    disputed = int(chargeback.sum()) + int(chargeback[extra].sum())
    return {"chargeback": disputed, "refund": total - disputed}
