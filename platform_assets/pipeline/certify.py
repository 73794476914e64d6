"""Certification of one product: run every declared check, issue one certificate.

1. Identify the manifest that stands, as the gate does, and hash its parts; decrypt those of a strict
   product, which its staging key allows whoever certifies.
2. Run every check of the declared policy; a check that crashes is a failed check.
3. Issue a signed certificate for exactly this manifest digest and this policy. If it says PASS, it
   releases the key of a strict product; if it says FAIL, it holds none.

Certificates of a generation are numbered, and the newest counts: a changed policy, or a check that
comes out otherwise, issues the next one. Certifying again with the same outcome changes nothing.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import polars as pl

from platform_assets.adapters.check_keys import Room
from platform_assets.adapters.check_pass import ROWS_OF_A_WORKER
from platform_assets.adapters.polars_checks import CheckContext, run_checks
from platform_assets.canonical import digest, parse_rfc3339
from platform_assets.contracts.columns import column_from_json
from platform_assets.declarations.checks import ReferentialCheck
from platform_assets.errors import AdmissionInconsistent
from platform_assets.flow.checks import verdict_of, withheld
from platform_assets.flow.corrections import window_pinned_at
from platform_assets.flow.gate import identify
from platform_assets.flow.policy import check_names, policy_digest
from platform_assets.pipeline import layout
from platform_assets.pipeline.baselines import opened_baseline
from platform_assets.pipeline.consulted import require_history_before
from platform_assets.pipeline.data_keys import claimed_key, released
from platform_assets.pipeline.functions import load_function
from platform_assets.pipeline.horizon import closed_history, column_at, earlier_runs
from platform_assets.pipeline.issuing import issue
from platform_assets.pipeline.product_parts import decrypted_product_parts, verified_product_parts
from platform_assets.pipeline.reading import open_product
from platform_assets.pipeline.records import read_record
from platform_assets.pipeline.standing import collect
from platform_assets.pipeline.state import is_closed, require_open
from platform_assets.pipeline.withheld_output import withholding

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from platform_assets.adapters.data_key import DataKey
    from platform_assets.flow.checks import CheckResult
    from platform_assets.flow.gate import Identified
    from platform_assets.identifiers import RunId
    from platform_assets.pipeline.platform import Platform


def certify(platform: Platform, run: RunId, product: str) -> dict[str, Any]:
    """Run the checks of a product and return its certificate, whose verdict may be FAIL.

    Raises:
        ProductMissing, GenerationPending: no complete generation stands there.
        GateRefusal: its anchors, its manifest or its parts are not what the gate would open.
        AdmissionInconsistent: the receipt that it was built from is another one now.
        UnknownThing: the feed declares no such product.
        PredecessorOpen: a correction of a window that a check looks at is open.
        RunSealed: the run is closed.
        SpillExhausted, MemoryExceeded, WorkerLost: the checks could not be run with what there is.
    """
    require_open(platform, run)
    found = collect(platform, run, product)
    identified = identify(found)  # 1
    paths = verified_product_parts(platform, found, identified, strict=True)
    policy, manifest = dict(found.policy), identified.manifest
    consulted: list[dict[str, str]] = []
    key = _staged_key(platform, run, identified)
    with platform.scratch() as scratch, platform.spill() as spill:
        plain = decrypted_product_parts(found, identified, paths, key, scratch)
        results = _run_checks(  # 2
            platform, run, manifest, plain, consulted=consulted, spill=spill
        )
    if key is not None:
        results = [withheld(result) for result in results]
    certificate = {
        "record": "certificate",
        "version": 1,
        "run_id": str(run),
        "config_digest": manifest["config_digest"],
        "product": product,
        "generation": manifest["generation"],
        "manifest_digest": identified.manifest_digest,
        "policy_digest": policy_digest(policy),
        "verdict": verdict_of(check_names(policy), results),
        "checks": [result.as_json() for result in results],
        "consulted": sorted(consulted, key=lambda c: (c["product"], c["run_id"])),
    }
    if key is not None and certificate["verdict"] == "PASS":
        certificate["release"] = released(platform, key, certificate)
    return issue(  # 3
        platform,
        certificate,
        folder=layout.certificate_folder(run, product, identified.generation),
        manifest=layout.manifest_path(run, product, identified.generation),
        thing=f"certificate of {found.thing}",
    )


def _run_checks(
    platform: Platform,
    run: RunId,
    manifest: Mapping[str, Any],
    paths: Sequence[Path],
    *,
    consulted: list[dict[str, str]],
    spill: Path,
) -> list[CheckResult]:
    budget = platform.budget
    checks = platform.feed(run.feed).outputs()[manifest["product"]].checks
    secrets = platform.secret_values()
    reach = [check.history_runs for check in checks if isinstance(check, ReferentialCheck)]
    # refused here, and not as the error of a check
    require_history_before(platform, run, max(reach, default=0))
    closed_history(platform, run, max(reach, default=0))
    context = CheckContext(
        paths=paths,
        parts=manifest["parts"],
        columns=tuple(column_from_json(column) for column in manifest["columns"]),
        sort=tuple(manifest["sort"]),
        content_digest=manifest["content_digest"],
        expected_rows=_expected_rows(platform, run, manifest),
        reference_time=parse_rfc3339(window_pinned_at(platform.anchors(run))),
        referenced=_referenced(platform, run, consulted),
        baseline=partial(opened_baseline, platform, run.feed, manifest["product"]),
        load_function=lambda reference: withholding(
            load_function(reference, platform.home, secrets), secrets
        ),
        workers=budget.workers(manifest["rows"] // ROWS_OF_A_WORKER),
        room=Room(spill, memory=budget.engine_memory, threads=budget.cores),
    )
    return run_checks(checks, context)


def _expected_rows(platform: Platform, run: RunId, manifest: Mapping[str, Any]) -> int:
    """Return how many rows the inputs say there must be; a consumer's output has none but its own."""
    producer, given = manifest["producer"], manifest["inputs"][0]
    if producer["kind"] == "consumer":
        return int(manifest["rows"])
    path = layout.admission_receipt_path(run, given["name"])
    receipt = read_record(platform.store, path, "admission")
    if digest(receipt) != given["digest"] or producer["name"] not in receipt["events"]:
        raise AdmissionInconsistent(
            f"{manifest['product']} of {run}",
            expected=f"the admission receipt that it was built from, {given['digest']}",
            found=f"another one, {digest(receipt)}",
            remedy="Restore the receipt, or build the product again: platform-assets materialize "
            f"{manifest['product']} --run {run}",
        )
    return int(receipt["events"][producer["name"]]["rows"])


def _referenced(
    platform: Platform, run: RunId, consulted: list[dict[str, str]]
) -> Callable[[str, str, int], pl.LazyFrame]:
    """Return what gives a check one column of another product, and notes what was consulted."""

    def read(product: str, column: str, history_runs: int) -> pl.LazyFrame:
        earlier = earlier_runs(platform, run, history_runs)
        runs = [before for before in earlier if is_closed(platform, before)]
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


def _staged_key(platform: Platform, run: RunId, identified: Identified) -> DataKey | None:
    """Return the key of a strict product that stands, from the claim of its generation."""
    if "encryption" not in identified.manifest:
        return None
    product, generation = identified.manifest["product"], identified.generation
    path = layout.generation_claim_path(run, product, generation)
    claim = read_record(platform.store, path, "generation")
    named = {**claim, "manifest_digest": identified.manifest_digest}
    return claimed_key(platform, named)
