"""Runs that went side by side: one is closed after those whose admissions counted for it.

The order of a settlement log has no circle, so that closing in that order always comes to an end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_assets.identifiers import RunId
from platform_assets.pipeline import layout
from platform_assets.pipeline.horizon import require_closed
from platform_assets.pipeline.records import read_record

if TYPE_CHECKING:
    from platform_assets.pipeline.platform import Platform


def consulted_in_log(platform: Platform, run: RunId) -> list[RunId]:
    """Return the runs whose admissions counted for a run by their place in a log, each once."""
    found: dict[RunId, None] = {}
    for stream in platform.anchors(run)["streams"]:
        path = layout.admission_receipt_path(run, stream["stream"])
        if platform.store.exists(path):
            settlement = read_record(platform.store, path, "admission").get("settlement", {})
            found |= {RunId.parse(g["run_id"]): None for g in settlement.get("consulted", ())}
    return list(found)


def require_consulted_closed(platform: Platform, run: RunId) -> None:
    """Refuse to close a run before those whose admissions counted for it.

    Raises:
        PredecessorOpen: one of them is open.
    """
    require_closed(platform, run, consulted_in_log(platform, run))
