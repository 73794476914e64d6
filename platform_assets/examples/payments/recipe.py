"""How large a generated log is and what is planted in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from platform_assets.examples.payments.faults import FAULTS
from platform_assets.examples.payments.population import HOUR_MS, Shape

#: Kinds planted more often than the rest, in records per 10,000 of the stream.
_OFTEN = MappingProxyType(
    {
        "copy_near": 50,
        "copy_far": 30,
        "copy_reworded": 5,
        "mismatch_near": 5,
        "mismatch_far": 5,
        "corrected_later": 5,
    }
)
_SELDOM = 2
_REVERSALS = 3  # percent of all records

Faults = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to generate. The same recipe gives the same bytes.

    Attributes:
        records: how many records the log delivers in all, the planted ones included.
        faults: stream -> fault -> how many; None plants each kind in a usual number.
        late: how many authorisations come two hours to three days late; None means 1 percent.
        far: the most records of a partition that stand between an event and its far repetition.
        segment_records: at most so many records in a segment; None gives three or more segments to
            each partition of authorisations.
        compress: whether every second segment is compressed with zstd.
    """

    records: int = 5_000
    seed: int = 7
    partitions: int = 4
    reversal_partitions: int = 2
    days: int = 10
    accounts: int | None = None
    faults: Faults | None = None
    late: int | None = None
    orphans: int | None = None
    shared_ids: int | None = None
    far: int = 20_000
    segment_records: int | None = None
    compress: bool = True

    def planted(self) -> Faults:
        """Return the faults of each stream.

        Raises:
            ValueError: a fault is unknown, or not one of its stream.
        """
        if self.faults is None:
            reversals = self.records * _REVERSALS // 100
            return {
                "authorisations": _usual(self.records, authorisations=True),
                "reversals": _usual(reversals, authorisations=False),
            }
        given = {stream: self.faults.get(stream, {}) for stream in ("authorisations", "reversals")}
        if unknown := set(self.faults) - set(given):
            raise ValueError(f"there are no streams {sorted(unknown)}, only {sorted(given)}")
        for stream, kinds in given.items():
            if unknown := set(kinds) - set(_applicable(stream == "authorisations")):
                raise ValueError(f"{stream} have no faults {sorted(unknown)}")
        return given

    def shape(self) -> Shape:
        """Return how many good events there are.

        Raises:
            ValueError: the faults leave fewer than 100 good authorisations.
        """
        planted = sum(sum(kinds.values()) for kinds in self.planted().values())
        good = self.records - planted
        chargebacks, refunds = good // 200, good // 40
        authorisations = good - chargebacks - refunds
        if authorisations < 100:  # noqa: PLR2004 - fewer cannot carry the planted repetitions
            raise ValueError(
                f"{self.records} records cannot hold {planted} planted ones; take more"
            )
        return Shape(
            authorisations=authorisations,
            chargebacks=chargebacks,
            refunds=refunds,
            accounts=self.accounts or max(50, self.records // 40),
            span_ms=self.days * 24 * HOUR_MS,
            late=authorisations // 100 if self.late is None else self.late,
            orphans=chargebacks // 33 if self.orphans is None else self.orphans,
            shared_ids=min(chargebacks, 5) if self.shared_ids is None else self.shared_ids,
        )


def _applicable(authorisations: bool) -> list[str]:
    return [
        kind for kind, fault in FAULTS.items() if authorisations or not fault.authorisations_only
    ]


def _usual(records: int, *, authorisations: bool) -> dict[str, int]:
    return {
        kind: max(2 if FAULTS[kind].paired else 1, records * _OFTEN.get(kind, _SELDOM) // 10_000)
        for kind in _applicable(authorisations)
    }
