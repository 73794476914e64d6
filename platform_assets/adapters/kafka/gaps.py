"""Why offsets hold no record: each hole in what was delivered is proven, or refused.

`classify(thing, partition, window, holes=, policy=, scan=)` returns the gaps that explain exactly the
holes. `scan(start, end)` gives the batches that cover a range, as `BatchScan.scan` does; it is asked
only for where the holes are. Nothing here does I/O. The proofs, and what is refused:

1. A control batch holds a transaction's marker and never a record: TRANSACTION_CONTROL.
2. A batch of a transaction that the broker lists as aborted (producer id, first offset) holds no record
   for a reader of committed transactions: ABORTED. The transaction reaches from its first offset to its
   producer's next marker. Either may lie outside the window; the broker's list is the proof, and lists
   every aborted transaction that reaches into what it was asked for.
3. A hole in any other batch is COMPACTED where the topic's policy compacts and the batch has fewer
   records left than offsets, and no more of them than were delivered. Compaction may go on between the
   delivery and this look, so a batch may have fewer. Of a batch that reaches beyond the window only the
   part within it was delivered; there, no more may be missing than compaction took from the whole.
4. Offsets that no batch covers are COMPACTED where the policy compacts.
5. Everything else is `GapUnproven`: a hole in a full batch, or anything compacted in a topic whose
   policy does not compact. So is a record that was delivered where 1 or 2 say that there is none.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING

from platform_assets.errors import GapUnproven
from platform_assets.ports.streams import Gap, GapKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from platform_assets.adapters.kafka.batch_headers import Aborted, Batch, Piece

Range = tuple[int, int]

#: Holes that are closer together than so many offsets are looked at together.
_NEAR = 1000
_FINDINGS = 10


def holes_between(window: Range, delivered: Iterable[Range]) -> list[Range]:
    """Return the offsets of a window that the delivered ranges, in order, leave out."""
    edges = [window[0], *(edge for part in delivered for edge in part), window[1]]
    return [hole for hole in list(pairwise(edges))[::2] if hole[0] < hole[1]]


def classify(
    thing: str,
    partition: str,
    window: Range,
    *,
    holes: Sequence[Range],
    policy: str,
    scan: Callable[[int, int], Iterable[Piece]],
) -> list[Gap]:
    """Return the gaps that explain holes, ordered by offset; together they are the holes.

    Args:
        thing: what the offsets belong to, for errors.
        partition: its name, for the gaps.
        window: the range that was read, ``[start, end)``.
        holes: the ranges in it that were not delivered, in order, apart from each other.
        policy: the topic's cleanup policy.
        scan: gives the batches that cover a range of offsets.

    Raises:
        GapUnproven: at least one hole has no proof; the error lists them.
    """
    judge = _Judge(partition, window, holes, policy)
    for start, end in _regions(holes):
        judge.look(start, end, scan(start, end))
    if judge.findings:
        more = len(judge.findings) - _FINDINGS
        raise GapUnproven(
            thing,
            expected=f"a proof for each of {len(holes)} holes in what was delivered of {list(window)}",
            found=[*judge.findings[:_FINDINGS], *([f"and {more} more"] if more > 0 else [])],
            remedy="Do not skip them. Read again; if they stay, restore the records. A topic that was"
            " compacted under an earlier policy proves nothing: set cleanup.policy back, or declare"
            " a feed of another name that starts after them.",
        )
    return sorted(judge.gaps, key=lambda gap: gap.start)


def _regions(holes: Sequence[Range]) -> Iterator[Range]:
    """Yield the ranges to be looked at: from the first to the last of holes that are near."""
    if not holes:
        return
    start, end = holes[0]
    for hole in holes[1:]:
        if hole[0] - end > _NEAR:
            yield start, end
            start = hole[0]
        end = hole[1]
    yield start, end


class _Judge:
    """Follows the batches of a partition, region by region, and explains the holes in them."""

    def __init__(self, partition: str, window: Range, holes: Sequence[Range], policy: str) -> None:
        self.gaps: list[Gap] = []
        self.findings: list[str] = []
        self._partition = partition
        self._window = window
        self._holes = holes
        self._starts = [hole[0] for hole in holes]
        self._compacts = "compact" in policy.split(",")
        self._policy = f"cleanup.policy {policy or '(none)'}"
        self._region = window
        #: Transactions that are known to be aborted and not over: producer id to first offset.
        self._open: dict[int, int] = {}
        #: What was found of each of them: holes, whose proof waits for the transaction's end.
        self._waiting: dict[int, list[Range]] = {}

    def look(self, start: int, end: int, pieces: Iterable[Piece]) -> None:
        """Explain the holes of a region, which begins and ends with one."""
        self._region = (start, end)
        at = start
        known: set[Aborted] = set()
        for piece in pieces:
            ahead = sorted(piece.aborted - known, key=lambda each: each.first, reverse=True)
            for batch in piece.batches:
                self._no_batch(at, batch.base)
                while ahead and ahead[-1].first <= batch.last:
                    begun = ahead.pop()
                    known.add(begun)
                    self._end_transaction(begun.producer_id, "its marker was compacted away")
                    self._open[begun.producer_id] = begun.first
                self._batch(batch)
                at = max(at, batch.last + 1)
                self._region = (at, end)  # what was explained is not explained again
        self._no_batch(at, end)
        for producer_id in list(self._open):
            self._end_transaction(producer_id, "its marker is beyond what was looked at")

    def _batch(self, batch: Batch) -> None:
        producer = f"producer {batch.producer_id} (epoch {batch.producer_epoch})"
        if batch.marker:
            word = "emptied" if not batch.records else batch.marker
            self._whole(batch, f"a control batch ({word}) at {batch.base}")
            for hole in self._cut(batch.base, batch.last + 1):
                proof = f"{word} marker of {producer}: control batch {_named(batch)}"
                self._explain(hole, GapKind.TRANSACTION_CONTROL, proof)
            if batch.marker == "commit" and batch.producer_id in self._open:
                found = f"listed as aborted by the broker, and committed at {batch.base}"
                self._unproven(self._waiting.pop(batch.producer_id, []), found)
            self._end_transaction(batch.producer_id, f"its {word} marker is at {batch.base}")
        elif batch.transactional and batch.producer_id in self._open:
            first = self._open[batch.producer_id]
            self._whole(batch, f"the aborted transaction of {producer} from {first} on")
            waiting = self._waiting.setdefault(batch.producer_id, [])
            for hole in self._cut(batch.base, batch.last + 1):
                if waiting and waiting[-1][1] == hole[0]:
                    waiting[-1] = (waiting[-1][0], hole[1])
                else:
                    waiting.append(hole)
        else:
            self._data(batch)

    def _end_transaction(self, producer_id: int, how: str) -> None:
        first = self._open.pop(producer_id, None)
        for hole in self._waiting.pop(producer_id, ()):
            proof = (
                f"the broker lists the transaction of producer {producer_id} from {first} on as"
                f" aborted; {how}"
            )
            self._explain(hole, GapKind.ABORTED, proof)

    def _data(self, batch: Batch) -> None:
        holes = list(self._cut(batch.base, batch.last + 1))
        if not holes:
            return
        size = batch.last + 1 - batch.base
        missing = sum(end - start for start, end in self._missing(batch.base, batch.last + 1))
        found = f"batch {_named(batch)} has {batch.records} records at {size} offsets"
        undelivered = f"{missing} of those in the window were not delivered"
        if batch.records == size:
            self._unproven(holes, f"{found}, {undelivered}")
        elif not self._compacts:
            self._unproven(holes, f"{found}, {undelivered}, and {self._policy} does not compact")
        elif missing > size - batch.records:
            self._unproven(holes, f"{found}, {undelivered}: more than compaction took")
        else:
            for hole in holes:
                self._explain(hole, GapKind.COMPACTED, f"{self._policy}; {found}")

    def _no_batch(self, start: int, end: int) -> None:
        for hole in self._cut(start, end):
            found = f"no batch from {start} to {end - 1}"
            if self._compacts:
                self._explain(hole, GapKind.COMPACTED, f"{self._policy}; {found}")
            else:
                self._unproven([hole], f"{found}, and {self._policy} does not compact")

    def _whole(self, batch: Batch, what: str) -> None:
        """Require that nothing of a batch was delivered, as far as it lies in the window."""
        start, end = max(batch.base, self._window[0]), min(batch.last + 1, self._window[1])
        if sum(last - first for first, last in self._missing(start, end)) != end - start:
            self.findings.append(f"records were delivered of {what}, batch {_named(batch)}")

    def _explain(self, hole: Range, kind: GapKind, proof: str) -> None:
        self.gaps.append(Gap(self._partition, *hole, kind, proof))

    def _unproven(self, holes: Sequence[Range], found: str) -> None:
        self.findings += [f"{_offsets(hole)}: {found}" for hole in holes]

    def _cut(self, start: int, end: int) -> Iterator[Range]:
        """Yield the parts of holes within a range and the region."""
        return self._missing(max(start, self._region[0]), min(end, self._region[1]))

    def _missing(self, start: int, end: int) -> Iterator[Range]:
        at = max(bisect_right(self._starts, start) - 1, 0)
        while at < len(self._holes) and self._holes[at][0] < end:
            first, last = max(self._holes[at][0], start), min(self._holes[at][1], end)
            if first < last:
                yield first, last
            at += 1


def _named(batch: Batch) -> str:
    return f"{batch.base}" if batch.base == batch.last else f"{batch.base}-{batch.last}"


def _offsets(hole: Range) -> str:
    start, end = hole
    return f"offset {start}" if end - start == 1 else f"offsets {start} to {end - 1}"
