"""What a run took from other runs, and whether those were closed with exactly that.

A run may refer to products of other runs: a consumer read them, a check consulted them, deduplication
counted their identities. Each such run has to be closed: a seal that verifies names its evidence, and
the evidence names the very manifest and certificate that were used.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any

from platform_assets.contracts.records import check_record
from platform_assets.errors import GateRefusal, RecordInvalid
from platform_assets.flow.signing import (
    CLOSURE,
    EVIDENCE,
    open_statement,
    unverified_predicate,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from platform_assets.flow.run_records import Document, RunRecords
    from platform_assets.ports.signer import Trust


@dataclass(frozen=True, slots=True, order=True)
class Reference:
    """One product of another run, by the digests under which it was used; empty where not named."""

    run_id: str
    product: str
    manifest_digest: str
    certificate_digest: str


def references(documents: Mapping[str, Document], run_id: str) -> list[Reference]:
    """Return every reference of a run's records to other runs, sorted, each once."""
    found: set[Reference] = set()
    for document in documents.values():
        place = document.place
        if place is None or place.run_id != run_id:
            continue
        value = document.value
        if place.kind == "certificate":
            value = _unverified_certificate(document)
        for given in (
            *value.get("inputs", ()),
            *value.get("horizon", ()),
            *value.get("consulted", ()),
        ):
            if given.get("run_id", run_id) != run_id:
                found.add(
                    Reference(
                        given["run_id"],
                        given["product"],
                        given.get("manifest_digest", ""),
                        given.get("certificate_digest", ""),
                    )
                )
    return sorted(found)


def foreign_problems(records: RunRecords) -> dict[str, list[str]]:
    """Return, for each other run that is referred to, what speaks against its being closed."""
    own, parsed = str(records.run), records.parsed
    used: dict[str, list[Reference]] = {}
    for reference in references(parsed, own):
        used.setdefault(reference.run_id, []).append(reference)
    problems = {}
    for run_id, of_run in used.items():
        evidence = sealed_evidence(parsed, run_id, records.trust)
        problems[run_id] = (
            [evidence]
            if isinstance(evidence, str)
            else [problem for each in of_run for problem in _used_otherwise(each, evidence)]
        )
    named = {d for of_run in used.values() for r in of_run for d in astuple(r)[2:]}
    for document in parsed.values():
        place = document.place
        if place is not None and place.run_id not in ("", own):
            found = problems.setdefault(place.run_id, [])
            if place.run_id not in used:
                found.append(f"{document.path} belongs to a run that nothing refers to")
            elif place.kind in ("certificate", "manifest") and document.digest not in named:
                found.append(f"{document.path} is not what was used")
    return problems


def _used_otherwise(reference: Reference, evidence: Mapping[str, Any]) -> list[str]:
    closed_with = evidence["products"].get(reference.product, {})
    return [
        f"{reference.product} was used with the {key} {used}, it was closed with "
        f"{closed_with.get(key)}"
        for key in ("manifest_digest", "certificate_digest")
        if (used := getattr(reference, key)) and closed_with.get(key) != used
    ]


def sealed_evidence(
    documents: Mapping[str, Document], run_id: str, trust: Trust
) -> Mapping[str, Any] | str:
    """Return the evidence of a closed run, or why it does not prove closure."""
    places = [d for d in documents.values() if d.place and d.place.run_id == run_id]
    seals = [d for d in places if d.place and d.place.kind == "seal" and "record" not in d.value]
    if len(seals) != 1:
        return f"it has {len(seals)} seals here, so it is not known to be closed"
    try:
        seal = open_statement(
            seals[0].data, trust, thing=seals[0].path, predicate_type=CLOSURE
        ).predicate
        bundles = {d.digest: d for d in places if d.place and d.place.kind == "bundle"}
        bundle = bundles.get(str(seal.get("bundle_digest")))
        if bundle is None or seal.get("run_id") != run_id:
            return "its seal names evidence that is not here, or of another run"
        evidence = open_statement(
            bundle.data, trust, thing=bundle.path, predicate_type=EVIDENCE
        ).predicate
        check_record(evidence, bundle.path)
    except (GateRefusal, RecordInvalid) as refusal:
        return f"{refusal.thing}: {refusal.code}: {refusal.found}"
    if (evidence["record"], evidence["run_id"]) != ("bundle", run_id):
        return "its evidence is of another run"
    return evidence


def _unverified_certificate(document: Document) -> Mapping[str, Any]:
    """Return what a certificate claims, to know what it refers to; the gate verifies it."""
    claimed = unverified_predicate(document.value).get("certificate")
    try:
        return dict(check_record(claimed, document.path))
    except RecordInvalid:
        return {}
