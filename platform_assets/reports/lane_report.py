"""The report of a lane: plain values in, one self-contained HTML page out.

The page loads nothing: no script, no font, no image, no style sheet, and a content security policy
that would refuse them. Every value is escaped. The same values give the same bytes. The page is part
of the lane's evidence; it is a view for people, and the verdict is the signed record beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_assets.reports import lane_figures, lane_words
from platform_assets.reports.lane_curves import curve, window_rows
from platform_assets.reports.lane_drawing import frame_of
from platform_assets.reports.lane_faults import numbered_kinds, outcome, recovery, tracks
from platform_assets.reports.lane_plots import plots
from platform_assets.reports.pages import environment

if TYPE_CHECKING:
    from platform_assets.reports.lane_model import LaneReport, ThresholdView

#: A table lists so many rows; of more, the first and the last half.
MAX_ROWS = 400
_FIRST = {"FAIL": 0, "NO_DATA": 1, "PASS": 2}


def render_lane_report(view: LaneReport) -> bytes:
    """Return the page as UTF-8."""
    frame = frame_of(view)
    runs, half = view.runs, MAX_ROWS // 2
    left_out = max(len(runs) - MAX_ROWS, 0)
    text = (
        environment()
        .get_template("lane_report.html.j2")
        .render(
            view=view,
            words=lane_words,
            figures=lane_figures,
            thresholds=_by_verdict(view),
            frame=frame,
            plots=plots(view, frame),
            curve=curve(view, 0),
            tracks=tracks(view.faults, frame.time),
            recovery=recovery(view.faults),
            kinds=numbered_kinds(view.faults),
            outcome=outcome,
            windows=window_rows(view.probe) if view.probe else (),
            runs=(*runs[:half], *runs[-half:]) if left_out else runs,
            runs_left_out=left_out,
            half=half,
        )
    )
    return text.encode("utf-8")


def _by_verdict(view: LaneReport) -> list[ThresholdView]:
    """Return the thresholds with those first that failed, otherwise in the order of the plan."""
    return sorted(view.thresholds, key=lambda each: _FIRST[each.verdict])
