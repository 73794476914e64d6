"""One product of three breaks; the others stay as they are; it alone is mended, and the run closes."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets.errors import (
    CertificateFailed,
    CertificationFailed,
    ClosureRefused,
    PredecessorOpen,
    RunSealed,
)
from platform_assets.identifiers import RunId
from platform_assets.pipeline import (
    Platform,
    build,
    certify,
    close,
    consume,
    finish,
    next_run,
    open_product,
    pin,
    product_state,
)
from platform_assets.pipeline.admit import admit
from platform_assets.pipeline.land import land
from platform_assets_tests.shop import append, order, redeclare

if TYPE_CHECKING:
    from pathlib import Path

RUN = RunId("shop", 1)


def _limit_refunds(cents: int) -> Any:
    def change(feed: dict[str, Any]) -> None:
        feed["products"]["refunds"]["checks"][1]["max"] = cents

    return change


@pytest.fixture
def broken(shop: Path) -> Path:
    redeclare(shop, _limit_refunds(10))
    platform = Platform.open(shop)
    assert next_run(platform, "shop") == RUN
    with pytest.raises(CertificationFailed, match="refund_size") as refused:
        finish(platform, RUN)
    assert "turnover: blocked by CertificateFailed" in str(refused.value)
    return shop


def test_a_failed_product_is_unreadable_and_the_others_are_not(broken: Path) -> None:
    platform = Platform.open(broken)
    with pytest.raises(CertificateFailed):
        open_product(platform, RUN, "refunds")
    assert open_product(platform, RUN, "orders").rows == 100
    assert open_product(platform, RUN, "cancellations").rows == 10
    with pytest.raises(CertificateFailed):
        consume(platform, RUN, "turnover")
    assert product_state(platform, RUN, "turnover")["generation"] is None


def test_a_run_with_a_failed_product_cannot_be_closed(broken: Path) -> None:
    with pytest.raises(ClosureRefused) as refused:
        close(Platform.open(broken), RUN)
    assert "EveryProductCertified: refunds: CertificateFailed" in str(refused.value)
    assert "EveryConsumerRecorded" in str(refused.value)
    assert refused.value.found.count("EveryProductCertified") == 1, "each requirement once"


def test_mending_the_check_takes_that_product_alone(broken: Path) -> None:
    before = _part_hashes(broken, ("orders", "cancellations", "refunds"))
    redeclare(broken, _limit_refunds(1000))
    platform = Platform.open(broken)
    assert build(platform, RUN, "refunds")["generation"] == 1, "the same bytes converge"
    assert certify(platform, RUN, "refunds")["verdict"] == "PASS"
    consume(platform, RUN, "turnover")
    certify(platform, RUN, "turnover")
    assert close(platform, RUN)["verdict"] == "CLOSED"
    assert _part_hashes(broken, ("orders", "cancellations", "refunds")) == before


def test_a_new_policy_on_another_product_makes_that_one_unreadable_only(broken: Path) -> None:
    def change(feed: dict[str, Any]) -> None:
        feed["products"]["orders"]["checks"][-1]["max"] = 99999

    redeclare(broken, change)
    platform = Platform.open(broken)
    assert product_state(platform, RUN, "orders")["refusal"]["error"] == "PolicyChanged"
    assert product_state(platform, RUN, "cancellations")["readable"]


def test_certifying_again_with_the_same_outcome_writes_nothing(broken: Path) -> None:
    before = sorted((broken / "store").rglob("*.json"))
    first = certify(Platform.open(broken), RUN, "orders")
    assert certify(Platform.open(broken), RUN, "orders") == first
    assert sorted((broken / "store").rglob("*.json")) == before


def test_i11_nothing_is_written_into_a_closed_run(closed_shop: Path) -> None:
    platform = Platform.open(closed_shop)
    before = sorted((closed_shop / "store").rglob("*"))
    for step in (build, certify):
        with pytest.raises(RunSealed):
            step(platform, RUN, "orders")
    with pytest.raises(RunSealed):
        consume(platform, RUN, "turnover")
    assert sorted((closed_shop / "store").rglob("*")) == before


def test_i11_a_policy_changed_after_closure_leaves_the_closed_run_readable(
    closed_shop: Path,
) -> None:
    redeclare(closed_shop, _limit_refunds(1))
    assert open_product(Platform.open(closed_shop), RUN, "refunds").rows == 10


def test_i04_admission_waits_for_the_runs_in_its_horizon(broken: Path) -> None:
    append(broken, "orders", 0, [order(500)])
    platform = Platform.open(broken)
    second = pin(platform, "shop")
    assert second == RunId("shop", 2)
    land(platform, second, "orders")
    with pytest.raises(PredecessorOpen, match="shop-00000001 closed"):
        admit(platform, second, "orders")


def _part_hashes(home: Path, products: tuple[str, ...]) -> dict[str, str]:
    store = home / "store" / "runs" / str(RUN) / "products"
    return {
        path.relative_to(store).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for product in products
        for path in sorted((store / product).rglob("*.parquet"))
    }
