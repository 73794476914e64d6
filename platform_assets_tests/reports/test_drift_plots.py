"""A bin is drawn as wide as its share, on one scale for the baseline and the run."""

from __future__ import annotations

from platform_assets.flow.drift import Bin
from platform_assets.reports.drift_plots import MOST, WIDTH, drift_plot


def test_both_sides_are_drawn_by_their_shares_on_one_scale() -> None:
    plot = drift_plot("d", "kind", 2, [Bin("a", 50, 1), Bin("b", 50, 3), Bin("all others", 0, 0)])
    assert (plot.expected_total, plot.found_total, plot.left_out) == (100, 4, 0)
    widths = [(bar.label, bar.expected_width, bar.found_width) for bar in plot.bars]
    assert widths == [("a", 666.7, 333.3), ("b", 666.7, WIDTH), ("all others", 0.0, 0.0)]


def test_the_rarest_bins_are_left_out_and_counted() -> None:
    bins = [Bin(f"v{n:02d}", n, 0) for n in range(MOST + 5)]
    plot = drift_plot("d", "kind", 1, bins)
    assert [bar.label for bar in plot.bars] == [f"v{n:02d}" for n in range(5, MOST + 5)]
    assert plot.left_out == 5


def test_a_run_without_values_draws_nothing_of_its_own() -> None:
    plot = drift_plot("d", "kind", 1, [Bin("a", 3, 0)])
    assert [(bar.expected_width, bar.found_width) for bar in plot.bars] == [(WIDTH, 0.0)]
