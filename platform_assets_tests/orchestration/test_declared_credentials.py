"""I14: the credentials of a declaration are withheld from Dagster, and from whoever reads its logs."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from platform_assets.orchestration.resources import PlatformResource
from platform_assets_tests.shop import make_shop, redeclare

VALUE = "of the declaration"


def announcing(feed: dict[str, Any]) -> None:
    """Declare a source of which nothing is read: that to which the feed announces."""
    sasl = {
        "mechanism": "PLAIN",
        "username": {"env": "SHOP_USER"},
        "password": {"env": "SHOP_PASSWORD"},
    }
    source = {"kind": "kafka", "bootstrap": ["broker.invalid:9092"], "sasl": sasl}
    feed["announce"] = {"source": source, "topic": "ready"}


def test_i14_dagster_is_told_which_declared_values_to_withhold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = make_shop(tmp_path / "home")
    monkeypatch.setenv("SHOP_PASSWORD", VALUE)
    monkeypatch.setenv("SHOP_TOKEN", "of the settings")
    (shop / "platform.yaml").write_text("secrets: [SHOP_TOKEN]\n")
    redeclare(shop, announcing)
    assert PlatformResource(home=str(shop)).secrets == {VALUE, "of the settings"}
    (shop / "defs" / "shop" / "defs.yaml").write_text("type: [\n")
    assert PlatformResource(home=str(shop)).secrets == {"of the settings"}
    (shop / "platform.yaml").write_text("secrets: [\n")
    assert PlatformResource(home=str(shop)).secrets == frozenset()


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("sasl: {mechanism: PLAIN, username: {env: USER}, password: HERE}", "{env: VARIABLE}"),
        ("sasl: {mechanism: PLAIN, username: {env: USER}, password: {env: HERE}}", "environment"),
        ("sasl: PLAIN HERE", "mechanism"),
    ],
    ids=["password", "variable", "text"],
)
def test_i14_dg_repeats_no_password_that_was_written_out(
    tmp_path: Path, source: str, says: str
) -> None:
    home = make_shop(tmp_path / "home")
    for name in ("pyproject.toml", "dagster/dagster.yaml"):
        template = files("platform_assets.orchestration").joinpath("home", name)
        (home / name).parent.mkdir(exist_ok=True)
        (home / name).write_bytes(template.read_bytes())
    declaration = home / "defs" / "shop" / "defs.yaml"
    written = source.replace("HERE", "correct-horse-battery")
    text = declaration.read_text().replace(
        "source: {kind: file_log, path: data/shop}",
        f"source:\n    kind: kafka\n    bootstrap: [broker.invalid:9092]\n    {written}",
    )
    declaration.write_text(text)
    done = subprocess.run(
        [str(Path(sys.executable).with_name("dg")), "check", "defs"],
        cwd=home,
        env={**os.environ, "PLATFORM_HOME": str(home), "DAGSTER_DISABLE_TELEMETRY": "yes"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    shown = done.stdout + done.stderr
    assert done.returncode == 1
    assert f"{declaration}:9" in shown
    assert says in shown
    assert "correct-horse-battery" not in shown
