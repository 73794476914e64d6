"""The ledger of what a generated log holds, and of what admission must make of it.

Per stream and partition, delivered = admitted + duplicate + quarantined. ``reasons`` counts the
records that carry a code; a record with two codes counts under both and once as quarantined. The
numbers hold however the log is cut into windows, as long as no more runs than the dedupe horizon lie
between a record and its repetition.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

PLANT_FILE = "plant.json"


@dataclass(slots=True)
class Tally:
    """Counts of one partition, or of a stream."""

    delivered: int = 0
    admitted: int = 0
    duplicate: int = 0
    quarantined: int = 0
    reasons: dict[str, int] = field(default_factory=dict)

    def add(self, other: Tally) -> None:
        """Count another partition in."""
        self.delivered += other.delivered
        self.admitted += other.admitted
        self.duplicate += other.duplicate
        self.quarantined += other.quarantined
        for code, count in sorted(other.reasons.items()):
            self.reasons[code] = self.reasons.get(code, 0) + count


@dataclass(slots=True)
class StreamPlant:
    """What one stream holds. ``events`` counts what is admitted, by event type."""

    partitions: dict[str, Tally]
    events: dict[str, int]
    faults: dict[str, int]

    @property
    def total(self) -> Tally:
        """The sum over the partitions."""
        total = Tally()
        for tally in self.partitions.values():
            total.add(tally)
        return total


@dataclass(slots=True)
class Plant:
    """What a log holds.

    ``late`` authorisations are two hours or more behind their partition; ``orphans`` are chargebacks
    of authorisations that do not exist; ``shared_ids`` are refunds that have the event id of a
    chargeback, all of them admitted.
    """

    seed: int
    records: int
    late: int
    orphans: int
    shared_ids: int
    streams: dict[str, StreamPlant]

    def write(self, directory: Path) -> None:
        """Write the ledger beside the topics of the log."""
        document = asdict(self)
        for name, stream in self.streams.items():
            document["streams"][name]["total"] = asdict(stream.total)
        text = json.dumps(document, indent=1, sort_keys=True) + "\n"
        (directory / PLANT_FILE).write_text(text, encoding="utf-8")

    @classmethod
    def read(cls, directory: Path) -> Plant:
        """Read what `write` wrote."""
        document: dict[str, Any] = json.loads((directory / PLANT_FILE).read_text(encoding="utf-8"))
        streams = {
            name: StreamPlant(
                partitions={
                    partition: Tally(**tally) for partition, tally in stream["partitions"].items()
                },
                events=stream["events"],
                faults=stream["faults"],
            )
            for name, stream in document["streams"].items()
        }
        return cls(**(document | {"streams": streams}))
