"""The home of a lane: the feed as it is declared, on places of its own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from platform_assets.errors import SettingsInvalid, UnknownThing
from platform_assets.examples.home import create_home
from platform_assets.identifiers import LaneRunId
from platform_assets.lanes.home import make_lane_home
from platform_assets.pipeline import Platform
from platform_assets_tests.lanes.plans import burst

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets.lanes.plan import LanePlan

RUN = LaneRunId("burst", 3)
PAYMENTS = {"stream": "authorisations"}


@pytest.fixture(scope="module")
def in_use(tmp_path_factory: pytest.TempPathFactory) -> Platform:
    home = tmp_path_factory.mktemp("production") / "home"
    create_home(home, ["payments"])
    (home / "platform.yaml").write_text("claim_ttl_seconds: 7.0\nrevision: r42\n")
    return Platform.open(home)


def lane_home(plan: LanePlan, in_use: Platform, tmp_path: Path) -> Platform:
    return Platform.open(make_lane_home(plan, in_use, tmp_path / "work" / "home", RUN))


def test_a_feed_of_the_home_in_use_keeps_all_but_its_places_and_windows(
    in_use: Platform, tmp_path: Path
) -> None:
    lane = lane_home(burst(of=PAYMENTS, feed="payments"), in_use, tmp_path)
    declared, copied = in_use.feed("payments"), lane.feed("payments")
    assert copied.outputs().keys() == declared.outputs().keys()
    for name, output in declared.outputs().items():
        assert copied.outputs()[name] == output
    assert copied.dedupe == declared.dedupe
    assert copied.window.max_records == 5_000
    assert copied.window.max_bytes == declared.window.max_bytes
    assert lane.settings.claim_ttl_seconds == 7.0
    assert lane.settings.revision == "r42"
    assert list(lane.feeds) == ["payments"]


def test_every_topic_has_the_lane_run_in_its_name_and_no_two_lanes_share_one(
    in_use: Platform, tmp_path: Path
) -> None:
    plan = burst(of=PAYMENTS, feed="payments")
    first, second = (lane_home(plan, in_use, tmp_path / each) for each in ("a", "b"))
    topics = [s.topic for lane in (first, second) for s in lane.feed("payments").streams.values()]
    assert all(topic and topic.startswith("lane-burst-00000003-") for topic in topics)
    assert len(set(topics)) == 4


def test_the_shipped_feed_needs_nothing_of_the_home_in_use(
    in_use: Platform, tmp_path: Path
) -> None:
    lane = lane_home(burst(), in_use, tmp_path)
    assert list(lane.feeds) == ["load"]
    assert lane.signer.keyid != in_use.signer.keyid


def test_a_store_outside_the_lane_gets_a_folder_of_its_own(
    in_use: Platform, tmp_path: Path
) -> None:
    lane = lane_home(burst(store="s3://bucket/lanes"), in_use, tmp_path)
    assert lane.settings.store.startswith("s3://bucket/lanes/lane-burst-00000003-")
    beside = lane_home(burst(store=str(tmp_path / "stores")), in_use, tmp_path / "b")
    assert beside.settings.store.startswith(str(tmp_path / "stores" / "lane-burst-00000003-"))


def test_places_of_production_are_refused(in_use: Platform, tmp_path: Path) -> None:
    data = {"kind": "file_log", "path": str(in_use.home / "data" / "payments")}
    for plan in (
        burst(store=str(in_use.home / "store")),
        burst(store=str(in_use.home / "store" / "below")),
        burst(source=data),
        burst(source={"kind": "file_log", "path": os.path.relpath(data["path"], tmp_path / "x")}),
    ):
        with pytest.raises(SettingsInvalid, match="a lane touches nothing of production"):
            make_lane_home(plan, in_use, tmp_path / "x", RUN)
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("store", ["s3://bucket/production", "s3://bucket/production/below"])
def test_the_bucket_of_production_is_refused(tmp_path: Path, store: str) -> None:
    home = tmp_path / "home"
    create_home(home, [], store="s3://bucket/production")
    in_use = Platform.open(home)
    with pytest.raises(SettingsInvalid, match="a lane touches nothing of production"):
        make_lane_home(burst(store=store), in_use, tmp_path / "x", RUN)


def test_a_feed_or_stream_that_is_not_declared_is_refused(in_use: Platform, tmp_path: Path) -> None:
    for plan in (burst(feed="flights"), burst(of=PAYMENTS), burst(feed="payments")):
        with pytest.raises(UnknownThing):
            make_lane_home(plan, in_use, tmp_path / "x", RUN)


def test_functions_of_the_home_and_credentials_of_the_source_are_found(tmp_path: Path) -> None:
    home = tmp_path / "production"
    create_home(home, ["payments"])
    defs = home / "defs" / "payments" / "defs.yaml"
    defs.write_text(
        defs.read_text().replace("platform_assets.examples.payments.features:", "own.features:")
    )
    (home / "own").mkdir()
    (home / "own" / "__init__.py").write_text("")
    (home / "own" / "features.py").write_text("def account_activity(inputs, parameters): ...\n")
    (home / "secrets").mkdir()
    (home / "secrets" / "password").write_text("not told")
    password = {"file": "secrets/password"}
    source = {
        "kind": "kafka",
        "bootstrap": ["127.0.0.1:9092"],
        "tls": {},
        "sasl": {"mechanism": "PLAIN", "username": password, "password": password},
    }
    plan = burst(of=PAYMENTS, feed="payments", source=source)
    lane = lane_home(plan, Platform.open(home), tmp_path)
    assert (lane.home / "own" / "features.py").is_file()
    assert "not told" in lane.secret_values()
    assert (lane.home / "secrets" / "password").is_symlink()
