"""A model of a partition's log that knows the reason of every offset that holds no record.

Producers append batches, in transactions or not, and end transactions. The model then compacts what
lies before some offset, by the rules of Kafka's log cleaner: it thins out batches and keeps their first
and last offset, takes emptied batches away or keeps their headers, removes the data of aborted
transactions, and a marker only once no data of its transaction is left.

`Log.scan` answers as `BatchScan.scan` does, in pieces, each with the aborted transactions that a broker
lists for it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from platform_assets.adapters.kafka.batch_headers import Aborted, Batch, Piece
from platform_assets.adapters.kafka.gaps import Range, holes_between
from platform_assets.ports.streams import GapKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PLAIN = -1


@dataclass
class Transaction:
    """One transaction of a producer; ``marker`` is where it ended."""

    producer: int
    first: int
    batches: list[Stored] = field(default_factory=list)
    outcome: str = ""
    marker: int | None = None


@dataclass
class Stored:
    """A batch as it was appended; ``left`` are the offsets whose records it still has."""

    base: int
    last: int
    left: list[int]
    producer: int = PLAIN
    transaction: Transaction | None = None
    marker: str = ""
    gone: bool = False

    def header(self) -> Batch:
        marker = self.marker if self.left or not self.marker else "other"
        return Batch(
            base=self.base,
            last=self.last,
            wire_bytes=100,
            records=len(self.left),
            producer_id=self.producer,
            producer_epoch=0,
            transactional=self.transaction is not None,
            marker=marker,
            first_ms=0,
            max_ms=0,
            leader_epoch=0,
        )


class Log:
    """The batches of one partition, and everything that is true of its offsets."""

    def __init__(self) -> None:
        self.batches: list[Stored] = []
        self.transactions: list[Transaction] = []
        self.end = 0
        self._open: dict[int, Transaction] = {}

    def append(self, records: int, producer: int = PLAIN) -> None:
        """Append a batch; one of a producer belongs to its transaction, which begins where none is."""
        transaction = None
        if producer != PLAIN:
            if producer not in self._open:
                self._open[producer] = Transaction(producer, self.end)
                self.transactions.append(self._open[producer])
            transaction = self._open[producer]
        last = self.end + records - 1
        stored = Stored(self.end, last, list(range(self.end, last + 1)), producer, transaction)
        if transaction is not None:
            transaction.batches.append(stored)
        self._add(stored)

    def finish(self, producer: int, outcome: str) -> None:
        """Commit or abort the transaction of a producer, if it has one."""
        transaction = self._open.pop(producer, None)
        if transaction is not None:
            transaction.outcome, transaction.marker = outcome, self.end
            self._add(Stored(self.end, self.end, [self.end], producer, transaction, marker=outcome))

    @property
    def stable_end(self) -> int:
        """The last stable offset."""
        return min((transaction.first for transaction in self._open.values()), default=self.end)

    def compact(self, until: int, choose: Callable[[int], list[bool]], keep_headers: bool) -> None:
        """Compact every batch that ends before an offset; ``choose`` says which records stay."""
        for stored in self.batches:
            if stored.last >= min(until, self.stable_end) or stored.marker:
                continue
            if stored.transaction is not None and stored.transaction.outcome == "abort":
                stored.left = []
            else:
                kept = choose(len(stored.left))
                stored.left = [
                    offset for offset, stays in zip(stored.left, kept, strict=True) if stays
                ]
            stored.gone = not stored.left and not keep_headers
        for transaction in self.transactions:
            if all(not stored.left for stored in transaction.batches):
                for stored in self.batches:
                    if stored.marker and stored.base == transaction.marker and stored.last < until:
                        stored.left, stored.gone = [], not keep_headers

    def delivered(self, window: Range) -> list[int]:
        """Return the offsets whose records a reader of committed transactions gets."""
        return [
            offset
            for stored in self.batches
            if not stored.marker
            and (stored.transaction is None or stored.transaction.outcome == "commit")
            for offset in stored.left
            if window[0] <= offset < window[1]
        ]

    def reasons(self, window: Range) -> dict[int, GapKind]:
        """Return why each offset of a window that is not delivered is not."""
        found = dict.fromkeys(set(range(*window)) - set(self.delivered(window)), GapKind.COMPACTED)
        for stored in self.batches:
            aborted = stored.transaction is not None and stored.transaction.outcome == "abort"
            if not stored.gone and (
                stored.marker or (aborted and self._listed(stored.transaction))
            ):
                kind = GapKind.TRANSACTION_CONTROL if stored.marker else GapKind.ABORTED
                for offset in range(stored.base, stored.last + 1):
                    if offset in found:
                        found[offset] = kind
        return found

    def scanner(self, batches_per_piece: int) -> Callable[[int, int], Iterator[Piece]]:
        """Return what answers as a scan of this log does."""

        def scan(start: int, end: int) -> Iterator[Piece]:
            covering = [
                stored
                for stored in self.batches
                if not stored.gone and stored.last >= start and stored.base < end
            ]
            at = start
            for first in range(0, len(covering), batches_per_piece):
                part = covering[first : first + batches_per_piece]
                beyond = part[-1].last + 5  # a broker looks further than what it returns
                listed = (
                    Aborted(transaction.producer, transaction.first)
                    for transaction in self.transactions
                    if self._listed(transaction)
                    and transaction.first < beyond
                    and (transaction.marker or 0) >= at
                )
                yield Piece([stored.header() for stored in part], frozenset(listed))
                at = part[-1].last + 1

        return scan

    def _listed(self, transaction: Transaction | None) -> bool:
        """Tell whether the broker's index of aborted transactions has one: it has data or a marker."""
        if transaction is None or transaction.outcome != "abort":
            return False
        marker = next(one for one in self.batches if one.base == transaction.marker)
        return bool(marker.left) or any(one.left for one in transaction.batches)

    def _add(self, stored: Stored) -> None:
        self.batches.append(stored)
        self.end = stored.last + 1


