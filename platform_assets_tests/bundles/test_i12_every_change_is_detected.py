"""I12: exported evidence verifies without the home, and every single-byte change of it is detected."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, export_run, finish, next_run, verify_bundle
from platform_assets_tests.shop import append, make_shop

if TYPE_CHECKING:
    from pathlib import Path

RUN = RunId("shop", 1)
CHANGES = 1000


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder, an archive and the signer's public key; the home is gone."""
    target = tmp_path_factory.mktemp("exported")
    home = make_shop(target / "home", orders=40)
    append(home, "orders", 0, [b"{", b""])
    platform = Platform.open(home)
    assert next_run(platform, "shop") == RUN
    finish(platform, RUN)
    export_run(platform, RUN, target / "folder", with_data=True)
    export_run(platform, RUN, target / "archive.tar", with_data=True)
    export_run(platform, RUN, target / "records.tar")
    (target / "signer.pem").write_bytes(platform.signer.public_key_pem)
    shutil.rmtree(home)
    return target


@pytest.mark.parametrize("name", ["folder", "archive.tar", "records.tar"])
@pytest.mark.parametrize("given", [True, False])
def test_i12_evidence_verifies_without_the_home(exported: Path, name: str, given: bool) -> None:
    keys = [exported / "signer.pem"] if given else []
    result = verify_bundle(exported / name, keys)
    assert result.findings == ()
    assert result.facts["keys"] == ("given" if given else "self-asserted")


def test_i12_the_command_line_verifies_in_an_empty_folder(exported: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "platform_assets", "verify", exported / "archive.tar", "--json"],
        cwd=tmp_path,
        env={"PATH": ""},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, b'"verified": true' in done.stdout) == (0, True)


def test_i12_another_key_than_the_signers_refuses(exported: Path, tmp_path: Path) -> None:
    home = make_shop(tmp_path / "other")
    other = tmp_path / "other.pem"
    other.write_bytes(Platform.open(home).signer.public_key_pem)
    assert not verify_bundle(exported / "folder", [other]).ok


def test_i12_a_thousand_single_byte_changes_over_all_files_of_the_folder(
    exported: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    shutil.copytree(exported / "folder", folder)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    chance = random.Random(12)  # noqa: S311 - a sample, no secret
    survived = []
    for number in range(CHANGES):
        path = files[number % len(files)]
        data = path.read_bytes()
        where, change = chance.randrange(len(data)), chance.randrange(1, 256)
        path.chmod(0o644)
        path.write_bytes(data[:where] + bytes([data[where] ^ change]) + data[where + 1 :])
        if verify_bundle(folder).ok:
            survived.append((path.name, where, change))
        path.write_bytes(data)
    assert survived == []
    assert verify_bundle(folder).ok, "every change was undone"


def test_i12_changes_anywhere_in_the_archive(exported: Path, tmp_path: Path) -> None:
    data = (exported / "archive.tar").read_bytes()
    changed = tmp_path / "changed.tar"
    chance = random.Random(13)  # noqa: S311 - a sample, no secret
    for where in [0, len(data) - 1, *(chance.randrange(len(data)) for _ in range(150))]:
        changed.write_bytes(data[:where] + bytes([data[where] ^ 1]) + data[where + 1 :])
        with pytest.MonkeyPatch.context():
            assert not _verifies(changed), where


def test_i12_files_removed_added_and_exchanged(exported: Path, tmp_path: Path) -> None:
    files = sorted(p.relative_to(exported / "folder") for p in (exported / "folder").rglob("*.*"))
    for number, name in enumerate(files):
        folder = tmp_path / str(number)
        shutil.copytree(exported / "folder", folder)
        (folder / name).unlink()
        assert not _verifies(folder), f"without {name}"
        other = files[number - 1]
        shutil.copy(exported / "folder" / other, folder / name)
        assert not _verifies(folder), f"{other} as {name}"
        shutil.rmtree(folder)
    folder = tmp_path / "added"
    shutil.copytree(exported / "folder", folder)
    (folder / "more.json").write_text("{}")
    assert not _verifies(folder)


def _verifies(path: Path) -> bool:
    from platform_assets.errors import BundleUnreadable  # noqa: PLC0415

    try:
        return verify_bundle(path).ok
    except BundleUnreadable:
        return False
