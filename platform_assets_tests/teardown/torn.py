"""Teardowns under test: a removal that fails where it is told, and what is left in a store."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from platform_assets.adapters.local_removal import LocalRemoval
from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform
from platform_assets.pipeline.teardown import teardown
from platform_assets_tests.shop import redeclare

if TYPE_CHECKING:
    from pathlib import Path

FIRST = RunId("shop", 1)
KINDS = ("landing", "admission", "products")


def keep(home: Path, **retention: str) -> None:
    """Declare how long the data of closed runs is kept."""

    def change(feed: dict[str, Any]) -> None:
        feed["retention"] = retention

    redeclare(home, change)


def tear_down(home: Path, run: RunId = FIRST, **options: Any) -> dict[str, Any]:
    return teardown(Platform.open(home), LocalRemoval(home / "store"), run, **options)


def parts_of(home: Path, run: RunId = FIRST) -> list[str]:
    """Return the paths in the store of every part of a run."""
    store = home / "store"
    return sorted(
        path.relative_to(store).as_posix()
        for kind in KINDS
        for path in (store / "runs" / str(run) / kind).rglob("*.parquet")
    )


def everything(home: Path) -> dict[str, bytes]:
    """Return every object of the store but the parts of runs."""
    store = home / "store"
    return {
        path.relative_to(store).as_posix(): path.read_bytes()
        for path in sorted(store.rglob("*"))
        if path.is_file() and path.suffix != ".parquet"
    }


def problems(verification: Any) -> list[str]:
    return [f"{finding.where}: {finding.problem}" for finding in verification.findings]


def rewritten(path: Path, change: Any) -> None:
    """Change a JSON file in the store, whatever it takes."""
    value = json.loads(path.read_bytes())
    change(value)
    path.chmod(0o644)
    path.write_text(json.dumps(value, separators=(",", ":"), sort_keys=True))
