"""The plots of a lane over its time: which there are, and what is drawn on each.

A metric without samples is named as missing, and a plot without any says so. Where there are more
samples than can be told apart, a band holds all of them and a line goes through their means.
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from platform_assets.reports.lane_axes import Linear, Logarithmic
from platform_assets.reports.lane_drawing import Line, Plot
from platform_assets.reports.lane_figures import SECOND, figure
from platform_assets.reports.lane_limits import ROOM, Series, heights_of, heights_on, placed, trends
from platform_assets.reports.lane_lines import BINS, GAP, Canvas, trailing_mean
from platform_assets.reports.lane_wanted import LATENCIES, QUEUES, RATES, RESOURCES, RUNS, TALL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from platform_assets.reports.lane_drawing import Frame
    from platform_assets.reports.lane_lines import Point
    from platform_assets.reports.lane_model import DistributionView, LaneReport, SeriesView
    from platform_assets.reports.lane_wanted import Drawn, Wanted

#: More lines cannot be told apart.
MOST_SERIES = 6
_PERCENTILES = (("p50", "p50"), ("p95", "p95"), ("p99", "p99"), ("most", "largest"))
#: Closed runs come in steps; their rate is drawn as the mean of so long, of a short lane less.
_SPANS = ((600 * SECOND, 60 * SECOND), (180 * SECOND, 30 * SECOND), (0, 10 * SECOND))


def plots(view: LaneReport, frame: Frame) -> tuple[Plot, ...]:
    """Return the plots over the time of a lane, in their order."""
    latencies = (_percentiles(view, frame, *each) for each in LATENCIES)
    return (
        *(_plot(view, frame, wanted) for wanted in (RATES, *QUEUES)),
        *latencies,
        *(_plot(view, frame, wanted) for wanted in (*RESOURCES, *RUNS)),
    )


def _plot(view: LaneReport, frame: Frame, wanted: Wanted) -> Plot:
    found = list(_found(view, wanted))
    left_out = [each.label for drawn in wanted.drawn for each in _ranked(view, drawn)[MOST_SERIES:]]
    missing = tuple(each.metric for each in wanted.drawn if not view.samples(each.metric))
    if not found:
        return Plot(wanted.key, wanted.title, wanted.about, wanted.height, missing=missing)
    values = [value for each in found for _, value in each.points]
    most = max(values)
    limits = heights_of(view, wanted, several=len(found) > 1)
    near = [each for each in limits if each.is_near(most)]
    highest = max([most, *(each.value * ROOM for each in near)])
    scale = Linear.over(0 if wanted.from_zero else min(values), highest, wanted.dimension)
    canvas = Canvas(frame.time, scale)
    return Plot(
        key=wanted.key,
        title=wanted.title,
        about=wanted.about,
        height=wanted.height,
        ticks=scale.ticks,
        lines=tuple(_line(each, wanted, canvas) for each in found),
        limits=placed(near, frame, scale, wanted.height),
        trends=tuple(trends(view, found, canvas)),
        beyond=tuple(each.label for each in limits if not each.is_near(most)),
        missing=missing,
        left_out=tuple(left_out),
    )


def _ranked(view: LaneReport, drawn: Drawn) -> list[SeriesView]:
    """Return the series of a metric, of which those with the largest sums can be drawn."""
    return sorted(view.samples(drawn.metric), key=lambda each: -sum(v for _, v in each.points))


def _found(view: LaneReport, wanted: Wanted) -> Iterator[Series]:
    for drawn in wanted.drawn:
        chosen = sorted(_ranked(view, drawn)[:MOST_SERIES], key=lambda each: each.label)
        for index, series in enumerate(chosen, 1):
            name = " ".join(part for part in (drawn.name, series.label) if part)
            points: tuple[Point, ...] = series.points
            if drawn.averaged:
                span = next(span for long, span in _SPANS if points[-1][0] >= long)
                name += f", mean of {span // SECOND} s"
                points = trailing_mean(points, span)
            look = drawn.look or f"s{index} dash{index}"
            yield Series(name, look, drawn.metric, points)


def _line(series: Series, wanted: Wanted, canvas: Canvas) -> Line:
    values = [value for _, value in series.points]
    median = figure(statistics.median_low(values), wanted.dimension)
    figures = f"median {median}, highest {figure(max(values), wanted.dimension)}"
    if wanted.shape == "dots":
        return Line(series.look, series.name, figures, canvas.dots(series.points), dots=True)
    if len(series.points) > 2 * BINS:
        area, means = canvas.band(series.points, wanted.gap)
        return Line(series.look, series.name, figures, means, band=area)
    draw = canvas.steps if wanted.shape == "steps" else canvas.line
    return Line(series.look, series.name, figures, draw(series.points, wanted.gap))


def _percentiles(view: LaneReport, frame: Frame, metric: str, title: str, about: str) -> Plot:
    found = view.distribution(metric)
    if found is None:
        return Plot(metric, title, about, TALL, missing=(metric,))
    taken = [each for each in found.over_time if each.count]
    limits = heights_on(view, {metric: ""})
    most = max([found.most or 1, *(each.value * ROOM for each in limits)])
    least = min([*(each.p50 for each in taken), *(each.value for each in limits)])
    scale = Logarithmic.over(least, most)
    canvas = Canvas(frame.time, scale)
    span = max(each.end - each.begin for each in taken)
    return Plot(
        key=metric,
        title=title,
        about=f"{about} By when events were due, for each {figure(span, 'time')}; logarithmic scale.",
        height=TALL,
        ticks=scale.ticks,
        lines=tuple(_percentile_lines(found, canvas, max(GAP, 5 * span // 2))),
        limits=placed(limits, frame, scale, TALL),
    )


def _percentile_lines(found: DistributionView, canvas: Canvas, gap: int) -> Iterator[Line]:
    taken = [each for each in found.over_time if each.count]
    for field, name in _PERCENTILES:
        points = [((each.begin + each.end) // 2, getattr(each, field)) for each in taken]
        values = [value for _, value in points]
        median = figure(statistics.median_low(values), "time")
        figures = f"median {median}, highest {figure(max(values), 'time')}"
        yield Line(field, name, figures, canvas.line(points, gap))
