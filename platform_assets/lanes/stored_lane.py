"""The evidence of a lane where it stands in the home: found, and exported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platform_assets.adapters.archive import export_bundle
from platform_assets.adapters.bundle_files import DirectoryBundle
from platform_assets.errors import RunOpen, UnknownThing
from platform_assets.lanes.evidence_files import LANE_FILE, PIN_FILE
from platform_assets.lanes.lane_folders import lane_folders
from platform_assets.pipeline.secret_search import require_exportable

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets.flow.verification import BundleFiles
    from platform_assets.identifiers import LaneRunId
    from platform_assets.lanes.lane_folders import LaneFolder
    from platform_assets.pipeline import Platform


def is_lane(files: BundleFiles) -> bool:
    """Tell whether evidence is that of a lane; what lacks its verdict is told by its pin."""
    return not {LANE_FILE, PIN_FILE}.isdisjoint(files.paths())


def judged_lane(home: Path, run: LaneRunId) -> LaneFolder:
    """Return the folder of a lane run that came to its verdict.

    Raises:
        UnknownThing: there is no such lane run in this home.
        RunOpen: it has no verdict.
    """
    folders = {folder.run: folder for folder in lane_folders(home)}
    if run not in folders:
        raise UnknownThing(
            f"lane run {run}",
            expected=f"one of {', '.join(map(str, folders)) or 'none: no lane ran here yet'}",
            found="no such lane run",
            remedy="List those of this home: platform-assets lane list",
        )
    folder = folders[run]
    if not (folder.evidence / LANE_FILE).is_file():
        raise RunOpen(
            f"evidence of {run}",
            expected="a lane that came to its verdict",
            found=f"one that did not: its state is {folder.told()['state']}",
            remedy="Wait for it if it runs. Otherwise begin the lane anew; none goes on.",
        )
    return folder


def export_lane(platform: Platform, run: LaneRunId, out: Path) -> dict[str, Any]:
    """Write the evidence of a lane run: a deterministic archive, or a folder.

    Raises:
        UnknownThing, RunOpen: there is none.
        AlreadyExists: something stands at the target.
        SecretFound: a file holds a value that the home knows as a secret now.
    """
    files = DirectoryBundle(judged_lane(platform.home, run).evidence)
    require_exportable(platform, run, files)
    export_bundle(files, files.paths(), out)
    sizes = files.fingerprints(files.paths()).values()
    size = out.stat().st_size if out.is_file() else sum(size for size, _ in sizes)
    return {
        "lane_run": str(run),
        "out": str(out),
        "files": len(files.paths()),
        "size": size,
    }
