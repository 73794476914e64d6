"""Revoking a certificate: what it certifies is unreadable from then on.

A revocation is signed and stands outside the run, because a closed run does not change and may yet turn
out to be wrong. What it bars, and what lifts it, is said by the gate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platform_assets.canonical import digest_bytes, rfc3339
from platform_assets.contracts.records import check_record
from platform_assets.errors import CertificateForeign, Usage
from platform_assets.flow.manifests import product_digest
from platform_assets.flow.signing import REVOCATION, Statement, Subject, sign_statement
from platform_assets.pipeline import layout
from platform_assets.pipeline.reading import verify_product
from platform_assets.pipeline.records import write_bytes
from platform_assets.pipeline.standing import certificate_issues

if TYPE_CHECKING:
    from platform_assets.flow.gate import Permit
    from platform_assets.identifiers import RunId
    from platform_assets.pipeline.platform import Platform


def revoke(platform: Platform, run: RunId, product: str, reason: str) -> dict[str, Any]:
    """Revoke the certificate under which a product can be read, and return the revocation.

    Raises:
        Usage: no reason is given.
        GateRefusal: there is no standing certificate to revoke.
        RecordConflict: another revoked it at the same moment, for another reason.
    """
    if not reason.strip():
        raise Usage(
            f"revocation of {product} of {run}",
            expected="a reason, which readers are told",
            found="none",
            remedy="Say why: --reason TEXT",
        )
    verified = verify_product(platform, run, product)
    revocation = {
        "record": "revocation",
        "version": 1,
        "run_id": str(run),
        "config_digest": verified.manifest["config_digest"],
        "product": product,
        "generation": verified.generation,
        "certificate_digest": verified.certificate_digest,
        "product_digest": product_digest(verified.manifest),
        "policy_digest": verified.certificate["policy_digest"],
        "reason": reason,
        "revoked_at": rfc3339(platform.clock.now()),
    }
    path = layout.revocation_path(run, product, verified.generation, _issue(platform, verified))
    check_record(revocation, path)
    subject = Subject(f"certificate of {product} of {run}", verified.certificate_digest)
    statement = Statement(REVOCATION, (subject,), revocation)
    write_bytes(platform.store, path, sign_statement(platform.signer, statement))
    return revocation


def _issue(platform: Platform, verified: Permit) -> int:
    """Return the number of the certificate that was verified."""
    issues = certificate_issues(platform, verified.run, verified.product, verified.generation)
    for issue, path in issues.items():
        if digest_bytes(platform.store.read(path)) == verified.certificate_digest:
            return issue
    raise CertificateForeign(
        f"{verified.product} of {verified.run}",
        expected=f"the certificate {verified.certificate_digest}",
        found="it was taken away while it was revoked",
        remedy="Restore it from a copy, then revoke it again.",
    )
