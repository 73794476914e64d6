"""A home whose one stream is a Kafka topic that is worth disturbing.

Four partitions, each written in another way: plain, in committed transactions, with aborted ones
between, and with one that stays open behind the end of the window. Records carry a header of random
bytes, so that a partition takes many fetches whatever compresses it.
"""

from __future__ import annotations

import json
import random
import textwrap
import uuid
from typing import TYPE_CHECKING

from confluent_kafka import Producer

from platform_assets_tests.adapters.kafka.known_logs import admin_of, wait_until_stable
from platform_assets_tests.servers.kafka_topics import new_topic
from platform_assets_tests.shop import SCHEMAS, order

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PARTITIONS = 4
RECORDS = 1200
_BATCHES = 12
_HEADER_BYTES = 500
_SECONDS = 60

_DEFS = """
type: platform_assets.orchestration.FeedComponent
attributes:
  feed: shop
  source:
    kind: kafka
    bootstrap: [{bootstrap}]
    timeout_seconds: {timeout_seconds}
    fetch_memory: 1MiB
  streams:
    orders:
      topic: {topic}
      events:
        placed: {{contract: shop/order.json, id: order_id, time: at}}
  products:
    orders:
      event: placed
      sort: [customer, at]
      checks: [{{check: schema}}]
"""


def make_kafka_shop(
    home: Path, bootstrap: Sequence[str], topic: str, *, timeout_seconds: int
) -> Path:
    """Write a home whose feed reads the topic."""
    (home / "defs" / "shop").mkdir(parents=True)
    (home / "platform.yaml").write_text("revision: shop\n")
    declared = _DEFS.format(
        bootstrap=", ".join(bootstrap), topic=topic, timeout_seconds=timeout_seconds
    )
    (home / "defs" / "shop" / "defs.yaml").write_text(textwrap.dedent(declared))
    contract = home / "schemas" / "events" / "shop" / "order.json"
    contract.parent.mkdir(parents=True)
    contract.write_text(json.dumps(SCHEMAS["order"]))
    return home


def write_orders(bootstrap: Sequence[str], *, copies: int) -> tuple[str, int]:
    """Create the topic and fill it; return its name and how many records were committed."""
    topic = new_topic(bootstrap, "orders", partitions=PARTITIONS, copies=copies)
    ways = [("none", ""), ("lz4", "commit"), ("zstd", "abort"), ("gzip", "open")]
    committed = sum(
        _write(bootstrap, topic, partition, codec, way)
        for partition, (codec, way) in enumerate(ways)
    )
    ended = {"": 0, "commit": _BATCHES, "abort": _BATCHES, "open": _BATCHES - 1}
    stable = {
        partition: ended[way] * (RECORDS // _BATCHES + 1)  # each with its marker
        for partition, (_, way) in enumerate(ways)
    }
    wait_until_stable(admin_of(bootstrap), topic, stable)
    return topic, committed


def _write(bootstrap: Sequence[str], topic: str, partition: int, codec: str, way: str) -> int:
    """Fill one partition and return how many records a reader of committed ones will see."""
    settings: dict[str, object] = {
        "bootstrap.servers": ",".join(bootstrap),
        "compression.type": codec,
        "batch.size": 32 * 1024,
        "acks": "all",
        "log_level": 0,
    }
    if way:  # what stays open stays so for as long as the tests may take
        settings |= {"transactional.id": uuid.uuid4().hex, "transaction.timeout.ms": 900_000}
    producer = Producer(settings)
    content = random.Random(partition)  # noqa: S311 - test data
    if way:
        producer.init_transactions(_SECONDS)
    committed = 0
    for batch in range(_BATCHES):
        if way:
            producer.begin_transaction()
        for number in range(RECORDS // _BATCHES):
            name = PARTITIONS * (batch * RECORDS // _BATCHES + number) + partition
            producer.produce(
                topic,
                json.dumps(order(name)).encode(),
                key=b"%d" % name,
                partition=partition,
                headers=[("trace", content.randbytes(_HEADER_BYTES))],
            )
        if producer.flush(_SECONDS):
            raise AssertionError("the brokers did not take the records")
        if way == "open" and batch == _BATCHES - 1:
            break  # its producer goes, and the brokers wait for the transaction's end
        if way == "abort" and batch % 3 == 1:
            producer.abort_transaction(_SECONDS)
            continue
        if way:
            producer.commit_transaction(_SECONDS)
        committed += RECORDS // _BATCHES
    return committed
