"""What a closure judges of the store, and what it leaves there beside the records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from platform_assets.errors import (
    OUTAGES,
    AdmissionInconsistent,
    ClosureRefused,
    GateRefusal,
    GenerationPending,
    LandingInconsistent,
    PlatformError,
)
from platform_assets.flow.attestations import attestations, key_path
from platform_assets.flow.places import Place
from platform_assets.flow.policy import policy_of
from platform_assets.flow.receipts import parts_of_receipt
from platform_assets.flow.requirements import Requirement
from platform_assets.flow.requirements_of_proofs import permit_of
from platform_assets.flow.requirements_of_secrets import NAME as NO_SECRET
from platform_assets.flow.requirements_of_secrets import secret_problems
from platform_assets.flow.run_records import RunRecords
from platform_assets.flow.signing import sign_statement
from platform_assets.pipeline import layout
from platform_assets.pipeline.drifts import drifts_of
from platform_assets.pipeline.parts import verified_paths
from platform_assets.pipeline.reading import verify_product
from platform_assets.pipeline.records import write_bytes
from platform_assets.pipeline.run_documents import gather, gather_baselines
from platform_assets.reports.collect import collect
from platform_assets.reports.run_report import render_run_report
from platform_assets.reports.samples import choose_samples

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from platform_assets.flow.closure import Held
    from platform_assets.flow.gate import Permit
    from platform_assets.identifiers import RunId
    from platform_assets.pipeline.platform import Platform


@dataclass(frozen=True, slots=True)
class Written:
    """What the closure wrote beside the records: path -> bytes, and whose signatures it holds."""

    files: Mapping[str, bytes]
    keyids: Sequence[str]


def run_records(platform: Platform, run: RunId, held: Held) -> RunRecords:
    """Return everything that the requirements of a run are judged from."""
    declared = platform.feed(run.feed).outputs()
    policies = {name: policy_of(name, output.checks) for name, output in declared.items()}
    baselines = gather_baselines(platform.store, run.feed, policies)
    return RunRecords(
        run=run,
        documents={**gather(platform.store, run, held.epoch), **baselines},
        policies=policies,
        epoch=held.epoch,
        nonce=held.nonce,
        trust=platform.trust,
        secrets=platform.secret_values(),
    )


def stored_problems(platform: Platform, run: RunId, records: RunRecords) -> list[Requirement]:
    """Return the requirements that the stored parts contradict: what is listed has to be there.

    Raises:
        DependencyUnreachable: the store did not answer, and nothing is known of its parts.
    """
    found: dict[str, list[str]] = {}

    def note(requirement: str, error: PlatformError) -> None:
        if isinstance(error, OUTAGES):
            raise error
        found.setdefault(requirement, []).append(f"{error.thing}: {error.code}: {error.found}")

    for product in records.outputs():
        try:
            permit = permit_of(records, product)
        except GateRefusal:
            continue  # the records alone say so, and their requirement has reported it
        try:
            _require_judged(permit, verify_product(platform, run, product))
        except PlatformError as error:
            note("EveryProductCertified", error)
    for kind, requirement, refusal in (
        ("landing", "LandingReconciles", LandingInconsistent),
        ("admission", "AdmissionReconciles", AdmissionInconsistent),
    ):
        for document in records.own(kind):
            parts, folder = list(parts_of_receipt(document.value)), layout.run_folder(run)
            try:
                verified_paths(platform.store, folder, parts, document.path, refusal=refusal)
            except PlatformError as error:
                note(requirement, error)
    return [
        Requirement(name, satisfied=False, detail="; ".join(problems))
        for name, problems in found.items()
    ]


def _require_judged(permit: Permit, verified: Permit) -> None:
    """Require that the parts which were verified are those of the product that was judged.

    Raises:
        GenerationPending: another generation or certificate came to stand since the records were read.
    """
    judged = (permit.manifest_digest, permit.certificate_digest)
    if (verified.manifest_digest, verified.certificate_digest) != judged:
        raise GenerationPending(
            f"{verified.product} of {verified.run}",
            expected=f"generation {permit.generation} as it was judged",
            found=f"generation {verified.generation} or another certificate, issued meanwhile",
            remedy=f"Close it again: platform-assets close {verified.run}",
        )


def write_evidence(
    platform: Platform,
    run: RunId,
    records: RunRecords,
    requirements: Sequence[Requirement],
    closed_at: str,
) -> Written:
    """Write report, provenance, model signatures and public keys under the epoch; return them."""
    folder = layout.evidence_folder(run, records.epoch)
    signer = platform.signer
    keys = _public_keys(platform)
    files = {key_path(str(run), records.epoch, keyid): pem for keyid, pem in keys.items()}
    for path, statement in attestations(records).items():
        files[path] = sign_statement(signer, statement)
    files[f"{folder}/report.html"] = _report(platform, run, records, requirements, closed_at)
    require_no_secret(records, files)
    for path, data in files.items():
        write_bytes(platform.store, path, data)
    return Written(files, sorted(keys))


def require_no_secret(records: RunRecords, files: Mapping[str, bytes]) -> None:
    """Require that what is about to be written for ever holds no secret.

    Raises:
        ClosureRefused: it does; the error says which file and which kind, never the value.
    """
    problems = secret_problems(files, records.secrets)
    if problems:
        raise ClosureRefused(
            str(records.run),
            expected="evidence that holds no secret",
            found=[f"{NO_SECRET}: {problem}" for problem in problems],
            remedy="Find where it comes from: a name, a description, a field of a record. Mend that, "
            f"or rotate the secret, then close again: platform-assets close {records.run}",
        )


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
    strict = platform.run_configuration(run).declaration.strict
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
        samples=() if strict else choose_samples(_quarantine_parts(platform, run, admissions)),
        samples_withheld=strict,
        epoch=records.epoch,
        closed_at=closed_at,
        description=records.declaration.get("description", ""),
        drifts={
            product: drifts_of(platform, run, permit.manifest, records.policies[product])
            for product, permit in permits.items()
        },
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
