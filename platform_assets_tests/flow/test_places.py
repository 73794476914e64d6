"""Paths that are built are paths that are understood."""

from __future__ import annotations

import pytest

from platform_assets.flow.attestations import evidence_folder
from platform_assets.flow.places import Place, place_of
from platform_assets.identifiers import RunId
from platform_assets.pipeline import layout

RUN = RunId("payments", 42)
R = str(RUN)


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (layout.anchors_path(RUN), Place("anchors", name="payments", number=42)),
        (
            layout.configuration_path("sha256:" + "a" * 64),
            Place("configuration", name="a" * 64),
        ),
        (
            layout.settlement_path("payments", "s", 42),
            Place("settlement", name="payments/s", number=42),
        ),
        (layout.landing_receipt_path(RUN, "s"), Place("landing", R, "s")),
        (layout.admission_receipt_path(RUN, "s"), Place("admission", R, "s")),
        (layout.generation_claim_path(RUN, "p", 3), Place("generation", R, "p", 3)),
        (layout.manifest_path(RUN, "p", 3), Place("manifest", R, "p", 3)),
        (layout.certificate_path(RUN, "p", 3, 2), Place("certificate", R, "p", 3, 2)),
        (layout.consumption_path(RUN, "c", 3), Place("consumption", R, "c", 3)),
        (f"{layout.closure_folder(RUN)}/0007.claim", Place("claim", R, number=7)),
        (f"{layout.closure_folder(RUN)}/0007.seal", Place("seal", R, number=7)),
        (f"{layout.evidence_folder(RUN, 7)}/bundle.json", Place("bundle", R, number=7)),
        (layout.baseline_path("payments", "p", 3), Place("baseline", name="payments/p", number=3)),
        (layout.revocation_path(RUN, "p", 3, 2), Place("revocation", R, "p", 3, 2)),
    ],
)
def test_a_path_of_the_layout_says_what_stands_there(path: str, place: Place) -> None:
    assert place_of(path) == place


@pytest.mark.parametrize(
    "path",
    [
        "",
        "seal.json",
        f"runs/{R}/landing/s/part-00000.parquet",
        layout.settled_receipt_path(RUN, "s", "sha256:" + "a" * 64),
        f"runs/{R}/closure/0001.beat.1",
        f"runs/{R}/closure/log.json",
        f"runs/{R}/products/../manifest.json",
        f"runs/{R}/products/p/3/manifest.json",
        f"x/runs/{R}/landing/s.json",
        f"runs/{R}/landing/s.json\n",
        f"runs/{R}/landing/S.json",
        "feeds/payments/42.json",
    ],
)
def test_any_other_path_is_no_place_of_a_record(path: str) -> None:
    assert place_of(path) is None


def test_what_the_closure_writes_stands_in_the_folder_of_the_layout() -> None:
    assert evidence_folder(R, 7) == layout.evidence_folder(RUN, 7) + "/"
