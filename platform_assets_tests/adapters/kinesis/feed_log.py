"""A feed's log of one Kinesis stream, kept the way that the flow keeps it, for tests of the source.

Each window looks, takes some of what waits, reads it back, and remembers where it ended.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from platform_assets.adapters.kinesis import KinesisStream
from platform_assets.adapters.kinesis.scan import REMEMBERED
from platform_assets.declarations import KinesisSource
from platform_assets.ports.positions import Known, Look, Position, Span
from platform_assets.ports.streams import LANDING_SCHEMA
from platform_assets_tests.servers.kinesis import REGION
from platform_assets_tests.servers.kinesis_faults import fault_proxy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from platform_assets.ports.positions import Extent, Start
    from platform_assets_tests.servers.kinesis import KinesisServer
    from platform_assets_tests.servers.kinesis_faults import FaultProxy

#: The first shard of every stream.
SHARD = "shardId-000000000000"


def stream_at(endpoint: str, stream: str, *, timeout: int = 20) -> KinesisStream:
    """Open a stream; no quota holds it back, because a test server has none."""
    source = KinesisSource(
        kind="kinesis", region=REGION, endpoint=endpoint, timeout_seconds=timeout
    )
    return KinesisStream(source, stream, reads_per_second=1000)


def put(client: Any, stream: str, values: Sequence[bytes], key: str = "key") -> list[str]:
    """Write records one by one, so that their order is known; return their sequence numbers."""
    return [
        client.put_record(StreamName=stream, Data=value, PartitionKey=key)["SequenceNumber"]
        for value in values
    ]


def numbers(first: int, end: int) -> list[bytes]:
    return [b"%d" % number for number in range(first, end)]


@dataclass
class FeedLog:
    """What the feed's log knows of the stream, and what was landed."""

    source: KinesisStream
    start: Start = "earliest"
    known: dict[str, Known] = field(default_factory=dict)
    landed: list[dict[str, Any]] = field(default_factory=list)
    origins: dict[str, str] = field(default_factory=dict)
    spans: list[Span] = field(default_factory=list)

    def look(self, **bounds: int) -> list[Extent]:
        return self.source.extents(Look(known=self.known, start=self.start, **bounds))

    def window(self, most: int = 2**62, **bounds: int) -> int:
        """Pin a window of at most so many records of each shard and land it; return how many."""
        spans = [self._pin(extent, most) for extent in self.look(**bounds)]
        return sum(self.land(span) for span in spans)

    def pin(self, most: int = 2**62) -> list[Span]:
        """Pin a window without landing it."""
        return [self._pin(extent, most) for extent in self.look()]

    def land(self, span: Span) -> int:
        rows = rows_of(self.source, span)
        assert [row["offset"] for row in rows] == list(range(span.start.offset, span.end.offset))
        self.landed += rows
        return len(rows)

    def values(self, shard: str | None = None) -> list[bytes]:
        return [row["value"] for row in self.landed if shard in (None, row["partition"])]

    def _pin(self, extent: Extent, most: int) -> Span:
        before = self.known.get(extent.partition)
        if before is None:
            assert extent.entry is not None
            start = extent.entry.position
            self.origins[extent.partition] = extent.entry.origin
        else:
            assert extent.entry is None
            start = before.position
        end = min(extent.end, start.offset + most)
        native = start.native if end == start.offset else self.source.native(extent.partition, end)
        span = Span(extent.partition, start, Position(end, native), extent.facts)
        ended = extent.ended and end == extent.end
        moment = datetime.now(UTC)
        self.known[extent.partition] = Known(span.end, moment, ended=ended, facts=extent.facts)
        self.spans.append(span)
        return span


@dataclass(kw_only=True)
class WrittenLog(FeedLog):
    """A feed's log of a stream of its own, which the test writes to past all faults."""

    server: KinesisServer
    stream: str
    client: Any

    def write(self, first: int, end: int, key: str = "key") -> list[str]:
        """Write the numbers ``[first, end)``, in order; return their sequence numbers."""
        return put(self.client, self.stream, numbers(first, end), key)


def log_of(server: KinesisServer, shards: int = 1, *, start: Start = "earliest") -> WrittenLog:
    """Make a stream, and a log that knows nothing of it yet."""
    stream = server.new_stream(shards)
    source = stream_at(server.endpoint, stream)
    return WrittenLog(source, start, server=server, stream=stream, client=server.client())


@contextmanager
def log_behind_faults(
    server: KinesisServer,
    rates: Mapping[str, float] | None = None,
    *,
    seed: int = 0,
    shards: int = 1,
    timeout: int = 20,
) -> Iterator[tuple[WrittenLog, FaultProxy]]:
    """Make a stream, and a log that sees it through a fault proxy."""
    log = log_of(server, shards)
    with fault_proxy(server.endpoint, rates, seed=seed) as proxy:
        log.source = stream_at(proxy.endpoint, log.stream, timeout=timeout)
        yield log, proxy


def rows_of(source: KinesisStream, span: Span) -> list[dict[str, Any]]:
    """Read a span and return its rows."""
    batches = list(source.read(span))
    assert all(batch.num_rows for batch in batches)
    return pa.Table.from_batches(batches, LANDING_SCHEMA).to_pylist()


def recreate(server: KinesisServer, stream: str) -> None:
    """Delete a stream and make it anew under its name, a minute later where the clock can be moved."""
    client = server.client()
    client.delete_stream(StreamName=stream)
    client.get_waiter("stream_not_exists").wait(
        StreamName=stream, WaiterConfig={"Delay": 1, "MaxAttempts": 20}
    )
    if server.kind == "kinesalite":  # it keeps moments to the second
        server.move_clock(60)
    client.create_stream(StreamName=stream, ShardCount=1)
    server.wait_until_active(stream)


def forget() -> None:
    """Forget what was counted, as a process that starts anew has."""
    REMEMBERED.clear()
