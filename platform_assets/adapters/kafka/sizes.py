"""How many bytes of a partition stand between two offsets, by the headers of its record batches.

`BatchSizes` remembers the batches that it has seen, so that a later look scans only what is new. It
forgets those before the range that is asked for, because a feed does not go back, and it scans no
further than the answer needs. So it holds at most the batches of one window.

`REMEMBERED` keeps these for as long as the process lives, by cluster, topic and partition, those that
were used last. Headers come with their batches, and a look that had to begin anew would transfer again
whatever waits. Two feeds that read one partition at different places only make each other scan more.
"""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_right
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    from platform_assets.adapters.kafka.batch_headers import Batch

    # The batches that cover a range of offsets, in the order of the log.
    Scan = Callable[[int, int], Iterable[Batch]]


class BatchSizes:
    """The sizes of one partition's batches, from some offset on."""

    def __init__(self) -> None:
        self._begin(0)

    def cut(self, start: int, end: int, max_bytes: int, scan: Scan) -> int:
        """Return the largest offset between batches up to which ``[start, end)`` holds so many bytes.

        A batch that holds ``start`` counts as a whole. At least one batch is kept.
        """
        if self._from <= start <= self._to:
            self._forget(start)
        else:
            self._begin(start)
        limit = self._before + max_bytes
        if self._to < end and (len(self._sums) < 2 or self._sum() <= limit):  # noqa: PLR2004
            self._extend(end, limit, scan)
        kept = max(bisect_right(self._sums, limit), 1)
        return min(self._bases[kept], end) if kept < len(self._bases) else end

    def _begin(self, start: int) -> None:
        self._from = self._to = start
        self._before = 0
        self._bases, self._ends, self._sums = array("q"), array("q"), array("q")

    def _forget(self, start: int) -> None:
        gone = bisect_right(self._ends, start)
        if gone:
            self._from, self._before = start, self._sums[gone - 1]
            del self._bases[:gone], self._ends[:gone], self._sums[:gone]

    def _sum(self) -> int:
        return self._sums[-1] if self._sums else self._before

    def _extend(self, end: int, limit: int, scan: Scan) -> None:
        """Scan up to ``end``, or to the first batch beyond the limit after one that is kept."""
        for batch in scan(self._to, end):
            self._bases.append(batch.base)
            self._ends.append(batch.last + 1)
            self._sums.append(self._sum() + batch.wire_bytes)
            self._to = batch.last + 1
            if len(self._sums) > 1 and self._sums[-1] > limit:
                return
        self._to = max(self._to, end)


class RememberedSizes:
    """The sizes of many partitions, each used by one thread at a time."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, tuple[threading.Lock, BatchSizes]] = OrderedDict()

    def cut(self, key: Hashable, start: int, end: int, max_bytes: int, scan: Scan) -> int:
        """Return what `BatchSizes.cut` returns for one partition."""
        with self._lock:
            using, sizes = self._kept.setdefault(key, (threading.Lock(), BatchSizes()))
            self._kept.move_to_end(key)
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        with using:
            return sizes.cut(start, end, max_bytes, scan)


#: Of so many partitions sizes are kept.
REMEMBERED = RememberedSizes(1024)
