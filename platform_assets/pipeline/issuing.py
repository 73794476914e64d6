"""Issuing a certificate: signed, numbered, create-only; the newest number counts.

Certifying again with the same outcome changes nothing. Whoever is overtaken by another certifier looks
at what that one found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platform_assets.canonical import rfc3339
from platform_assets.contracts.records import check_record
from platform_assets.errors import AlreadyExists, UnknownOutcome
from platform_assets.flow.signing import TEST_RESULT, Statement, Subject, sign_statement
from platform_assets.pipeline.standing import issues_in, trusted_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from platform_assets.pipeline.platform import Platform


def issue(
    platform: Platform, certificate: dict[str, Any], *, folder: str, manifest: str, thing: str
) -> dict[str, Any]:
    """Sign a certificate and store it as the next one, or return the same one that stands.

    Args:
        platform: the opened home.
        certificate: the record, without the moment of its issue.
        folder: where the certificates of its generation stand.
        manifest: the path of the manifest that it names.
        thing: how errors name it.
    """
    kind = certificate["record"]
    while True:
        issues = issues_in(platform, folder)
        standing = trusted_in(platform, folder, thing, kind)
        if standing is not None and _same(standing, certificate):
            return standing
        stamped = {**certificate, "issued_at": rfc3339(platform.clock.now())}
        path = f"{folder}/{max(issues, default=0) + 1:04d}.json"
        check_record(stamped, path)
        try:
            platform.store.create(path, _signed(platform, stamped, manifest))
        except AlreadyExists:
            continue  # another certifier was first: look at what it found
        except UnknownOutcome:
            standing = trusted_in(platform, folder, thing, kind)
            if standing is None or not _same(standing, certificate):
                raise
            return standing
        return stamped


def _same(standing: Mapping[str, Any], certificate: Mapping[str, Any]) -> bool:
    """Tell whether a certificate stands already; a key that is wrapped again is the same key."""
    rest = {k: v for k, v in certificate.items() if k != "release"}
    return all(standing.get(k) == v for k, v in rest.items()) and _released_by(
        standing
    ) == _released_by(certificate)


def _released_by(certificate: Mapping[str, Any]) -> tuple[str, str] | None:
    release = certificate.get("release")
    return None if release is None else (release["key_id"], release["wrapping_key"])


def _signed(platform: Platform, certificate: dict[str, Any], manifest: str) -> bytes:
    passed = certificate["verdict"] == "PASS"
    outcomes = {check["name"]: check["outcome"] for check in certificate["checks"]}
    policy = {"sha256": certificate["policy_digest"].removeprefix("sha256:")}
    predicate = {
        "result": "PASSED" if passed else "FAILED",
        "configuration": [{"name": "policy", "digest": policy}],
        "passedTests": [name for name, outcome in outcomes.items() if outcome == "PASS"],
        "failedTests": [name for name, outcome in outcomes.items() if outcome != "PASS"],
        "certificate": certificate,
    }
    subject = Subject(manifest, certificate["manifest_digest"])
    return sign_statement(platform.signer, Statement(TEST_RESULT, (subject,), predicate))
