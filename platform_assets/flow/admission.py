"""Admission: what became of each delivered record, and that the account adds up.

Every delivered record is admitted, a duplicate or quarantined; per partition and per stream the three
add up to what was delivered. A receipt that would not add up is never written.

The parts of an event hold its accepted rows: those that meet the contract. Some of them repeat another
row, and some contradict one; these stand among the duplicates and the quarantined records as well, and
are not admitted. So what is accepted is admitted, a duplicate or a mismatch. In receipts of version 1
the parts of an event hold what is admitted, and nothing else. A receipt of version 3 says besides where
the run stands in the settlement log of its stream; one of version 2 comes from a run that waited until
those before it were closed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from platform_assets.contracts.reasons import ReasonCode
from platform_assets.errors import AdmissionInconsistent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(slots=True)
class PartitionTally:
    """Counts of one partition."""

    delivered: int = 0
    admitted: int = 0
    duplicate: int = 0
    quarantined: int = 0

    @property
    def balanced(self) -> bool:
        """Tell whether every delivered record is accounted for once."""
        return self.delivered == self.admitted + self.duplicate + self.quarantined


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionResult:
    """What admission decided for one stream, before it is recorded.

    ``events`` has the parts of accepted rows; ``repeats`` says how many of an event's are not admitted.
    ``settlement`` is where the run stands in a settlement log, if it does.
    """

    partitions: Mapping[str, PartitionTally]
    reasons: Mapping[str, int]
    events: Mapping[str, Sequence[Mapping[str, Any]]]
    repeats: Mapping[str, int]
    duplicates: Sequence[Mapping[str, Any]]
    quarantine: Sequence[Mapping[str, Any]]
    columnar: int
    one_by_one: int
    horizon: Sequence[Mapping[str, str]] = field(default_factory=tuple)
    settlement: Mapping[str, Any] | None = None


def admission_record(
    landing: Mapping[str, Any], landing_digest: str, result: AdmissionResult
) -> dict[str, Any]:
    """Return the receipt of one stream's admission.

    Raises:
        AdmissionInconsistent: the counts do not add up, per partition or against landing and parts.
    """
    _balance(landing, result)
    tallies = result.partitions
    settled = {} if result.settlement is None else {"settlement": dict(result.settlement)}
    return {
        "record": "admission",
        "version": 3 if settled else 2,
        "run_id": landing["run_id"],
        "config_digest": landing["config_digest"],
        "stream": landing["stream"],
        "landing_digest": landing_digest,
        "partitions": [
            {
                "partition": name,
                "delivered": tally.delivered,
                "admitted": tally.admitted,
                "duplicate": tally.duplicate,
                "quarantined": tally.quarantined,
            }
            for name, tally in tallies.items()
        ],
        "delivered": sum(tally.delivered for tally in tallies.values()),
        "admitted": sum(tally.admitted for tally in tallies.values()),
        "duplicate": sum(tally.duplicate for tally in tallies.values()),
        "quarantined": sum(tally.quarantined for tally in tallies.values()),
        "reasons": dict(sorted(result.reasons.items())),
        "events": {
            name: _accepted(parts, result.repeats.get(name, 0))
            for name, parts in result.events.items()
        },
        "duplicates": _counted(result.duplicates),
        "quarantine": _counted(result.quarantine),
        "judged": {"columnar": result.columnar, "one_by_one": result.one_by_one},
        "horizon": [dict(consulted) for consulted in result.horizon],
        **settled,
    }


def accepted_of(receipt: Mapping[str, Any], event: str) -> int:
    """Return how many rows the parts of an event hold, of a receipt of any version."""
    table = receipt["events"][event]
    return int(table["rows"] if receipt["version"] == 1 else table["accepted"])


def _accepted(parts: Sequence[Mapping[str, Any]], repeats: int) -> dict[str, Any]:
    table = _counted(parts)
    return {**table, "rows": table["rows"] - repeats, "accepted": table["rows"]}


def _counted(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"rows": sum(part["rows"] for part in parts), "parts": [dict(part) for part in parts]}


def _balance(landing: Mapping[str, Any], result: AdmissionResult) -> None:
    problems = [
        f"partition {name}: {tally.delivered} delivered, {tally.admitted} admitted + "
        f"{tally.duplicate} duplicate + {tally.quarantined} quarantined"
        for name, tally in result.partitions.items()
        if not tally.balanced
    ]
    landed = {part["partition"]: part["delivered"] for part in landing["partitions"]}
    judged = {name: tally.delivered for name, tally in result.partitions.items()}
    if landed != judged:
        problems.append(f"landing delivered {landed}, admission judged {judged}")
    written = {
        "admitted": sum(part["rows"] for parts in result.events.values() for part in parts)
        - sum(result.repeats.values()),
        "duplicate": sum(part["rows"] for part in result.duplicates),
        "quarantined": sum(part["rows"] for part in result.quarantine),
    }
    for outcome, rows in written.items():
        counted = sum(getattr(tally, outcome) for tally in result.partitions.values())
        if counted != rows:
            problems.append(f"{counted} {outcome} counted, {rows} rows written")
    mismatches = result.reasons.get(ReasonCode.PAYLOAD_MISMATCH.value, 0)
    aside = written["duplicate"] + mismatches
    if sum(result.repeats.values()) != aside:
        problems.append(
            f"{sum(result.repeats.values())} accepted rows repeat others, {aside} are duplicates or "
            "mismatches"
        )
    if problems:
        raise AdmissionInconsistent(
            f"{landing['stream']} of {landing['run_id']}",
            expected="delivered = admitted + duplicate + quarantined",
            found="; ".join(problems),
            remedy="Nothing was recorded. This is a defect; report it with the run's landing receipt.",
        )
