"""The Dagster UI in a real Chromium: one product of one run is mended and certified by hand.

Where there is no Chromium the test says so and is skipped.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from platform_assets.identifiers import RunId
from platform_assets.orchestration import home_instance
from platform_assets.pipeline import Platform, finish, pin, product_state
from platform_assets_tests.browser.conftest import CHROMIUM, PATIENCE
from platform_assets_tests.browser.dagster_server import dagster_dev
from platform_assets_tests.orchestration.dagster_steps import execute, failed_checks
from platform_assets_tests.orchestration.shop_home import append, good_window, make_shop, redeclare

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

RUN = "shop-00000001"
PARTITION = f"assets/shop/refunds?view=partitions&partition={RUN}"
LINEAGE = "assets/shop/refunds?view=lineage"
CERTIFICATE = "assets/shop/refunds?view=checks&checkDetail=certificate"
TOO_STRICT = ("max: 100000\n        - check: referential", "max: 50\n        - check: referential")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A run whose refunds failed their check; the check has been mended since."""
    home = make_shop(tmp_path / "home")
    right = (home / "defs/shop/defs.yaml").read_text(encoding="utf-8")
    append(home, good_window(1))
    redeclare(home, *TOO_STRICT)
    assert str(pin(Platform.open(home), "shop")) == RUN
    with home_instance(home) as instance:
        result = execute(home, instance, RUN)
    assert ("refunds", "certificate", RUN) in failed_checks(result)
    (home / "defs/shop/defs.yaml").write_text(right, encoding="utf-8")
    return home


def test_one_product_of_one_run_is_materialised_and_certified_from_its_partition_page(
    home: Path, page: Page, screenshots: Path, tmp_path: Path
) -> None:
    with dagster_dev(home, tmp_path / "dg-dev.log") as address:
        page.goto(f"{address}/{CERTIFICATE}")
        page.get_by_text("FAIL", exact=True).wait_for()
        page.screenshot(path=screenshots / "1-failed.png")

        page.goto(f"{address}/{PARTITION}")
        page.get_by_text("content_digest").first.wait_for()
        page.get_by_role("button", name="Materialize").first.click()
        page.get_by_role("button", name="Launch 1 run").click()
        wait_for_run(home)
        assert product_state(Platform.open(home), RunId.parse(RUN), "refunds")["readable"]

        page.goto(f"{address}/{CERTIFICATE}")
        page.get_by_text("PASS", exact=True).wait_for()
        page.screenshot(path=screenshots / "2-certified.png")

        page.goto(f"{address}/{PARTITION}")
        page.get_by_text("content_digest").first.wait_for()
        page.screenshot(path=screenshots / "3-materialised.png")

        page.goto(f"{address}/{LINEAGE}")
        page.get_by_text("refund_rate").first.wait_for()
        page.wait_for_timeout(3_000)  # the graph is laid out in a worker and then drawn
        page.screenshot(path=screenshots / "4-lineage.png")
    closed = finish(Platform.open(home), RunId.parse(RUN))
    assert closed["bundle_digest"]


def wait_for_run(home: Path) -> None:
    """Wait until the run that the browser launched has ended, and hold it to success."""
    deadline = time.monotonic() + PATIENCE / 1000
    with home_instance(home) as instance:
        while time.monotonic() < deadline:
            launched = [run for run in instance.get_runs() if run.job_name != "shop_run"]
            if launched and launched[0].is_finished:
                assert launched[0].status is dg.DagsterRunStatus.SUCCESS
                return
            time.sleep(1)
    raise AssertionError("the run that the browser launched did not end")
