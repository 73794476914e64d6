"""What the report of a run plots of drift: each column that a check holds to a baseline, beside it.

The product's side is its profile, which its manifest names. A product without one has no plot, nor has
a column that the profile or the baseline lists no values of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platform_assets.flow.drift import bins
from platform_assets.pipeline.baselines import opened_baseline, read_profile
from platform_assets.reports.drift_plots import DriftPlot, drift_plot

if TYPE_CHECKING:
    from collections.abc import Mapping

    from platform_assets.identifiers import RunId
    from platform_assets.pipeline.platform import Platform


def drifts_of(
    platform: Platform, run: RunId, manifest: Mapping[str, Any], policy: Mapping[str, Any]
) -> list[DriftPlot]:
    """Return a plot for each drift check of a product's policy that can be drawn.

    Raises:
        UnknownThing: a baseline was not pinned.
        GateRefusal, EvidenceInconsistent: a baseline or the profile is not what was signed.
    """
    checks = [check for check in policy["checks"] if check["check"] == "drift"]
    if not checks or "profile" not in manifest or "encryption" in manifest:
        return []
    profile = read_profile(platform, run, manifest)
    plots = []
    for check in checks:
        baseline = opened_baseline(platform, run.feed, manifest["product"], check["baseline"])
        pair = baseline.profile.column(check["column"]), profile.column(check["column"])
        if pair[0] is None or pair[1] is None or any(_unlisted(each) for each in pair if each):
            continue
        binned = bins(pair[0], pair[1])
        plots.append(drift_plot(check["name"], check["column"], baseline.number, binned))
    return plots


def _unlisted(column: Any) -> bool:
    return column.type == "string" and column.values is None
