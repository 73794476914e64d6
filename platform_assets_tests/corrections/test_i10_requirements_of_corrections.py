"""I10: each thing that a closure requires of a correction is falsified on its own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets.canonical import canonical_bytes, parse_canonical
from platform_assets.flow.closure import Held
from platform_assets.flow.requirements import evaluate, unmet
from platform_assets.pipeline import Platform, layout
from platform_assets.pipeline.evidence import run_records
from platform_assets_tests.corrections.mended_shop import ONE, REASON, THREE, TWO, mend

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from platform_assets.flow.run_records import RunRecords

ANCHORS, CORRECTED = layout.anchors_path(THREE), layout.anchors_path(ONE)
LANDING, LANDED = (layout.landing_receipt_path(run, "orders") for run in (THREE, ONE))
SEAL = f"{layout.closure_folder(ONE)}/0001.seal"
BUNDLE = f"{layout.evidence_folder(ONE, 1)}/bundle.json"
ZERO = "sha256:" + "0" * 64


def records_of(platform: Platform, run: Any) -> RunRecords:
    """Return the records of a closed run as its closer saw them."""
    claim = parse_canonical(
        platform.store.read(f"{layout.closure_folder(run)}/0001.claim"), "claim"
    )
    return run_records(platform, run, Held(1, claim["nonce"]))


@pytest.fixture(scope="module")
def records(corrected_once: Path) -> RunRecords:
    return records_of(mend(corrected_once), THREE)


def complaints(records: RunRecords) -> dict[str, str]:
    return {each.name: each.detail for each in unmet(evaluate(records))}


def changed(records: RunRecords, path: str, change: Callable[[Any], Any]) -> RunRecords:
    record = parse_canonical(records.documents[path], path)
    change(record)
    return replace(records, documents={**records.documents, path: canonical_bytes(record)})


def without(records: RunRecords, path: str) -> RunRecords:
    return replace(
        records, documents={p: data for p, data in records.documents.items() if p != path}
    )


def names(key: str, value: str) -> Callable[[Any], Any]:
    return lambda anchors: anchors["supersedes"].update({key: value})


CHAIN: dict[str, tuple[Callable[[RunRecords], RunRecords], str]] = {
    "other ranges": (
        lambda r: changed(r, ANCHORS, lambda a: a["streams"][0]["partitions"][0].update(end=9)),
        f"other ranges than {ONE}",
    ),
    "a range of another cluster": (
        lambda r: changed(
            r, ANCHORS, lambda a: a["streams"][0]["partitions"][0].update(cluster="c")
        ),
        f"other ranges than {ONE}",
    ),
    "a position that moved": (
        lambda r: changed(
            r, ANCHORS, lambda a: a["resumes"]["streams"][0]["partitions"][0].update(end=9)
        ),
        "would go on from elsewhere",
    ),
    "a look that did not take place": (
        lambda r: changed(
            r, ANCHORS, lambda a: a["resumes"].update(seen_at="2030-01-01T00:00:00.000000Z")
        ),
        "would go on from elsewhere",
    ),
    "a correction before it that is none": (
        lambda r: changed(r, ANCHORS, lambda a: a.update(last_correction=2)),
        "names 2 as the last correction",
    ),
    "other anchors named": (
        lambda r: changed(r, ANCHORS, names("anchors_digest", ZERO)),
        f"names the anchors_digest {ZERO}",
    ),
    "other evidence named": (
        lambda r: changed(r, ANCHORS, names("bundle_digest", ZERO)),
        f"not {ZERO}",
    ),
    "another window named": (
        lambda r: changed(r, ANCHORS, names("window", str(TWO))),
        f"names the window {TWO}",
    ),
    "another moment named": (
        lambda r: changed(r, ANCHORS, names("window_pinned_at", "2030-01-01T00:00:00.000000Z")),
        "names the window_pinned_at 2030",
    ),
    "another run named": (
        lambda r: changed(r, ANCHORS, names("run_id", str(TWO))),
        f"{TWO}, which it corrects, is not proven closed",
    ),
    "no seal of the corrected run": (
        lambda r: without(r, SEAL),
        f"{ONE}, which it corrects, is not proven closed",
    ),
    "no evidence of the corrected run": (
        lambda r: without(r, BUNDLE),
        f"{ONE}, which it corrects, is not proven closed",
    ),
    "no anchors of the corrected run": (
        lambda r: without(r, CORRECTED),
        f"the anchors of {ONE}, which it corrects, are not sound",
    ),
    "other anchors of the corrected run": (
        lambda r: changed(r, CORRECTED, lambda a: a.update(config_digest=ZERO)),
        "that of the corrected run is sha256:",
    ),
}


@pytest.mark.parametrize("name", list(CHAIN))
def test_i10_a_correction_that_does_not_prove_its_window_is_not_closed(
    records: RunRecords, name: str
) -> None:
    falsify, says = CHAIN[name]
    assert says in complaints(falsify(records))["ChainUnbroken"]


def copied(run_id: str, landing_digest: str) -> Callable[[Any], Any]:
    source = {"run_id": run_id, "landing_digest": landing_digest, "because": "SourceChanged"}
    return lambda landing: landing.update(copied_from=source)


OTHERWISE: dict[str, tuple[Callable[[RunRecords], RunRecords], str]] = {
    "another part": (
        lambda r: changed(r, LANDING, lambda a: a["parts"][0].update(sha256="0" * 64)),
        f"landed other parts than {ONE}",
    ),
    "other counts": (
        lambda r: changed(r, LANDING, lambda a: a["partitions"][0].update(delivered=1)),
        f"landed other partitions than {ONE}",
    ),
    "no landing of the corrected run": (
        lambda r: without(r, LANDED),
        f"has no sound landing in {ONE}",
    ),
    "a landing that the corrected run was not closed with": (
        lambda r: changed(r, LANDED, lambda a: a.update(config_digest=ZERO)),
        f"{LANDED} is not what {ONE} was closed with",
    ),
    "copied from another run": (
        lambda r: changed(r, LANDING, copied(str(TWO), ZERO)),
        f"was copied from {TWO}",
    ),
    "copied from another landing": (
        lambda r: changed(r, LANDING, copied(str(ONE), ZERO)),
        f"was copied from {ONE}, {ZERO}",
    ),
}


@pytest.mark.parametrize("name", list(OTHERWISE))
def test_i10_a_correction_that_landed_otherwise_is_not_closed(
    records: RunRecords, name: str
) -> None:
    falsify, says = OTHERWISE[name]
    assert says in complaints(falsify(records))["LandingReconciles"]


def test_i10_a_correction_as_it_is_meets_everything(records: RunRecords) -> None:
    requirements = {each.name: each for each in evaluate(records)}
    closed = {name for name, each in requirements.items() if not each.satisfied}
    assert closed <= {"HoldsClaim"}  # the claim is sealed by now
    words = requirements["ChainUnbroken"].detail
    assert f"corrects {ONE}, sha256:" in words
    assert REASON not in words


def test_i10_a_run_that_corrects_none_copies_from_none(corrected_once: Path) -> None:
    plain = records_of(mend(corrected_once), TWO)
    receipt = layout.landing_receipt_path(TWO, "orders")
    found = complaints(changed(plain, receipt, copied(str(ONE), ZERO)))
    assert "was copied, and the run corrects none" in found["LandingReconciles"]


def test_i10_what_other_runs_landed_has_no_business_here(
    corrected_once: Path, records: RunRecords
) -> None:
    platform = mend(corrected_once)
    plain = records_of(platform, TWO)
    stray = {LANDED: platform.store.read(LANDED)}
    found = complaints(replace(plain, documents={**plain.documents, **stray}))
    assert f"{LANDED} belongs to a run that this one does not correct" in found["OneRunScope"]


def test_i10_the_first_run_corrects_none(corrected_once: Path) -> None:
    first = records_of(mend(corrected_once), ONE)
    found = complaints(changed(first, CORRECTED, lambda a: a.update(last_correction=2)))
    assert "names a correction before it" in found["ChainUnbroken"]
