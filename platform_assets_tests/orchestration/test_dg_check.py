"""``dg check defs``, in a home and in the repository: what a user sees of a right and a wrong feed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

import platform_assets
from platform_assets.orchestration import home_instance
from platform_assets_tests.orchestration.shop_home import DECLARATION, make_shop, redeclare

REPOSITORY = Path(platform_assets.__file__).parent.parent

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def dg_check_defs(folder: Path, **settings: str) -> tuple[int, str]:
    environment = {
        k: v for k, v in os.environ.items() if k not in ("PLATFORM_HOME", "DAGSTER_HOME")
    }
    done = subprocess.run(
        [str(Path(sys.executable).with_name("dg")), "check", "defs"],
        cwd=folder,
        env={**environment, **settings, "DAGSTER_DISABLE_TELEMETRY": "yes"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done.returncode, _COLOURS.sub("", done.stdout + done.stderr)


def line_of(path: Path, text: str) -> str:
    lines = path.read_text(encoding="utf-8").splitlines()
    return f"{path}:{next(n for n, line in enumerate(lines, 1) if text in line)}"


def test_a_home_with_a_right_feed_passes(home: Path) -> None:
    assert dg_check_defs(home)[0] == 0


def test_a_wrong_key_and_what_it_should_have_been_are_reported_with_their_line(home: Path) -> None:
    redeclare(home, "column: cents", "colunm: cents")
    code, shown = dg_check_defs(home)
    assert code == 1
    assert line_of(home / "defs/shop/defs.yaml", "colunm") in shown
    assert "'colunm' was unexpected" in shown
    assert "'column' is a required property" in shown


def test_a_mistake_is_reported_whichever_of_the_feeds_has_it(home: Path) -> None:
    # `dg check yaml` looks at one file for each component type; the loader looks at all of them
    for name, text in {
        "aaa": DECLARATION.replace("feed: shop", "feed: aaa\n  colour: red"),
        "zzz": DECLARATION.replace("feed: shop", "feed: zzz\n  dedupe: wide", 1),
    }.items():
        path = home / "defs" / name / "defs.yaml"
        path.parent.mkdir()
        path.write_text(text, encoding="utf-8")
        code, shown = dg_check_defs(home)
        assert code == 1
        assert line_of(path, "colour" if name == "aaa" else "wide") in shown
        path.unlink()


def test_a_mistake_in_a_contract_is_reported_with_its_file_and_line(home: Path) -> None:
    contract = home / "schemas/events/shop/visit.v1.json"
    text = contract.read_text(encoding="utf-8").replace('"type": "string"', '"type": "strnig"', 1)
    contract.write_text(text, encoding="utf-8")
    code, shown = dg_check_defs(home)
    assert code == 1
    assert re.search(rf"{re.escape(str(contract))}:\d+", shown)
    assert "ContractInvalid" in shown


def test_the_repository_itself_is_a_dg_project(tmp_path: Path) -> None:
    code, shown = dg_check_defs(REPOSITORY, DAGSTER_HOME=str(tmp_path))
    assert code == 0, shown


@pytest.mark.parametrize("folder", [".", "platform_assets/orchestration/home"])
def test_dagster_of_a_folder_sends_nothing_out_and_keeps_what_the_home_ran(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copyfile(REPOSITORY / folder / "dagster.yaml", "dagster.yaml")
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert not instance.telemetry_enabled
        assert not instance.nux_enabled
    home = Path(".platform" if folder == "." else ".")
    assert (home / "dagster/history/runs.db").is_file()
    make_shop(tmp_path / "home")
    with home_instance(tmp_path / "home"):
        assert (tmp_path / "home/dagster/history/runs.db").is_file()
