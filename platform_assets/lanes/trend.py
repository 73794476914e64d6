"""Whether something rises: the slope of a series by robust regression.

The slope is the one of Theil (1950) and Sen (1968): the median of the slopes between all pairs of
points. Single outliers, as one slow window, do not move it, and nearly a third of the points may lie
anywhere. Its cost grows with the square of their number. More points than `_MOST_POINTS` are therefore
put together with their neighbours, each group by its medians, which bends no straight line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

#: With fewer points a slope says nothing.
LEAST_POINTS = 5
_MOST_POINTS = 1_500
_HOUR = 3_600 * 1_000_000


def slope_per_hour(points: Sequence[tuple[int, int]]) -> int | None:
    """Return by how much a series rises in an hour, rounded to whole units.

    Args:
        points: moments in microseconds, and values; in order of time.

    Returns:
        The slope; None where there are too few points, or all are of one moment.
    """
    import numpy as np  # noqa: PLC0415 - verifying a lane without trends needs neither
    from scipy.stats import theilslopes  # noqa: PLC0415 - takes half a second to import

    if len(points) < LEAST_POINTS or points[0][0] == points[-1][0]:
        return None
    first, base = points[0]  # differences are exact in floating point, moments may not be
    exact = np.array([(at - first, value - base) for at, value in points], np.float64)
    groups = np.array_split(exact, min(len(exact), _MOST_POINTS))
    few = np.array([np.median(group, axis=0) for group in groups])
    return round(float(theilslopes(few[:, 1], few[:, 0])[0]) * _HOUR)
