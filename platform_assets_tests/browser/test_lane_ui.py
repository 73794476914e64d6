"""A lane in the Dagster UI, in a real Chromium: launched, checked, and plotted over two runs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from platform_assets.orchestration import home_instance
from platform_assets.orchestration.names import LANE_TAG
from platform_assets_tests.browser.conftest import CHROMIUM, PATIENCE
from platform_assets_tests.browser.dagster_server import dagster_dev
from platform_assets_tests.lanes.plans import write_plan
from platform_assets_tests.orchestration.dagster_lanes import burst, metadata
from platform_assets_tests.orchestration.shop_home import make_shop

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

JOB = "locations/platform_assets/jobs/lane_burst"
ASSET = "assets/lanes/burst?view=overview"
CHECKS = "assets/lanes/burst?view=checks&checkDetail"
SMOKE = "ops: {lanes__burst: {config: {profile: smoke}}}"
MEMORY = {"metric": "memory", "statistic": "max", "at_most": 3, "unit": "GiB"}
#: Seconds for a lane of the profile `smoke`; the machine may be busy.
LANE_PATIENCE = 400

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home in which the lane ran once, with a plan that has one threshold."""
    home = make_shop(tmp_path / "home")
    write_plan(home / "plan.yaml", {"memory": MEMORY}, seconds=3)
    with home_instance(home) as instance:
        assert burst(home, instance, profile="tiny", plan="plan.yaml").success
    return home


def test_a_lane_is_launched_from_its_launchpad_and_its_figures_are_plotted(
    home: Path, page: Page, screenshots: Path, tmp_path: Path
) -> None:
    with dagster_dev(home, tmp_path / "dg-dev.log") as address:
        page.goto(f"{address}/{ASSET}")
        page.get_by_role("button", name="Materialize").first.click()
        page.get_by_role("button", name="Scaffold missing config").wait_for()  # it is not begun

        page.goto(f"{address}/{JOB}")
        page.get_by_role("button", name="Materialize").first.click()
        page.get_by_text("profile: standard").click()
        page.keyboard.press("Control+a")
        page.keyboard.insert_text(SMOKE)
        page.screenshot(path=screenshots / "9-launchpad.png")
        page.get_by_role("button", name="Materialize").last.click()
        wait_for_lane(home)
        with home_instance(home) as instance:
            shown = metadata(instance)
        assert shown["profile"] == "smoke"

        page.goto(f"{address}/assets/lanes/recovery?view=checks")
        page.get_by_text("kill_everything").first.wait_for()
        page.screenshot(path=screenshots / "14-recovery.png")
        page.goto(f"{address}/{CHECKS}=lane_verdict")
        page.get_by_text("lane-burst-00000002").first.wait_for()
        page.get_by_text(shown["verdict"], exact=True).first.wait_for()
        page.screenshot(path=screenshots / "10-lane-verdict.png")
        page.goto(f"{address}/{CHECKS}=memory")
        page.get_by_text("at most 3,072 MiB").first.wait_for()
        page.locator("canvas").first.wait_for()
        page.wait_for_timeout(3_000)  # the plot is drawn after its data came
        page.screenshot(path=screenshots / "11-lane-check.png")

        page.goto(f"{address}/{ASSET}")
        page.get_by_text("memory (MiB)").first.wait_for()
        page.screenshot(path=screenshots / "12-lane-figures.png")
        page.get_by_text("Plots", exact=True).click()
        plot = page.get_by_text("memory (MiB)").first
        plot.scroll_into_view_if_needed()
        page.locator("canvas").nth(1).wait_for()
        page.wait_for_timeout(3_000)
        page.screenshot(path=screenshots / "13-lane-plots.png")


def wait_for_lane(home: Path) -> None:
    """Wait until the lane that the browser launched has ended, and hold its run to success."""
    deadline = time.monotonic() + LANE_PATIENCE + PATIENCE / 1000
    with home_instance(home) as instance:
        while time.monotonic() < deadline:
            launched = [run for run in instance.get_runs() if "dagster/from_ui" in run.tags]
            if launched and launched[0].is_finished:
                assert launched[0].status is dg.DagsterRunStatus.SUCCESS
                assert launched[0].tags[LANE_TAG] == "burst"  # by which the queue knows lanes
                return
            time.sleep(1)
    raise AssertionError("the lane that the browser launched did not end")
