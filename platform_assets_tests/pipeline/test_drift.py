"""A run that moved away from its baseline is not certified, and evidence holds what it was held to."""

from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets import errors
from platform_assets.flow.replay import Verdict
from platform_assets.identifiers import RunId
from platform_assets.pipeline import (
    Platform,
    caught_up,
    export_run,
    is_closed,
    layout,
    open_product,
    verify_bundle,
)
from platform_assets.pipeline.baselines import pin_baseline
from platform_assets.pipeline.replay import replay_bundle
from platform_assets.pipeline.replay_platform import Surroundings
from platform_assets.pipeline.run import Silence
from platform_assets_tests.shop import append, order, redeclare

if TYPE_CHECKING:
    from pathlib import Path

RUN, NEXT = RunId("shop", 1), RunId("shop", 2)


def held_to(home: Path, baseline: int) -> Platform:
    check: dict[str, Any] = {
        "check": "drift",
        "column": "cents",
        "baseline": baseline,
        "statistic": "psi",
        "at_most": 0.25,
        "min_rows": 10,
    }
    redeclare(home, lambda feed: feed["products"]["orders"]["checks"].append(check))
    return Platform.open(home)


def run_next(home: Path, cents: int | None = None) -> str:
    changed = {} if cents is None else {"cents": cents}
    records = [order(100 + n, **{"cents": 100 + n, **changed}) for n in range(100)]
    append(home, "orders", 0, records)
    platform = Platform.open(home)
    try:
        list(caught_up(platform, "shop", Silence()))
    except errors.PlatformError as error:
        return f"{error.code}: {error.found}"
    return "closed"


def test_a_run_like_the_baseline_is_closed_and_its_evidence_holds_the_baseline(
    closed_shop: Path, tmp_path: Path
) -> None:
    pin_baseline(Platform.open(closed_shop), "shop", "orders", [RUN], "")
    platform = held_to(closed_shop, 1)
    assert run_next(closed_shop) == "closed"
    archive = tmp_path / "evidence.tar"
    export_run(platform, NEXT, archive, with_data=True)
    verify_bundle(archive, ()).require()
    baseline = closed_shop / "store" / layout.baseline_path("shop", "orders", 1)
    baseline.unlink()  # the evidence needs nothing else
    around = Surroundings(home=closed_shop, scratch=tmp_path / "scratch")
    assert replay_bundle(archive, around).verdict is Verdict.REPRODUCED


def test_the_report_plots_the_product_beside_the_baseline(closed_shop: Path) -> None:
    pin_baseline(Platform.open(closed_shop), "shop", "orders", [RUN], "")
    held_to(closed_shop, 1)
    assert run_next(closed_shop) == "closed"
    (report,) = closed_shop.glob(f"store/runs/{NEXT}/evidence/*/report.html")
    page = report.read_text(encoding="utf-8")
    assert "cents beside baseline 1" in page
    # 100 to 199 each once; below 128 a bucket is two wide, and five of them are a tenth
    assert 'aria-label="below 110: 10 in the baseline, 10 in this run."' in page
    assert page.count('<svg class="drift"') == 10
    (before,) = closed_shop.glob(f"store/runs/{RUN}/evidence/*/report.html")
    assert "beside baseline" not in before.read_text(encoding="utf-8")


def test_a_run_that_moved_away_from_the_baseline_is_not_closed(closed_shop: Path) -> None:
    pin_baseline(Platform.open(closed_shop), "shop", "orders", [RUN], "")
    platform = held_to(closed_shop, 1)
    assert "drift_cents" in run_next(closed_shop, cents=90_000)
    assert not is_closed(platform, NEXT)


def test_a_later_baseline_changes_nothing_until_the_policy_names_it(closed_shop: Path) -> None:
    pin_baseline(Platform.open(closed_shop), "shop", "orders", [RUN], "")
    held_to(closed_shop, 1)
    assert run_next(closed_shop) == "closed"
    pin_baseline(Platform.open(closed_shop), "shop", "orders", [NEXT], "another generator")
    certificate = open_product(Platform.open(closed_shop), NEXT, "orders").certificate
    (check,) = [each for each in certificate["checks"] if each["check"] == "drift"]
    assert check["expected"].startswith("psi at most 0.25 against baseline 1, sha256:")


def test_a_baseline_that_nobody_pinned_is_no_pass(closed_shop: Path) -> None:
    held_to(closed_shop, 2)
    assert "drift_cents" in run_next(closed_shop)


def test_a_baseline_that_was_changed_in_the_evidence_shows(
    closed_shop: Path, tmp_path: Path
) -> None:
    pin_baseline(Platform.open(closed_shop), "shop", "orders", [RUN], "")
    platform = held_to(closed_shop, 1)
    assert run_next(closed_shop) == "closed"
    folder = tmp_path / "evidence"
    export_run(platform, NEXT, tmp_path / "evidence.tar")
    with tarfile.open(tmp_path / "evidence.tar") as archive:
        archive.extractall(folder, filter="data")
    (baseline,) = folder.glob("**/baselines/shop/orders/0001.json")
    data = bytearray(baseline.read_bytes())
    data[len(data) // 2] ^= 1
    baseline.chmod(0o644)
    baseline.write_bytes(data)
    with pytest.raises(errors.VerificationFailed):
        verify_bundle(folder, ()).require()
