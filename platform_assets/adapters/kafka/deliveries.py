"""What becomes of records that were handed to librdkafka: told one by one, or ended by something fatal.

1. A record comes back acknowledged, or with what a broker says of a record that it did not write, or
   with anything else; then it is ambiguous.
2. An acknowledgement is told when librdkafka is asked for it. It is asked after each record, and when
   there is none for the moment, but not again within a millisecond.
3. Some errors end a producer, for example that it gets no producer id. librdkafka sends nothing more
   after that, and purges what was waiting. Where nothing was acknowledged before, and the client is not
   let in, nothing was written.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from confluent_kafka import KafkaError, KafkaException

from platform_assets.adapters.kafka.errors import (
    DENIED_CODES,
    MISSING_CODES,
    Where,
    from_librdkafka,
)
from platform_assets.adapters.kafka.security import principal
from platform_assets.adapters.sending import Account
from platform_assets.errors import PlatformError, SourceChanged, SourceDenied

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from confluent_kafka import Message, Producer

    from platform_assets.ports.sinks import Outgoing, SendReport

    _Headers = list[tuple[str, str | bytes | None]]

_POLL_SECONDS = 0.05
_ASK_EVERY_SECONDS = 0.001
_NO_PARTITION = -1  # librdkafka's own: the key decides

#: What brokers answer about a record that they did not write.
_NOT_WRITTEN = {
    KafkaError.MSG_SIZE_TOO_LARGE,
    KafkaError.RECORD_LIST_TOO_LARGE,
    KafkaError.INVALID_TIMESTAMP,
    KafkaError.INVALID_RECORD,
    KafkaError.POLICY_VIOLATION,
    KafkaError.UNSUPPORTED_COMPRESSION_TYPE,
    KafkaError.UNSUPPORTED_FOR_MESSAGE_FORMAT,
}


class Deliveries:
    """One call of `send`: what is known of each record, and the last trouble with a connection.

    As a context manager, which may be entered again, it lets an error after which librdkafka sends
    nothing more end the sending. That is raised out of whatever call is under way, or out of the
    callback for some record, and the call comes back as a `SystemError` then.
    """

    def __init__(
        self,
        where: Where,
        names: Sequence[str],
        *,
        by_key: bool = True,
        told: Callable[[int], None] | None = None,
    ) -> None:
        self.account = Account(told)
        self._where = where
        self._topic = str(where.topic)
        self._numbers: dict[str | None, int] = {name: int(name) for name in names}
        if by_key:
            self._numbers[None] = _NO_PARTITION
        self._asked = 0.0
        self._callback = self._told  # made once, not for each record
        self._trouble = ""
        self._fatal: KafkaError | None = None
        self._under_way: set[int] = set()
        self._lost: dict[int, str] = {}

    def __enter__(self) -> None:
        """Begin a call of librdkafka."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> bool:
        """End it; True where the error is one that ends the sending."""
        cause = error.__cause__ if isinstance(error, SystemError) else error
        if not isinstance(cause, KafkaException):
            return False
        self._fatal = self._fatal or cause.args[0]
        self.account.stopped = True
        return True

    def report(self) -> SendReport:
        """Return what became of each record; one that never came back is ambiguous too."""
        self._lost |= dict.fromkeys(self._under_way, "it never came back")
        fatal, after = self._fatal, f", after {self._trouble}" if self._trouble else ""
        for number, reason in sorted(self._lost.items()):
            if fatal and fatal.code() in DENIED_CODES and not self.account.acknowledged:
                # there was no producer id to be had, without which nothing is sent
                self._not_written(number, fatal)
            else:
                self.account.doubt(number, f"{reason}{after}")
        return self.account.report()

    def note(self, error: KafkaError) -> None:
        """Keep what librdkafka says of a connection."""
        self._trouble = _described(error)

    def hand_over(self, producer: Producer, number: int, record: Outgoing) -> None:
        """Hand a record to librdkafka; wait while as many are under way as may be."""
        partition = self._numbers.get(record.partition)
        if partition is None:
            self.account.stop(number, self._no_partition(record.partition))
            return
        headers: _Headers | None = list(record.headers) if record.headers else None
        told = partial(self._callback, number)
        self._under_way.add(number)
        while True:
            try:
                producer.produce(
                    self._topic, record.value, record.key, partition, told, headers=headers
                )
            except BufferError:
                producer.poll(_POLL_SECONDS)
            except KafkaException as error:
                self._under_way.discard(number)
                self._not_written(number, self._cause(producer, error.args[0]))
                return
            else:
                return

    def _cause(self, producer: Producer, error: KafkaError) -> KafkaError:
        """Return what ended a producer; a later record is only told that something did."""
        if error.code() != KafkaError._FATAL:  # noqa: SLF001 - the library's name for the code
            return error
        with self:
            producer.poll(_POLL_SECONDS)
        return self._fatal or error

    def ask(self, producer: Producer) -> None:
        """Have librdkafka tell what it knows by now, unless it was asked just before."""
        now = time.monotonic()
        if now - self._asked >= _ASK_EVERY_SECONDS:
            self._asked = now
            producer.poll(0)  # 2

    def _told(self, number: int, error: KafkaError | None, message: Message) -> None:
        if error is None:  # 1
            self.account.acknowledge(str(message.partition()), (number,))
        elif error.code() in _NOT_WRITTEN | DENIED_CODES | MISSING_CODES:
            self._not_written(number, error)
        else:
            self._lost[number] = _described(error)
            self.account.stopped = True
        self._under_way.discard(number)

    def _not_written(self, number: int, error: KafkaError) -> None:
        if error.code() in _NOT_WRITTEN:
            self.account.refuse(number, _described(error))
        else:
            self.account.stop(number, producer_error(self._where, error))

    def _no_partition(self, name: str | None) -> SourceChanged:
        return SourceChanged(
            str(self._where),
            expected=f"one of the partitions {', '.join(filter(None, self._numbers))}",
            found="a record for none" if name is None else f"a record for partition {name}",
            remedy="Send to one of these. Another one has to be there, and named, before records are.",
        )


def producer_error(where: Where, error: KafkaError) -> PlatformError:
    """Return the platform's error for what a producer met."""
    found = from_librdkafka(where, error)
    if not isinstance(found, SourceDenied):
        return found
    return SourceDenied(
        found.thing,
        expected=f"leave to write for {principal(where.source)}",
        found=found.found,
        remedy="Correct the credentials, or grant what a producer needs: WRITE and DESCRIBE on the "
        "topic, and CREATE where it shall make the topic.",
    )


def _described(error: KafkaError) -> str:
    return f"{error.name()}: {error.str()}"
