"""The end of a lane: judged by what it wrote, told in a report, signed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from platform_assets.adapters.bundle_files import DirectoryBundle
from platform_assets.lanes.evidence import seal_lane
from platform_assets.lanes.judging import judge_lane
from platform_assets.lanes.reporting import report_view
from platform_assets.reports.lane_report import render_lane_report

if TYPE_CHECKING:
    from platform_assets.lanes.judging import JudgedLane
    from platform_assets.lanes.lane_folders import LaneFolder
    from platform_assets.lanes.pin import Pin
    from platform_assets.pipeline import Platform


def judge_and_seal(
    folder: LaneFolder, pin: Pin, in_use: Platform, lane: Platform, begun_at: datetime
) -> JudgedLane:
    """Judge a lane by its evidence, add the report, and sign.

    Args:
        folder: the lane's folder, with all that was measured in its evidence.
        pin: the pin of the lane.
        in_use: the home in use, whose key signs.
        lane: the lane's own home.
        begun_at: when the first event was due by the wall clock.
    """
    ended_at = datetime.now(UTC)
    files = DirectoryBundle(folder.evidence)
    judged = judge_lane(files, pin, begun_at=begun_at, code=in_use.code())
    keys = {in_use.signer.keyid: in_use.signer.development, lane.signer.keyid: True}
    view = report_view(judged, files, ended_at=ended_at, keys=keys)
    folder.report.write_bytes(render_lane_report(view))
    seal_lane(
        folder.evidence,
        judged,
        in_use.signer,
        ended_at=ended_at,
        secrets=in_use.secret_values() | lane.secret_values(),
    )
    return judged
