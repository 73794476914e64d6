"""What a run took from other runs, and whether those were closed with exactly that.

A run may refer to products of other runs: a consumer read them, a check consulted them, deduplication
counted their identities. Each such run has to be closed: a seal that verifies names its evidence, and
the evidence names the very manifest and certificate that were used.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from platform_assets.contracts.records import check_record
from platform_assets.errors import GateRefusal, RecordInvalid
from platform_assets.flow.signing import CLOSURE, EVIDENCE, open_statement

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
    problems: dict[str, list[str]] = {}
    for reference in references(records.parsed, str(records.run)):
        found = problems.setdefault(reference.run_id, [])
        evidence = sealed_evidence(records.parsed, reference.run_id, records.trust)
        if isinstance(evidence, str):
            if evidence not in found:
                found.append(evidence)
            continue
        named = evidence["products"].get(reference.product, {})
        for key in ("manifest_digest", "certificate_digest"):
            used = getattr(reference, key)
            if used and named.get(key) != used:
                found.append(
                    f"{reference.product} was used with the {key} {used}, "
                    f"it was closed with {named.get(key)}"
                )
    return problems


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
    try:
        claimed = json.loads(base64.b64decode(document.value["payload"]))["predicate"][
            "certificate"
        ]
        return dict(check_record(claimed, document.path))
    except (ValueError, TypeError, KeyError, RecordInvalid):
        return {}
