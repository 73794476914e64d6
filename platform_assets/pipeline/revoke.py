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
from platform_assets.pipeline.reading import open_product
from platform_assets.pipeline.records import write_bytes
from platform_assets.pipeline.standing import certificate_issues

if TYPE_CHECKING:
    from platform_assets.identifiers import RunId
    from platform_assets.pipeline.platform import Platform
    from platform_assets.pipeline.reading import CertifiedProduct


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
    opened = open_product(platform, run, product)
    revocation = {
        "record": "revocation",
        "version": 1,
        "run_id": str(run),
        "config_digest": opened.manifest["config_digest"],
        "product": product,
        "generation": opened.generation,
        "certificate_digest": opened.certificate_digest,
        "product_digest": product_digest(opened.manifest),
        "policy_digest": opened.certificate["policy_digest"],
        "reason": reason,
        "revoked_at": rfc3339(platform.clock.now()),
    }
    path = layout.revocation_path(run, product, opened.generation, _issue(platform, opened))
    check_record(revocation, path)
    subject = Subject(f"certificate of {product} of {run}", opened.certificate_digest)
    statement = Statement(REVOCATION, (subject,), revocation)
    write_bytes(platform.store, path, sign_statement(platform.signer, statement))
    return revocation


def _issue(platform: Platform, opened: CertifiedProduct) -> int:
    """Return the number of the certificate that was opened."""
    issues = certificate_issues(platform, opened.run, opened.name, opened.generation)
    for issue, path in issues.items():
        if digest_bytes(platform.store.read(path)) == opened.certificate_digest:
            return issue
    raise CertificateForeign(
        f"{opened.name} of {opened.run}",
        expected=f"the certificate {opened.certificate_digest}",
        found="it was taken away while it was revoked",
        remedy="Restore it from a copy, then revoke it again.",
    )
