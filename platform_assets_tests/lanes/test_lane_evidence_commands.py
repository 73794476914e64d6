"""Evidence of a lane on the command line: verified, exported, its report found."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from platform_assets.adapters.bundle_files import DirectoryBundle
from platform_assets.lanes.lane_folders import new_lane_folder
from platform_assets_tests.cli.calls import call
from platform_assets_tests.lanes.measurements import threshold
from platform_assets_tests.lanes.small_lane import LANE_RUN, Homes, plan_of_shop, small_lane

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def home(homes: Homes, sealed: Path, tmp_path: Path) -> Path:
    """A home in which one lane came to its verdict, and one did not."""
    home = shutil.copytree(homes.in_use.home, tmp_path / "home")
    judged = new_lane_folder(home, "burst")
    assert judged.run == LANE_RUN
    shutil.copytree(sealed, judged.evidence, dirs_exist_ok=True)
    new_lane_folder(home, "soak")
    return home


def test_a_lane_run_is_verified_in_its_home(home: Path) -> None:
    done = call("verify", LANE_RUN, "--home", home)
    assert done.code == 0, done.err
    assert "lane-burst-00000001 is verified" in done.out
    assert "verdict: PASS" in done.out
    assert "40 events, 2 of 2 runs closed" in done.out


def test_an_exported_lane_verifies_anywhere(home: Path, homes: Homes, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(homes.in_use.signer.public_key_pem)
    for out in ("lane.tar", "lane"):
        done = call("export", LANE_RUN, "--out", tmp_path / out, "--home", home, "--json")
        assert done.code == 0, done.err
        assert done.document["files"] == 17
    shutil.rmtree(home)
    for given, whose in ((["lane.tar", "--key", "key.pem"], "given"), (["lane"], "self-asserted")):
        verified = subprocess.run(
            [sys.executable, "-m", "platform_assets", "verify", *given, "--json"],
            cwd=tmp_path,
            env={"PATH": "", "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            check=False,
        )
        assert verified.returncode == 0, verified.stderr
        assert f'"keys": "{whose}"'.encode() in verified.stdout


def test_the_note_on_whose_key_it_is_stands_where_none_was_given(evidence: Path) -> None:
    assert "The key came with the evidence" in call("verify", evidence).out


def test_altered_evidence_is_refused_with_every_finding(evidence: Path) -> None:
    for name in ("report.html", "samples.ndjson"):
        with (evidence / name).open("ab") as file:
            file.write(b"\n")
    done = call("verify", evidence, "--json")
    assert (done.code, done.document["verified"]) == (1, False)
    places = {finding["where"] for finding in done.document["findings"]}
    assert {"report.html", "samples.ndjson"} <= places
    assert "is NOT verified" in call("verify", evidence).out


@pytest.mark.parametrize("lacking", ["lane.json", "pin.json"])
def test_evidence_that_lacks_half_of_its_root_is_still_that_of_a_lane(
    lacking: str, evidence: Path
) -> None:
    (evidence / lacking).unlink()
    done = call("verify", evidence)
    assert (done.code, f"{lacking}: absent" in done.out) == (1, True)


def test_a_lane_that_failed_verifies_and_says_what_failed(homes: Homes, tmp_path: Path) -> None:
    thresholds = {
        "slow": threshold("lag", "max", at_most="0.00005", unit="s", phases=["spike"]),
        "leak": threshold("memory", "slope", at_least=1),
        "never": threshold("largest_window", "max", at_least=1, label="none"),
    }
    lane = small_lane(homes, tmp_path / "evidence", plan_of_shop(thresholds))
    series = {m: s for m, s in lane.measured.series.items() if m != "lost"}
    lane.measured = replace(lane.measured, series=series)
    lane.write().seal()
    done = call("verify", lane.folder)
    assert done.code == 0
    assert "verdict: FAIL" in done.out
    assert "slow: lag max spike: 0.0001 s; at most 0.00005 s" in done.out
    assert "leak: memory slope: 0 B an hour; at least 1 B an hour" in done.out
    assert "never: largest_window max: no data: it was never sampled; at least 1" in done.out
    assert "TruthIntact: lost: 0 of 1 samples" in done.out


def test_the_path_of_the_report_is_printed(home: Path) -> None:
    done = call("report", LANE_RUN, "--home", home)
    assert done.code == 0
    assert done.out.strip() == str(home / "lanes" / str(LANE_RUN) / "evidence" / "report.html")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["verify", "lane-soak-00000001"], 1, "RunOpen"),
        (["report", "lane-soak-00000001"], 1, "RunOpen"),
        (["export", "lane-soak-00000001", "--out", "OUT"], 1, "RunOpen"),
        (["verify", "lane-burst-00000009"], 2, "lane-burst-00000001"),
        (["report", "lane-probe-00000001"], 2, "no such lane run"),
        (["export", LANE_RUN, "--out", "OUT", "--with-data"], 2, "--with-data"),
        (["export", LANE_RUN, "--out", "OUT.gz"], 2, "the ending .gz"),
        (["verify", LANE_RUN, "--checkpoint", "pyproject.toml"], 2, "--checkpoint"),
    ],
    ids=str,
)
def test_what_cannot_be_done_of_a_lane_is_refused(
    arguments: list[str], code: int, words: str, home: Path, tmp_path: Path
) -> None:
    given = [str(word).replace("OUT", str(tmp_path / "out")) for word in arguments]
    done = call(*given, "--home", home, "--json")
    assert done.code == code, done.out
    assert words in done.out
    assert not (tmp_path / "out").exists()


def test_an_export_does_not_carry_what_became_a_secret(home: Path, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("LANE_TOKEN", str(LANE_RUN))
        with (home / "platform.yaml").open("a") as file:
            file.write("secrets: [LANE_TOKEN]\n")
        done = call("export", LANE_RUN, "--out", tmp_path / "out", "--home", home, "--json")
    assert (done.code, done.document["error"]) == (1, "SecretFound")
    assert not (tmp_path / "out").exists()


def test_the_same_evidence_gives_the_same_archive(home: Path, tmp_path: Path) -> None:
    for out in ("one.tar", "other.tar"):
        call("export", LANE_RUN, "--out", tmp_path / out, "--home", home)
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "other.tar").read_bytes()
    stored = DirectoryBundle(home / "lanes" / str(LANE_RUN) / "evidence")
    assert stored.problems() == []
