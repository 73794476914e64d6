"""One look at a stream: where each shard is read from, and how many records wait in it.

1. List the shards, and find out which of them may be read (`shards`).
2. Go on with what is remembered of a shard behind its position, or begin anew there.
3. Count the shards by turns, a page each, until nothing more is there, a window is full, or
   `LOOK_SECONDS` have gone by; what is not counted is counted by the next look.

Reading ends for this look as well where records arrive that are younger than it: a stream that never
stands still has an end all the same.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from platform_assets.adapters.kinesis import places
from platform_assets.adapters.kinesis.counted import Count
from platform_assets.adapters.kinesis.pages import CLOCKS_DIFFER
from platform_assets.adapters.kinesis.records import Cursor
from platform_assets.adapters.kinesis.scan import REMEMBERED, Scan, Scanner
from platform_assets.adapters.kinesis.shards import beginnings, list_shards
from platform_assets.canonical import parse_rfc3339, rfc3339
from platform_assets.ports.positions import Position

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence
    from datetime import datetime

    from platform_assets.adapters.kinesis.client import KinesisClient
    from platform_assets.adapters.kinesis.shards import Beginning, Shard
    from platform_assets.adapters.kinesis.summary import Summary
    from platform_assets.ports.positions import Known, Look

#: A sensor's evaluation has a bound of its own, and a backlog may take longer to count.
LOOK_SECONDS = 20.0
#: How far before now a shard is read to find its last record. Clocks of the service differ by less.
LATEST_REACHES_BACK = timedelta(seconds=30)
#: The service tells its clock in whole seconds.
_CLOCK_STEP = timedelta(seconds=1)
#: A closed shard that was read to its end says so within a page or two.
_TIPS_OF_A_CLOSED_SHARD = 3

CAUGHT_UP_AT = "caught_up_at"
CAUGHT_UP_OFFSET = "caught_up_offset"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look saw of a shard; ``origin`` says why it enters, and is empty if the log knows it.

    ``known`` is what was recorded of it with the last window.
    """

    shard: Shard
    scan: Scan
    origin: str = ""
    known: Mapping[str, str | int] = field(default_factory=dict)

    @property
    def ended(self) -> bool:
        """Whether the shard was counted to its end. The list has to say that it is closed, too."""
        return self.scan.ended and self.shard.closed

    @property
    def facts(self) -> Mapping[str, str | int]:
        """Return what shows later on that nothing expired unread.

        It is when the shard held nothing behind which offset. What was shown before stays true.
        """
        scan = self.scan
        if not scan.at_tip or scan.read_at is None:
            return self.known
        return {CAUGHT_UP_AT: rfc3339(scan.read_at), CAUGHT_UP_OFFSET: scan.count.end}

    def proof_grows_old(self, retention: timedelta) -> bool:
        """Tell whether the log's proof will soon prove nothing, and this look has a better one.

        An idle shard needs one: once its last record has expired, nothing else shows that no other one
        came and went.
        """
        scan = self.scan
        if self.origin or self.ended or not scan.at_tip or scan.read_at is None:
            return False
        if self.known.get(CAUGHT_UP_OFFSET) != scan.count.end:
            return True
        return scan.read_at - parse_rfc3339(str(self.known[CAUGHT_UP_AT])) > retention / 2


