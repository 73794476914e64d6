"""I5: the same feed gives the same parts in any home, with any number of threads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from platform_assets.examples.home import create_home
from platform_assets.examples.payments.generator import write_log
from platform_assets.examples.payments.recipe import Recipe

if TYPE_CHECKING:
    from pathlib import Path

THREADS = ("1", "2", "2")


@pytest.fixture(scope="module")
def manifests(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, object]]:
    """Process the same payments in three homes: with one thread, and twice with two."""
    made = []
    for threads in THREADS:
        home = tmp_path_factory.mktemp("same") / "home"
        create_home(home, examples=())
        write_log(home / "data" / "payments", Recipe(records=8_000))
        create_home(home, examples=("payments",))
        subprocess.run(
            [sys.executable, "-m", "platform_assets", "run", "payments", "--home", home],
            env={**os.environ, "POLARS_MAX_THREADS": threads},
            check=True,
            capture_output=True,
        )
        made.append(_parts(home))
    return made


def test_i05_two_homes_give_identical_parts(manifests: list[dict[str, object]]) -> None:
    assert manifests[1] == manifests[2]
    assert {key.split(" ")[0] for key in manifests[1]} == {
        "account_activity",
        "authorisations",
        "chargebacks",
        "decisions",
        "refunds",
    }


def test_i05_one_thread_gives_the_parts_of_two(manifests: list[dict[str, object]]) -> None:
    assert manifests[0] == manifests[1]


def _parts(home: Path) -> dict[str, object]:
    found: dict[str, object] = {}
    for path in sorted(home.glob("store/runs/*/products/*/*/manifest.json")):
        manifest = json.loads(path.read_bytes())
        found[f"{manifest['product']} content"] = manifest["content_digest"]
        for part in manifest["parts"]:
            found[f"{manifest['product']} {part['name']}"] = part["sha256"]
    return found
