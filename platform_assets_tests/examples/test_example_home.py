"""`init DIR`: a home that works, made once, and never at the cost of what a user has."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from platform_assets.declarations.loading import load_feed
from platform_assets.errors import SettingsInvalid, UnknownThing
from platform_assets.examples import EXAMPLES
from platform_assets.examples.home import create_home
from platform_assets.pipeline import Platform

if TYPE_CHECKING:
    from pathlib import Path


def snapshot(home: Path) -> dict[str, bytes]:
    return {
        path.relative_to(home).as_posix(): path.read_bytes()
        for path in home.rglob("*")
        if path.is_file()
    }


def test_a_new_home_opens_with_both_examples(tmp_path: Path) -> None:
    home = tmp_path / "deep" / "home"
    added = create_home(home)
    assert home / "platform.yaml" in added
    platform = Platform.open(home)
    assert sorted(platform.feeds) == sorted(EXAMPLES)
    for feed in platform.feeds.values():
        for stream in feed.streams:
            assert sum(e.end - e.start for e in platform.source(feed, stream).extents()) > 0


def test_git_ignores_every_private_key_of_a_home_and_no_public_one(tmp_path: Path) -> None:
    git = shutil.which("git")
    if git is None:
        pytest.skip("git is not on this machine")
    create_home(tmp_path, examples=())
    platform = Platform.open(tmp_path)
    assert platform.signer.development
    assert platform.log_key.development
    subprocess.run([git, "init", "-q"], cwd=tmp_path, check=True)
    done = subprocess.run(
        [git, "status", "--short", "-uall"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    shown = [line.split()[-1] for line in done.stdout.splitlines()]
    assert "platform.yaml" in shown
    trusted = f"keys/trusted/{platform.signer.keyid}.pem"
    assert [path for path in shown if path.startswith("keys/")] == [trusted]


def test_a_new_home_is_a_dg_project(tmp_path: Path) -> None:
    create_home(tmp_path, examples=())
    assert "[tool.dg.project]" in (tmp_path / "pyproject.toml").read_text()


def test_making_a_home_again_changes_nothing(tmp_path: Path) -> None:
    create_home(tmp_path)
    before = snapshot(tmp_path)
    assert create_home(tmp_path) == []
    assert snapshot(tmp_path) == before


def test_a_file_that_the_user_changed_is_left_and_one_that_is_missing_comes_back(
    tmp_path: Path,
) -> None:
    create_home(tmp_path)
    mine = tmp_path / "defs" / "payments" / "defs.yaml"
    mine.write_text("# mine\n")
    readme = tmp_path / "README.md"
    readme.unlink()
    assert create_home(tmp_path) == [readme]
    assert mine.read_text() == "# mine\n"


def test_an_example_can_be_added_later(tmp_path: Path) -> None:
    create_home(tmp_path, examples=("earthquakes",))
    assert not (tmp_path / "defs" / "payments").exists()
    create_home(tmp_path, examples=("payments",))
    assert sorted(Platform.open(tmp_path).feeds) == sorted(EXAMPLES)


def test_a_home_that_was_left_half_made_is_completed(tmp_path: Path) -> None:
    create_home(tmp_path / "whole")
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "platform.yaml").write_bytes(
        (tmp_path / "whole" / "platform.yaml").read_bytes()
    )
    create_home(tmp_path / "half")
    assert snapshot(tmp_path / "half") == snapshot(tmp_path / "whole")


def test_a_folder_with_other_things_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(SettingsInvalid, match=r"thesis\.tex"):
        create_home(tmp_path)
    assert snapshot(tmp_path) == {"thesis.tex": b"years of work"}


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    with pytest.raises(SettingsInvalid, match="something else"):
        create_home(tmp_path / "home")


def test_an_example_that_does_not_exist_is_refused_before_anything_is_written(
    tmp_path: Path,
) -> None:
    with pytest.raises(UnknownThing, match="earthquakes, payments"):
        create_home(tmp_path / "home", examples=("taxis",))
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_declaration_of_an_example_is_valid(example: str, tmp_path: Path) -> None:
    create_home(tmp_path, examples=(example,))
    feed = load_feed(tmp_path / "defs" / example / "defs.yaml")
    assert feed is not None
    assert feed.feed == example


def test_the_examples_use_every_kind_of_check(tmp_path: Path) -> None:
    create_home(tmp_path)
    used = {
        check.check
        for feed in Platform.open(tmp_path).feeds.values()
        for output in feed.outputs().values()
        for check in output.checks
    }
    assert used == {
        "schema",
        "row_count_reconciles",
        "unique",
        "sorted",
        "not_null",
        "range",
        "allowed_values",
        "freshness",
        "null_fraction",
        "referential",
        "digest",
        "python",
    }


def test_a_new_home_may_keep_its_records_in_a_bucket(tmp_path: Path) -> None:
    address = "s3://some-bucket/some/prefix"
    create_home(tmp_path / "home", store=address)
    assert Platform.open(tmp_path / "home").settings.store == address
    assert create_home(tmp_path / "home", store=address) == []
    for other in ("store", "s3://other"):
        with pytest.raises(SettingsInvalid, match="one that keeps them in s3://some-bucket"):
            create_home(tmp_path / "home", store=other)
    for wrong in ("ftp://bucket", "s3://", "s3://bucket/../up"):
        with pytest.raises(SettingsInvalid):
            create_home(tmp_path / "never", store=wrong)
    assert not (tmp_path / "never").exists()
