"""I11: a closed run does not change; a correction is a new run over the same anchors, and names it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from platform_assets.adapters.archive import open_bundle
from platform_assets.canonical import digest
from platform_assets.flow.anchors import verify_chain
from platform_assets.flow.evidence import SUPERSEDED_FILE
from platform_assets.flow.signing import sign_statement
from platform_assets.flow.supersession import supersession_statement
from platform_assets.pipeline import (
    Platform,
    export_run,
    next_run,
    pin,
    run_summary,
    runs,
    supersede,
    verify_bundle,
    verify_run,
)
from platform_assets.pipeline.layout import supersession_path
from platform_assets_tests.corrections.mended_shop import (
    FIVE,
    FOUR,
    ONE,
    REASON,
    THREE,
    TWO,
    correct,
    mend,
    rows,
    take,
)
from platform_assets_tests.shop import append, order

if TYPE_CHECKING:
    from pathlib import Path


def everything(home: Path, run: object) -> dict[Path, bytes]:
    """Return every file that a run wrote."""
    folder = home / "store" / "runs" / str(run)
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_i11_a_correction_takes_the_same_window_under_what_is_declared_now(
    platform: Platform, home: Path
) -> None:
    assert rows(platform, ONE, "cancellations") == 0
    before = everything(home, ONE)

    assert correct(platform, ONE) == THREE

    assert rows(platform, THREE, "cancellations") == 2
    assert rows(platform, THREE, "orders") == rows(platform, ONE, "orders") == 20
    old, new = platform.anchors(ONE), platform.anchors(THREE)
    assert new["streams"] == old["streams"]
    assert new["config_digest"] != old["config_digest"]
    assert before
    assert everything(home, ONE) == before
    assert rows(platform, ONE, "cancellations") == 0


def test_i11_both_are_verified_and_name_each_other(corrected: Platform, tmp_path: Path) -> None:
    old, new = verify_run(corrected, ONE), verify_run(corrected, THREE)
    assert (old.findings, new.findings) == ((), ())
    assert new.facts["supersedes"]["run_id"] == str(ONE)
    assert new.facts["supersedes"]["bundle_digest"] == old.facts["bundle_digest"]
    assert new.facts["supersedes"]["reason"] == old.facts["superseded_by"]["reason"] == REASON
    assert old.facts["superseded_by"]["run_id"] == str(THREE)
    assert old.facts["superseded_by"]["bundle_digest"] == new.facts["bundle_digest"]
    assert (old.facts["supersedes"], new.facts["superseded_by"]) == (None, None)

    for run, names_newer in ((ONE, True), (THREE, False)):
        out = tmp_path / f"{run}.tar"
        export_run(corrected, run, out)
        assert verify_bundle(out).ok
        assert (SUPERSEDED_FILE in open_bundle(out).paths()) is names_newer
    proofs = open_bundle(tmp_path / f"{THREE}.tar").paths()
    assert f"runs/{ONE}/closure/0001.seal" in proofs
    assert f"runs/{ONE}/evidence/0001/bundle.json" in proofs


def test_i01_the_next_window_goes_on_where_the_feed_stood(corrected_home: Path) -> None:
    append(corrected_home, "orders", 1, [order(n) for n in range(40, 47)])
    platform = mend(corrected_home)
    assert take(corrected_home) == FOUR

    verify_chain([platform.anchors(run) for run in runs(platform, "shop")])
    ends, goes_on = (
        {
            (stream["stream"], part["partition"]): part
            for stream in platform.anchors(run)["streams"]
            for part in stream["partitions"]
        }
        for run in (TWO, FOUR)
    )
    assert {key: part["start"] for key, part in goes_on.items()} == {
        key: part["end"] for key, part in ends.items()
    }
    assert sum(part["end"] - part["start"] for part in goes_on.values()) == 7
    assert verify_run(platform, FOUR).ok
    assert platform.anchors(FOUR)["last_correction"] == THREE.sequence
    assert platform.anchors(FOUR)["predecessor"] == digest(platform.anchors(THREE))


def test_a_correction_is_nothing_new_to_be_pinned(corrected: Platform) -> None:
    assert pin(corrected, "shop") is None


def test_a_correction_is_corrected_by_naming_it(corrected: Platform) -> None:
    assert correct(corrected, THREE, "and again") == FOUR
    named = corrected.anchors(FOUR)["supersedes"]
    assert (named["run_id"], named["window"]) == (str(THREE), str(ONE))
    assert named["window_pinned_at"] == corrected.anchors(ONE)["pinned_at"]
    assert verify_run(corrected, FOUR).ok
    superseded = {run: run_summary(corrected, run)["superseded_by"] for run in (ONE, THREE, FOUR)}
    assert superseded[ONE] is not None
    assert superseded[ONE]["run_id"] == str(THREE)
    assert superseded[THREE] == {"run_id": str(FOUR), "reason": "and again", "closed": True}
    assert superseded[FOUR] is None


def test_a_correction_that_is_open_is_finished_before_a_window_is_pinned(
    platform: Platform, home: Path
) -> None:
    append(home, "orders", 0, [order(90)])
    correction = supersede(platform, ONE, REASON)
    assert next_run(platform, "shop") == correction == THREE
    assert take(home) == THREE
    assert take(home) == FOUR
    assert FIVE not in runs(platform, "shop")


def test_whoever_looks_next_records_that_a_run_is_superseded(
    corrected: Platform, corrected_home: Path
) -> None:
    """A closer that ended between the seal and that record leaves it to others."""
    record = corrected_home / "store" / supersession_path(ONE)
    data = record.read_bytes()
    record.unlink()
    assert verify_run(corrected, ONE).facts["superseded_by"] is None

    assert next_run(corrected, "shop") is None
    assert record.read_bytes() == data
    assert verify_run(corrected, ONE).facts["superseded_by"]["run_id"] == str(THREE)


@pytest.mark.parametrize("damage", ["a flipped byte", "a swapped record", "another evidence"])
def test_a_record_that_does_not_verify_is_a_finding(
    corrected: Platform, corrected_home: Path, tmp_path: Path, damage: str
) -> None:
    correct(corrected, TWO)
    record = corrected_home / "store" / supersession_path(ONE)
    data = bytearray(record.read_bytes())
    data[len(data) // 2] ^= 1
    wrong = {
        "a flipped byte": bytes(data),
        "a swapped record": (corrected_home / "store" / supersession_path(TWO)).read_bytes(),
        "another evidence": _about(corrected, "sha256:" + "0" * 64),
    }
    record.write_bytes(wrong[damage])

    found = verify_run(corrected, ONE)
    assert [finding.where for finding in found.findings] == [SUPERSEDED_FILE]
    assert found.facts["superseded_by"] is None
    export_run(corrected, ONE, tmp_path / "old.tar")
    assert [f.where for f in verify_bundle(tmp_path / "old.tar").findings] == [SUPERSEDED_FILE]


def _about(platform: Platform, bundle_digest: str) -> bytes:
    """Return a well signed record about evidence that the run was not closed with."""
    anchors = platform.anchors(THREE)
    other = {**anchors, "supersedes": {**anchors["supersedes"], "bundle_digest": bundle_digest}}
    statement = supersession_statement(
        platform.anchors(ONE)["config_digest"],
        other,
        bundle_digest=bundle_digest,
        closed_at=anchors["pinned_at"],
    )
    return sign_statement(platform.signer, statement)


def test_the_report_of_a_correction_names_the_run_and_the_reason(
    corrected: Platform, corrected_home: Path
) -> None:
    reports = corrected_home / "store" / "runs"
    new = (reports / str(THREE) / "evidence" / "0001" / "report.html").read_text()
    assert f"It corrects <strong>{ONE}</strong>" in new
    assert f"The reason: {REASON}" in new
    assert verify_run(corrected, ONE).facts["bundle_digest"].removeprefix("sha256:")[:12] in new
    old = (reports / str(ONE) / "evidence" / "0001" / "report.html").read_text()
    assert "It corrects" not in old
