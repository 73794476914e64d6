"""The account of what was sent: what every sink keeps while records are under way.

What stops the sending is told in one of two ways. Where nothing of a call was acknowledged and nothing
is in doubt, its error is raised. Otherwise the records that were acknowledged come first: the error is
the reason why the record at hand was refused, and no more records are taken.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from platform_assets.ports.sinks import SendReport, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from platform_assets.errors import PlatformError


@dataclass(slots=True)
class Account:
    """The fate of the records of one call of `send`, so far.

    ``told`` is called with the number of each record that is acknowledged. ``stopped`` says that no
    more records are to be taken.
    """

    told: Callable[[int], None] | None = None
    acknowledged: Counter[str] = field(default_factory=Counter)
    ambiguous: list[Trouble] = field(default_factory=list)
    refused: list[Trouble] = field(default_factory=list)
    stopped: bool = False
    error: PlatformError | None = None

    def acknowledge(self, partition: str, numbers: Sequence[int]) -> None:
        """Note that records stand in a partition of the stream, and tell of each."""
        if not numbers:
            return
        self.acknowledged[partition] += len(numbers)
        if self.told is not None:
            for number in numbers:
                self.told(number)

    def doubt(self, number: int, reason: str) -> None:
        """Note that nobody knows whether a record stands in the stream.

        What comes after it is not sent: it would overtake the record, should that be sent once more.
        """
        self.ambiguous.append(Trouble(number, reason))
        self.stopped = True

    def refuse(self, number: int, reason: str) -> None:
        """Note that a record does not stand in the stream."""
        self.refused.append(Trouble(number, reason))

    def stop(self, number: int, error: PlatformError) -> None:
        """Note that a record does not stand in the stream, and that no other could be sent either."""
        self.refuse(number, f"{error.code}: expected {error.expected}, found {error.found}")
        self.error = self.error or error
        self.stopped = True

    def report(self) -> SendReport:
        """Return what became of the records, in the order in which they were sent.

        Raises:
            PlatformError: what stopped the sending before anything was sent.
        """
        if self.error is not None and not self.acknowledged and not self.ambiguous:
            raise self.error
        return SendReport(
            acknowledged={name: self.acknowledged[name] for name in sorted(self.acknowledged)},
            ambiguous=tuple(sorted(self.ambiguous)),
            refused=tuple(sorted(self.refused)),
        )
