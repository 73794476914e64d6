"""One topic on three brokers, a home that reads it, and what an undisturbed run makes of it."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets.pipeline import Platform
from platform_assets.pipeline.land import land
from platform_assets.pipeline.pin import pin
from platform_assets_tests.faults.kafka_shop import make_kafka_shop, write_orders

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets.identifiers import RunId
    from platform_assets_tests.servers.kafka_cluster import KafkaCluster

_TIMEOUT_SECONDS = 4


@dataclass(frozen=True)
class Undisturbed:
    """What a history is compared with.

    Attributes:
        cluster: the brokers, behind their proxies.
        topic: what is read.
        declared: a home in which nothing was done yet.
        pinned: a home with a pinned window.
        run: its run.
        receipt: of the landing of that window.
        pin_seconds: how long it took to pin the window once more, in a home of its own.
        land_seconds: how long the landing took.
    """

    cluster: KafkaCluster
    topic: str
    declared: Path
    pinned: Path
    run: RunId
    receipt: dict[str, Any]
    pin_seconds: float
    land_seconds: float


@pytest.fixture(scope="session")
def undisturbed(kafka_three: KafkaCluster, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    topic, committed = write_orders(kafka_three.bootstrap, copies=3)
    kafka_three.wait_ready()
    folder = tmp_path_factory.mktemp("faults")
    addresses = kafka_three.addresses("PROXIED")
    declared = make_kafka_shop(
        folder / "declared", addresses, topic, timeout_seconds=_TIMEOUT_SECONDS
    )
    pinned = shutil.copytree(declared, folder / "pinned")
    run = pin(Platform.open(pinned), "shop")
    assert run is not None
    again = Platform.open(shutil.copytree(declared, folder / "again"))
    started = time.monotonic()
    pin(again, "shop")
    pin_seconds = time.monotonic() - started
    for name in ("warm", "timed"):
        home = shutil.copytree(pinned, folder / name)
        started = time.monotonic()
        receipt = land(Platform.open(home), run, "orders")
        land_seconds = time.monotonic() - started
    assert receipt["delivered"] == committed
    assert {gap["kind"] for part in receipt["partitions"] for gap in part["gaps"]} == {
        "aborted",
        "transaction_control",
    }
    return Undisturbed(
        kafka_three, topic, declared, pinned, run, receipt, pin_seconds, land_seconds
    )
