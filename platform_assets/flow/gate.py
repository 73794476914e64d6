"""The gate: what must be proven before a product is opened.

A product without a certificate is unreadable. A certificate names exact bytes: one manifest digest,
which in turn names each part by size and SHA-256. Any doubt is a refusal with its reason, and nothing
here takes a flag that weakens a step. Steps 0 to 6 are decided here, from bytes that the caller found;
step 7 compares the parts and step 8 hands them out, both where the parts can be read.

0. Resolve product and run to the newest generation; of a closed run, to the sealed one.
1. The anchors of the run exist and link to their neighbours in the feed's log.
2. The manifest is canonical, valid, and that of the product, run and generation asked for.
3. A certificate exists for exactly this manifest digest.
4. Its signature verifies under a trusted key.
5. Its verdict is PASS, its policy is the declared one, its check set is complete and not empty.
6. It is neither superseded and pending nor revoked.
7. Each part has the recorded size and SHA-256, and the folder holds nothing else.
8. Hand out exactly these parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from platform_assets.canonical import digest_bytes, parse_canonical
from platform_assets.contracts.records import check_record
from platform_assets.errors import (
    AnchorsUnproven,
    CertificateFailed,
    CertificateForeign,
    CertificateInvalid,
    CertificateMissing,
    CertificateRevoked,
    CheckSetEmpty,
    CheckSetIncomplete,
    GenerationPending,
    ManifestForeign,
    ManifestInvalid,
    PlatformError,
    PolicyChanged,
    ProductMissing,
    RecordInvalid,
    RecordNotCanonical,
)
from platform_assets.flow.policy import check_names, policy_digest
from platform_assets.flow.signing import REVOCATION, TEST_RESULT, open_statement

if TYPE_CHECKING:
    from collections.abc import Mapping

    from platform_assets.identifiers import RunId
    from platform_assets.ports.signer import Trust


@dataclass(frozen=True, slots=True)
class Sealed:
    """What the evidence of a closed run says of one product."""

    generation: int
    manifest_digest: str
    certificate_digest: str
    policy: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What stands in the store for one product of one run: raw bytes, or None for nothing."""

    run: RunId
    product: str
    generation: int | None
    anchors: bytes | None
    predecessor: bytes | None
    successor: bytes | None
    manifest: bytes | None
    certificate: bytes | None
    revocation: bytes | None
    policy: Mapping[str, Any]
    sealed: Sealed | None = None

    @property
    def thing(self) -> str:
        """How errors name the product."""
        return f"{self.product} of {self.run}"


@dataclass(frozen=True, slots=True)
class Permit:
    """The proof that steps 0 to 6 hold for one manifest. Only `decide` makes one."""

    run: RunId
    product: str
    generation: int
    manifest: Mapping[str, Any]
    manifest_digest: str
    certificate: Mapping[str, Any]
    certificate_digest: str


def decide(found: Found, trust: Trust) -> Permit:
    """Return the permit for exactly one manifest, or refuse.

    Raises:
        GateRefusal: a step does not hold; the class says which.
    """
    generation = _resolve(found)  # 0
    config_digest = _anchored(found)  # 1
    manifest = _manifest(found, generation, config_digest)  # 2
    certificate = _certificate(found, generation, config_digest, trust)  # 3, 4
    _passed(found, certificate)  # 5
    _standing(found, certificate, trust)  # 6
    return Permit(
        run=found.run,
        product=found.product,
        generation=generation,
        manifest=manifest,
        manifest_digest=certificate["manifest_digest"],
        certificate=certificate,
        certificate_digest=digest_bytes(found.certificate or b""),
    )


def _resolve(found: Found) -> int:
    if found.generation is None:
        raise ProductMissing(
            found.thing,
            expected="a built generation",
            found="none",
            remedy=f"Build it: platform-assets materialize {found.product} --run {found.run}",
        )
    if found.manifest is None:
        raise GenerationPending(
            found.thing,
            expected=f"a complete generation {found.generation}",
            found="its claim without a manifest: a rebuild is under way or was interrupted",
            remedy=f"Wait, or finish it: platform-assets materialize {found.product} "
            f"--run {found.run}, then certify it.",
        )
    return found.generation


def _anchored(found: Found) -> str:
    if found.anchors is None:
        raise AnchorsUnproven(
            found.thing,
            expected=f"the anchors of {found.run}",
            found="none",
            remedy="The run was never pinned here. Look at the feed's runs: platform-assets runs "
            f"{found.run.feed}",
        )
    anchors = _record(found.anchors, f"anchors of {found.run}", "anchors", AnchorsUnproven)
    problem = _link_problem(found, anchors)
    if problem is not None:
        raise AnchorsUnproven(
            found.thing,
            expected="anchors that link to their neighbours in the feed's log",
            found=problem,
            remedy="The feed's log was changed. Compare it with exported evidence.",
        )
    return str(anchors["config_digest"])


def _link_problem(found: Found, anchors: Mapping[str, Any]) -> str | None:
    if anchors["run_id"] != str(found.run):
        return f"anchors of {anchors['run_id']}"
    before = found.run.predecessor
    expected = digest_bytes(found.predecessor) if found.predecessor is not None else None
    if before is not None and found.predecessor is None:
        return f"no anchors of {before}"
    if anchors["predecessor"] != expected:
        return f"predecessor {anchors['predecessor']}, where {expected} stands"
    if found.successor is not None:
        named = _record(found.successor, "the next anchors", "anchors", AnchorsUnproven)
        if named["predecessor"] != digest_bytes(found.anchors or b""):
            return "a successor that names other anchors"
    return None


