"""Records that are no events land as they are over Kafka, and admission says why each is set aside."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl
import pytest
import zstandard
from confluent_kafka import Producer

from platform_assets.pipeline import Platform, finish, next_run, open_product
from platform_assets_tests.shop import make_shop, order, redeclare

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets.identifiers import RunId
    from platform_assets_tests.servers.kafka_found import Kafka
    from platform_assets_tests.servers.kafka_topics import NewTopic

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
MIB = 1024**2
_SECONDS = 60

Headers = list[tuple[str, bytes | None]]


class Sent(NamedTuple):
    """A record, and the reason for which it is set aside; None for an event."""

    value: bytes | None
    reason: str | None
    key: bytes | None = None
    headers: Headers | None = None


def event(number: int, **changed: Any) -> bytes:
    return json.dumps(order(number, **changed)).encode()


def of_size(number: int, size: int) -> bytes:
    """Return an event of exactly so many bytes."""
    return event(number, customer="x" * (size - len(event(number, customer=""))))


FORMS = (
    Sent(event(0), None),
    Sent(event(1), None, key=b"o-1", headers=[("source", b"till")]),
    Sent(event(2), None, key=b"\x00\xff", headers=[("h", None), ("h", b""), ("h", b"\x80\x00")]),
    Sent(event(3), None, key=b""),
    Sent(None, "NULL_VALUE", key=b"o-1"),
    Sent(None, "NULL_VALUE", headers=[("deleted-by", "Ä".encode())]),
    Sent(b"", "EMPTY_RECORD"),
    Sent(b"\x00\x01\x02\x03", "INVALID_JSON"),
    Sent(b"\xff\xfe\xfd", "INVALID_UTF8", key=b"k"),
    Sent(b"\xff\xfe\xfd", "INVALID_UTF8", key=b"k"),
    Sent(event(4).replace(b"c4", b"c\xc3\x28"), "INVALID_UTF8"),
    Sent(gzip.compress(event(5), mtime=0), "INVALID_UTF8"),
    Sent(zstandard.compress(event(6)), "INVALID_UTF8"),
    Sent(b"\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01" + event(7), "INVALID_UTF8"),
    Sent(b"\x00\x00\x00\x00\x2a\x06abc", "INVALID_JSON"),  # Avro with the id of a schema before it
    Sent(event(8) + b"\n" + event(9), "INVALID_JSON"),
    Sent(b"[]", "NOT_AN_OBJECT"),
    Sent(event(10, cents="many"), "WRONG_TYPE"),
    Sent(of_size(11, MIB), None, key=b"large"),
    Sent(b"\x80" * MIB, "INVALID_UTF8"),
    Sent(event(12), None, key=b"k" * 10_000, headers=[(f"h{n}", b"v" * 99) for n in range(200)]),
)


@pytest.fixture(params=CODECS)
def landed(
    request: pytest.FixtureRequest, kafka: Kafka, topic: NewTopic, tmp_path: Path
) -> tuple[Path, RunId]:
    """A closed run over all forms, sent in batches of one codec."""
    name = topic("orders", partitions=2, config={"max.message.bytes": str(4 * MIB)})
    producer = Producer(
        {
            "bootstrap.servers": ",".join(kafka.bootstrap),
            "message.max.bytes": 4 * MIB,
            "compression.type": request.param,
            "linger.ms": 20,
            "enable.idempotence": True,
        }
    )
    for sent in FORMS:
        producer.produce(name, sent.value, key=sent.key, headers=sent.headers, partition=1)
    assert producer.flush(_SECONDS) == 0
    home = make_shop(tmp_path / "home", orders=2)

    def read_from_kafka(feed: dict[str, Any]) -> None:
        source = {"kind": "kafka", "bootstrap": kafka.bootstrap, "timeout_seconds": _SECONDS}
        feed["streams"]["orders"] |= {"source": source, "topic": name}

    redeclare(home, read_from_kafka)
    platform = Platform.open(home)
    run = next_run(platform, "shop")
    assert run is not None
    assert finish(platform, run)["verdict"] == "CLOSED"
    return home, run


def read(home: Path, run: RunId, pattern: str) -> pl.DataFrame:
    parts = sorted((home / "store" / "runs" / str(run)).glob(pattern))
    return pl.concat([pl.read_parquet(part) for part in parts])


def test_every_form_of_record_lands_as_it_was_sent_and_is_judged(
    landed: tuple[Path, RunId],
) -> None:
    home, run = landed
    rows = read(home, run, "landing/orders/*.parquet").sort("offset")
    assert rows["partition"].to_list() == ["1"] * len(FORMS)
    assert rows["offset"].to_list() == list(range(len(FORMS)))
    assert rows["value"].to_list() == [sent.value for sent in FORMS]
    assert rows["key"].to_list() == [sent.key for sent in FORMS]
    headers = [
        [(header["key"], header["value"]) for header in found or []]
        for found in rows["headers"].to_list()
    ]
    assert headers == [sent.headers or [] for sent in FORMS]
    assert rows["timestamp"].null_count() == 0

    refused = [(offset, sent) for offset, sent in enumerate(FORMS) if sent.reason]
    aside = read(home, run, "admission/orders/quarantine/*.parquet").sort("_offset")
    found = [
        (row["_offset"], row["key"], row["value"], [reason["code"] for reason in row["reasons"]])
        for row in aside.iter_rows(named=True)
    ]
    assert found == [(offset, sent.key, sent.value, [sent.reason]) for offset, sent in refused]
    receipt = json.loads((home / "store/runs" / str(run) / "admission/orders.json").read_bytes())
    assert receipt["reasons"] == Counter(sent.reason for _, sent in refused)

    admitted = open_product(Platform.open(home), run, "orders").scan().collect()
    events = [json.loads(sent.value) for sent in FORMS if not sent.reason and sent.value]
    assert sorted(admitted["order_id"]) == sorted(event["order_id"] for event in events)
    assert admitted["customer"].str.len_bytes().max() > MIB - 200
