"""Baselines are pinned and listed on the command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from platform_assets.cli.main import run_command
from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, finish, next_run
from platform_assets_tests.shop import make_shop

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_baselines_are_pinned_and_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = make_shop(tmp_path / "home")
    platform = Platform.open(home)
    assert next_run(platform, "shop") == RunId("shop", 1)
    finish(platform, RunId("shop", 1))
    where = ["--home", str(home), "--json"]
    call = ["baseline", "pin", "shop", "orders", "--run", "shop-00000001"]
    capsys.readouterr()
    assert run_command([*call, *where]) == 0
    assert json.loads(capsys.readouterr().out)["number"] == 1
    assert run_command([*call, *where]) == 2
    assert "reason" in capsys.readouterr().out
    assert run_command([*call, "--reason", "higher prices", "--home", str(home)]) == 0
    assert "baseline: 2" in capsys.readouterr().out
    assert run_command(["baseline", "list", "shop", *where]) == 0
    listed = json.loads(capsys.readouterr().out)["baselines"]
    assert [(each["product"], each["number"], each["reason"]) for each in listed] == [
        ("orders", 1, "the first baseline"),
        ("orders", 2, "higher prices"),
    ]
