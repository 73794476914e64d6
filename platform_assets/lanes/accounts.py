"""What became of the events of one process, sending by sending, until its ledger is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from platform_assets.lanes.ledger import ProcessLedger, Sending, Stretch

if TYPE_CHECKING:
    from collections.abc import Iterable

    from platform_assets.lanes.schedule import Schedule
    from platform_assets.pipeline.ledger import StreamLedger


class Sender(Protocol):
    """Who sent events: how many, and from when until when, in microseconds of the load."""

    sent: int
    first_sent_us: int | None
    last_sent_us: int | None


class Accounts:
    """The accounts of one process. Events are counted in the order in which it sends them."""

    def __init__(self, prefix: str, schedule: Schedule, process: int) -> None:
        self._prefix = prefix
        self._schedule = schedule
        self._process = process
        self._numbers = schedule.numbers_of(process)
        self._acknowledged = 0
        self._ambiguous: list[Stretch] = []
        self._refused: list[Stretch] = []
        self._sendings: list[Sending] = []

    def note(self, begun: int, sent: int, told: StreamLedger) -> list[int]:
        """Note what became of the events of a sending.

        Args:
            begun: how many events were sent before it.
            sent: how many events left in it.
            told: what is known of them.

        Returns:
            those that are not acknowledged, and never will be.
        """
        ended = "" if told.error is None else f"{told.error.code}: {told.error.found}"
        ambiguous, refused = (
            [(begun + number, reason) for number, reason in troubles]
            for troubles in (told.report.ambiguous, told.report.refused)
        )
        if told.taken == 0 and sent:  # they left, and came to nothing
            refused = [(begun + number, ended) for number in range(sent)]
        self._extend(self._ambiguous, ambiguous)
        self._extend(self._refused, refused)
        self._acknowledged += told.report.total
        if sent:
            first, total = self._numbers[begun], told.report.total
            self._sendings.append(Sending(first, sent, total, told.digest, ended))
        return [place for place, _ in (*ambiguous, *refused)]

    def ledger(self, sender: Sender) -> ProcessLedger:
        """Return the ledger of the process."""
        return ProcessLedger(
            prefix=self._prefix,
            process=self._process,
            processes=self._schedule.processes,
            events=len(self._numbers),
            sent=sender.sent,
            acknowledged=self._acknowledged,
            ambiguous=tuple(self._ambiguous),
            refused=tuple(self._refused),
            first_sent_us=sender.first_sent_us,
            last_sent_us=sender.last_sent_us,
            sendings=tuple(self._sendings),
        )

    def _extend(self, stretches: list[Stretch], troubles: Iterable[tuple[int, str]]) -> None:
        """Add events in their order, neighbours of one fate as one stretch."""
        for place, reason in troubles:
            number, last = self._numbers[place], stretches[-1] if stretches else None
            if last and last.last + self._numbers.step == number and last.reason == reason:
                stretches[-1] = last._replace(last=number)
            else:
                stretches.append(Stretch(number, number, reason))
