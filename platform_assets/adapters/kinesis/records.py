"""What stands in a shard, and where a reader of it stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any, NamedTuple

from platform_assets.adapters.kinesis.aggregated import UserRecord, split

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from platform_assets.adapters.kinesis.places import Place


class Record(NamedTuple):
    """What stands under one sequence number: one record, or those of an aggregate.

    ``skipped`` of them stand before the place where the reading began, and are not in ``users``.
    ``size`` is that of the data and the key, as the shard's quotas count them.
    """

    sequence: int
    arrival: datetime
    size: int
    skipped: int
    users: Sequence[UserRecord]


class Page(NamedTuple):
    """Records that follow one another, and whether more stand behind them now.

    ``ended`` tells that nothing ever will: the shard was read to its end.
    """

    records: list[Record]
    at_tip: bool
    ended: bool


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a reader stands.

    Attributes:
        place: where it began.
        entering: it begins there because it says so, and whatever expired before is no loss.
        fresh_since: nothing behind the cursor arrived before; None if that is unknown.
        last: the sequence number of the last record read.
        iterator: what the next page is asked for with, if it has not expired.
        expected: the sequence number that proves the next page if that begins with it.
    """

    place: Place
    entering: bool = False
    fresh_since: datetime | None = None
    last: int | None = None
    iterator: str | None = None
    expected: int | None = None

    @property
    def record(self) -> int | None:
        """The sequence number of the record that can be read again: the last one, or the first."""
        return self.place.sequence if self.last is None else self.last


def record_of(raw: dict[str, Any]) -> Record:
    """Return a record of an answer to GetRecords; an aggregate is taken apart."""
    data, key = raw["Data"], raw["PartitionKey"].encode("utf-8", "surrogatepass")
    return Record(
        sequence=int(raw["SequenceNumber"]),
        arrival=raw["ApproximateArrivalTimestamp"].astimezone(UTC),
        size=len(data) + len(key),
        skipped=0,
        users=split(data) or (UserRecord(key, data),),
    )
