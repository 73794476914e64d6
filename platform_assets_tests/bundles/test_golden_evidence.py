"""Evidence that an earlier release wrote verifies, replays and is refused when altered, for ever.

The archives in ``vectors`` are never written again. Where one no longer verifies, the code is wrong: a
release that cannot read what an earlier one left has broken the promise of evidence.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from platform_assets.flow.replay import Verdict
from platform_assets.pipeline import verify_bundle
from platform_assets.pipeline.checkpoints import given_in
from platform_assets.pipeline.replay import replay_bundle
from platform_assets.pipeline.replay_platform import Surroundings

VECTORS = Path(__file__).parents[1] / "vectors"


@dataclass(frozen=True)
class Golden:
    """An archive with what it was known to say when it was written."""

    name: str
    run_id: str
    bundle_digest: str
    totals: dict[str, int]

    @property
    def archive(self) -> Path:
        return VECTORS / f"{self.name}.tar"

    @property
    def key(self) -> Path:
        return VECTORS / f"{self.name}.pem"

    @property
    def checkpoint(self) -> Path:
        return VECTORS / f"{self.name}.checkpoint"


KNOWN = [
    Golden(**{**entry, "name": name})
    for name, entry in json.loads((VECTORS / "evidence.json").read_bytes()).items()
]


def test_every_archive_is_known_and_every_known_archive_is_there() -> None:
    assert KNOWN
    assert sorted(VECTORS.glob("evidence-v*.tar")) == sorted(golden.archive for golden in KNOWN)


@pytest.mark.parametrize("golden", KNOWN, ids=lambda golden: golden.name)
def test_evidence_of_an_earlier_release_verifies(golden: Golden) -> None:
    given = [(golden.checkpoint.name, given_in(golden.checkpoint))]
    result = verify_bundle(golden.archive, [golden.key], given)
    assert result.findings == ()
    assert result.run_id == golden.run_id
    assert result.facts["bundle_digest"] == golden.bundle_digest
    assert result.facts["totals"] == golden.totals
    assert result.facts["keys"] == "given"
    assert result.facts["consistent_with"] == [golden.checkpoint.name]


@pytest.mark.parametrize("golden", KNOWN, ids=lambda golden: golden.name)
def test_evidence_of_an_earlier_release_is_reproduced(golden: Golden, tmp_path: Path) -> None:
    around = Surroundings(tmp_path / "no-home", tmp_path / "scratch")
    result = replay_bundle(golden.archive, around, keys=[golden.key])
    assert result.divergence is None
    assert result.verdict is Verdict.REPRODUCED
    assert result.compared


@pytest.mark.parametrize("golden", KNOWN, ids=lambda golden: golden.name)
def test_evidence_of_an_earlier_release_is_refused_when_altered(
    golden: Golden, tmp_path: Path
) -> None:
    data = golden.archive.read_bytes()
    altered = tmp_path / "altered.tar"
    for place in range(600, len(data), len(data) // 24):  # anywhere, parts and padding as well
        altered.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        assert not verify_bundle(altered, [golden.key]).ok, place
