"""The pinned window in Dagster says which run it corrects."""

from __future__ import annotations

from platform_assets.orchestration.metadata import anchors_metadata

ANCHORS = {
    "pinned_at": "2026-01-01T00:00:00.000000Z",
    "config_digest": "sha256:" + "0" * 64,
    "predecessor": None,
    "streams": [],
}


def test_the_metadata_of_a_correction_names_the_run_and_the_reason() -> None:
    named = {"run_id": "shop-00000001", "reason": "a wrong contract"}
    shown = anchors_metadata({**ANCHORS, "supersedes": named})["supersedes"]
    assert shown.value == "shop-00000001: a wrong contract"
    assert anchors_metadata(ANCHORS)["supersedes"].value == "none"
