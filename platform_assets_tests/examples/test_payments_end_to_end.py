"""The generated payments go through the whole job, and what the receipts say is what was planted."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import polars as pl
import pytest

from platform_assets.examples.payments.plant import Plant
from platform_assets.pipeline import Platform, finish, next_run
from platform_assets_tests.examples.generated_payments import (
    WINDOW,
    payments_home,
    require_every_admitted_event_once,
)

if TYPE_CHECKING:
    from pathlib import Path

RUNS = 4


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose payments are processed in four windows."""
    folder = tmp_path_factory.mktemp("payments")
    windows = {WINDOW: "    max_records: 1500\n"}
    home = payments_home(folder / "home", records=5_000, declared=windows)
    platform = Platform.open(home)
    while (run := next_run(platform, "payments")) is not None:
        assert finish(platform, run)["verdict"] == "CLOSED"
    return home


def test_a02_the_receipts_of_all_runs_add_up_to_the_plant(home: Path) -> None:
    plant = Plant.read(home / "data" / "payments")
    for name, stream in plant.streams.items():
        receipts = [
            json.loads(path.read_bytes())
            for path in sorted((home / "store" / "runs").glob(f"*/admission/{name}.json"))
        ]
        assert len(receipts) == RUNS
        reasons: Counter[str] = Counter()
        for receipt in receipts:
            reasons.update(receipt["reasons"])
        assert dict(reasons) == stream.total.reasons
        for partition, tally in stream.partitions.items():
            for outcome in ("delivered", "admitted", "duplicate", "quarantined"):
                found = sum(
                    counts[outcome]
                    for receipt in receipts
                    for counts in receipt["partitions"]
                    if counts["partition"] == partition
                )
                assert found == getattr(tally, outcome), (name, partition, outcome)


def test_a02_every_admitted_event_is_in_its_product_once(home: Path) -> None:
    require_every_admitted_event_once(home)


def test_every_authorisation_is_decided_once(home: Path) -> None:
    plant = Plant.read(home / "data" / "payments")
    parts = (home / "store" / "runs").glob("*/products/decisions/*/part-*.parquet")
    found = pl.concat([pl.read_parquet(part) for part in sorted(parts)])
    assert found["event_id"].n_unique() == plant.streams["authorisations"].events["authorisation"]
    assert set(found["decision"]) == {"approve", "decline", "review"}
