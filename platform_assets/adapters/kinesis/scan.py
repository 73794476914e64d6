"""Looking ahead in a shard: how many records wait, counted by reading them.

A `Scan` is what is known of a shard behind a position: the records counted, the cursor behind them, and
whether the shard ends there. It never changes; a `Scanner` makes the next one of it, page by page.

`REMEMBERED` keeps scans for as long as the process lives, so that the next look goes on where the last
one stopped instead of reading everything that waits again. It is asked by what the stream is, the
shard, and a position of the feed's log; a scan answers only for a position that it counted under the
same offset and name. It keeps a bounded number of bytes and drops the scans that were used least
recently. What it keeps is no proof by itself: the cursor goes on under the rules of `pages`.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from platform_assets.adapters.kinesis.pages import ShardReader

if TYPE_CHECKING:
    from collections.abc import Hashable
    from datetime import datetime, timedelta

    from platform_assets.adapters.kinesis.client import KinesisClient
    from platform_assets.adapters.kinesis.counted import Count
    from platform_assets.adapters.kinesis.records import Cursor, Record
    from platform_assets.ports.positions import Position

_REMEMBERED_BYTES = 256 * 1024**2
#: Feeds that read one shard from different positions keep a scan each.
_SCANS_OF_A_SHARD = 8


@dataclass(frozen=True, slots=True)
class Scan:
    """A shard behind a position, as far as it was read.

    Attributes:
        count: the records behind the position.
        cursor: where reading goes on.
        at_tip: nothing more stood behind them when the last page was read.
        ended: nothing ever will.
        read_at: the service's clock then.
    """

    count: Count
    cursor: Cursor
    at_tip: bool = False
    ended: bool = False
    read_at: datetime | None = None

    def behind(self, position: Position) -> Scan:
        """Return what the scan knows of a later position that it counted."""
        return replace(self, count=self.count.behind(position))


class Scanner:
    """Goes on with a scan, page by page."""

    def __init__(self, client: KinesisClient, shard: str, scan: Scan, retention: timedelta) -> None:
        self.shard = shard
        self.scan = scan
        self._client = client
        self._reader = ShardReader(client, shard, scan.cursor, retention)

    def advance(self) -> list[Record]:
        """Count one more page, and return what it holds.

        Raises:
            OffsetExpired: it cannot be shown that nothing expired unread.
            SourceUnreachable, SourceDenied, SourceChanged: as for `ShardReader.page`.
        """
        page = self._reader.page()
        self.scan = Scan(
            count=self.scan.count.with_page(page.records),
            cursor=self._reader.cursor,
            at_tip=page.at_tip,
            ended=page.ended,
            read_at=self._client.moment,
        )
        return page.records


class Remembered:
    """Scans by stream and shard, least recently used first."""

    def __init__(self, max_bytes: int) -> None:
        self._scans: OrderedDict[Hashable, tuple[Scan, ...]] = OrderedDict()
        self._max_bytes = max_bytes
        self._lock = threading.Lock()

    def find(self, key: Hashable, position: Position) -> Scan | None:
        """Return what is known of a shard behind a position of the feed's log."""
        with self._lock:
            scans = self._scans.get(key, ())
        return next((scan.behind(position) for scan in scans if scan.count.holds(position)), None)

    def keep(self, key: Hashable, scan: Scan) -> None:
        """Keep a scan, in the place of those that began where it does or hold its beginning."""
        with self._lock:
            others = [s for s in self._scans.pop(key, ()) if not s.count.holds(scan.count.start)]
            self._scans[key] = (scan, *others[: _SCANS_OF_A_SHARD - 1])
            while len(self._scans) > 1 and self._bytes() > self._max_bytes:
                self._scans.popitem(last=False)

    def clear(self) -> None:
        """Forget everything; the next looks count anew."""
        with self._lock:
            self._scans.clear()

    def _bytes(self) -> int:
        return sum(scan.count.memory for scans in self._scans.values() for scan in scans)


REMEMBERED = Remembered(_REMEMBERED_BYTES)
