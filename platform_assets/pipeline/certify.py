"""Certification of one product: run every declared check, issue one certificate.

1. Resolve the newest generation and verify its parts.
2. Run every check of the declared policy; a check that crashes is a failed check.
3. Issue a signed certificate for exactly this manifest digest and this policy.

Certificates of a generation are numbered, and the newest counts: a changed policy, or a check that
comes out otherwise, issues the next one. Certifying again with the same outcome changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from platform_assets.adapters.polars_checks import CheckContext, run_checks
from platform_assets.canonical import digest, parse_rfc3339, rfc3339
from platform_assets.contracts.columns import column_from_json
from platform_assets.errors import AlreadyExists, ProductMissing, Refusal
from platform_assets.flow.checks import verdict_of
from platform_assets.flow.policy import check_names, policy_digest
from platform_assets.flow.signing import (
    REVOCATION,
    TEST_RESULT,
    Statement,
    Subject,
    open_statement,
    sign_statement,
)
from platform_assets.pipeline import layout
from platform_assets.pipeline.functions import load_function
from platform_assets.pipeline.horizon import column_at, earlier_runs
from platform_assets.pipeline.reading import (
    declared_policy,
    newest_certificate,
    newest_generation,
    open_product,
)
from platform_assets.pipeline.records import read_record, write_bytes
from platform_assets.pipeline.state import is_closed, require_open

if TYPE_CHECKING:
    from collections.abc import Callable

    from platform_assets.flow.checks import CheckResult
    from platform_assets.identifiers import RunId
    from platform_assets.pipeline.platform import Platform


def certify(platform: Platform, run: RunId, product: str) -> dict[str, Any]:
    """Run the checks of a product and return its certificate, whose verdict may be FAIL.

    Raises:
        ProductMissing: no complete generation exists.
        UnknownThing: the feed declares no such product.
        RunSealed: the run is closed.
    """
    require_open(platform, run)
    policy = declared_policy(platform, run, product)
    manifest = newest_manifest(platform, run, product)  # 1
    consulted: list[dict[str, str]] = []
    results = _run_checks(platform, run, manifest, consulted)  # 2
    certificate = {
        "record": "certificate",
        "version": 1,
        "run_id": str(run),
        "config_digest": manifest["config_digest"],
        "product": product,
        "generation": manifest["generation"],
        "manifest_digest": digest(manifest),
        "policy_digest": policy_digest(policy),
        "verdict": verdict_of(check_names(policy), results),
        "checks": [result.as_json() for result in results],
        "consulted": sorted(consulted, key=lambda c: (c["product"], c["run_id"])),
    }
    return _issue(platform, run, certificate)  # 3


def revoke(platform: Platform, run: RunId, product: str, reason: str) -> dict[str, Any]:
    """Revoke the certificate of the newest generation; the product is unreadable from then on.

    Raises:
        CertificateMissing, GateRefusal: there is no standing certificate to revoke.
    """
    opened = open_product(platform, run, product)
    revocation = {
        "record": "revocation",
        "version": 1,
        "run_id": str(run),
        "config_digest": opened.manifest["config_digest"],
        "product": product,
        "generation": opened.generation,
        "certificate_digest": opened.certificate_digest,
        "reason": reason,
        "revoked_at": rfc3339(platform.clock.now()),
    }
    subject = Subject(f"certificate of {product} of {run}", opened.certificate_digest)
    statement = Statement(REVOCATION, (subject,), revocation)
    write_bytes(
        platform.store,
        layout.revocation_path(run, product, opened.generation),
        sign_statement(platform.signer, statement),
    )
    return revocation


def newest_manifest(platform: Platform, run: RunId, product: str) -> dict[str, Any]:
    """Return the manifest of the newest complete generation.

    Raises:
        ProductMissing: there is none, or a newer one is claimed and not complete.
    """
    generation = newest_generation(platform, run, product)
    path = layout.manifest_path(run, product, generation) if generation else ""
    if generation is None or not platform.store.exists(path):
        raise ProductMissing(
            f"{product} of {run}",
            expected="a complete generation",
            found="none" if generation is None else f"generation {generation} without a manifest",
            remedy=f"Build it: platform-assets materialize {product} --run {run}",
        )
    return read_record(platform.store, path, "manifest")


def _run_checks(
    platform: Platform, run: RunId, manifest: dict[str, Any], consulted: list[dict[str, str]]
) -> list[CheckResult]:
    product = manifest["product"]
    folder = layout.generation_folder(run, product, manifest["generation"])

    context = CheckContext(
        paths=[platform.store.local_path(f"{folder}/{p['name']}") for p in manifest["parts"]],
        parts=manifest["parts"],
        columns=tuple(column_from_json(column) for column in manifest["columns"]),
        sort=tuple(manifest["sort"]),
        content_digest=manifest["content_digest"],
        expected_rows=_expected_rows(platform, run, manifest),
        reference_time=parse_rfc3339(platform.anchors(run)["pinned_at"]),
        referenced=_referenced(platform, run, consulted),
        load_function=lambda reference: load_function(reference, platform.home),
    )
    return run_checks(platform.feed(run.feed).outputs()[product].checks, context)


def _expected_rows(platform: Platform, run: RunId, manifest: dict[str, Any]) -> int:
    """Return how many rows the inputs say there must be; a consumer's output has none but its own."""
    if manifest["producer"]["kind"] == "consumer":
        return int(manifest["rows"])
    stream = manifest["inputs"][0]["name"]
    receipt = read_record(platform.store, layout.admission_receipt_path(run, stream), "admission")
    if digest(receipt) != manifest["inputs"][0]["digest"]:
        raise RuntimeError(
            f"the admission receipt of {run} is not the one {manifest['product']} names"
        )
    return int(receipt["events"][manifest["producer"]["name"]]["rows"])


