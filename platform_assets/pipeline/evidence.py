"""Gathering what a closure judges, and writing what it leaves beside the records.

What is gathered are bytes with their paths; the flow believes none of it because of where it stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from platform_assets.errors import ObjectMissing, PlatformError
from platform_assets.flow.foreign import references
from platform_assets.flow.places import Place, place_of
from platform_assets.flow.policy import policy_of
from platform_assets.flow.provenance import provenance_of
from platform_assets.flow.requirements import Requirement
from platform_assets.flow.requirements_of_proofs import permit_of
from platform_assets.flow.run_records import RunRecords
from platform_assets.flow.signing import sign_statement
from platform_assets.identifiers import RunId
from platform_assets.pipeline import layout
from platform_assets.pipeline.parts import verified_paths
from platform_assets.pipeline.reading import open_product
from platform_assets.pipeline.records import write_bytes
from platform_assets.pipeline.state import sealed_run
from platform_assets.reports.collect import collect
from platform_assets.reports.run_report import render_run_report
from platform_assets.reports.samples import choose_samples

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from platform_assets.flow.closure import Held
    from platform_assets.pipeline.platform import Platform

#: Kinds that are judged; beats and the copy of the log entry say nothing about the run.
_JUDGED_FOLDERS = ("landing", "admission", "products", "certificates", "consumers", "closure")


@dataclass(frozen=True, slots=True)
class Written:
    """What the closure wrote beside the records: path -> bytes, and whose signatures it holds."""

    files: Mapping[str, bytes]
    keyids: Sequence[str]


def run_records(platform: Platform, run: RunId, held: Held) -> RunRecords:
    """Return everything that the requirements of a run are judged from."""
    documents = dict(_own_documents(platform, run, held.epoch))
    declared = platform.feed(run.feed).outputs()
    policies = {name: policy_of(name, output.checks) for name, output in declared.items()}
    records = _records(platform, run, held, documents, policies)
    for other in sorted({reference.run_id for reference in references(records.parsed, str(run))}):
        documents |= dict(_foreign_documents(platform, RunId.parse(other)))
    return _records(platform, run, held, documents, policies)


def stored_problems(platform: Platform, run: RunId, records: RunRecords) -> list[Requirement]:
    """Return the requirements that the stored parts contradict: what is listed has to be there."""
    found: dict[str, list[str]] = {}

    def note(requirement: str, error: PlatformError) -> None:
        found.setdefault(requirement, []).append(f"{error.thing}: {error.code}: {error.found}")

    for product in records.outputs():
        try:
            open_product(platform, run, product)
        except PlatformError as error:
            note("EveryProductCertified", error)
    for kind, requirement in (
        ("landing", "LandingReconciles"),
        ("admission", "AdmissionReconciles"),
    ):
        for document in records.own(kind):
            try:
                parts = list(_listed_parts(document.value))
                verified_paths(platform.store, layout.run_folder(run), parts, document.path)
            except PlatformError as error:
                note(requirement, error)
    return [
        Requirement(name, satisfied=False, detail="; ".join(problems))
        for name, problems in found.items()
    ]


def write_evidence(
    platform: Platform,
    run: RunId,
    records: RunRecords,
    requirements: Sequence[Requirement],
    closed_at: str,
) -> Written:
    """Write report, provenance and public keys under the claim's epoch, and return them."""
    folder = layout.evidence_folder(run, records.epoch)
    signer = platform.signer
    keys = _public_keys(platform)
    files = {f"{folder}/keys/{keyid}.pem": pem for keyid, pem in keys.items()}
    for product in records.outputs():
        statement = provenance_of(records, product)
        files[f"{folder}/provenance/{product}.json"] = sign_statement(signer, statement)
    files[f"{folder}/report.html"] = _report(platform, run, records, requirements, closed_at)
    for path, data in files.items():
        write_bytes(platform.store, path, data)
    return Written(files, sorted(keys))


