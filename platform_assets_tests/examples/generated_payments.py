"""Homes of generated payments in windows of a chosen size, and what must hold of what they admit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from platform_assets.examples.home import create_home
from platform_assets.examples.payments.generator import write_log
from platform_assets.examples.payments.plant import Plant
from platform_assets.examples.payments.recipe import Recipe

if TYPE_CHECKING:
    from pathlib import Path

_WINDOW = "max_records: 1000000\n"


def payments_home(home: Path, *, records: int, window: str) -> Path:
    """Make a home of so many payments; ``window`` has the lines of its declaration of windows."""
    create_home(home, examples=())
    write_log(home / "data" / "payments", Recipe(records=records))
    create_home(home, examples=("payments",))
    declaration = home / "defs" / "payments" / "defs.yaml"
    text = declaration.read_text()
    assert text.count(_WINDOW) == 1
    declaration.write_text(text.replace(_WINDOW, f"{window}\n"))
    return home


def require_every_admitted_event_once(home: Path) -> None:
    """Require of each event that its products hold as many ids as were planted, and none twice."""
    plant = Plant.read(home / "data" / "payments")
    admitted = {k: n for stream in plant.streams.values() for k, n in stream.events.items()}
    for event, count in admitted.items():
        parts = (home / "store" / "runs").glob(f"*/products/{event}s/*/part-*.parquet")
        ids = pl.concat([pl.read_parquet(part, columns=["event_id"]) for part in sorted(parts)])
        assert len(ids) == ids["event_id"].n_unique() == count
