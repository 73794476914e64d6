"""A baseline comes from certified products of closed runs, and is never replaced."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets import errors
from platform_assets.canonical import digest_bytes
from platform_assets.flow.profile import Profile
from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, caught_up, layout, revoke
from platform_assets.pipeline.baselines import baselines, pin_baseline, read_baseline
from platform_assets.pipeline.run import Silence
from platform_assets_tests.attacks import Attacker
from platform_assets_tests.shop import append, order

if TYPE_CHECKING:
    from pathlib import Path

RUN, NEXT = RunId("shop", 1), RunId("shop", 2)


def pinned(platform: Platform, *runs: RunId, reason: str = "") -> dict[str, Any]:
    return pin_baseline(platform, "shop", "orders", runs or [RUN], reason)


def with_another_run(home: Path) -> Platform:
    append(home, "orders", 0, [order(number, cents=50_000) for number in range(100, 160)])
    platform = Platform.open(home)
    assert len(list(caught_up(platform, "shop", Silence()))) == 1
    return platform


def test_a_baseline_is_the_merged_profile_of_its_runs(closed_shop: Path) -> None:
    platform = with_another_run(closed_shop)
    record = pinned(platform, NEXT, RUN)
    assert [run["run_id"] for run in record["runs"]] == [str(RUN), str(NEXT)]
    cents = Profile.from_json(record).column("cents")
    assert cents is not None
    assert (record["rows"], cents.low, cents.high) == (160, 100, 50_000)
    assert read_baseline(platform, "shop", "orders", 1) == record
    assert (record["reason"], record["predecessor"]) == ("the first baseline", None)
    assert record["pinned_by"] == platform.signer.keyid


def test_another_baseline_needs_a_reason_and_names_the_one_before_it(closed_shop: Path) -> None:
    platform = Platform.open(closed_shop)
    first = pinned(platform)
    path = layout.baseline_path("shop", "orders", 1)
    before = platform.store.read(path)
    with pytest.raises(errors.Usage, match="no reason"):
        pinned(platform, reason="  ")
    second = pinned(platform, reason="prices went up")
    assert (second["number"], second["predecessor"]) == (2, digest_bytes(before))
    assert platform.store.read(path) == before
    assert baselines(platform, "shop", "orders") == [first, second]
    assert read_baseline(platform, "shop", "orders", 1) == first


def test_an_open_run_is_no_baseline(ready: Path) -> None:
    with pytest.raises(errors.RunOpen):
        pinned(Platform.open(ready))


def test_a_revoked_product_is_no_baseline(closed_shop: Path) -> None:
    platform = Platform.open(closed_shop)
    revoke(platform, RUN, "orders", "wrong rates")
    with pytest.raises(errors.CertificateRevoked):
        pinned(platform)


@pytest.mark.parametrize("runs", [[], [RUN, RUN], [RunId("other", 1)]])
def test_runs_are_of_the_feed_and_named_once(closed_shop: Path, runs: list[RunId]) -> None:
    with pytest.raises(errors.Usage):
        pin_baseline(Platform.open(closed_shop), "shop", "orders", runs, "")


def test_a_product_that_is_not_declared_has_no_baseline(closed_shop: Path) -> None:
    with pytest.raises(errors.UnknownThing):
        pin_baseline(Platform.open(closed_shop), "shop", "others", [RUN], "")


def test_a_profile_that_was_changed_is_no_baseline(closed_shop: Path) -> None:
    attacker = Attacker(closed_shop, RUN)
    manifest = json.loads(attacker.manifest().read_bytes())
    path = attacker.store / layout.profile_path(RUN, "orders", manifest["profile"])
    attacker.overwrite(path, path.read_bytes().replace(b'"nulls":0', b'"nulls":1', 1))
    with pytest.raises(errors.EvidenceInconsistent, match="other bytes"):
        pinned(attacker.platform())


def test_a_baseline_that_is_missing_between_others_shows(closed_shop: Path) -> None:
    platform = Platform.open(closed_shop)
    pinned(platform)
    pinned(platform, reason="another")
    (closed_shop / "store" / layout.baseline_path("shop", "orders", 1)).unlink()
    with pytest.raises(errors.EvidenceInconsistent, match="nothing"):
        baselines(platform, "shop", "orders")


def test_a_baseline_that_was_exchanged_shows_at_its_successor(closed_shop: Path) -> None:
    platform = with_another_run(closed_shop)
    pinned(platform)
    first = closed_shop / "store" / layout.baseline_path("shop", "orders", 1)
    kept = first.read_bytes()
    pinned(platform, reason="another")
    first.unlink()
    second = closed_shop / "store" / layout.baseline_path("shop", "orders", 2)
    aside = second.read_bytes()
    second.unlink()
    pinned(platform, NEXT)  # signed by the very key
    assert first.read_bytes() != kept
    second.write_bytes(aside)
    with pytest.raises(errors.EvidenceInconsistent, match="after sha256"):
        baselines(platform, "shop", "orders")


def test_a_baseline_that_a_stranger_changed_is_refused(closed_shop: Path) -> None:
    platform = Platform.open(closed_shop)
    pinned(platform)
    path = closed_shop / "store" / layout.baseline_path("shop", "orders", 1)
    signed = json.loads(path.read_bytes())
    signed["dsseEnvelope"]["signatures"][0]["sig"] = "AAAA"
    path.unlink()
    path.write_text(json.dumps(signed, separators=(",", ":"), sort_keys=True))
    with pytest.raises(errors.GateRefusal):
        baselines(platform, "shop", "orders")


def test_what_was_not_pinned_cannot_be_read(closed_shop: Path) -> None:
    platform = Platform.open(closed_shop)
    for number in (0, 1):
        with pytest.raises(errors.UnknownThing, match="none of that number"):
            read_baseline(platform, "shop", "orders", number)
