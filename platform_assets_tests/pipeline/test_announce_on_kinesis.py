"""Announcing on a Kinesis stream: kept positions are sequence numbers, and answers get lost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets.errors import NotAnnounced, UnknownOutcome
from platform_assets.identifiers import RunId
from platform_assets.pipeline import (
    CertifiedProduct,
    ClosedRun,
    Platform,
    ReadyCursor,
    announce,
    finish,
    layout,
    next_run,
    wait_ready,
)
from platform_assets_tests.pipeline.announcing import announcing
from platform_assets_tests.servers.kinesis_faults import fault_proxy
from platform_assets_tests.shop import append, order

if TYPE_CHECKING:
    from platform_assets_tests.servers.kinesis import KinesisServer

pytestmark = pytest.mark.usefixtures("kinesis_credentials")
RUN = RunId("shop", 1)
SECONDS = 60


def declared(endpoint: str) -> dict[str, Any]:
    return {"kind": "kinesis", "region": "us-east-1", "endpoint": endpoint, "timeout_seconds": 20}


def recorded(home: Path) -> set[str]:
    paths = Platform.open(home).store.list(f"{layout.run_folder(RUN)}/announcements")
    return {Path(path).stem for path in paths}


def test_a_consumer_that_keeps_its_cursor_is_told_each_fact_once(
    closed_shop: Path, kinesalite: KinesisServer
) -> None:
    home = announcing(closed_shop, declared(kinesalite.endpoint), kinesalite.new_stream(shards=2))
    cursor = ReadyCursor()
    for number in (1, 2):
        if number == 2:
            append(home, "orders", 0, [order(900)])
            platform = Platform.open(home)
            run = next_run(platform, "shop")
            assert run is not None
            finish(platform, run)
        announce(Platform.open(home), "shop")
        found = wait_ready(home, "shop", "orders", timeout=SECONDS, cursor=cursor)
        assert isinstance(found, CertifiedProduct)
        assert found.run == RunId("shop", number)
        cursor = ReadyCursor.from_json(cursor.as_json())
        closed = wait_ready(home, "shop", timeout=SECONDS, cursor=cursor)
        assert isinstance(closed, ClosedRun)
        assert closed.run == RunId("shop", number)
        with pytest.raises(NotAnnounced):
            wait_ready(home, "shop", "orders", timeout=0, cursor=cursor)


def test_a_lost_answer_leaves_no_record_and_the_same_ids_come_again(
    closed_shop: Path, kinesalite: KinesisServer
) -> None:
    stream = kinesalite.new_stream(shards=1)
    with fault_proxy(kinesalite.endpoint, {}) as proxy:
        home = announcing(closed_shop, declared(proxy.endpoint), stream)
        proxy.order("PutRecords", "reset_after")
        with pytest.raises(UnknownOutcome, match="announce shop"):
            announce(Platform.open(home), "shop")
        first = recorded(home)
        assert len(first) < 5
        again = announce(Platform.open(home), "shop")["announced"]
        assert len(again) == 5 - len(first)
        assert recorded(home) == first | {event["id"] for event in again}
        cursor = ReadyCursor()
        for product in ("orders", "cancellations", "refunds", "turnover"):
            found = wait_ready(home, "shop", product, timeout=SECONDS, cursor=cursor)
            assert isinstance(found, CertifiedProduct)
            with pytest.raises(NotAnnounced):
                wait_ready(home, "shop", product, timeout=0, cursor=cursor)
