"""Producers that keep producing while shards are split and merged, and their ledger.

The ledger is the truth of a history: what Kinesis acknowledged, each record with its key and its
number within the key, and where known with shard and sequence number. What is ambiguous stands apart;
it may be in the stream or not.

A key's numbers rise in the order of sending. No request holds two records of one key, and a record is
sent only after the one before it of its key was acknowledged or given up.
"""

from __future__ import annotations

import json
import random
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from platform_assets.ports.sinks import Outgoing

if TYPE_CHECKING:
    from platform_assets.ports.sinks import StreamSink

_JOIN_SECONDS = 60


class Sent(NamedTuple):
    """A record that was sent: the ``number``-th of its key."""

    key: str
    number: int

    def value(self) -> bytes:
        """Return the record as it stands in the stream."""
        event = {"id": f"{self.key}-{self.number}", "key": self.key, "number": self.number}
        return json.dumps(event).encode()


class Place(NamedTuple):
    """Where Kinesis said that a record stands."""

    shard: str
    sequence: str


@dataclass
class Ledger:
    """What became of everything that was sent."""

    acknowledged: dict[Sent, Place | None] = field(default_factory=dict)
    ambiguous: set[Sent] = field(default_factory=set)


class Producer(Protocol):
    """Sends records, each at most once unless it surely failed, and keeps the ledger."""

    def send(self, records: list[Sent], ledger: Ledger) -> None:
        """Send records and enter what became of them; all are settled when it returns."""
        ...


class PlainProducer:
    """PutRecords of boto3, without anything of the platform, straight to the server."""

    def __init__(self, client: Any, stream: str) -> None:
        self._client = client
        self._stream = stream

    def send(self, records: list[Sent], ledger: Ledger) -> None:
        """Send records in requests of one record of each key."""
        while records:
            request = list({record.key: record for record in reversed(records)}.values())
            entries = [{"Data": sent.value(), "PartitionKey": sent.key} for sent in request]
            answer = self._client.put_records(StreamName=self._stream, Records=entries)
            for sent, result in zip(request, answer["Records"], strict=True):
                ledger.acknowledged[sent] = Place(result["ShardId"], result["SequenceNumber"])
            records = [record for record in records if record not in ledger.acknowledged]


class SinkProducer:
    """The platform's own sink. What is ambiguous is given up; what was refused is sent again."""

    def __init__(self, sink: StreamSink) -> None:
        self._sink = sink

    def send(self, records: list[Sent], ledger: Ledger) -> None:
        """Send records until each is acknowledged or ambiguous."""
        while records:
            report = self._sink.send(
                Outgoing(record.value(), record.key.encode()) for record in records
            )
            ambiguous = {records[trouble.number] for trouble in report.ambiguous}
            refused = {records[trouble.number] for trouble in report.refused}
            ledger.ambiguous |= ambiguous
            sent = [r for r in records if r not in ambiguous | refused]
            assert report.total == len(sent)
            ledger.acknowledged |= dict.fromkeys(sent)
            records = [record for record in records if record in refused]


class Traffic:
    """A producer in the background, from a seed.

    It sends as much as it was allowed to, so that a history on a slow machine is not a longer one.
    `stop` returns when its last record is settled.
    """

    def __init__(self, producer: Producer, *, seed: int, keys: int, pause_seconds: float) -> None:
        self.ledger = Ledger()
        self._producer = producer
        self._chance = random.Random(f"traffic {seed}")  # noqa: S311 - a history is told again
        self._numbers = {f"key-{number}": 0 for number in range(keys)}
        self._pause = pause_seconds
        self._stopping = threading.Event()
        self._allowed = threading.Semaphore(0)
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="traffic")

    def start(self) -> None:
        """Begin to produce."""
        self._thread.start()

    def allow(self, requests: int) -> None:
        """Let so many more batches of records be sent."""
        self._allowed.release(requests)

    def stop(self) -> Ledger:
        """Stop producing and return the ledger; raises what went wrong in the background."""
        self._stopping.set()
        self._allowed.release()
        self._thread.join(_JOIN_SECONDS)
        assert not self._thread.is_alive(), "the producer does not end"
        if self._failure is not None:
            raise self._failure
        return self.ledger

    def _run(self) -> None:
        try:
            while self._allowed.acquire() and not self._stopping.is_set():
                self._producer.send(self._some(), self.ledger)
                self._stopping.wait(self._pause * self._chance.random())
        except BaseException as failure:  # noqa: BLE001 - told by `stop`
            self._failure = failure

    def _some(self) -> list[Sent]:
        found = []
        for key in self._chance.choices(list(self._numbers), k=self._chance.randint(1, 40)):
            found.append(Sent(key, self._numbers[key]))
            self._numbers[key] += 1
        return found
