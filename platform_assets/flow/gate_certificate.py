"""The gate's steps 3 to 6: a certificate of exactly this manifest that passed and stands.

A certificate is a signed statement over one manifest digest and one policy digest. It counts under the
policy that is declared now, of a closed run under the sealed one. What is revoked stays revoked until
either other bytes or other checks are certified.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platform_assets.canonical import digest_bytes
from platform_assets.contracts.records import check_record
from platform_assets.errors import (
    CertificateFailed,
    CertificateForeign,
    CertificateInvalid,
    CertificateMissing,
    CertificateRevoked,
    CheckSetEmpty,
    CheckSetIncomplete,
    PolicyChanged,
    RecordInvalid,
)
from platform_assets.flow.manifests import product_digest
from platform_assets.flow.policy import check_names, policy_digest
from platform_assets.flow.signing import REVOCATION, TEST_RESULT, open_statement

if TYPE_CHECKING:
    from collections.abc import Mapping

    from platform_assets.flow.gate import Found, Identified
    from platform_assets.flow.gate_asked import Asked
    from platform_assets.ports.signer import Trust


def certified(found: Asked, identified: Identified, trust: Trust) -> Mapping[str, Any]:
    """Return the certificate of the manifest, whatever its verdict (steps 3 and 4).

    Raises:
        CertificateMissing, CertificateInvalid, CertificateForeign: there is none of this manifest.
        SignatureMissing, SignatureInvalid, SignerUntrusted: its signature does not hold.
    """
    if found.certificate is None:
        raise CertificateMissing(
            found.thing,
            expected=f"a certificate for manifest {identified.manifest_digest}",
            found="none",
            remedy=f"Run its checks: {found.command('certify')}",
        )
    thing = f"certificate of {found.thing}"
    certificate, digests = _opened(found.certificate, trust, thing, found.certificate_kind)
    asked = {
        **found.named,
        "generation": identified.generation,
        "manifest_digest": identified.manifest_digest,
    }
    if "config_digest" in identified.manifest:
        asked["config_digest"] = identified.manifest["config_digest"]
    foreign = {key: certificate[key] for key in asked if certificate[key] != asked[key]}
    if digests != {identified.manifest_digest}:
        foreign["subject"] = sorted(digests)
    if foreign:
        raise CertificateForeign(
            found.thing,
            expected=f"a certificate for generation {identified.generation}, manifest "
            f"{identified.manifest_digest}",
            found=", ".join(f"{key} {value}" for key, value in foreign.items()),
            remedy=f"Run its checks: {found.command('certify')}",
        )
    return certificate


def opened_certificate(
    data: bytes, trust: Trust, thing: str, kind: str = "certificate"
) -> dict[str, Any]:
    """Return the certificate in a signed envelope, of whatever manifest and verdict.

    Raises:
        GateRefusal: it is none, or its signature does not hold.
    """
    return dict(_opened(data, trust, thing, kind)[0])


def passed(found: Asked, certificate: Mapping[str, Any]) -> None:
    """Require a PASS of the declared policy over its complete check set (step 5).

    Raises:
        CheckSetEmpty, CertificateFailed, PolicyChanged, CheckSetIncomplete: it is not that.
    """
    policy = dict(found.sealed.policy if found.sealed else found.policy)
    certify = found.command("certify")
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
        again = dict.fromkeys((found.command("materialize"), certify))  # of a day they are one
        raise CertificateFailed(
            found.thing,
            expected="verdict PASS",
            found=f"{certificate['verdict']}: {', '.join(failed) or 'no check named'}",
            remedy=f"Look at the checks: {found.look}. Mend the cause, then: {' and '.join(again)}",
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


def releases(found: Found, identified: Identified, certificate: Mapping[str, Any]) -> None:
    """Require that it releases the key of an encrypted manifest, and none of another (step 5).

    Raises:
        CertificateInvalid: it releases none, another one, or one of a product in the clear.
    """
    encryption, release = identified.manifest.get("encryption"), certificate.get("release")
    named = encryption["key_id"] if encryption else None
    given = release["key_id"] if release else None
    if named != given:
        raise CertificateInvalid(
            f"certificate of {found.thing}",
            expected=f"the released key {named}" if named else "no released key",
            found=f"the key {given}" if given else "none",
            remedy=f"Certify it again: {found.command('certify')}",
        )


def standing(
    found: Found, identified: Identified, certificate: Mapping[str, Any], trust: Trust
) -> None:
    """Require that the certificate is the sealed one and that no revocation bars it (step 6).

    Raises:
        CertificateForeign: the run was closed with another certificate.
        CertificateRevoked: it is revoked, or what it certifies is.
        GateRefusal: a revocation cannot be verified, so that nobody knows what it bars.
    """
    actual = digest_bytes(found.certificate or b"")
    if found.sealed is not None and found.sealed.certificate_digest != actual:
        raise CertificateForeign(
            found.thing,
            expected=f"the sealed certificate {found.sealed.certificate_digest}",
            found=actual,
            remedy="The store was changed after closure. Restore it from exported evidence.",
        )
    certified_pair = (product_digest(identified.manifest), certificate["policy_digest"])
    for data in found.revocations:
        revocation = _revocation(found, data, trust)
        same = (revocation["product_digest"], revocation["policy_digest"]) == certified_pair
        if same or revocation["certificate_digest"] == actual:
            raise CertificateRevoked(
                found.thing,
                expected="a certificate that stands",
                found=f"one issued at {certificate['issued_at']} and barred by the revocation of "
                f"{revocation['revoked_at']}: {revocation['reason']}",
                remedy="A closed run does not change; make a correction run: platform-assets run "
                f"{found.run.feed} --supersede {found.run} --reason TEXT"
                if found.sealed
                else "Declare the check that would have refused it, or mend the code so that it "
                f"gives other bytes: {found.command('materialize')}. Then certify it: "
                f"{found.command('certify')}",
            )


def _opened(
    data: bytes, trust: Trust, thing: str, kind: str
) -> tuple[Mapping[str, Any], frozenset[str]]:
    statement = open_statement(data, trust, thing=thing, predicate_type=TEST_RESULT)
    claimed = statement.predicate.get("certificate")
    return _claimed(claimed, thing, kind), statement.digests()


def _revocation(found: Found, data: bytes, trust: Trust) -> Mapping[str, Any]:
    thing = f"revocation of {found.thing}"
    statement = open_statement(data, trust, thing=thing, predicate_type=REVOCATION)
    revocation = _claimed(statement.predicate, thing, "revocation")
    named = (revocation["run_id"], revocation["product"])
    if named != (str(found.run), found.product):
        raise CertificateInvalid(
            thing,
            expected="a revocation of that product and run",
            found=f"one of {named[1]} of {named[0]}",
            remedy="Find out who moved it, and move it back.",
        )
    return revocation


def _claimed(record: Any, thing: str, kind: str) -> Mapping[str, Any]:
    """Return the record in a verified statement, if it is a valid one of the kind."""
    try:
        valid: Mapping[str, Any] = check_record(record, thing)
    except RecordInvalid as error:
        raise CertificateInvalid(
            error.thing, expected=error.expected, found=error.found, remedy=error.remedy
        ) from error
    if valid["record"] != kind:
        raise CertificateInvalid(
            thing,
            expected=f"a record of kind {kind}",
            found=f"one of kind {valid['record']}",
            remedy="Restore the file from a copy of the evidence, or run the step again.",
        )
    return valid
