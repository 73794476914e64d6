"""The ledger of a load: what became of each event, by the process that sent it.

A process sends its events in the order of their numbers, each once. Its ledger says how many of them it
has sent, and lists those that were not acknowledged: what is ambiguous may stand in the stream or not,
what was refused does not. All others that it has sent are acknowledged. So a ledger takes as much room
as there was trouble.

A process that left no ledger, because it was killed, is known to have sent nothing for sure: all its
events are in doubt.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from platform_assets.canonical import canonical_bytes, parse_canonical
from platform_assets.contracts.records import check_record
from platform_assets.errors import RecordInvalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from platform_assets.lanes.schedule import Schedule

    Mask = NDArray[np.bool_]

RECORD, VERSION = "lane_ledger", 1


class Stretch(NamedTuple):
    """Events of one process, one after another up to the last, and what became of them."""

    first: int
    last: int
    reason: str


@dataclass(frozen=True, slots=True)
class Sending:
    """One connection to the stream: its first event, how many were sent, and how many acknowledged.

    Attributes:
        digest: the digest of the values that were acknowledged (see `pipeline.sent_values`).
        ended: what ended it before everything was sent; nothing where that is not so.
    """

    first: int
    sent: int
    acknowledged: int
    digest: str
    ended: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessLedger:
    """What one process sent, and what became of it.

    Attributes:
        prefix: what the ids of the events begin with: the pin of the lane.
        process: its number, of so many ``processes``.
        events: how many events are its own.
        sent: how many of them it sent, the first ones.
        acknowledged: how many of these were acknowledged.
        ambiguous, refused: those that were not, in order.
        first_sent_us, last_sent_us: when, since the beginning of the load; None where nothing was.
        sendings: how often it had to connect, and what that brought.
    """

    prefix: str
    process: int
    processes: int
    events: int
    sent: int
    acknowledged: int
    ambiguous: tuple[Stretch, ...]
    refused: tuple[Stretch, ...]
    first_sent_us: int | None
    last_sent_us: int | None
    sendings: tuple[Sending, ...]

    def encoded(self) -> bytes:
        """Return the ledger as the canonical bytes of a record."""
        values = asdict(self) | {
            "ambiguous": [list(stretch) for stretch in self.ambiguous],
            "refused": [list(stretch) for stretch in self.refused],
            "sendings": [asdict(sending) for sending in self.sendings],
        }
        record = {"record": RECORD, "version": VERSION, **values}
        return canonical_bytes(check_record(record, f"ledger of process {self.process}"))

    @classmethod
    def decoded(cls, data: bytes, thing: str) -> Self:
        """Read what `encoded` wrote.

        Raises:
            RecordNotCanonical, RecordInvalid: it is no such record, or contradicts itself.
        """
        values: dict[str, Any] = check_record(parse_canonical(data, thing), thing)
        if (values.pop("record"), values.pop("version")) != (RECORD, VERSION):
            raise _invalid(thing, "another kind of record")
        ledger = cls(
            **values
            | {
                "ambiguous": tuple(Stretch(*stretch) for stretch in values["ambiguous"]),
                "refused": tuple(Stretch(*stretch) for stretch in values["refused"]),
                "sendings": tuple(Sending(**sending) for sending in values["sendings"]),
            }
        )
        ledger._require_sound(thing)
        return ledger

    @property
    def numbers_sent(self) -> range:
        """The numbers of the events that were sent."""
        return range(self.process, self.process + self.sent * self.processes, self.processes)

    def counted(self, stretches: Iterable[Stretch]) -> int:
        """Return how many events are in stretches."""
        return sum((last - first) // self.processes + 1 for first, last, _ in stretches)

    def require_of(self, prefix: str, schedule: Schedule) -> None:
        """Require that this is a ledger of a load.

        Raises:
            RecordInvalid: it is one of another lane, or of another schedule.
        """
        here = (prefix, schedule.processes, len(schedule.numbers_of(self.process)))
        if (self.prefix, self.processes, self.events) != here:
            raise _invalid(
                f"ledger of process {self.process}",
                f"{self.events} events of {self.processes} processes, with ids of {self.prefix}; "
                f"the load has {here[2]} of {here[1]}, with ids of {prefix}",
            )

    def _require_sound(self, thing: str) -> None:
        if self.process >= self.processes or self.sent > self.events:
            raise _invalid(thing, "a process or events beyond what there is")
        troubles = sorted((*self.ambiguous, *self.refused))
        following = self.process
        for first, last, _ in troubles:
            if first not in self.numbers_sent or last not in self.numbers_sent or first < following:
                raise _invalid(
                    thing, f"{first} to {last}, which it cannot have sent, or names twice"
                )
            if last < first:
                raise _invalid(thing, f"{first} to {last}, which is no stretch")
            following = last + self.processes
        if self.acknowledged + self.counted(troubles) != self.sent:
            raise _invalid(
                thing,
                f"{self.sent} events sent, {self.acknowledged} acknowledged and "
                f"{self.counted(troubles)} that were not",
            )


def acknowledged(ledgers: Sequence[ProcessLedger], events: int) -> Mask:
    """Return for each event of the load whether it was acknowledged."""
    mask = np.zeros(events, np.bool_)
    for ledger in ledgers:
        mask[_indices(ledger.numbers_sent)] = True
        for first, last, _ in (*ledger.ambiguous, *ledger.refused):
            mask[first : last + 1 : ledger.processes] = False
    return mask


def doubtful(ledgers: Sequence[ProcessLedger], events: int) -> Mask:
    """Return for each event of the load whether nobody knows if it stands in the stream."""
    mask = np.zeros(events, np.bool_)
    processes = max((ledger.processes for ledger in ledgers), default=1)
    for lost in set(range(processes)) - {ledger.process for ledger in ledgers}:
        mask[lost::processes] = True
    for ledger in ledgers:
        for first, last, _ in ledger.ambiguous:
            mask[first : last + 1 : ledger.processes] = True
    return mask


def _indices(numbers: range) -> slice:
    return slice(numbers.start, max(numbers.stop, numbers.start), numbers.step)


def _invalid(thing: str, found: str) -> RecordInvalid:
    return RecordInvalid(
        thing,
        expected="a ledger that accounts once for each event that was sent",
        found=found,
        remedy="Restore the file from a copy of the evidence; do not edit records.",
    )
