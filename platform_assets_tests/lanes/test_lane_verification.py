"""Evidence of a lane verifies offline, and whatever is changed in it is found."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from typing import TYPE_CHECKING

import pytest

from platform_assets.adapters.archive import export_bundle, open_bundle
from platform_assets.adapters.bundle_files import DirectoryBundle
from platform_assets.adapters.key_files import KeyTrust
from platform_assets.errors import (
    AlreadyExists,
    BundleUnreadable,
    RecordConflict,
    SecretFound,
    VerificationFailed,
)
from platform_assets.lanes.evidence import seal_lane
from platform_assets.lanes.pin import make_pin, write_pin
from platform_assets.lanes.verification import own_keys, verify_lane
from platform_assets_tests.lanes.small_lane import (
    ENDED_AT,
    LANE_RUN,
    PINNED_AT,
    SmallLane,
    all_findings,
    small_lane,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from platform_assets_tests.lanes.small_lane import Homes

#: All bytes take a quarter of an hour; otherwise one byte of so many, another one each day.
_EVERY = 1 if os.environ.get("PLATFORM_TESTS_EVERY_BYTE") else 499
_TODAY = int(time.time() // 86_400)
SHARDS = 4


def test_evidence_of_a_lane_that_passed_verifies(sealed: Path, homes: Homes) -> None:
    result = verify_lane(DirectoryBundle(sealed), homes.in_use.trust, self_asserted=False)
    assert result.require() is result
    facts = {key: result.facts[key] for key in ("verdict", "closed", "sent", "keys", "failing")}
    assert facts == {"verdict": "PASS", "closed": 2, "sent": 40, "keys": "given", "failing": []}


def test_a_copy_without_the_home_verifies_with_its_own_keys(sealed: Path, tmp_path: Path) -> None:
    files = DirectoryBundle(shutil.copytree(sealed, tmp_path / "elsewhere"))
    result = verify_lane(files, own_keys(files), self_asserted=True)
    assert (result.ok, result.facts["keys"]) == (True, "self-asserted")


def test_a_damaged_key_in_the_evidence_is_a_finding(evidence: Path) -> None:
    for path in (evidence / "keys").iterdir():
        path.chmod(0o644)
        path.write_bytes(path.read_bytes()[:-40])
    files = DirectoryBundle(evidence)
    assert not verify_lane(files, own_keys(files), self_asserted=True).ok


def test_under_the_key_of_another_home_nothing_verifies(sealed: Path, homes: Homes) -> None:
    """The key that closes the lane's runs is another one than the home's, and signs no verdict."""
    lanes_own = homes.lane.signer
    trust = KeyTrust([("lane", lanes_own.public_key_pem)])
    result = verify_lane(DirectoryBundle(sealed), trust, self_asserted=False)
    assert [finding.where for finding in result.findings] == ["pin.json", "lane.json"]
    with pytest.raises(VerificationFailed, match="SignerUntrusted"):
        result.require()


def test_an_archive_of_it_verifies_and_is_the_same_each_time(
    sealed: Path, homes: Homes, tmp_path: Path
) -> None:
    files = DirectoryBundle(sealed)
    for name in ("one.tar", "other.tar"):
        export_bundle(files, files.paths(), tmp_path / name)
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "other.tar").read_bytes()
    result = verify_lane(open_bundle(tmp_path / "one.tar"), homes.in_use.trust, self_asserted=False)
    assert result.ok


def test_a_lane_run_is_pinned_once_and_sealed_once(lane: SmallLane) -> None:
    homes = lane.homes
    again = make_pin(lane.plan, LANE_RUN, homes.in_use, homes.lane, PINNED_AT)
    assert again.digest != lane.pin.digest, "each pin holds a number that nobody could know"
    with pytest.raises(RecordConflict, match="pinned once"):
        write_pin(lane.folder, again, homes.in_use, homes.lane)
    with pytest.raises(RecordConflict, match="pinned once"):
        write_pin(lane.folder, lane.pin, homes.in_use, homes.lane)
    judged = lane.write().judge()
    lane.seal(judged)
    with pytest.raises(AlreadyExists):
        seal_lane(lane.folder, judged, homes.in_use.signer, ended_at=ENDED_AT)


@pytest.mark.parametrize("name", ["notes.json", "samples.ndjson"])
def test_a_secret_is_not_sealed_into_evidence(name: str, lane: SmallLane) -> None:
    lane.write()
    with (lane.folder / name).open("ab") as file:
        file.write(b"the password is hunter2hunter2\n")
    judged = lane.judge()
    with pytest.raises(SecretFound, match=name):
        seal_lane(
            lane.folder,
            judged,
            lane.homes.in_use.signer,
            ended_at=ENDED_AT,
            secrets=["hunter2hunter2"],
        )
    assert not (lane.folder / "lane.json").exists()


def test_what_looks_like_a_key_is_not_sealed_into_evidence(lane: SmallLane) -> None:
    lane.write()
    (lane.folder / "notes.json").write_text('{"key":"AKIA' + 'ABCDEFGHIJKLMNOP"}')
    with pytest.raises(SecretFound, match="an AWS access key"):
        lane.seal()


# --- every byte, every file ----------------------------------------------------------------------


class Held:
    """Evidence held in memory, one file of which may be changed."""

    def __init__(self, folder: Path) -> None:
        files = DirectoryBundle(folder)
        self.files = {path: files.read(path) for path in files.paths()}
        self._known = {path: _measured(data) for path, data in self.files.items()}

    def put(self, path: str, data: bytes) -> None:
        self.files[path] = data
        self._known[path] = _measured(data)

    def problems(self) -> Sequence[tuple[str, str]]:
        return ()

    def paths(self) -> Sequence[str]:
        return sorted(self.files)

    def read(self, path: str) -> bytes:
        return self.files[path]

    def fingerprints(self, paths: Iterable[str]) -> Mapping[str, tuple[int, str]]:
        return {path: self._known[path] for path in paths}


def _measured(data: bytes) -> tuple[int, str]:
    return len(data), hashlib.sha256(data).hexdigest()


def _places(sizes: Mapping[str, int], shard: int) -> Iterator[tuple[str, int]]:
    number = _TODAY
    for path, size in sorted(sizes.items()):
        for where in range(size):
            if number % _EVERY == 0 and number // _EVERY % SHARDS == shard:
                yield path, where
            number += 1


def _changed(data: bytes, where: int) -> bytes:
    return data[:where] + bytes([(data[where] + 1 + where % 255) % 256]) + data[where + 1 :]


@pytest.mark.parametrize("shard", range(SHARDS))
def test_each_byte_of_each_file_is_verified(shard: int, sealed: Path, homes: Homes) -> None:
    held, trust = Held(sealed), homes.in_use.trust
    assert verify_lane(held, trust, self_asserted=False).ok
    tried, survived = 0, []
    for path, where in _places({path: len(data) for path, data in held.files.items()}, shard):
        before = held.files[path]
        held.put(path, _changed(before, where))
        if verify_lane(held, trust, self_asserted=False).ok:
            survived.append((path, where))
        held.put(path, before)
        tried += 1
    assert survived == []
    assert tried > 10
    assert verify_lane(held, trust, self_asserted=False).ok, "every change was undone"


def test_each_byte_of_the_archive_is_verified(sealed: Path, homes: Homes, tmp_path: Path) -> None:
    files, archive = DirectoryBundle(sealed), tmp_path / "lane.tar"
    export_bundle(files, files.paths(), archive)
    data = archive.read_bytes()
    archive.chmod(0o644)
    tried, survived = 0, []
    for _, where in _places({"archive": len(data)}, 0):
        archive.write_bytes(_changed(data, where))
        if _verifies(archive, homes):
            survived.append(where)
        tried += 1
    assert survived == []
    assert tried > 10
    archive.write_bytes(data)
    assert _verifies(archive, homes)


def _verifies(archive: Path, homes: Homes) -> bool:
    try:
        return verify_lane(open_bundle(archive), homes.in_use.trust, self_asserted=False).ok
    except BundleUnreadable:
        return False


def test_files_removed_added_renamed_and_taken_from_another_lane(
    evidence: Path, homes: Homes, tmp_path: Path
) -> None:
    other = small_lane(homes, tmp_path / "other").write().seal().folder

    def ok() -> bool:
        files = DirectoryBundle(evidence)
        return verify_lane(files, homes.in_use.trust, self_asserted=False).ok

    swapped = 0
    for name in DirectoryBundle(evidence).paths():
        path = evidence / name
        data = path.read_bytes()
        path.unlink()
        assert not ok(), f"without {name}"
        (evidence / f"{name}.old").write_bytes(data)
        assert not ok(), f"{name} renamed"
        (evidence / f"{name}.old").unlink()
        foreign = (other / name).read_bytes()
        if foreign != data:
            path.write_bytes(foreign)
            assert not ok(), f"{name} of another lane"
            path.unlink()
            swapped += 1
        path.write_bytes(data)
        assert ok(), f"{name} as it was"
    assert swapped >= 4
    (evidence / "more.json").write_text("{}")
    assert not ok()
    (evidence / "more.json").unlink()
    (evidence / "samples.ndjson").rename(tmp_path / "aside")
    (evidence / "samples.ndjson").symlink_to(tmp_path / "aside")
    assert not ok(), "a link"


def test_every_finding_is_reported_and_not_the_first(evidence: Path, homes: Homes) -> None:
    for name in ("samples.ndjson", "report.html", "runs/shop-00000001/seal.json"):
        path = evidence / name
        path.chmod(0o644)
        path.write_bytes(path.read_bytes()[:-10])
    result = verify_lane(DirectoryBundle(evidence), homes.in_use.trust, self_asserted=False)
    found = all_findings(result)
    for name in ("samples.ndjson", "report.html", "runs/shop-00000001/seal.json"):
        assert f"{name}: expected" in found
    assert "samples.ndjson: does not end with a whole line" in found
    assert "lane.json requirements EveryRunClosed" in found
    assert "the verdict is PASS, it follows FAIL" in found


@pytest.mark.parametrize("name", ["pin.json", "lane.json"])
def test_evidence_without_pin_or_verdict_is_reported_as_far_as_it_goes(
    name: str, evidence: Path, homes: Homes
) -> None:
    (evidence / name).unlink()
    result = verify_lane(DirectoryBundle(evidence), homes.in_use.trust, self_asserted=False)
    assert result.lane_run == str(LANE_RUN)
    assert f"{name}: absent" in all_findings(result)
