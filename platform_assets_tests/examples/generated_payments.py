"""Homes of generated payments, declared as a test wants, and what must hold of what they admit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from platform_assets.examples.home import create_home
from platform_assets.examples.payments.generator import write_log
from platform_assets.examples.payments.plant import Plant
from platform_assets.examples.payments.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: The line of the example's declaration that says how large its windows are.
WINDOW = "    max_records: 1000000\n"


def payments_home(home: Path, *, records: int, declared: Mapping[str, str]) -> Path:
    """Make a home of so many payments; ``declared`` has lines of the example, and others for them."""
    create_home(home, examples=())
    write_log(home / "data" / "payments", Recipe(records=records))
    create_home(home, examples=("payments",))
    declaration = home / "defs" / "payments" / "defs.yaml"
    text = declaration.read_text()
    for lines, others in declared.items():
        assert text.count(lines) == 1
        text = text.replace(lines, others)
    declaration.write_text(text)
    return home


def require_every_admitted_event_once(home: Path) -> None:
    """Require of each event that its products hold as many ids as were planted, and none twice."""
    plant = Plant.read(home / "data" / "payments")
    admitted = {k: n for stream in plant.streams.values() for k, n in stream.events.items()}
    for event, count in admitted.items():
        parts = (home / "store" / "runs").glob(f"*/products/{event}s/*/part-*.parquet")
        ids = pl.concat([pl.read_parquet(part, columns=["event_id"]) for part in sorted(parts)])
        assert len(ids) == ids["event_id"].n_unique() == count
