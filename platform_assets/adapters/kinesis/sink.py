"""A Kinesis stream as its producer sees it: records go out by PutRecords, each until its fate is known.

1. Take records until enough is held back. What Kinesis cannot take is refused.
2. Send one request: at most one record of each key, and none whose predecessor is not acknowledged
   (`outbox`). Its records are acknowledged or failed each for itself; what failed is sent again.
3. Where the answer was lost (a reset, silence, an internal error) nobody knows what was written. Sent
   again, it might stand twice: so it is ambiguous, and nothing more is sent. Where the caller allows
   duplicates it is sent again, and reported as ambiguous all the same, whatever the second answer says.
4. Failed requests are repeated with growing pauses of random length, until nothing was acknowledged for
   `timeout_seconds` of the source.

A shard numbers its records as they arrive, and a record leaves only after its predecessor has been
acknowledged. Kinesis calls the order by arrival a coarse one, and promises a strict one to PutRecord
with `SequenceNumberForOrdering` alone, which takes a request for each record. A repeated record may
arrive late a first time, after others of its key; that is part of allowing duplicates.

A record for a named shard goes there by the first hash key of the shard; its own key stays with it. If
the shard is split or merged on the way, a child takes the record, and the report names the child.
Headers are not kept: a record of Kinesis has no place for them.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from platform_assets.adapters.kinesis.client import HalfAnswerError, KinesisClient
from platform_assets.adapters.kinesis.errors import code_of, described, told
from platform_assets.adapters.kinesis.open_shards import OpenShards
from platform_assets.adapters.kinesis.outbox import Outbox, Pending, pending
from platform_assets.adapters.kinesis.retries import Attempts, may_be_repeated, may_be_written
from platform_assets.adapters.sending import Account
from platform_assets.errors import PlatformError, SourceUnreachable
from platform_assets.ports.sinks import Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from platform_assets.declarations.sources import KinesisSource
    from platform_assets.ports.sinks import Outgoing, SendReport

_ACTION = "PutRecords"
_CREATING_SECONDS = 0.2
_STANDS_ALREADY = "ResourceInUseException"
#: How long a record waits for others to fill a request with, where records come slowly.
_GATHERING_SECONDS = 0.2


class KinesisSink:
    """One stream to which records are sent. Implements `platform_assets.ports.sinks.StreamSink`."""

    kind = "kinesis"

    def __init__(
        self, source: KinesisSource, stream: str, *, allow_duplicates: bool = False
    ) -> None:
        self._client = KinesisClient(source, stream)
        self._allow_duplicates = allow_duplicates
        self._shards = OpenShards(self._client)

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    def partitions(self) -> list[str]:
        """Return the open shards by name, which is the order in which they were made.

        Raises:
            SourceUnreachable, SourceDenied, SourceChanged: the shards cannot be listed.
        """
        return self._shards.names()

    def create(self, partitions: int) -> None:
        """Create the stream with so many shards and wait until it is there; one that is there stays.

        Raises:
            SourceUnreachable, SourceDenied: it could not be created.
        """
        name = self._client.stream
        try:
            self._client.connection.create_stream(StreamName=name, ShardCount=partitions)
        except (BotoCoreError, ClientError, ResponseParserError) as error:
            if code_of(error) != _STANDS_ALREADY:
                raise told(error, self._client.thing, "CreateStream") from error
        deadline = time.monotonic() + self._client.source.timeout_seconds
        while True:
            answer = self._client.ask("DescribeStreamSummary", StreamName=name)
            status = answer["StreamDescriptionSummary"]["StreamStatus"]
            if status in ("ACTIVE", "UPDATING"):
                return
            if time.monotonic() > deadline:
                raise SourceUnreachable(
                    self._client.thing,
                    expected=f"an active stream within {self._client.source.timeout_seconds} s",
                    found=f"one that is {status}",
                    remedy="Wait until the stream is active, or gone, then create it again.",
                )
            time.sleep(_CREATING_SECONDS)

    def send(
        self,
        records: Iterable[Outgoing | None],
        *,
        partitions: Collection[str] | None = None,
        acknowledged: Callable[[int], None] | None = None,
    ) -> SendReport:
        """Send records, in order within each key, and wait until the fate of each is known.

        For `partitions` and `acknowledged` see `platform_assets.ports.sinks.StreamSink.send`.

        Raises:
            SourceUnreachable: nothing could be sent at all.
            SourceDenied: the credentials are not accepted, or do not allow it.
            SourceChanged: there is no such stream, or no such shard.
        """
        account, outbox = Account(acknowledged), Outbox()
        taking = _numbered(records)
        attempts = Attempts(self._client.source.timeout_seconds)
        more, error = True, None
        while error is None and (more or not outbox.is_empty):
            more = more and self._take(taking, outbox, account, partitions)  # 1
            if not outbox.is_empty:
                error = self._send_one(outbox, account, attempts)
        for record in outbox.unsettled():
            if record.doubt:
                account.ambiguous.append(Trouble(record.number, record.doubt))
            elif error is not None:
                account.stop(record.number, error)
        return account.report()

    def _take(
        self,
        taking: Iterator[tuple[int, Outgoing | None]],
        outbox: Outbox,
        account: Account,
        partitions: Collection[str] | None,
    ) -> bool:
        """Take records until a request can be filled, and tell whether there may be more."""
        since = time.monotonic()
        while not (outbox.has_request or outbox.is_full):
            taken = next(taking, None)
            if taken is None:
                return False
            number, record = taken
            if record is not None:
                try:
                    hash_key = self._shards.hash_key(record.partition, partitions)
                except PlatformError as error:
                    account.stop(number, error)
                    return False
                made = pending(number, record, hash_key)
                if isinstance(made, Pending):
                    outbox.add(made)
                else:
                    account.refuse(number, made)
            if time.monotonic() - since >= _GATHERING_SECONDS:
                break
        return True

    def _send_one(
        self, outbox: Outbox, account: Account, attempts: Attempts
    ) -> PlatformError | None:
        """Send one request, and return what stops the sending."""
        request = outbox.next_request()  # 2
        try:
            results = self._put(request)
        except (BotoCoreError, ClientError, ResponseParserError, HalfAnswerError) as error:
            doubtful = may_be_written(error)
            if doubtful:  # 3
                for record in request:
                    record.doubt = f"{described(error)}: it may stand in the stream or not"
            outbox.put_back(request)
            if doubtful and not self._allow_duplicates:
                return told(error, self._client.thing, _ACTION)
            if may_be_repeated(error) and attempts.pause():  # 4
                return None
            return told(error, self._client.thing, _ACTION)
        failed, codes = [], set()
        for record, result in zip(request, results, strict=True):
            if "SequenceNumber" in result:
                _acknowledge(record, result["ShardId"], account)
                outbox.settle(record)
            else:
                failed.append(record)
                codes.add(str(result.get("ErrorCode", "no reason")))
        outbox.put_back(failed)
        if len(failed) < len(request):
            attempts.progress()
        return None if not failed or attempts.pause() else self._exhausted(codes)  # 4

    def _put(self, request: list[Pending]) -> list[dict[str, Any]]:
        answer = self._client.connection.put_records(
            StreamName=self._client.stream, Records=[_entry(record) for record in request]
        )
        results: list[dict[str, Any]] = answer.get("Records", [])
        if len(results) != len(request):
            raise HalfAnswerError(f"results of {len(results)} records, not of {len(request)}")
        return results

    def _exhausted(self, codes: set[str]) -> SourceUnreachable:
        seconds = self._client.source.timeout_seconds
        return SourceUnreachable(
            self._client.thing,
            expected=f"{_ACTION} to take at least one record within {seconds} s",
            found=f"each one failed: {', '.join(sorted(codes))}",
            remedy="Send what is missing later, or give the stream more shards.",
        )


def _numbered(records: Iterable[Outgoing | None]) -> Iterator[tuple[int, Outgoing | None]]:
    number = 0
    for record in records:
        yield number, record
        number += record is not None


def _entry(record: Pending) -> dict[str, Any]:
    entry: dict[str, Any] = {"Data": record.value, "PartitionKey": record.key}
    return {**entry, "ExplicitHashKey": record.hash_key} if record.hash_key else entry


def _acknowledge(record: Pending, shard: str, account: Account) -> None:
    if record.doubt:
        told_again = f"{record.doubt}; sent again, and acknowledged by {shard}"
        account.ambiguous.append(Trouble(record.number, told_again))
    else:
        account.acknowledge(shard, (record.number,))
