"""Sinks: where records are sent to, and what is known of each afterwards.

A record that was sent is acknowledged, refused, or ambiguous: the connection broke or the time ran out
after it had left, and it may stand in the stream or not. An ambiguous record is reported as such; it is
never counted as sent, and never silently sent again where that could double it.

Records come when they come. A supply that has none for the moment says so with None instead of keeping
the sink waiting, so that what is under way is seen to, and told, while nothing new is to be sent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping


class Outgoing(NamedTuple):
    """A record to be sent.

    Attributes:
        value: its bytes; None is a tombstone, where the stream knows such.
        key: what keeps records together and in order.
        partition: the partition to send it to; None leaves it to the key.
        headers: name and value pairs, where the stream knows such.
    """

    value: bytes | None
    key: bytes | None = None
    partition: str | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()


class Trouble(NamedTuple):
    """A record that was not acknowledged: its place among those sent, and why."""

    number: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SendReport:
    """What became of the records that were sent.

    ``acknowledged`` counts them by partition. Records are numbered from 0 in the order of sending.
    """

    acknowledged: Mapping[str, int] = field(default_factory=dict)
    ambiguous: tuple[Trouble, ...] = ()
    refused: tuple[Trouble, ...] = ()

    @property
    def total(self) -> int:
        """The number of acknowledged records."""
        return sum(self.acknowledged.values())


class StreamSink(Protocol):
    """One stream to which records can be sent."""

    @property
    def kind(self) -> str:
        """The kind of stream: ``file_log``, ``kafka``, ``kinesis``."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...

    def create(self, partitions: int) -> None:
        """Make the stream with so many partitions; one that is there stays as it is.

        Raises:
            SourceUnreachable: it could not be made.
        """
        ...

    def partitions(self) -> list[str]:
        """Return the partitions that take records now, in their natural order.

        Raises:
            SourceUnreachable: the stream did not answer.
            SourceChanged: there is no such stream.
        """
        ...

    def send(
        self,
        records: Iterable[Outgoing | None],
        *,
        partitions: Collection[str] | None = None,
        acknowledged: Callable[[int], None] | None = None,
    ) -> SendReport:
        """Send records, in order within each key, and wait until the fate of each is known.

        The records are taken one by one; no more than a bounded number is held in memory.

        Args:
            records: what to send; None among them: nothing for the moment. It has no number.
            partitions: the only partitions that are sent to; each record names one of them then, and
                one that does not is refused like one for an unknown partition. None: any.
            acknowledged: is called with the number of each record once it is acknowledged, as soon as
                the sink knows, by the thread that sends. One in doubt or refused is never told.

        Raises:
            SourceUnreachable: nothing could be sent at all.
            SourceChanged: there is no such stream, or no such partition.
        """
        ...
