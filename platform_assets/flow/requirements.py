"""The named requirements of a closure.

All are always evaluated and all are reported; a run is closed only if every one is satisfied. Each says
in its detail what it counted, or everything that it found wrong. Where there is nothing to count, a
requirement is not satisfied: an empty set proves nothing. The detail follows from the records alone, so
that whoever verifies the evidence comes to the same words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from platform_assets.flow.requirements_of_admission import admission_reconciles
from platform_assets.flow.requirements_of_counts import (
    anchors_pinned,
    chain_unbroken,
    landing_reconciles,
)
from platform_assets.flow.requirements_of_proofs import (
    every_consumer_recorded,
    every_product_certified,
    holds_claim,
    one_config_digest,
    one_run_scope,
)
from platform_assets.flow.requirements_of_secrets import no_secret_found
from platform_assets.flow.requirements_of_settlement import consulted_runs_closed, goes_side_by_side

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from platform_assets.flow.run_records import RunRecords

#: Each returns what is wrong and, for when nothing is, what was found right.
_REQUIREMENTS: dict[str, Callable[[RunRecords], tuple[list[str], str]]] = {
    "AnchorsPinned": anchors_pinned,
    "ChainUnbroken": chain_unbroken,
    "LandingReconciles": landing_reconciles,
    "AdmissionReconciles": admission_reconciles,
    "EveryProductCertified": every_product_certified,
    "EveryConsumerRecorded": every_consumer_recorded,
    "OneRunScope": one_run_scope,
    "OneConfigDigest": one_config_digest,
    "NoSecretFound": no_secret_found,
    "HoldsClaim": holds_claim,
}

REQUIREMENT_NAMES = tuple(_REQUIREMENTS)

#: Of runs that go side by side besides: those whose receipts stand in a settlement log.
_OF_SETTLED_RUNS = {"ConsultedRunsClosed": consulted_runs_closed}


@dataclass(frozen=True, slots=True)
class Requirement:
    """The verdict on one requirement, in words."""

    name: str
    satisfied: bool
    detail: str

    def as_json(self) -> dict[str, str | bool]:
        """Return the requirement as it stands in the evidence."""
        return {"name": self.name, "satisfied": self.satisfied, "detail": self.detail}


def evaluate(records: RunRecords) -> list[Requirement]:
    """Judge every requirement of a run, in a fixed order.

    Which they are follows from the run's records, so that whoever verifies it evaluates the same.
    """
    judges = _REQUIREMENTS | (_OF_SETTLED_RUNS if goes_side_by_side(records) else {})
    verdicts = []
    for name, judge in judges.items():
        problems, right = judge(records)
        verdicts.append(Requirement(name, not problems, "; ".join(problems) or right))
    return verdicts


def unmet(requirements: Sequence[Requirement]) -> list[Requirement]:
    """Return the requirements that are not satisfied, and those that were not evaluated at all."""
    judged = {requirement.name for requirement in requirements}
    absent = [name for name in REQUIREMENT_NAMES if name not in judged]
    return [
        *(requirement for requirement in requirements if not requirement.satisfied),
        *(Requirement(name, satisfied=False, detail="not evaluated") for name in absent),
    ]
