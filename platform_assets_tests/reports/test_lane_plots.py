"""Where things stand on the plots of a lane: exactly where their values are."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import pytest

from platform_assets.reports import lane_figures
from platform_assets.reports.lane_axes import Linear, Logarithmic, Nines, TimeAxis
from platform_assets.reports.lane_curves import curve
from platform_assets.reports.lane_drawing import Limit, Plot, apart, frame_of
from platform_assets.reports.lane_faults import fault_marks, numbered_kinds, recovery
from platform_assets.reports.lane_limits import ROOM
from platform_assets.reports.lane_lines import (
    COLUMNS,
    ROWS,
    Canvas,
    Point,
    thinned,
    trailing_mean,
    unbroken,
)
from platform_assets.reports.lane_model import (
    DistributionView,
    FaultView,
    LaneReport,
    Percentiles,
    PhaseView,
    SeriesView,
)
from platform_assets.reports.lane_plots import plots
from platform_assets_tests.reports.lane_examples import soak
from platform_assets_tests.reports.lane_loads import MIB, SECOND
from platform_assets_tests.reports.lane_views import threshold

HOUR = 3_600 * SECOND


def vertices(path: str) -> list[tuple[int, int]]:
    """Return the points that a path goes through."""
    points: list[tuple[int, int]] = []
    for command, numbers in re.findall(r"([MlLh])([^MlLhz]*)", path):
        given = [int(n) for n in re.findall(r"-?\d+", numbers)]
        if command == "h":
            continue
        for x, y in zip(given[::2], given[1::2], strict=True):
            before = points[-1] if command == "l" else (0, 0)
            points.append((before[0] + x, before[1] + y))
    return points


def lane(**changed: object) -> LaneReport:
    """Return a lane of 1,000 seconds without anything on it but what is given."""
    phases = (
        PhaseView("calm", 0, 200 * SECOND, 10),
        PhaseView("storm", 200 * SECOND, 1_000 * SECOND),
    )
    empty = {"series": (), "distributions": (), "thresholds": (), "runs": (), "faults": ()}
    return replace(soak(), phases=phases, **(empty | changed))


def plot_of(view: LaneReport, key: str) -> Plot:
    return next(each for each in plots(view, frame_of(view)) if each.key == key)


def gauge(metric: str, *values: int) -> SeriesView:
    return SeriesView(metric, "", tuple((n * SECOND, value) for n, value in enumerate(values)))


def test_a_value_stands_where_the_ticks_say() -> None:
    plot = plot_of(lane(series=(gauge("lag", *[4 * SECOND] * 10),)), "lag")
    height = {tick.label: tick.place for tick in plot.ticks}
    assert height["4 s"] == pytest.approx(1 - vertices(plot.lines[0].path)[0][1] / ROWS)
    assert plot.ticks[0].label == "0"


def test_a_moment_stands_at_its_share_of_the_lane() -> None:
    view = lane(series=(SeriesView("lag", "", ((250 * SECOND, SECOND), (251 * SECOND, SECOND))),))
    assert vertices(plot_of(view, "lag").lines[0].path)[0][0] == COLUMNS // 4


def test_the_extremes_of_very_many_samples_are_drawn_at_their_columns() -> None:
    points: list[Point] = [(n * SECOND // 20, 500) for n in range(20_000)]
    points[7_777] = (points[7_777][0], 990)
    points[12_345] = (points[12_345][0], 10)
    canvas = Canvas(TimeAxis(1_000 * SECOND), Linear.over(0, 1_000, "count"))
    few = list(thinned(points, canvas))
    assert len(few) <= 4 * (COLUMNS + 1)
    assert points[7_777] in few
    assert points[12_345] in few
    for moment, value in (points[7_777], points[12_345]):
        place = (canvas.column(moment), canvas.row(value))
        assert place in vertices(canvas.line(points))
    assert few == sorted(few)


def test_a_band_goes_from_the_least_to_the_largest_and_its_line_through_the_means() -> None:
    values = [100 if n % 2 else 300 for n in range(1_000)]
    values[500] = 900
    plot = plot_of(lane(series=(gauge("backlog", *values),)), "backlog")
    top = next(t.place for t in plot.ticks if t.label == "800") * 900 / 800
    rows = [y for _, y in vertices(plot.lines[0].band)]
    assert min(rows) == round((1 - top) * ROWS)
    assert max(rows) == round((1 - top / 9) * ROWS)
    means = {y for x, y in vertices(plot.lines[0].path) if x < COLUMNS // 3}
    assert all(abs(y - (1 - top * 2 / 9) * ROWS) <= ROWS * 0.05 for y in means)


def test_a_line_is_broken_where_samples_are_missing() -> None:
    points = [(n * SECOND, 5) for n in range(100) if not 40 <= n < 50]
    assert [len(part) for part in unbroken(points, 5 * SECOND)] == [40, 50]
    view = lane(series=(SeriesView("lag", "", tuple(points)),))
    assert plot_of(view, "lag").lines[0].path.count("M") == 2
    long = tuple((n * SECOND, 5) for n in range(900) if not 400 <= n < 500)
    band = plot_of(lane(series=(SeriesView("lag", "", long),)), "lag").lines[0]
    assert band.path.count("M") == band.band.count("M") == 2


def test_the_mean_of_what_comes_in_bursts_keeps_its_level() -> None:
    points = [(n * SECOND, 100 if n % 10 == 9 else 0) for n in range(100)]
    means = trailing_mean(points, 20 * SECOND)
    assert {value for moment, value in means if moment >= 20 * SECOND} == {10}
    assert [moment for moment, _ in means] == [moment for moment, _ in points]


@pytest.mark.parametrize("verdict", ["PASS", "FAIL"])
def test_a_limit_is_a_line_at_its_height_over_its_phases(verdict: str) -> None:
    limit = threshold(
        "lag", "lag", "max", value=3, limit=6 * SECOND, phases=("storm",), verdict=verdict
    )
    view = lane(series=(gauge("lag", *[4 * SECOND] * 10),), thresholds=(limit,))
    plot, frame = plot_of(view, "lag"), frame_of(view)
    (line,) = plot.limits
    assert (line.begin, line.end) == (20.0, 100.0)
    assert line.failed is (verdict == "FAIL")
    six = next(tick.place for tick in plot.ticks if tick.label == "6 s")
    assert line.y == pytest.approx(frame.top + (1 - six) * plot.height, abs=0.06)
    assert line.label == "largest ≤ 6 s"


def test_a_limit_far_above_everything_is_named_and_does_not_flatten_the_plot() -> None:
    limit = threshold("lag", "lag", "max", value=3, limit=600 * SECOND)
    plot = plot_of(lane(series=(gauge("lag", *[4 * SECOND] * 10),), thresholds=(limit,)), "lag")
    assert plot.limits == ()
    assert plot.beyond == ("largest ≤ 600 s",)
    assert plot.ticks[-1].label == "5 s"


def test_a_total_is_no_height() -> None:
    limit = threshold("lag", "lag", "sum", value=3, limit=6 * SECOND)
    plot = plot_of(lane(series=(gauge("lag", 4 * SECOND),), thresholds=(limit,)), "lag")
    assert plot.limits == plot.beyond == plot.trends == ()


def test_the_budget_of_memory_and_the_cores_are_drawn() -> None:
    view = lane(series=(gauge("memory", 1_000 * MIB), gauge("cpu", 900_000)))
    assert [limit.label for limit in plot_of(view, "memory").limits] == ["budget 2.0 GiB"]
    assert [limit.label for limit in plot_of(view, "cpu").limits] == ["2 cores"]


def test_a_trend_goes_through_the_medians_with_the_judged_slope() -> None:
    slope = 72 * MIB
    floor = tuple((n * 10 * SECOND, 100 * MIB + slope * n * 10 // 3_600) for n in range(100))
    leak = threshold("leak", "memory_floor", "slope", value=slope, limit=slope // 2)
    leak = replace(leak, dimension="bytes", unit="MiB", scale=MIB)
    view = lane(series=(SeriesView("memory_floor", "", floor),), thresholds=(leak,))
    plot = plot_of(view, "memory-floor")
    trend, bound = plot.trends
    assert (trend.figures, bound.figures) == ("72 MiB/h", "36 MiB/h")
    assert "failed" in trend.look
    begin, end = vertices(trend.path)
    dots = vertices(plot.lines[0].path)
    assert (begin, end) == (dots[0], dots[-1])
    (_, high), (_, low) = vertices(bound.path)
    assert high - low == pytest.approx((begin[1] - end[1]) / 2, abs=1)


def test_a_slope_that_leaves_the_plot_is_cut_off_and_not_bent() -> None:
    floor = tuple((n * 10 * SECOND, 100 * MIB + n % 3) for n in range(101))
    leak = threshold("leak", "memory_floor", "slope", value=0, limit=10_000 * MIB, unit="MiB")
    view = lane(series=(SeriesView("memory_floor", "", floor),), thresholds=(leak,))
    level, bound = plot_of(view, "memory-floor").trends
    assert len({y for _, y in vertices(level.path)}) == 1
    (x0, _), (x1, y1) = vertices(bound.path)
    assert y1 == 0
    assert x0 == 0
    assert x1 < COLUMNS // 10


def test_the_samples_of_other_phases_do_not_bend_a_trend() -> None:
    floor = tuple((n * 10 * SECOND, (100 if n >= 20 else 500) * MIB) for n in range(100))
    leak = threshold("leak", "memory_floor", "slope", value=0, limit=MIB, phases=("storm",))
    view = lane(series=(SeriesView("memory_floor", "", floor),), thresholds=(leak,))
    (x0, y0), (_, y1) = vertices(plot_of(view, "memory-floor").trends[0].path)
    assert x0 == COLUMNS // 5
    assert y0 == y1 > ROWS * 0.7


def test_phases_stand_behind_every_plot_where_they_were() -> None:
    calm, storm = frame_of(lane()).bands
    assert (calm.begin, calm.width, calm.name) == (0.0, 20.0, "calm")
    assert (storm.begin, storm.width, storm.name) == (20.0, 80.0, "storm")
    assert calm.about == "calm: 0:00 to 3:20, 10 events/s"
    assert calm.dark is not storm.dark


def faults(*given: tuple[str, int, int | None]) -> tuple[FaultView, ...]:
    return tuple(
        FaultView(
            n, kind, at * SECOND, None, None if took is None else (at + took) * SECOND, 60 * SECOND
        )
        for n, (kind, at, took) in enumerate(given, 1)
    )


def test_a_fault_is_marked_where_it_struck_under_the_number_of_its_kind() -> None:
    marks = fault_marks(
        faults(("kill_worker", 250, 5), ("full_disk", 500, 61), ("kill_worker", 750, None)),
        TimeAxis(1_000 * SECOND),
    )
    assert [(mark.place, mark.column) for mark in marks] == [
        (25.0, COLUMNS // 4),
        (50.0, COLUMNS // 2),
        (75.0, 3 * COLUMNS // 4),
    ]
    assert [mark.kind for mark in marks] == [1, 2, 1]
    assert [mark.within for mark in marks] == [True, False, False]
    assert marks[2].about == "3 kill_worker 12:30, not steady again"


def test_numbers_of_faults_that_strike_close_together_do_not_cover_one_another() -> None:
    given = [("kill_worker", 100 + 5 * n, 1) for n in range(100)]
    marks = fault_marks(faults(*given), TimeAxis(1_000 * SECOND))
    always = [mark.place for mark in marks if mark.named == "always"]
    shown = [mark.place for mark in marks if mark.named != "never"]
    assert all(b - a >= 7 for a, b in pairwise(always))
    assert all(b - a >= 1.7 for a, b in pairwise(shown))
    assert always
    assert len(marks) == 100


def test_kinds_are_numbered_as_they_first_struck() -> None:
    given = faults(("b", 9, 1), ("a", 5, 1), ("b", 1, 1))
    assert numbered_kinds(given) == {"b": 1, "a": 2}


def test_a_strip_places_each_fault_by_its_time_and_its_limit_by_its_own() -> None:
    found = recovery(faults(("full_disk", 0, 30), ("full_disk", 1, 61), ("full_disk", 2, None)))
    assert found is not None
    (strip,) = found.strips
    per_second = strip.limit_place / 60
    assert [dot.place for dot in strip.dots] == [
        pytest.approx(30 * per_second, abs=0.02),
        pytest.approx(61 * per_second, abs=0.02),
        100.0,
    ]
    assert [dot.within for dot in strip.dots] == [True, False, False]
    assert (strip.within, strip.struck, strip.worst) == (1, 3, "never steady")
    assert recovery(()) is None


def test_labels_of_limits_do_not_cover_one_another() -> None:
    given = [Limit(100.0, 0.0, 100.0, name, failed=False, label_y=100.0) for name in "abc"]
    placed = apart(given, 300.0)
    assert [limit.y for limit in placed] == [100.0] * 3
    assert [b.label_y - a.label_y for a, b in pairwise(placed)] == [13.0, 13.0]


def distribution(metric: str) -> DistributionView:
    over_time = tuple(
        Percentiles(n * 10 * SECOND, (n + 1) * 10 * SECOND, 100, 10_000, 20_000, 50_000, 100_000)
        for n in range(10)
    )
    return DistributionView(metric, over_time, ((1.0, 5_000), (100.0, 50_000), (1_000.0, 100_000)))


def test_the_curve_gives_each_nine_the_same_space_and_limits_stand_at_their_percentile() -> None:
    limit = threshold("p99", "latency", "p99", value=50_000, limit=100_000, unit="ms", scale=1_000)
    drawn = curve(lane(distributions=(distribution("latency"),), thresholds=(limit,)), 8)
    assert [x for x, _ in vertices(drawn.lines[0].path)] == [0, round(COLUMNS * 2 / 3), COLUMNS]
    (bound,) = drawn.bounds
    assert bound.place == pytest.approx(66.67)
    assert bound.y == 8.0
    assert bound.label == "End to end p99 ≤ 100 ms"
    places = {tick.label: tick.place for tick in drawn.across}
    assert places["90 %"] == pytest.approx(1 / 3)
    assert places["99.9 %"] == pytest.approx(1)


def test_percentiles_over_time_stand_one_above_the_other() -> None:
    plot = plot_of(lane(distributions=(distribution("latency"),)), "latency")
    rows = [vertices(line.path)[0][1] for line in plot.lines]
    assert rows == sorted(rows, reverse=True)
    assert [line.name for line in plot.lines] == ["p50", "p95", "p99", "largest"]


@pytest.mark.parametrize(
    ("most", "dimension", "labels"),
    [
        (0, "count", ["0", "1"]),
        (3, "count", ["0", "1", "2", "3", "4"]),
        (24_000, "rate", ["0", "5 k/s", "10 k/s", "15 k/s", "20 k/s", "25 k/s"]),
        (1_900_000, "share", ["0", "50 %", "100 %", "150 %", "200 %"]),
    ],
)
def test_ticks_are_round(most: int, dimension: str, labels: list[str]) -> None:
    scale = Linear.over(0, most, dimension)
    assert [tick.label for tick in scale.ticks] == labels


def test_logarithmic_ticks_are_round_and_hold_the_values() -> None:
    scale = Logarithmic.over(9_000, 450_000)
    labels = ["5 ms", "10 ms", "20 ms", "50 ms", "100 ms", "200 ms", "500 ms"]
    assert [tick.label for tick in scale.ticks] == labels
    assert scale.place(9_000) > 0
    assert scale.place(450_000 * ROOM) < 1
    assert [tick.label for tick in Logarithmic.over(900, 9_000_000).ticks] == [
        "1 ms",
        "10 ms",
        "100 ms",
        "1 s",
        "10 s",
    ]
    assert scale.place(0) == 0


def test_a_phone_shows_few_labels_of_time_and_a_wide_screen_more() -> None:
    ticks = TimeAxis(2_700 * SECOND).ticks
    assert [tick.label for tick in ticks if not tick.fine] == [
        "0",
        "10 min",
        "20 min",
        "30 min",
        "40 min",
    ]
    assert len(ticks) == 10
    short = TimeAxis(60 * SECOND).ticks
    assert [tick.label for tick in short if not tick.fine][:2] == ["0", "15 s"]


def test_labels_of_nines_leave_room_on_a_phone() -> None:
    ticks = Nines(1e8).ticks
    assert [tick.label for tick in ticks if not tick.fine] == [
        "0 %",
        "90 %",
        "99 %",
        "99.99 %",
        "99.9999 %",
    ]
    assert [tick.label for tick in Nines(2_000).ticks if tick.fine] == ["50 %"]


def test_a_value_never_rounds_to_the_limit_from_which_it_differs() -> None:
    over = threshold("lag", "lag", "max", value=5_000_400, limit=5 * SECOND)
    assert lane_figures.in_unit(5_000_400, over) == "5.0004 s"
    assert lane_figures.limit(over) == "≤ 5 s"


def test_a_very_small_value_is_written_in_a_unit_of_its_own() -> None:
    soon = threshold("drained", "drain", "max", value=109, limit=30 * SECOND)
    assert lane_figures.in_unit(109, soon) == "109 µs"
    slow = replace(soon, statistic="slope", dimension="bytes", unit="GiB", scale=2**30)
    assert lane_figures.in_unit(5 * MIB, slow) == "5.0 MiB/h"
    assert lane_figures.in_unit(0, soon) == "0 s"


@pytest.mark.parametrize(
    ("at_most", "value", "limit", "fill", "words"),
    [
        (True, 5, 10, 32.0, "50 % to spare"),
        (True, 12, 10, 76.8, "20 % over"),
        (True, 30, 10, 100.0, "3 times the limit"),
        (True, 10, 10, 64.0, "at the limit"),
        (True, 0, 0, 0.0, "none, as it must be"),
        (True, 37, 0, 100.0, "37 over"),
        (True, -4, 10, 0.0, "140 % to spare"),
        (False, 12, 10, 76.8, "20 % above"),
        (False, 5, 10, 32.0, "50 % short"),
    ],
)
def test_a_margin_is_drawn_and_said(
    at_most: bool, value: int, limit: int, fill: float, words: str
) -> None:
    judged = threshold(
        "x", "lag", "max", value=value, limit=limit, at_most=at_most, unit="1", scale=1
    )
    margin = lane_figures.margin(judged)
    assert margin is not None
    assert (margin.fill, margin.words) == (fill, words)
    assert margin.beyond is (judged.verdict == "FAIL")
