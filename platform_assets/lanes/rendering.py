"""The bytes of events: sample records with the values that each event has of its own.

Event n has its own id, the event time at which it is due by the wall clock of the beginning of the
load, its key and its size; what it is filled up with is text drawn for it. A duplicate has exactly the
bytes of its origin. Everything follows from workload, prefix and that one wall-clock time, so the same
plan and the same pin give the same bytes, whoever makes them.

What is sent is held against the contract beforehand: of each sample record and each kind, the event
with the least and the one with the greatest values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from platform_assets.lanes.forms import ID_DIGITS, Forms, Own
from platform_assets.lanes.samples import SampleRecords, refused
from platform_assets.lanes.schedule import REASONS, SECOND, Kind, Schedule
from platform_assets.ports.sinks import Outgoing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from platform_assets.contracts.registry import ContractRegistry
    from platform_assets.declarations.feed import EventDeclaration
    from platform_assets.lanes.draws import Numbers
    from platform_assets.lanes.samples import SampleRecord
    from platform_assets.lanes.schedule import Events
    from platform_assets.lanes.workload import Workload

#: The text that records are filled up with has this many places to begin at.
_FILL_PLACES = 65_536
_LETTERS = np.frombuffer(b"etaoin shrdlu cmfwyp vbgkqjxz etaoin shrdlu etao", np.uint8)
#: Moments for which samples are held against the contract: of 2026 and of 2100.
_MOMENTS = (1_767_571_200_000_000, 4_102_444_800_000_000)


class Rendering:
    """Renders the events of one load.

    Args:
        workload: what is sent.
        prefix: what the ids begin with; 12 lower-case hexadecimal digits.
        events: the stream's event types as they are declared.
        contracts: the contracts of the feed.

    Raises:
        ConfigurationError: the sample records do not fit the contract, or the workload not them.
    """

    def __init__(
        self,
        workload: Workload,
        prefix: str,
        events: Mapping[str, EventDeclaration],
        contracts: ContractRegistry,
    ) -> None:
        self.schedule = Schedule(workload)
        self._workload = workload
        self._sizes = (
            (workload.sizes.at_least, workload.sizes.at_most) if workload.sizes else (0, 0)
        )
        self._names = [str(number) for number in range(workload.partitions)]
        self._draw_sample, self._draw_size, self._draw_place = (
            self.schedule.sequence(purpose) for purpose in ("sample", "size", "fill")
        )
        records = SampleRecords(workload, prefix, events, contracts)
        self._samples = records.read()
        kinds = list(self._samples[0].templates)
        self._kinds = len(kinds)
        self._place_of_kind = np.array(
            [kinds.index(k) if k in kinds else -1 for k in Kind], np.int64
        )
        self._forms = Forms(
            [sample.templates[kind] for sample in self._samples for kind in kinds],
            _key_digits(self._samples, workload.keys.count),
            self._filling(),
        )
        self._require_accepted(records)

    def outgoing(self, events: Events, begun_us: int) -> list[Outgoing]:
        """Return events as records to be sent, in their order, each with its key and its partition.

        Args:
            events: what the schedule says of them.
            begun_us: when the load began by the wall clock, in microseconds since the epoch.
        """
        origins = events.origins
        late = (events.kinds == Kind.LATE) * (self._workload.late_by_seconds * SECOND)
        least, most = self._sizes
        own = Own(
            templates=self._templates(
                self._draw_sample.below(len(self._samples), origins), events.kinds
            ),
            numbers=origins,
            moments=begun_us + self.schedule.intended(origins) - late,
            keys=events.keys,
            sizes=least + self._draw_size.below(most - least + 1, origins),
            places=self._draw_place.below(_FILL_PLACES, origins),
        )
        values, keys = self._forms.rendered(own)
        names = [self._names[number] for number in events.partitions.tolist()]
        return list(map(Outgoing, values, keys, names))

    def _templates(self, samples: Numbers, kinds: NDArray[np.uint8]) -> Numbers:
        return samples * self._kinds + self._place_of_kind[kinds]

    def _filling(self) -> bytes:
        count = np.arange(_FILL_PLACES + self._sizes[1])
        return _LETTERS[self.schedule.sequence("text").below(len(_LETTERS), count)].tobytes()

    def _require_accepted(self, records: SampleRecords) -> None:
        """Require that the least and the greatest events of each sample are what they have to be."""
        made = [
            (sample, kind, value)
            for place, sample in enumerate(self._samples)
            for kind in sample.templates
            for value in self._ends(place, kind)
        ]
        found = records.reasons(value for _, _, value in made)
        for (sample, kind, value), why in zip(made, found, strict=True):
            if why != ({REASONS[kind]} if kind in REASONS else set()):
                raise refused(
                    f"{sample.thing}, made {kind.name}",
                    REASONS.get(kind, "a record that the contract accepts"),
                    f"{', '.join(sorted(why)) or 'that it is accepted'}: {value[:200]!r}",
                )

    def _ends(self, place: int, kind: Kind) -> list[bytes]:
        """Return the least and the greatest event of a kind that a sample record can become."""
        ends, sizes = np.arange(2), self._workload.sizes
        own = Own(
            templates=self._templates(ends * 0 + place, np.full(2, kind, np.uint8)),
            numbers=ends * (10**ID_DIGITS - 1),
            moments=np.array(_MOMENTS),
            keys=ends * (self._workload.keys.count - 1),
            sizes=np.array(self._sizes),
            places=ends * (_FILL_PLACES - 1),
        )
        values, _ = self._forms.rendered(own)
        if sizes and kind not in REASONS and len(values[0]) > sizes.at_least:
            raise refused(
                self._samples[place].thing,
                f"sizes that a record can have: at least {len(values[0])} bytes",
                f"at_least {sizes.at_least}, and so many without filling {sizes.field}",
            )
        return values


def _key_digits(samples: Sequence[SampleRecord], count: int) -> int | None:
    """Return how many digits keys have; None where they are integers."""
    found = {template.key_digits for sample in samples for template in sample.templates.values()}
    digits = [each for each in found if each is not None]
    if not digits:
        return None
    if None in found:
        raise refused("sample records", "keys that are all texts, or all integers", "both")
    return max(*digits, len(str(count - 1)))
