"""A3: whatever happens to the brokers and the network, a landing has the same bytes or is none.

For each history of faults the same pinned window is landed from the same topic. What the landing may
do: finish with the receipt of the undisturbed one, or say that the source is unreachable and leave no
receipt. In the second case it is landed again after the faults are over, and must then have the same
receipt. Never is it short, and never is an outage taken for loss, truncation or another stream.

``PLATFORM_TESTS_FAULT_SEED`` starts from another seed than 0, ``PLATFORM_TESTS_FAULT_TIMES`` runs so
many times the usual number of histories.
"""

from __future__ import annotations

import hashlib
import logging
import os
import queue
import shutil
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets.canonical import digest
from platform_assets.errors import PlatformError, RecordMissing, SourceUnreachable
from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, layout
from platform_assets.pipeline.land import land
from platform_assets.pipeline.pin import pin
from platform_assets.pipeline.records import read_record
from platform_assets_tests.faults.histories import KINDS, draw
from platform_assets_tests.faults.kafka_shop import make_kafka_shop, write_orders
from platform_assets_tests.faults.weather import Weather

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets_tests.faults.histories import History
    from platform_assets_tests.servers.kafka_cluster import KafkaCluster

_LOG = logging.getLogger("faults")
_FIRST = int(os.environ.get("PLATFORM_TESTS_FAULT_SEED", "0"))
_TIMES = int(os.environ.get("PLATFORM_TESTS_FAULT_TIMES", "1"))
_BLOCK = 25
_TIMEOUT_SECONDS = 4
_LAND_SECONDS = 180
_RUN = RunId("shop", 1)

_BLOCKS = [
    (kind, range(start, min(start + _BLOCK, _FIRST + count * _TIMES)))
    for kind, count in KINDS.items()
    for start in range(_FIRST, _FIRST + count * _TIMES, _BLOCK)
]


@dataclass(frozen=True)
class Window:
    """The pinned window, and how its undisturbed landing went."""

    pinned: Path
    topic: str
    receipt: dict[str, Any]
    seconds: float


@pytest.fixture(scope="module")
def window(kafka_three: KafkaCluster, tmp_path_factory: pytest.TempPathFactory) -> Window:
    topic, committed = write_orders(kafka_three.bootstrap, copies=3)
    kafka_three.wait_ready()
    folder = tmp_path_factory.mktemp("faults")
    pinned = make_kafka_shop(
        folder / "pinned",
        kafka_three.addresses("PROXIED"),
        topic,
        timeout_seconds=_TIMEOUT_SECONDS,
    )
    assert pin(Platform.open(pinned), "shop") == _RUN
    for name in ("warm", "undisturbed"):
        shutil.copytree(pinned, folder / name)
        started = time.monotonic()
        receipt = _landed(folder / name)
        seconds = time.monotonic() - started
        _require_whole(folder / name, receipt)
    assert receipt["delivered"] == committed
    assert {gap["kind"] for part in receipt["partitions"] for gap in part["gaps"]} == {
        "aborted",
        "transaction_control",
    }
    return Window(pinned, topic, receipt, seconds)


@pytest.mark.parametrize(
    ("kind", "seeds"), [pytest.param(*block, id=f"{block[0]}-{block[1][0]}") for block in _BLOCKS]
)
def test_a3_the_same_bytes_or_none(
    kind: str, seeds: range, kafka_three: KafkaCluster, window: Window, tmp_path: Path
) -> None:
    outcomes = {
        seed: _tell(draw(kind, seed), kafka_three, window, tmp_path / str(seed)) for seed in seeds
    }
    disturbed = [seed for seed, (met, _) in outcomes.items() if met]
    assert 2 * len(disturbed) >= len(seeds), f"most histories met no landing: {outcomes}"
    if kind == "outage":  # every other one begins before the landing does
        assert not any(landed for seed, (_, landed) in outcomes.items() if seed % 2 == 0)


def _tell(
    history: History, cluster: KafkaCluster, window: Window, home: Path
) -> tuple[list[str], bool]:
    """Land during a history; return which faults it met and whether it landed at once."""
    shutil.copytree(window.pinned, home)
    refusal = None
    with Weather(cluster, window.topic, history, window.seconds) as weather:
        try:
            receipt = _landed(home)
        except PlatformError as error:
            refusal = error
    if refusal is not None:
        assert type(refusal) is SourceUnreachable, f"{history}: {refusal!r}"
        with pytest.raises(RecordMissing):
            read_record(
                Platform.open(home).store, layout.landing_receipt_path(_RUN, "orders"), "landing"
            )
        receipt = _landed(home)
    assert digest(receipt) == digest(window.receipt), f"{history}: {receipt}"
    _require_whole(home, receipt)
    shutil.rmtree(home)
    said = "landed at once" if refusal is None else f"landed again after {refusal}"
    _LOG.info("%s, %s, %d bytes: %s", history, weather.met, weather.received, said)
    return weather.met, refusal is None


def _landed(home: Path) -> dict[str, Any]:
    """Land in a thread, so that a landing that never ends is a failure and does not hold the run."""
    ended: queue.Queue[dict[str, Any] | BaseException] = queue.Queue()

    def work() -> None:
        try:
            ended.put(land(Platform.open(home), _RUN, "orders"))
        except BaseException as error:  # noqa: BLE001 - raised again below
            ended.put(error)

    threading.Thread(target=work, daemon=True).start()
    outcome = ended.get(timeout=_LAND_SECONDS)
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome


def _require_whole(home: Path, receipt: dict[str, Any]) -> None:
    """Require that the store holds each part as the receipt says."""
    assert receipt["parts"]
    for part in receipt["parts"]:
        stored = (home / "store" / layout.run_folder(_RUN) / part["path"]).read_bytes()
        assert hashlib.sha256(stored).hexdigest() == part["sha256"]