def holes_of(window: Range, delivered: list[int]) -> list[Range]:
    """Return the holes that delivered offsets leave in a window."""
    return holes_between(window, ((offset, offset + 1) for offset in sorted(delivered)))


@st.composite
def logs(draw: st.DrawFn, *, compacted: bool, aborts: bool = False) -> Log:
    """Logs of plain and transactional batches of up to three producers, compacted or not.

    Args:
        draw: hypothesis's.
        compacted: whether a part of the log is compacted.
        aborts: whether at least one transaction is aborted and none is open.
    """
    log = Log()
    log.append(draw(st.integers(1, 4)))
    step = st.tuples(
        st.sampled_from(["plain", "data", "data", "commit", "abort"]),
        st.integers(1, 3),
        st.integers(1, 6),
    )
    for what, producer, records in draw(st.lists(step, min_size=1, max_size=25)):
        if what == "plain":
            log.append(records)
        elif what == "data":
            log.append(records, producer)
        else:
            log.finish(producer, what)
    if aborts:
        log.append(2, 1)
        log.finish(1, "abort")
    if aborts or draw(st.integers(0, 3)):
        for producer in (1, 2, 3):
            log.finish(producer, draw(st.sampled_from(["commit", "abort"])))
        log.append(draw(st.integers(1, 4)))
    if compacted:
        until = draw(st.integers(0, log.end))
        keep = draw(st.booleans())
        log.compact(until, lambda n: draw(st.lists(st.booleans(), min_size=n, max_size=n)), keep)
    return log


@st.composite
def windows(draw: st.DrawFn, log: Log) -> Range:
    """A range of offsets of a log below its last stable offset, often all of them."""
    if draw(st.booleans()):
        return 0, log.stable_end
    start = draw(st.integers(0, log.stable_end))
    return start, draw(st.integers(start, log.stable_end))
