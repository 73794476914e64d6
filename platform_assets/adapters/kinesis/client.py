"""Requests to one Kinesis stream, each within a bound.

`KinesisClient(source, stream)` connects when it is first asked. `ask(action, **parameters)` returns the
answer. What may pass is asked again, with growing pauses of random length, until `timeout_seconds` of
the source have gone by since the first try: a quota that is used up, an internal error, a connection
that breaks or stays silent. Then it is `SourceUnreachable` with the last thing that went wrong. The
library's own repetitions are off, because they know no such bound and hide what they met.

Shards are asked for records at most five times a second each, which is the quota that all consumers of
a shard share; `reads_per_second` says so to a stream that has another one.

`moment` is the service's own clock, as its last answer tells it. Whether records can have expired is
a question to that clock; this machine's may be wrong.
"""

from __future__ import annotations

import random
import threading
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from platform_assets.adapters.aws import aws_session
from platform_assets.adapters.kinesis.errors import Answer, answer_of, told

if TYPE_CHECKING:
    from platform_assets.declarations import KinesisSource

#: Quota of GetRecords, for each shard: docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits
READS_PER_SECOND = 5.0
_CONNECT_SECONDS = 5
_ANSWER_SECONDS = 15
_FIRST_PAUSE_SECONDS = {Answer.QUOTA: 0.25, Answer.PASSING: 0.1}
_LONGEST_PAUSE_SECONDS = 5.0


class NotNow(Exception):
    """An answer that the caller knows how to go on from: a new iterator, or a new listing."""

    def __init__(self, answer: Answer, cause: Exception) -> None:
        self.answer = answer
        self.cause = cause
        super().__init__(str(answer))


class HalfAnswerError(Exception):
    """An answer that says "well" and lacks its content.

    The library takes any text for an answer; one without a next iterator would be the end of a shard.
    """


class KinesisClient:
    """One stream of one account and region, asked within a bound."""

    def __init__(
        self, source: KinesisSource, stream: str, *, reads_per_second: float = READS_PER_SECOND
    ) -> None:
        self.source = source
        self.stream = stream
        self.moment = datetime.now(UTC)
        self._connection: Any = None
        self._connecting = threading.Lock()
        self._read_pause = 1 / reads_per_second
        self._next_read: dict[str, float] = {}

    @property
    def address(self) -> str:
        """Where the stream is: the declared endpoint, or the region's."""
        return self.source.endpoint or f"region {self.source.region}"

    @property
    def thing(self) -> str:
        """The stream as errors name it."""
        return f"Kinesis stream {self.stream} at {self.address}"

    @property
    def connection(self) -> Any:
        """The library's client. It repeats nothing by itself, and every wait of it has a bound."""
        with self._connecting:
            if self._connection is None:
                self._connection = connect(self.source)
            return self._connection

    def close(self) -> None:
        """Let go of the connections; the next request connects anew."""
        with self._connecting:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def ask(self, action: str, **parameters: Any) -> dict[str, Any]:
        """Return the answer to a request, after as many tries as the bound allows.

        Raises:
            SourceUnreachable: no answer within the bound.
            SourceDenied: the credentials are not accepted, or do not allow it.
            SourceChanged: there is no such stream or shard, or a position is not of this stream.
            CredentialMissing: there is no such profile.
            NotNow: the iterator or the listing has expired.
        """
        deadline = time.monotonic() + self.source.timeout_seconds
        tries = 0
        while True:
            tries += 1
            try:
                return self._ask_once(action, parameters)
            except (BotoCoreError, ClientError, ResponseParserError, HalfAnswerError) as error:
                answer = answer_of(error)
                if answer in (Answer.ITERATOR, Answer.TOKEN):
                    raise NotNow(answer, error) from error
                thing = f"{self.thing}{_of_shard(parameters)}"
                if answer not in _FIRST_PAUSE_SECONDS:
                    raise told(error, thing, action) from error
                pause = _pause(_FIRST_PAUSE_SECONDS[answer], tries)
                if time.monotonic() + pause >= deadline:
                    tried = f", {tries} times in {self.source.timeout_seconds} s"
                    raise told(error, thing, action, tried) from error
            time.sleep(pause)

    def read(self, shard: str, iterator: str, limit: int) -> dict[str, Any]:
        """Return a page of a shard, not sooner after the one before than the quota allows.

        Raises:
            NotNow: the iterator has expired.
            SourceUnreachable, SourceDenied, SourceChanged: as for `ask`.
        """
        wait = self._next_read.get(shard, 0.0) - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        self._next_read[shard] = time.monotonic() + self._read_pause
        return self.ask("GetRecords", ShardIterator=iterator, Limit=limit)

    def _ask_once(self, action: str, parameters: dict[str, Any]) -> dict[str, Any]:
        method = getattr(self.connection, _METHODS[action])
        answer: dict[str, Any] = method(**parameters)
        if _NEEDED[action] not in answer:
            raise HalfAnswerError(_NEEDED[action])
        headers = answer["ResponseMetadata"]["HTTPHeaders"]
        date = headers.get("date")
        self.moment = parsedate_to_datetime(date) if date else datetime.now(UTC)
        return answer


_METHODS = {
    "DescribeStreamSummary": "describe_stream_summary",
    "GetRecords": "get_records",
    "GetShardIterator": "get_shard_iterator",
    "ListShards": "list_shards",
}
_NEEDED = {
    "DescribeStreamSummary": "StreamDescriptionSummary",
    "GetRecords": "Records",
    "GetShardIterator": "ShardIterator",
    "ListShards": "Shards",
}


def connect(source: KinesisSource) -> Any:
    """Return the library's client of a declared source."""
    bound = source.timeout_seconds
    return aws_session(source.profile, source.region).client(
        "kinesis",
        endpoint_url=source.endpoint,
        config=Config(
            connect_timeout=min(_CONNECT_SECONDS, bound),
            read_timeout=min(_ANSWER_SECONDS, bound),
            retries={"total_max_attempts": 1, "mode": "standard"},
            tcp_keepalive=True,
        ),
    )


def _pause(first: float, tries: int) -> float:
    """Return a pause of random length below a bound that doubles with every try."""
    bound = min(_LONGEST_PAUSE_SECONDS, first * 2.0 ** min(tries, 16))
    return random.uniform(0, bound)  # noqa: S311 - spreads clients; nothing is kept secret by it


def _of_shard(parameters: dict[str, Any]) -> str:
    shard = parameters.get("ShardId")
    return f", shard {shard}" if shard else ""
