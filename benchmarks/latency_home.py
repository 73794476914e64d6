"""The home of the latency benchmark: orders in one stream of four partitions, one certified product.

The feed keeps the defaults of a feed but for its window: whatever has arrived is due, and the streams
are looked at as often as Dagster looks at anything, every five seconds.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from confluent_kafka import Producer

import platform_assets

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Message

FEED, PRODUCT, PARTITIONS = "orders", "placed", 4
SENSOR = f"{FEED}_offsets"
_FLUSH_SECONDS = 30

_CONTRACT = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "https://orders.example/order.v1.json",
    "title": "order",
    "type": "object",
    "properties": {"id": {"type": "string"}, "cents": {"type": "integer"}},
    "required": ["id", "cents"],
    "additionalProperties": False,
}


def write_home(home: Path, source: dict[str, Any], topic: str) -> None:
    """Make the home with a feed that reads the topic, and a workspace of two code locations."""
    shutil.copytree(Path(platform_assets.__file__).parent / "orchestration/home", home)
    attributes = {
        "feed": FEED,
        "source": source,
        "streams": {
            "orders": {
                "topic": topic,
                "events": {"order": {"contract": "orders/order.v1.json", "id": "id"}},
            }
        },
        "window": {"max_age_seconds": 0, "look_every_seconds": 5},
        "products": {
            PRODUCT: {
                "event": "order",
                "sort": ["id"],
                "checks": [
                    {"check": "schema"},
                    {"check": "row_count_reconciles"},
                    {"check": "unique", "columns": ["id"]},
                    {"check": "sorted"},
                    {"check": "digest"},
                    {"check": "range", "column": "cents", "min": 1},
                ],
            }
        },
    }
    declared = {"type": "platform_assets.orchestration.FeedComponent", "attributes": attributes}
    ours = {"module_name": "platform_assets.orchestration.definitions", "location_name": "ours"}
    empty = {
        "relative_path": str(Path(__file__).parent / "contenders/empty_job.py"),
        "location_name": "empty",
    }
    for name, text in {
        "platform.yaml": "{}\n",
        f"defs/{FEED}/defs.yaml": yaml.safe_dump(declared),
        "schemas/events/orders/order.v1.json": json.dumps(_CONTRACT),
        "workspace.yaml": yaml.safe_dump(
            {"load_from": [{"python_module": ours}, {"python_file": empty}]}
        ),
    }.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)


class Orders:
    """Sends orders and notes when each was acknowledged: by partition and offset, a wall time."""

    def __init__(self, bootstrap: list[str], topic: str) -> None:
        self.acknowledged: dict[tuple[str, int], float] = {}
        self._topic = topic
        self._sent = 0
        settings = {
            "bootstrap.servers": ",".join(bootstrap),
            "acks": "all",
            "linger.ms": 0,
            "log_level": 2,
        }
        self._producer = Producer(settings | {"enable.idempotence": True})

    def send(self) -> tuple[str, int]:
        """Send one order, wait for its acknowledgement, and return its partition and offset.

        Raises:
            RuntimeError: it was not acknowledged.
        """
        before = len(self.acknowledged)
        value = json.dumps({"id": f"o{self._sent:09d}-{os.getpid()}", "cents": 100}).encode()
        self._producer.produce(
            self._topic, value, partition=self._sent % PARTITIONS, on_delivery=self._note
        )
        self._sent += 1
        if self._producer.flush(_FLUSH_SECONDS) or len(self.acknowledged) == before:
            raise RuntimeError("an order was not acknowledged")
        return next(reversed(self.acknowledged))

    def _note(self, error: KafkaError | None, message: Message) -> None:
        if error is None:
            self.acknowledged[str(message.partition()), int(message.offset() or 0)] = time.time()
