"""What a run took from other runs, and whether those were closed with exactly that.

A run may refer to products of other runs: a consumer read them, a check consulted them, deduplication
counted their identities. Each such run has to be closed: a seal that verifies names its evidence, and
the evidence names the very manifest and certificate that were used. The gate opens each such product
from the records that stand here, so that a replay needs nothing else.

A run that went side by side with others refers to their admissions. Each of these was closed with
products that hold what it admitted, and they stand here like any product that was consulted.

A correction refers to the run that it supersedes, to no product of it, and to what that run landed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from platform_assets.contracts.records import check_record
from platform_assets.errors import GateRefusal, InvalidName, RecordInvalid
from platform_assets.flow.gate import Found, Sealed, decide
from platform_assets.flow.places import Place
from platform_assets.flow.signing import (
    CLOSURE,
    EVIDENCE,
    open_statement,
    unverified_predicate,
)
from platform_assets.identifiers import RunId

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
        if place is not None and place.kind == "anchors":
            corrected = document.value.get("supersedes", {}).get("run_id")
            if document.value.get("run_id") == run_id and corrected:
                found.add(Reference(corrected, "", "", ""))
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
        for given in value.get("settlement", {}).get("consulted", ()):
            products = given["products"].values() or ("",)
            found |= {Reference(given["run_id"], product, "", "") for product in products}
    return sorted(found)


def foreign_problems(records: RunRecords) -> dict[str, list[str]]:
    """Return, for each other run that is referred to, what speaks against its being closed."""
    own, parsed = str(records.run), records.parsed
    used: dict[str, list[Reference]] = {}
    for reference in references(parsed, own):
        used.setdefault(reference.run_id, []).append(reference)
    problems: dict[str, list[str]] = {}
    named: set[str] = set()
    for run_id, of_run in used.items():
        evidence = sealed_evidence(parsed, run_id, records.trust)
        if isinstance(evidence, str):
            problems[run_id] = [evidence]
            continue
        problems[run_id] = [p for each in of_run for p in _used_otherwise(each, evidence)]
        for product in sorted({each.product for each in of_run}):
            entry = evidence["products"].get(product, {})
            named |= {str(entry.get("manifest_digest")), str(entry.get("certificate_digest"))}
            problems[run_id] += _gate_problems(records, run_id, product, entry)
    for document in parsed.values():
        place = document.place
        if place is not None and place.run_id not in ("", own):
            wrong = _out_of_place(document, place, records, set(used), named)
            problems.setdefault(place.run_id, []).extend(wrong)
    for run_id, path in _unused_anchors(records, set(used)):
        problems.setdefault(run_id, []).append(f"{path}: nothing refers to these anchors")
    return problems


def _out_of_place(
    document: Document, place: Place, records: RunRecords, used: set[str], named: set[str]
) -> list[str]:
    """Return why a record of another run has no business here."""
    if place.run_id not in used:
        return [f"{document.path} belongs to a run that nothing refers to"]
    if place.kind in ("certificate", "manifest") and document.digest not in named:
        return [f"{document.path} is not what was used"]
    if place.kind == "landing" and place.run_id != superseded_run(records):
        return [f"{document.path} belongs to a run that this one does not correct"]
    return []


def superseded_run(records: RunRecords) -> str | None:
    """Return the id of the run that this one says that it corrects; None where it corrects none."""
    anchors = records.anchors.value if records.anchors else {}
    corrected: str | None = anchors.get("supersedes", {}).get("run_id")
    return corrected


def consulted_manifests(records: RunRecords) -> list[Document]:
    """Return the manifests of other runs' products that the run consulted, by path.

    A run of which the records do not prove the closure has none; the requirements say so.
    """
    parsed, found = records.parsed, {}
    for run_id, products in _products_of(references(parsed, str(records.run))).items():
        evidence = sealed_evidence(parsed, run_id, records.trust)
        if isinstance(evidence, str):
            continue
        for product in products & set(evidence["products"]):
            generation = evidence["products"][product]["generation"]
            manifest = records.sound(Place("manifest", run_id, product, generation))
            if manifest is not None:
                found[manifest.path] = manifest
    return [found[path] for path in sorted(found)]


def claimed_products(bundle: Document) -> Mapping[str, Any]:
    """Return what evidence claims of its products, before it is verified; nothing where it is none."""
    products = unverified_predicate(bundle.value).get("products") if bundle.value else None
    return products if isinstance(products, dict) else {}


def _products_of(used: list[Reference]) -> dict[str, set[str]]:
    products: dict[str, set[str]] = {}
    for reference in used:
        products.setdefault(reference.run_id, set()).add(reference.product)
    return products


def _gate_problems(
    records: RunRecords, run_id: str, product: str, entry: Mapping[str, Any]
) -> list[str]:
    """Return why the gate would not open a product of another run from these records."""
    if not entry:
        return []  # it was not closed with such a product, which is reported already
    anchors, before = (records.at(Place("anchors", name=f, number=n)) for f, n in _chain(run_id))
    manifest = records.at(Place("manifest", run_id, product, entry["generation"]))
    certificates = [
        d.data for d in records.parsed.values() if d.digest == entry["certificate_digest"]
    ]
    sealed = Sealed(
        entry["generation"], entry["manifest_digest"], entry["certificate_digest"], entry["policy"]
    )
    try:
        found = Found(
            run=RunId.parse(run_id),
            product=product,
            generation=entry["generation"],
            anchors=anchors.data if anchors else None,
            predecessor=before.data if before else None,
            successor=None,
            manifest=manifest.data if manifest else None,
            certificate=certificates[0] if certificates else None,
            revocations=(),  # what was revoked afterwards was certified when it was used
            policy=entry["policy"],
            sealed=sealed,
        )
        decide(found, records.trust)
    except (GateRefusal, InvalidName) as refusal:
        return [f"{product}: {refusal.code}: {refusal.found}"]
    return []


def _unused_anchors(records: RunRecords, used: set[str]) -> list[tuple[str, str]]:
    known = {link for run_id in (str(records.run), *used) for link in _chain(run_id)}
    return [
        (f"{place.name}-{place.number:08d}", document.path)
        for document in records.parsed.values()
        if (place := document.place) is not None
        and place.kind == "anchors"
        and (place.name, place.number) not in known
    ]


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


def _chain(run_id: str) -> tuple[tuple[str, int], tuple[str, int]]:
    """Return feed and sequence of a run's anchors, and of those before them."""
    feed, _, sequence = run_id.rpartition("-")
    return (feed, int(sequence)), (feed, int(sequence) - 1)
