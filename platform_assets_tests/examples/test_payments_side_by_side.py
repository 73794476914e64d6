"""The generated payments in windows that go side by side: what was planted comes out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from platform_assets.examples.payments.plant import Plant
from platform_assets.pipeline import Platform, runs, verify_run
from platform_assets_tests.examples.generated_payments import (
    WINDOW,
    payments_home,
    require_every_admitted_event_once,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose payments were processed by two processes, and by no other."""
    folder = tmp_path_factory.mktemp("payments")
    windows = {WINDOW: "    max_records: 1000\n    parallel: 2\n"}
    home = payments_home(folder / "home", records=5_000, declared=windows)
    Platform.open(home).signer  # noqa: B018 - the key is made before they race
    command = [sys.executable, "-m", "platform_assets", "run", "payments", "--home", str(home)]
    done = subprocess.run(
        [*command, "--until-caught-up", "--parallel", "2", "--json"],
        cwd=ROOT,
        env={**os.environ, "POLARS_MAX_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["caught_up"] is True
    return home


def test_the_totals_are_what_was_planted_whoever_settled_first(home: Path) -> None:
    plant = Plant.read(home / "data" / "payments")
    for name, stream in plant.streams.items():
        paths = sorted((home / "store" / "runs").glob(f"*/admission/{name}.json"))
        receipts = [json.loads(path.read_bytes()) for path in paths]
        assert {receipt["version"] for receipt in receipts} == {3}
        totals: Counter[str] = Counter()
        for receipt in receipts:
            totals.update(
                {k: receipt[k] for k in ("delivered", "admitted", "duplicate", "quarantined")}
            )
        planted = stream.total
        assert dict(totals) == {k: getattr(planted, k) for k in totals}


def test_every_admitted_event_is_in_its_product_once(home: Path) -> None:
    require_every_admitted_event_once(home)


def test_the_evidence_of_every_run_verifies(home: Path) -> None:
    platform = Platform.open(home)
    for run in runs(platform, "payments"):
        result = verify_run(platform, run)
        assert result.ok, result.findings
