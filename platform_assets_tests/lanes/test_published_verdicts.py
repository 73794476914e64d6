"""The verdicts that the README tells of are published, signed, and are what it tells.

Of each lane the pin and the verdict are in the repository, not the whole evidence: ledgers, samples,
histograms and the evidence of every run are up to 30 MB a lane.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from platform_assets.adapters.key_files import KeyTrust
from platform_assets.canonical import digest_bytes
from platform_assets.flow.signing import Subject, open_statement
from platform_assets.lanes.evidence import LANE_EVIDENCE
from platform_assets.lanes.evidence_files import LANE_FILE, PIN_FILE
from platform_assets.lanes.pin import open_pin
from platform_assets.lanes.summary import block_of

REPOSITORY = Path(__file__).parents[2]
PUBLISHED = REPOSITORY / "docs" / "evidence" / "lanes"
FOLDERS = sorted(path.parent for path in PUBLISHED.glob(f"*/{LANE_FILE}"))


def rows() -> list[str]:
    block = block_of((REPOSITORY / "README.md").read_text(encoding="utf-8"))
    assert block is not None
    return block.splitlines()[2:]


def test_the_readme_has_a_row_for_every_published_verdict_and_no_other() -> None:
    assert FOLDERS
    assert len(rows()) == len(FOLDERS)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_published_verdict_is_signed_over_its_pin_and_is_what_the_readme_says(
    folder: Path,
) -> None:
    trust = KeyTrust([("signer.pem", (PUBLISHED / "signer.pem").read_bytes())])
    signed = (folder / LANE_FILE).read_bytes()
    pin = open_pin((folder / PIN_FILE).read_bytes(), trust)
    lane = open_statement(signed, trust, thing=LANE_FILE, predicate_type=LANE_EVIDENCE)
    said = lane.predicate

    assert lane.subjects == (Subject(PIN_FILE, pin.digest),)
    assert said["lane_run"] == pin.record["lane_run"]
    report = (folder / "report.html").read_bytes()
    [listed] = [file for file in said["files"] if file["path"] == "report.html"]
    assert digest_bytes(report) == f"sha256:{listed['sha256']}"
    assert f"/{said['lane_run']}/".encode() not in report  # nor where it stood on a machine
    [row] = [row for row in rows() if f"`{digest_bytes(signed)[:19]}`" in row]
    lane_of, source, verdict, *_ = (cell.strip() for cell in row.strip("|").split("|"))
    assert lane_of == f"{pin.plan.lane}, {pin.plan.profile}"
    assert source == pin.plan.target.source.kind.replace("_", " ")
    assert verdict == f"**{said['verdict']}**"
    assert said["lane_run"] in row