def _referenced(
    platform: Platform, run: RunId, consulted: list[dict[str, str]]
) -> Callable[[str, str, int], pl.LazyFrame]:
    """Return what gives a check one column of another product, and notes what was consulted."""

    def read(product: str, column: str, history_runs: int) -> pl.LazyFrame:
        runs = [before for before in earlier_runs(run, history_runs) if is_closed(platform, before)]
        frames = []
        for each in (*runs, run):
            opened = open_product(platform, each, product)
            digest = opened.certificate_digest
            consulted.append(
                {"product": product, "run_id": str(each), "certificate_digest": digest}
            )
            frames.append(opened.scan().select(column_at(column)))
        return pl.concat(frames)

    return read


def _issue(platform: Platform, run: RunId, certificate: dict[str, Any]) -> dict[str, Any]:
    product, generation = certificate["product"], certificate["generation"]
    while True:
        issued = platform.store.list(layout.certificate_folder(run, product, generation))
        standing = _standing(platform, run, product, generation)
        if standing is not None and all(standing.get(k) == v for k, v in certificate.items()):
            return standing
        stamped = {**certificate, "issued_at": rfc3339(platform.clock.now())}
        path = layout.certificate_path(run, product, generation, len(issued) + 1)
        try:
            platform.store.create(path, _signed(platform, run, stamped))
        except AlreadyExists:
            continue  # another certifier was first: look at what it found
        return stamped


def _standing(
    platform: Platform, run: RunId, product: str, generation: int
) -> dict[str, Any] | None:
    data = newest_certificate(platform, run, product, generation)
    if data is None:
        return None
    thing = f"certificate of {product} of {run}"
    try:
        statement = open_statement(data, platform.trust, thing=thing, predicate_type=TEST_RESULT)
    except Refusal:
        return None  # what cannot be trusted is not a certificate; issue one that can
    return dict(statement.predicate.get("certificate") or {})


def _signed(platform: Platform, run: RunId, certificate: dict[str, Any]) -> bytes:
    passed = certificate["verdict"] == "PASS"
    outcomes = {check["name"]: check["outcome"] for check in certificate["checks"]}
    policy = {"sha256": certificate["policy_digest"].removeprefix("sha256:")}
    path = layout.manifest_path(run, certificate["product"], certificate["generation"])
    predicate = {
        "result": "PASSED" if passed else "FAILED",
        "configuration": [{"name": "policy", "digest": policy}],
        "passedTests": [name for name, outcome in outcomes.items() if outcome == "PASS"],
        "failedTests": [name for name, outcome in outcomes.items() if outcome != "PASS"],
        "certificate": certificate,
    }
    subject = Subject(path, certificate["manifest_digest"])
    return sign_statement(platform.signer, Statement(TEST_RESULT, (subject,), predicate))
