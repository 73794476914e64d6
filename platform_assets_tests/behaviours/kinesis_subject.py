"""A Kinesis stream that can be filled and damaged, for the behaviours of stream sources.

The behaviours speak of partitions by number and of offsets alone. Here a number is that of a shard, and
an offset is the ordinal of a record among all that the shard ever took. The names of places come from
the sequence numbers with which the server acknowledged the records, and not from the source.

Records are written a minute apart by the server's clock, so that some can expire and others stay. What
no server does by itself is done to its store.
"""

from __future__ import annotations

import json
import urllib.request
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa

from platform_assets.adapters.kinesis import KinesisStream
from platform_assets.declarations import KinesisSource
from platform_assets.ports.positions import FIRST_LOOK, Position, Span
from platform_assets_tests.servers.kinesis import REGION
from platform_assets_tests.servers.kinesis_faults import fault_proxy

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from platform_assets.ports.positions import Extent, Identity, Look
    from platform_assets_tests.servers.kinesis import KinesisServer

_SHARDS = 11
_KEY = "key"
_DAY, _MINUTE = 24 * 3600, 60


class KinesisSubject:
    def __init__(self, server: KinesisServer) -> None:
        self._server = server
        self._client = server.client()
        self._stream = server.new_stream(_SHARDS, "behaviours")
        self._resources = ExitStack()
        self._proxy = self._resources.enter_context(fault_proxy(server.endpoint))
        declared = KinesisSource(
            kind="kinesis", region=REGION, endpoint=self._proxy.endpoint, timeout_seconds=2
        )
        inner = KinesisStream(declared, self._stream, reads_per_second=1000)
        self._resources.callback(inner.close)
        self._hash_keys: dict[str, str] = {}
        #: Shard -> the sequence numbers of its records, and when each arrived by the server's clock.
        self._written: dict[str, list[str]] = defaultdict(list)
        self._arrived: dict[str, list[float]] = defaultdict(list)
        self.source = _ByOrdinal(inner, self._written)

    def append(self, partition: str, records: Iterable[bytes]) -> tuple[int, int]:
        shard = _shard(partition)
        start = len(self._written[shard])
        for record in records:
            answer = self._client.put_record(
                StreamName=self._stream,
                Data=record,
                PartitionKey=_KEY,
                ExplicitHashKey=self._hash_key(shard),
            )
            assert answer["ShardId"] == shard
            self._written[shard].append(answer["SequenceNumber"])
            self._arrived[shard].append(self._post("/clock", _MINUTE) - _MINUTE)
        return start, len(self._written[shard])

    def costs(self, partition: str, records: list[bytes]) -> list[int]:
        del partition
        return [len(record) + len(_KEY) for record in records]

    def expire(self, partition: str, before: int) -> None:
        # Half a minute after the last of them went, and before the next one goes.
        at = self._arrived[_shard(partition)][before - 1] + _DAY + _MINUTE / 2
        self._post("/clock", round(at - self._post("/clock", 0)))

    def truncate(self, partition: str, end: int) -> None:
        for offset in range(end, len(self._written[_shard(partition)])):
            self.lose(partition, offset)

    def lose(self, partition: str, offset: int) -> None:
        shard = _shard(partition)
        lost = {"shard": shard, "sequence": self._written[shard][offset]}
        self._post("/lose", {"stream": self._stream, **lost})

    def disconnect(self) -> None:
        self._proxy._rates["reset_before"] = 1.0

    def reconnect(self) -> None:
        self._proxy.stop_faults()

    def close(self) -> None:
        self._resources.close()

    def _post(self, path: str, body: object) -> float:
        """Tell the server something; return its clock in seconds."""
        data = json.dumps(body).encode()
        with urllib.request.urlopen(self._server.endpoint + path, data, timeout=10) as answer:  # noqa: S310
            return float(answer.read()) / 1000

    def _hash_key(self, shard: str) -> str:
        if not self._hash_keys:
            for listed in self._client.list_shards(StreamName=self._stream)["Shards"]:
                self._hash_keys[listed["ShardId"]] = listed["HashKeyRange"]["StartingHashKey"]
        return self._hash_keys[shard]


class _ByOrdinal:
    """The source under the behaviours' names and offsets; shards never written to are hidden."""

    kind = KinesisStream.kind

    def __init__(self, inner: KinesisStream, written: dict[str, list[str]]) -> None:
        self._inner = inner
        self._written = written

    def extents(self, look: Look = FIRST_LOOK) -> list[Extent]:
        assert look == FIRST_LOOK
        return [
            self._renamed(extent)
            for extent in self._inner.extents()
            if extent.partition in self._written
        ]

    def identities(self) -> dict[str, Identity]:
        identities = self._inner.identities()
        return {_number(shard): identities[shard] for shard in self._written}

    def native(self, partition: str, offset: int) -> str:
        return self._place(_shard(partition), offset)

    def limit_bytes(self, span: Span, max_bytes: int) -> int:
        return self._inner.limit_bytes(self._named(span), max_bytes)

    def read(self, span: Span) -> Iterator[pa.RecordBatch]:
        for batch in self._inner.read(self._named(span)):
            names = pa.array([span.partition] * batch.num_rows, pa.string())
            yield pa.RecordBatch.from_arrays([names, *batch.columns[1:]], schema=batch.schema)

    def close(self) -> None:
        self._inner.close()

    def _renamed(self, extent: Extent) -> Extent:
        assert extent.entry is not None
        first = extent.entry.position.native.removeprefix("from:").removesuffix("/0")
        before = self._written[extent.partition].index(first)
        return replace(
            extent,
            partition=_number(extent.partition),
            start=before,
            end=before + extent.end,
            entry=None,
        )

    def _named(self, span: Span) -> Span:
        shard = _shard(span.partition)
        if shard not in self._written:
            shard = "shardId-000000000999"
        places = (
            Position(at.offset, self._place(_shard(span.partition), at.offset))
            for at in (span.start, span.end)
        )
        return Span(shard, *places)

    def _place(self, shard: str, offset: int) -> str:
        written = self._written.get(shard, ["0"])
        return f"from:{written[0]}/0" if offset == 0 else f"after:{written[offset - 1]}/0"


def _shard(partition: str) -> str:
    return f"shardId-{int(partition):012d}"


def _number(shard: str) -> str:
    return str(int(shard.removeprefix("shardId-")))
