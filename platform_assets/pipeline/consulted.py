"""Runs that went side by side: one is closed after those whose admissions counted for it.

The order of a settlement log has no circle, so that closing in that order always comes to an end. A
check that came to read earlier runs only when they were settled may go against that order. Then nobody
could be closed, and this is said at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_assets.errors import DeclarationInvalid
from platform_assets.identifiers import RunId
from platform_assets.pipeline import layout
from platform_assets.pipeline.horizon import earlier_runs, require_closed
from platform_assets.pipeline.reach import history_reach
from platform_assets.pipeline.records import read_record
from platform_assets.pipeline.state import is_closed

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


def require_history_before(platform: Platform, run: RunId, count: int) -> None:
    """Refuse where a run that the checks of a run read can be closed only after it.

    Args:
        platform: the opened home.
        run: the run.
        count: how many windows before its own they read.

    Raises:
        DeclarationInvalid: there is one.
    """
    if not platform.run_configuration(run).declaration.side_by_side:
        return
    for before in earlier_runs(platform, run, count):
        if run in _awaited(platform, before):
            raise DeclarationInvalid(
                f"history_runs of the checks of {run}",
                expected="no more than when it was settled: a run that is read is closed before",
                found=f"{before}, which they read, was settled after {run} and is closed after it",
                remedy="Declare history_runs as before until both are closed.",
            )


def _awaited(platform: Platform, run: RunId) -> set[RunId]:
    """Return every open run that has to be closed before a run, whether itself or for another one."""
    found: set[RunId] = set()
    following = [run]
    while following:
        each = following.pop()
        if each in found or is_closed(platform, each):
            continue
        found.add(each)
        reach = history_reach(platform.run_configuration(each).declaration)
        following += [*consulted_in_log(platform, each), *earlier_runs(platform, each, reach)]
    return found
