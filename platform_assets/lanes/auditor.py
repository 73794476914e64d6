"""Holds what stands in closed runs against what was sent, event by event, while the load continues.

Of every closed run the ids of its products are read through the gate, as any reader would. An id names
its event (see `event_ids`), so that each row is counted for exactly one event of the schedule:

1. A row whose id names no event that can have a row is unexpected: a foreign id, a number beyond the
   schedule, an event that is invalid or repeats another.
2. An event that has more than one row, over all runs, is doubled.
3. The latency of an event is the moment at which its run was seen to be closed, minus the one at which
   the event was to be sent. Latencies are kept by the second of the intended moment.
4. When everything is sent, the ledgers are held against it. Of the events that share an id, an original
   and its duplicates, exactly one row has to stand if any of them was acknowledged, and none may stand
   if none was sent; of what is ambiguous, either is right. What lacks is lost.
5. Quarantined and duplicate records have no rows; their numbers over all runs have to be what the
   ledgers say, give or take what is ambiguous.

Each event takes a byte while the load continues, and four when the ledgers are held against it: of a
hundred million events that is 100 MB, and 400 MB.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from platform_assets.lanes.event_ids import numbers_of
from platform_assets.lanes.latencies import Latencies
from platform_assets.lanes.ledger import acknowledged, doubtful
from platform_assets.lanes.schedule import Kind, Schedule
from platform_assets.lanes.waiting import has_row
from platform_assets.pipeline import open_product

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from platform_assets.declarations import FeedDeclaration
    from platform_assets.lanes.closures import SeenClosure
    from platform_assets.lanes.draws import Numbers
    from platform_assets.lanes.ledger import Mask, ProcessLedger
    from platform_assets.lanes.plan import LanePlan
    from platform_assets.pipeline import Platform

#: How many events are looked at together.
_CHUNK = 1_000_000
_MOST_ROWS = np.iinfo(np.uint8).max
#: What is claimed of an event: that a row of it has to stand, and that one may.
_MUST, _MAY = np.uint8(1), np.uint8(2)
#: So many of those that are wrong are told by number.
_TOLD = 10


@dataclass(frozen=True, slots=True)
class AuditedRun:
    """What the rows of one closed run showed.

    Attributes:
        rows: how many there were.
        unexpected: rows that no event can have.
        doubled: events that now have more than one row.
        numbers: the events that have rows in it.
    """

    rows: int
    unexpected: int
    doubled: int
    numbers: Numbers


@dataclass(frozen=True, slots=True)
class Truth:
    """What stands, against what was sent: all zero where everything is as it has to be.

    ``never_sent`` is the part of ``unexpected`` that shows only when the ledgers are known;
    ``rows_due`` how many events must have a row. ``examples`` names some of the events that are wrong.
    """

    lost: int
    doubled: int
    unexpected: int
    never_sent: int
    quarantine_error: int
    duplicate_error: int
    rows_due: int
    examples: dict[str, list[int]]


class Auditor:
    """Audits the closed runs of one lane.

    Args:
        platform: the lane's home, opened.
        plan: the pinned plan.
        prefix: what the ids of this lane begin with.
    """

    def __init__(self, platform: Platform, plan: LanePlan, prefix: str) -> None:
        self._platform, self._prefix = platform, prefix
        self._schedule = Schedule(plan.workload)
        declared = platform.feed(plan.target.feed)
        self._products = tuple(_products(declared, plan.workload.stream))
        self._rows = np.zeros(plan.workload.events, np.uint8)
        self._unexpected = self._quarantined = self._duplicates = 0
        self.latencies = Latencies()

    def audit(self, seen: SeenClosure) -> AuditedRun:
        """Read a closed run and count its rows.

        Raises:
            GateRefusal, EvidenceInconsistent: a product of it may not be read.
            DependencyUnreachable: the store did not answer; nothing was counted.
        """
        ids = pl.concat([self._ids(seen, *product) for product in self._products])
        numbers = numbers_of(ids, self._prefix).drop_nulls().to_numpy()
        numbers = numbers[numbers < len(self._rows)]
        numbers = numbers[has_row(self._schedule.kinds(numbers))]  # 1
        events, counts = np.unique(numbers, return_counts=True)
        before = self._rows[events]
        after = np.minimum(before + counts, _MOST_ROWS)
        self._rows[events] = after
        self.latencies.record(self._schedule.intended(numbers), seen.closed)  # 3
        self._unexpected += len(ids) - len(numbers)
        self._quarantined += seen.counts["quarantined"]
        self._duplicates += seen.counts["duplicate"]
        doubled = int(np.count_nonzero((before < 2) & (after > 1)))  # noqa: PLR2004 - 2
        return AuditedRun(len(ids), len(ids) - len(numbers), doubled, events)

    def truth(self, ledgers: Sequence[ProcessLedger]) -> Truth:
        """Hold all that was audited against the ledgers of all processes."""
        sent, claims = self._sent(ledgers)
        counts: Counter[str] = Counter()
        examples: dict[str, list[int]] = {}
        for numbers in _chunks(len(self._rows)):  # 4
            rows, claim = self._rows[numbers], claims[numbers]
            wrong = {
                "lost": ((claim & _MUST) > 0) & (rows == 0),
                "doubled": rows > 1,
                "never_sent": (rows > 0) & (claim == 0),
            }
            counts["due"] += int(np.count_nonzero(claim & _MUST))
            for name, which in wrong.items():
                counts[name] += int(np.count_nonzero(which))
                told = examples.setdefault(name, [])
                told += numbers[which][: _TOLD - len(told)].tolist()
        duplicates = sent.valid - counts["due"]
        return Truth(
            lost=counts["lost"],
            doubled=counts["doubled"],
            unexpected=self._unexpected + counts["never_sent"],
            never_sent=counts["never_sent"],
            quarantine_error=_beyond(self._quarantined, sent.invalid, sent.unclear_invalid),  # 5
            duplicate_error=_beyond(self._duplicates, duplicates, sent.unclear_valid),
            rows_due=counts["due"],
            examples={name: numbers for name, numbers in examples.items() if numbers},
        )

    def _sent(self, ledgers: Sequence[ProcessLedger]) -> tuple[_Sent, NDArray[np.uint8]]:
        """Return how many events stand in the stream, and which have to have a row, or may have one."""
        events = len(self._rows)
        standing, doubted = acknowledged(ledgers, events), doubtful(ledgers, events)
        claims, sent = np.zeros(events, np.uint8), _Sent()
        for numbers in _chunks(events):
            stands, unclear = standing[numbers], doubted[numbers]
            known = self._schedule.of(numbers)
            invalid = known.kinds >= Kind.INVALID_JSON
            claims[known.origins[stands & ~invalid]] |= _MUST
            claims[known.origins[unclear & ~invalid]] |= _MAY
            sent.add(stands, unclear, invalid)
        return sent, claims

    def _ids(self, seen: SeenClosure, product: str, path: str) -> pl.Series:
        name, *inner = path.split(".")
        column = pl.col(name)
        for field in inner:
            column = column.struct.field(field)
        with open_product(self._platform, seen.run, product) as certified:
            return certified.scan().select(id=column.cast(pl.String)).collect()["id"]


@dataclass(slots=True)
class _Sent:
    """How many events of each kind stand in the stream, and how many perhaps do."""

    valid: int = 0
    invalid: int = 0
    unclear_valid: int = 0
    unclear_invalid: int = 0

    def add(self, stands: Mask, unclear: Mask, invalid: Mask) -> None:
        self.valid += int(np.count_nonzero(stands & ~invalid))
        self.invalid += int(np.count_nonzero(stands & invalid))
        self.unclear_valid += int(np.count_nonzero(unclear & ~invalid))
        self.unclear_invalid += int(np.count_nonzero(unclear & invalid))


def _products(declared: FeedDeclaration, stream: str) -> Iterator[tuple[str, str]]:
    """Yield for each event type of the stream a product that holds it, and the path of its id."""
    for name, event in declared.streams[stream].events.items():
        yield (
            next(of for of, product in declared.products.items() if product.event == name),
            event.id,
        )


def _beyond(found: int, least: int, unclear: int) -> int:
    """Return by how much a number lies outside of ``[least, least + unclear]``."""
    return max(0, least - found, found - least - unclear)


def _chunks(events: int) -> Iterator[Numbers]:
    for begin in range(0, events, _CHUNK):
        yield np.arange(begin, min(begin + _CHUNK, events))
