"""A supply as a sink takes it: paced, with a note of what was taken and of why it ended.

What is wrong with a supply ends it, and the sink never learns of it: what was taken by then is sent and
accounted for like any other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from platform_assets.errors import PlatformError
from platform_assets.pipeline.ledger import Places

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from platform_assets.adapters.record_files import Chunk
    from platform_assets.pipeline.pacing import Pace
    from platform_assets.pipeline.sent_values import SentValues
    from platform_assets.ports.sinks import Outgoing

_TOLD_EVERY = 1_000


@dataclass(slots=True)
class Taken:
    """The records of a supply.

    Attributes:
        chunks: what is supplied.
        values: the hashes of what was taken.
        pace: what lets each record pass.
        told: is called with how many records were taken since.
        leaving: is called with the number of a record when it leaves, right before the sink has it.
        renamed: what the stream calls the partitions that records name.
        places: where the taken records stand in what is supplied.
        complete: whether all of them were taken.
        error: what ended the supply.
    """

    chunks: Iterator[Chunk]
    values: SentValues
    pace: Pace
    told: Callable[[int], None]
    leaving: Callable[[int], None] | None = None
    named: tuple[str, ...] = ()
    renamed: dict[str, str] = field(default_factory=dict)
    places: Places = field(default_factory=Places)
    complete: bool = False
    error: PlatformError | None = None

    def __iter__(self) -> Iterator[Outgoing | None]:
        """Yield the records, and None where none is due for the moment."""
        untold = 0
        try:
            for chunk in self.chunks:
                first = self.values.count
                self.places.note(first, chunk.place, chunk.first)
                for number, record in enumerate(chunk.records, first):
                    while not self.pace.passes(number):
                        if self.pace.stop.is_set():
                            return
                        yield None
                    self.values.add(record.value)
                    untold += 1
                    if self.leaving is not None:
                        self.leaving(number)
                    yield self._renamed(record)
                    if untold == _TOLD_EVERY:
                        self.told(untold)
                        untold = 0
            self.complete = True
        except PlatformError as error:
            self.error = error
        finally:
            self.told(untold)

    def _renamed(self, record: Outgoing) -> Outgoing:
        if record.partition is None:
            return record
        name = self.renamed[record.partition]
        return record if name == record.partition else record._replace(partition=name)