def _manifest(found: Found, generation: int, config_digest: str) -> Mapping[str, Any]:
    manifest = _record(
        found.manifest or b"", f"manifest of {found.thing}", "manifest", ManifestInvalid
    )
    asked = (str(found.run), found.product, generation, config_digest)
    named = tuple(manifest[key] for key in ("run_id", "product", "generation", "config_digest"))
    if named != asked:
        raise ManifestForeign(
            found.thing,
            expected="a manifest of run, product, generation and configuration "
            + ", ".join(map(str, asked)),
            found=", ".join(map(str, named)),
            remedy=f"Build the product again: platform-assets materialize {found.product} "
            f"--run {found.run}",
        )
    sealed_digest = found.sealed.manifest_digest if found.sealed else None
    if sealed_digest is not None and sealed_digest != digest_bytes(found.manifest or b""):
        raise ManifestForeign(
            found.thing,
            expected=f"the sealed manifest {sealed_digest}",
            found=digest_bytes(found.manifest or b""),
            remedy="The store was changed after closure. Restore it from exported evidence.",
        )
    return manifest


def _certificate(
    found: Found, generation: int, config_digest: str, trust: Trust
) -> Mapping[str, Any]:
    manifest_digest = digest_bytes(found.manifest or b"")
    if found.certificate is None:
        raise CertificateMissing(
            found.thing,
            expected=f"a certificate for manifest {manifest_digest}",
            found="none",
            remedy=f"Run its checks: platform-assets certify {found.product} --run {found.run}",
        )
    statement = open_statement(
        found.certificate,
        trust,
        thing=f"certificate of {found.thing}",
        predicate_type=TEST_RESULT,
    )
    try:
        certificate: dict[str, Any] = check_record(
            statement.predicate.get("certificate"), f"certificate of {found.thing}"
        )
    except RecordInvalid as error:
        raise _as(CertificateInvalid, error) from error
    asked = {
        "record": "certificate",
        "run_id": str(found.run),
        "product": found.product,
        "generation": generation,
        "config_digest": config_digest,
        "manifest_digest": manifest_digest,
    }
    foreign = {key: certificate.get(key) for key in asked if certificate.get(key) != asked[key]}
    if statement.digests() != {manifest_digest}:
        foreign["subject"] = sorted(statement.digests())
    if foreign:
        raise CertificateForeign(
            found.thing,
            expected=f"a certificate for generation {generation}, manifest {manifest_digest}",
            found=", ".join(f"{key} {value}" for key, value in foreign.items()),
            remedy=f"Run its checks: platform-assets certify {found.product} --run {found.run}",
        )
    return certificate


def _passed(found: Found, certificate: Mapping[str, Any]) -> None:
    policy = dict(found.sealed.policy if found.sealed else found.policy)
    certify = f"platform-assets certify {found.product} --run {found.run}"
    checks = {check["name"]: check["outcome"] for check in certificate["checks"]}
    if not checks:
        raise CheckSetEmpty(
            found.thing,
            expected="at least one observed check",
            found="none",
            remedy=f"Declare checks, then certify again: {certify}",
        )
    if certificate["verdict"] != "PASS":
        failed = [name for name, outcome in checks.items() if outcome != "PASS"]
        raise CertificateFailed(
            found.thing,
            expected="verdict PASS",
            found=f"{certificate['verdict']}: {', '.join(failed) or 'no check named'}",
            remedy=f"Look at the checks: platform-assets show {found.run}. Mend the cause, "
            "materialize and certify again.",
        )
    if certificate["policy_digest"] != policy_digest(policy):
        raise PolicyChanged(
            found.thing,
            expected=f"the declared policy {policy_digest(policy)}",
            found=f"a certificate under {certificate['policy_digest']}",
            remedy=f"Certify under the declared checks: {certify}",
        )
    missing = [name for name in check_names(policy) if checks.get(name) != "PASS"]
    if missing or len(checks) != len(certificate["checks"]):
        raise CheckSetIncomplete(
            found.thing,
            expected=f"a passed observation for each of {', '.join(check_names(policy))}",
            found=f"none for {', '.join(missing)}" if missing else "a check named twice",
            remedy=f"Certify again: {certify}",
        )


def _standing(found: Found, certificate: Mapping[str, Any], trust: Trust) -> None:
    actual = digest_bytes(found.certificate or b"")
    if found.sealed is not None and found.sealed.certificate_digest != actual:
        raise CertificateForeign(
            found.thing,
            expected=f"the sealed certificate {found.sealed.certificate_digest}",
            found=actual,
            remedy="The store was changed after closure. Restore it from exported evidence.",
        )
    if found.revocation is not None:
        statement = open_statement(
            found.revocation,
            trust,
            thing=f"revocation of {found.thing}",
            predicate_type=REVOCATION,
        )
        raise CertificateRevoked(
            found.thing,
            expected="a certificate that stands",
            found=f"its revocation: {statement.predicate.get('reason')}",
            remedy="Mend the cause and make a new generation, or a correction run if it is closed. "
            f"The certificate was issued at {certificate['issued_at']}.",
        )


def _record(data: bytes, thing: str, kind: str, refusal: type[PlatformError]) -> Mapping[str, Any]:
    try:
        record: Mapping[str, Any] = check_record(parse_canonical(data, thing), thing)
    except (RecordNotCanonical, RecordInvalid) as error:
        raise _as(refusal, error) from error
    if record["record"] != kind:
        raise refusal(
            thing,
            expected=f"a record of kind {kind}",
            found=f"one of kind {record['record']}",
            remedy="Restore the file from a copy of the evidence; do not edit records.",
        )
    return record


def _as(refusal: type[PlatformError], error: PlatformError) -> PlatformError:
    return refusal(error.thing, expected=error.expected, found=error.found, remedy=error.remedy)