class Looking:
    """One look at a stream."""

    def __init__(self, client: KinesisClient, summary: Summary, look: Look) -> None:
        self._client = client
        self._summary = summary
        self._look = look
        self._now = client.moment
        self._looked_at = client.moment + _CLOCK_STEP
        self._deadline = time.monotonic() + LOOK_SECONDS

    def seen(self) -> list[Seen]:
        """Return what is seen of every shard that may be read, in their natural order.

        Raises:
            OffsetExpired: a shard, or records of one, may have expired unread.
            DeclarationInvalid: positions are declared, and none for a shard that needs one.
            SourceUnreachable, SourceDenied, SourceChanged: as for `KinesisClient.ask`.
        """
        client, look = self._client, self._look
        listed = list_shards(client)  # 1
        new = beginnings(client.thing, listed, look.known, look.start)
        seen = []
        for shard in listed:  # 2
            if shard.name in look.known:
                known = look.known[shard.name]
                seen.append(Seen(shard, self._known(shard, known), known=known.facts))
            elif shard.name in new:
                begun = new[shard.name]
                seen.append(Seen(shard, self._entering(shard, begun), begun.origin))
        counted = self._count(seen)  # 3
        for one in counted:
            REMEMBERED.keep(self.key(one.shard.name), one.scan)
        return counted

    def key(self, shard: str) -> Hashable:
        """Return what a shard's counts are remembered by."""
        return memory_key(self._client, self._summary, shard)

    # --- where to begin --------------------------------------------------------------------------

    def _known(self, shard: Shard, known: Known) -> Scan:
        if known.ended:
            place = places.parse(known.position.native)
            return Scan(Count(known.position), Cursor(place), ended=True)
        remembered = REMEMBERED.find(self.key(shard.name), known.position)
        if remembered is None or self._may_have_expired(remembered.count):
            return anew(known.position, known.facts)
        return remembered

    def _may_have_expired(self, count: Count) -> bool:
        """Tell whether the first record that waits is so old that it has to be seen again."""
        if not count.records:
            return False
        age = self._client.moment - count.arrival(count.start.offset)
        return age >= self._summary.retention - CLOCKS_DIFFER

    def _entering(self, shard: Shard, begun: Beginning) -> Scan:
        if begun.origin == "latest" and not begun.passed_over:
            return self._from_now(shard)
        start = Position(0, str(begun.place))
        return Scan(Count(start), Cursor(begun.place, entering=True), ended=begun.passed_over)

    def _from_now(self, shard: Shard) -> Scan:
        """Return a scan that begins behind the last record there is."""
        place = places.at(self._now - LATEST_REACHES_BACK)
        scan = Scan(Count(Position(0, str(place))), Cursor(place, entering=True))
        turn = self._turn(Seen(shard, scan))
        while not turn.done and time.monotonic() < self._deadline:
            turn.take(self._looked_at)
        count = turn.scanner.scan.count
        last = Position(0, count.name(count.end))
        return replace(turn.scanner.scan, count=Count(last))

    # --- counting --------------------------------------------------------------------------------

    def _count(self, seen: list[Seen]) -> list[Seen]:
        turns = [self._turn(one) for one in seen]
        for turn in turns:
            # Each shard is read once at least, so that a full one does not hide the others.
            if not turn.done and not (turn.scanner.scan.count.records and self._is_full(turns)):
                turn.take(self._looked_at)
            while turn.enters_nowhere:
                turn.take(self._looked_at)
        while not self._is_full(turns) and time.monotonic() < self._deadline:
            waiting = [turn for turn in turns if not turn.done]
            if not waiting:
                break
            for turn in waiting:
                turn.take(self._looked_at)
        return [turn.result() for turn in turns]

    def _is_full(self, turns: Sequence[_Turn]) -> bool:
        counts = [turn.scanner.scan.count for turn in turns]
        return (
            sum(count.records for count in counts) >= self._look.max_records
            or sum(count.bytes for count in counts) >= self._look.max_bytes
        )

    def _turn(self, seen: Seen) -> _Turn:
        scanner = Scanner(self._client, seen.shard.name, seen.scan, self._summary.retention)
        moment = seen.scan.cursor.place.moment
        future = moment is not None and moment > self._client.moment
        return _Turn(seen, scanner, done=seen.scan.ended or future)


class _Turn:
    """A shard that is being counted."""

    def __init__(self, seen: Seen, scanner: Scanner, *, done: bool) -> None:
        self.scanner = scanner
        self.done = done
        self._seen = seen
        self._tips = 0

    @property
    def enters_nowhere(self) -> bool:
        """Whether the shard enters, and neither a record was seen nor that there is none.

        Such a place could never be proven again.
        """
        return bool(self._seen.origin) and not (self.done or self.scanner.scan.count.records)

    def take(self, looked_at: datetime) -> None:
        """Count another page."""
        records = self.scanner.advance()
        scan = self.scanner.scan
        self._tips += scan.at_tip
        enough = _TIPS_OF_A_CLOSED_SHARD if self._seen.shard.closed else 1
        young = bool(records) and records[-1].arrival >= looked_at
        self.done = scan.ended or self._tips >= enough or young

    def result(self) -> Seen:
        """Return what was seen, from a place that was seen where the shard enters."""
        scan = self.scanner.scan
        if self._seen.origin:
            scan = replace(scan, count=scan.count.from_first())
        return replace(self._seen, scan=scan)


def anew(position: Position, facts: Mapping[str, str | int]) -> Scan:
    """Return a scan that has counted nothing yet behind a position of the feed's log."""
    place = places.parse(position.native)
    since = place.moment
    if facts.get(CAUGHT_UP_OFFSET) == position.offset:
        since = parse_rfc3339(str(facts[CAUGHT_UP_AT]))
    return Scan(Count(position), Cursor(place, fresh_since=since))


def memory_key(client: KinesisClient, summary: Summary, shard: str) -> Hashable:
    """Return what a shard's counts are remembered by: the address, the stream and its incarnation."""
    return (client.address, summary.identity, shard)
