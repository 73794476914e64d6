"""A sensor in the Dagster UI, in a real Chromium: turned on, through an outage, with its lag."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from platform_assets.orchestration import home_instance
from platform_assets.pipeline import Platform, finish, next_run
from platform_assets_tests.browser.conftest import CHROMIUM, PATIENCE
from platform_assets_tests.browser.dagster_server import dagster_dev
from platform_assets_tests.orchestration.shop_home import append, good_window, make_shop, redeclare

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

SENSOR = "locations/platform_assets/sensors/shop_offsets"
LAG = "assets/shop/lag?view=overview"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A shop whose next window is not due for a day, so that what arrives waits."""
    home = make_shop(tmp_path / "home")
    redeclare(home, "max_age_seconds: 0", "max_age_seconds: 86400\n    look_every_seconds: 5")
    append(home, good_window(1))
    platform = Platform.open(home)
    run = next_run(platform, "shop")
    assert run is not None
    finish(platform, run)
    with home_instance(home):
        pass  # the instance is made
    return home


def test_an_outage_is_seen_as_a_failed_tick_and_the_lag_as_a_plot_over_the_ticks(
    home: Path, page: Page, screenshots: Path, tmp_path: Path
) -> None:
    with dagster_dev(home, tmp_path / "dg-dev.log") as address:
        page.goto(f"{address}/{SENSOR}")
        # the box itself is hidden under one that is drawn
        page.get_by_role("checkbox").first.dispatch_event("click")
        for windows in (1, 2, 3):
            append(home, good_window(100 * windows))
            wait_for_lag(home, 5 * windows)
        page.get_by_text("0 runs requested").first.wait_for()
        page.screenshot(path=screenshots / "5-ticks.png")

        (home / "data").rename(home / "gone")
        page.get_by_text("Failure", exact=True).first.wait_for()
        page.screenshot(path=screenshots / "6-outage.png")
        page.get_by_text("View", exact=True).first.click()
        page.get_by_text("SourceUnreachable").first.wait_for()
        page.get_by_text("then try again").first.wait_for()
        page.screenshot(path=screenshots / "7-outage-error.png")

        page.goto(f"{address}/{LAG}")
        page.get_by_text("Plots", exact=True).click()
        page.get_by_text("events/0 records").first.wait_for()
        page.locator("canvas").nth(1).wait_for()
        page.wait_for_timeout(3_000)  # the plot is drawn after its data came
        page.screenshot(path=screenshots / "8-lag.png")


def wait_for_lag(home: Path, records: int) -> None:
    """Wait until a tick has reported so many waiting records."""
    deadline = time.monotonic() + PATIENCE / 1000
    with home_instance(home) as instance:
        while time.monotonic() < deadline:
            seen = instance.fetch_observations(dg.AssetKey(["shop", "lag"]), limit=1).records
            told = seen[0].asset_observation if seen else None
            if told is not None and told.metadata["records"].value == records:
                return
            time.sleep(0.5)
    raise AssertionError(f"no tick reported {records} waiting records")
