"""Announcing on a real control topic: a lost answer, a consumer that waits, an outage."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from confluent_kafka.admin import AdminClient

from platform_assets.adapters.cloud_events import CONTENT_TYPE_HEADER, decode, encode
from platform_assets.adapters.kafka.sink import KafkaSink
from platform_assets.adapters.kafka.source import KafkaStream
from platform_assets.declarations import KafkaSource
from platform_assets.errors import NotAnnounced, SourceChanged, SourceUnreachable, UnknownOutcome
from platform_assets.flow.announcements import announced, run_closed
from platform_assets.identifiers import RunId
from platform_assets.pipeline import (
    CertifiedProduct,
    ClosedRun,
    Platform,
    ReadyCursor,
    announce,
    layout,
    wait_ready,
)
from platform_assets.ports.sinks import Outgoing
from platform_assets.ports.streams import Gap, Span
from platform_assets_tests.pipeline.announcing import announcing
from platform_assets_tests.servers.kafka_topics import new_topic

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from platform_assets_tests.servers.kafka_cluster import KafkaCluster
    from platform_assets_tests.servers.kafka_found import Kafka
    from platform_assets_tests.servers.kafka_topics import NewTopic

RUN = RunId("shop", 1)
SECONDS = 60


def declared(bootstrap: Sequence[str], timeout_seconds: int = 20) -> dict[str, Any]:
    return {"kind": "kafka", "bootstrap": list(bootstrap), "timeout_seconds": timeout_seconds}


def standing(bootstrap: Sequence[str], topic: str) -> list[dict[str, Any]]:
    """Return every row of the control topic."""
    source = KafkaSource.model_validate(declared(bootstrap))
    rows: list[dict[str, Any]] = []
    with closing(KafkaStream(source, topic, home=Path())) as stream:
        for extent in stream.extents():
            span = Span.of(extent.partition, extent.start, extent.end)
            for item in stream.read(Span(span.partition, span.start, span.end, extent.facts)):
                assert not isinstance(item, Gap)
                rows += item.to_pylist()
    return rows


def recorded(home: Path) -> list[str]:
    paths = Platform.open(home).store.list(f"{layout.run_folder(RUN)}/announcements")
    return [Path(path).stem for path in paths]


def test_facts_stand_on_the_topic_as_cloud_events_and_a_consumer_finds_them(
    closed_shop: Path, kafka: Kafka, topic: NewTopic
) -> None:
    name = topic("ready", partitions=3)
    home = announcing(closed_shop, declared(kafka.bootstrap), name)
    told = announce(Platform.open(home), "shop")
    rows = standing(kafka.bootstrap, name)
    assert [decode(row["value"]) for row in rows] == told["announced"]
    assert {row["key"] for row in rows} == {str(RUN).encode()}
    assert len({row["partition"] for row in rows}) == 1, "one run, one partition, in order"
    [header] = rows[0]["headers"]
    assert (header["key"], header["value"]) == CONTENT_TYPE_HEADER
    assert all(not isinstance(announced(decode(row["value"])), str) for row in rows)

    cursor = ReadyCursor()
    found = wait_ready(home, "shop", "turnover", timeout=SECONDS, cursor=cursor)
    assert isinstance(found, CertifiedProduct)
    assert isinstance(wait_ready(home, "shop", timeout=0, cursor=cursor), ClosedRun)
    kept = ReadyCursor.from_json(cursor.as_json())
    with pytest.raises(NotAnnounced):
        wait_ready(home, "shop", "turnover", timeout=0, cursor=kept)


def test_a_consumer_that_waits_before_is_told(
    closed_shop: Path, kafka: Kafka, topic: NewTopic
) -> None:
    home = announcing(closed_shop, declared(kafka.bootstrap), topic("ready"))
    with pytest.raises(NotAnnounced):
        wait_ready(home, "shop", "orders", timeout=0)
    later = threading.Timer(2, announce, (Platform.open(home), "shop"))
    later.start()
    try:
        found = wait_ready(home, "shop", "orders", RUN, timeout=SECONDS)
    finally:
        later.join(SECONDS)
    assert isinstance(found, CertifiedProduct)


def test_a_control_topic_that_is_not_there_is_refused_and_not_made(
    closed_shop: Path, kafka: Kafka
) -> None:
    home = announcing(closed_shop, declared(kafka.bootstrap), "no-such-control-topic")
    with pytest.raises(SourceChanged, match="no-such-control-topic"):
        announce(Platform.open(home), "shop")
    with pytest.raises(SourceChanged, match="no-such-control-topic"):
        wait_ready(home, "shop", "orders", timeout=0)
    assert recorded(home) == []


def test_a_topic_that_was_made_anew_is_read_from_its_first_record(
    closed_shop: Path, kafka: Kafka, topic: NewTopic
) -> None:
    """The kept position is one of another topic of the same name."""
    name = topic("ready")
    home = announcing(closed_shop, declared(kafka.bootstrap), name)
    announce(Platform.open(home), "shop")
    cursor = ReadyCursor()
    assert wait_ready(home, "shop", "orders", timeout=SECONDS, cursor=cursor)
    events = [row["value"] for row in standing(kafka.bootstrap, name)]
    admin = AdminClient({"bootstrap.servers": ",".join(kafka.bootstrap)})
    admin.delete_topics([name])[name].result(SECONDS)
    source = KafkaSource.model_validate(declared(kafka.bootstrap))
    deadline = time.monotonic() + SECONDS
    with closing(KafkaSink(source, name, home=Path())) as sink:
        while name in admin.list_topics(timeout=SECONDS).topics:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        sink.create(2)
        new = run_closed(RUN, "sha256:" + "f" * 64, "2026-01-01T00:00:00.000000Z")
        # as many events as there were, so that the kept offset exists in the new topic too
        records = [*events[:1], *[encode(new.event())] * 6, *events]
        assert sink.send(Outgoing(value, partition="0") for value in records).ambiguous == ()
    kept = ReadyCursor.from_json(cursor.as_json())
    assert wait_ready(home, "shop", "turnover", timeout=SECONDS, cursor=kept)
    with pytest.raises(NotAnnounced):  # it was given before the topic was made anew
        wait_ready(home, "shop", "orders", timeout=0, cursor=kept)


def test_a_publication_whose_answer_is_lost_is_repeated_under_the_same_ids(
    closed_shop: Path, own_kafka: KafkaCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker writes the events; the proxy keeps its answer back until the time is over."""
    name = new_topic(own_kafka.bootstrap, "ready")
    [proxy] = own_kafka.proxies.values()
    home = announcing(closed_shop, declared(own_kafka.addresses("PROXIED"), 5), name)
    send = KafkaSink.send

    def send_and_lose(sink: KafkaSink, records: Iterator[Outgoing]) -> Any:
        def supplied() -> Iterator[Outgoing]:
            first = next(records)
            yield first
            deadline = time.monotonic() + SECONDS
            while not standing(own_kafka.bootstrap, name):  # until the producer is let in
                assert time.monotonic() < deadline
            proxy.delay(10 * SECONDS)
            yield from records

        return send(sink, supplied())

    with monkeypatch.context() as patched:
        patched.setattr(KafkaSink, "send", send_and_lose)
        try:
            with pytest.raises(UnknownOutcome, match="announce shop"):
                announce(Platform.open(home), "shop")
        finally:
            proxy.restore()
    written = [decode(row["value"])["id"] for row in standing(own_kafka.bootstrap, name)]
    assert len(written) == len(set(written)) == 5, "all of them stand there"
    doubted = set(written) - set(recorded(home))
    assert len(doubted) >= 4

    again = announce(Platform.open(home), "shop")["announced"]
    assert {event["id"] for event in again} == doubted
    everything = [decode(row["value"])["id"] for row in standing(own_kafka.bootstrap, name)]
    assert sorted(everything) == sorted([*written, *doubted])
    assert sorted(recorded(home)) == sorted(written)
    assert announce(Platform.open(home), "shop")["announced"] == []

    cursor = ReadyCursor()
    assert wait_ready(home, "shop", "orders", timeout=SECONDS, cursor=cursor)
    with pytest.raises(NotAnnounced):  # it stands there twice, and is one fact
        wait_ready(home, "shop", "orders", timeout=0, cursor=cursor)


def test_a_broker_that_is_down_is_an_outage_for_both_sides(
    closed_shop: Path, own_kafka: KafkaCluster
) -> None:
    name = new_topic(own_kafka.bootstrap, "ready")
    [proxy] = own_kafka.proxies.values()
    home = announcing(closed_shop, declared(own_kafka.addresses("PROXIED"), 2), name)
    proxy.cut(refuse=True)
    try:
        with pytest.raises(SourceUnreachable):
            announce(Platform.open(home), "shop")
        with pytest.raises(SourceUnreachable):
            wait_ready(home, "shop", "orders", timeout=1)
    finally:
        proxy.restore()
    assert recorded(home) == []
    assert len(announce(Platform.open(home), "shop")["announced"]) == 5
    assert wait_ready(home, "shop", "orders", timeout=SECONDS)