def _records(
    platform: Platform,
    run: RunId,
    held: Held,
    documents: Mapping[str, bytes],
    policies: Mapping[str, Mapping[str, Any]],
) -> RunRecords:
    return RunRecords(
        run=run,
        documents=documents,
        policies=policies,
        epoch=held.epoch,
        nonce=held.nonce,
        trust=platform.trust,
        secrets=platform.settings.secret_values(),
    )


def _own_documents(platform: Platform, run: RunId, epoch: int) -> Iterator[tuple[str, bytes]]:
    store = platform.store
    paths = [layout.anchors_path(run)]
    if run.predecessor is not None:
        paths.append(layout.anchors_path(run.predecessor))
    paths.append(layout.configuration_path(platform.anchors(run)["config_digest"]))
    for folder in _JUDGED_FOLDERS:
        paths += store.list(f"{layout.run_folder(run)}/{folder}")
    paths += store.list(f"revocations/{run}")
    for path in paths:
        place = place_of(path)
        if place is not None and not (place.kind in ("claim", "seal") and place.number > epoch):
            try:
                yield path, store.read(path)
            except ObjectMissing:
                continue  # a requirement says so


def _foreign_documents(platform: Platform, other: RunId) -> Iterator[tuple[str, bytes]]:
    sealed = sealed_run(platform, other)
    if sealed is not None:
        yield f"{layout.closure_folder(other)}/{sealed.epoch:04d}.seal", sealed.seal
        yield f"{layout.evidence_folder(other, sealed.epoch)}/bundle.json", sealed.bundle_bytes


def _listed_parts(receipt: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield from receipt.get("parts", ())
    tables = [*receipt.get("events", {}).values()]
    tables += [receipt[name] for name in ("duplicates", "quarantine") if name in receipt]
    for table in tables:
        yield from table["parts"]


def _public_keys(platform: Platform) -> dict[str, bytes]:
    keys = {keyid: platform.trust.public_key_pem(keyid) for keyid in platform.trust.keyids()}
    return {**keys, platform.signer.keyid: platform.signer.public_key_pem}


def _report(
    platform: Platform,
    run: RunId,
    records: RunRecords,
    requirements: Sequence[Requirement],
    closed_at: str,
) -> bytes:
    permits = {product: permit_of(records, product) for product in records.outputs()}
    anchors = records.anchors
    if anchors is None:
        raise RuntimeError(f"{run} has no anchors, and its requirements were met")
    streams = [stream["stream"] for stream in anchors.value["streams"]]
    admissions = {stream: _receipt(records, "admission", stream) for stream in streams}
    view = collect(
        anchors=anchors.value,
        landings={stream: _receipt(records, "landing", stream) for stream in streams},
        admissions=admissions,
        manifests={product: permit.manifest for product, permit in permits.items()},
        certificates={product: permit.certificate for product, permit in permits.items()},
        certificate_digests={p: permit.certificate_digest for p, permit in permits.items()},
        consumptions={
            name: consumption.value
            for name in records.declaration.get("consumers", ())
            if (consumption := records.consumption(name)) is not None
        },
        requirements=[requirement.as_json() for requirement in requirements],
        code=platform.code(),
        keys=[(platform.signer.keyid, platform.signer.development)],
        samples=choose_samples(_quarantine_parts(platform, run, admissions)),
        epoch=records.epoch,
        closed_at=closed_at,
        description=records.declaration.get("description", ""),
    )
    return render_run_report(view)


def _receipt(records: RunRecords, kind: str, stream: str) -> Mapping[str, Any]:
    document = records.at(Place(kind, str(records.run), stream))
    return document.value if document is not None else {}


def _quarantine_parts(
    platform: Platform, run: RunId, admissions: Mapping[str, Mapping[str, Any]]
) -> list[Path]:
    folder = layout.run_folder(run)
    return [
        platform.store.local_path(f"{folder}/{part['path']}")
        for receipt in admissions.values()
        for part in receipt["quarantine"]["parts"]
    ]
