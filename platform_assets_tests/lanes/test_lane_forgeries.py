"""A signed statement about a lane that does not follow from its evidence does not verify."""

from __future__ import annotations

import shutil
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from platform_assets.adapters.bundle_files import DirectoryBundle
from platform_assets.canonical import rfc3339
from platform_assets.flow.signing import Statement, Subject, sign_statement
from platform_assets.lanes.evidence import LANE_EVIDENCE
from platform_assets.lanes.measured import Sample
from platform_assets.lanes.verification import verify_lane
from platform_assets_tests.lanes.measurements import (
    with_series,
)
from platform_assets_tests.lanes.small_lane import (
    BEGUN_AT,
    PINNED_AT,
    Homes,
    SmallLane,
    all_findings,
    payload,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def _said(lane: SmallLane) -> dict[str, Any]:
    said: dict[str, Any] = payload((lane.folder / "lane.json").read_bytes())["predicate"]
    return said


def _resign(lane: SmallLane, predicate: Mapping[str, Any], signer: Any = None) -> None:
    path = lane.folder / "lane.json"
    path.chmod(0o644)
    subject = Subject("pin.json", lane.pin.digest)
    signed = Statement(LANE_EVIDENCE, (subject,), predicate)
    path.write_bytes(sign_statement(signer or lane.homes.in_use.signer, signed))


FORGERIES: dict[str, Any] = {
    "verdict": lambda said: said | {"verdict": "PASS"},
    "value": lambda said: _threshold(said, value=1),
    "limit": lambda said: _threshold(said, limit="1000000000"),
    "samples": lambda said: _threshold(said, samples=7),
    "threshold left out": lambda said: said | {"thresholds": said["thresholds"][1:]},
    "requirement left out": lambda said: said | {"requirements": said["requirements"][1:]},
    "requirement": lambda said: (
        said | {"requirements": [{**said["requirements"][0], "detail": "all is well"}]}
    ),
    "lane run": lambda said: said | {"lane_run": "lane-burst-00000002"},
    "lane": lambda said: said | {"lane": "soak"},
    "profile": lambda said: said | {"profile": "standard"},
    "plan digest": lambda said: said | {"plan_digest": "sha256:" + "0" * 64},
    "begun at": lambda said: said | {"begun_at": rfc3339(BEGUN_AT + timedelta(seconds=1))},
    "ended at": lambda said: said | {"ended_at": rfc3339(PINNED_AT)},
    "another record": lambda _: {"record": "lane_faults", "version": 1, "faults": []},
    "a file twice": lambda said: said | {"files": [*said["files"], said["files"][0]]},
    "a file less": lambda said: said | {"files": said["files"][1:]},
    "a file more": lambda said: (
        said | {"files": [*said["files"], {"path": "more", "size": 0, "sha256": "0" * 64}]}
    ),
}


def _threshold(said: dict[str, Any], **changed: Any) -> dict[str, Any]:
    first, *rest = said["thresholds"]
    return said | {"thresholds": [{**first, **changed}, *rest]}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_signed_statement_that_says_otherwise_does_not_verify(name: str, lane: SmallLane) -> None:
    """Even the holder of the key cannot sign what does not follow."""
    lane.measured = with_series(lane.measured, "lost", [Sample(1, "", 1)])
    lane.write().seal()
    assert lane.verify().ok
    _resign(lane, FORGERIES[name](_said(lane)))
    assert not lane.verify().ok


def test_evidence_that_names_another_judge_than_it_was_judged_by_does_not_verify(
    lane: SmallLane,
) -> None:
    """The verdict of other code is signed with the name of the pinned code."""
    lane.seal(lane.write().judge(revision="another"))
    _resign(lane, {**_said(lane), "code": lane.pin.record["code"]})
    assert "lane.json requirements JudgedByPinnedCode: says" in all_findings(lane.verify())


def test_a_verdict_by_another_trusted_key_than_the_pins_does_not_verify(
    lane: SmallLane,
) -> None:
    lane.write().seal()
    _resign(lane, _said(lane), lane.homes.lane.signer)
    assert "the pin by" in all_findings(lane.verify(self_asserted=True))


@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_lines_left_out_of_any_file_never_leave_the_evidence_good(
    sealed: Path, homes: Homes, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = shutil.copytree(sealed, tmp_path_factory.mktemp("cut") / "evidence")
    name = data.draw(st.sampled_from(list(DirectoryBundle(sealed).paths())))
    lines = (sealed / name).read_bytes().splitlines(keepends=True)
    kept = data.draw(st.sets(st.integers(0, len(lines) - 1), max_size=len(lines) - 1))
    (folder / name).chmod(0o644)
    (folder / name).write_bytes(b"".join(lines[number] for number in sorted(kept)))
    result = verify_lane(DirectoryBundle(folder), homes.in_use.trust, self_asserted=False)
    assert not result.ok
