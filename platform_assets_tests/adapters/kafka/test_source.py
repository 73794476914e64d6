"""A Kafka topic as a source: what a look says of it, and that what was pinned still stands."""

from __future__ import annotations

import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import NewPartitions

from platform_assets.adapters.kafka import source as source_module
from platform_assets.adapters.kafka.batches import BatchScan
from platform_assets.adapters.kafka.metadata import Topic
from platform_assets.adapters.kafka.reader import PartitionReader
from platform_assets.adapters.kafka.source import KafkaStream
from platform_assets.errors import (
    ClusterChanged,
    OffsetTruncated,
    SourceChanged,
    SourceDenied,
    StreamRecreated,
)
from platform_assets.ports.streams import (
    Extent,
    Gap,
    GapKind,
    Known,
    Look,
    Position,
    Span,
)
from platform_assets_tests.adapters.kafka.known_logs import (
    Ledger,
    Writer,
    admin_of,
    kafka_source,
    numbered,
)
from platform_assets_tests.adapters.kafka.test_metadata import recreate
from platform_assets_tests.behaviours.kafka_subject import KafkaSubject

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from platform_assets.adapters.kafka.batch_headers import Piece
    from platform_assets_tests.servers.kafka_cluster import KafkaCluster
    from platform_assets_tests.servers.kafka_found import Kafka
    from platform_assets_tests.servers.kafka_topics import NewTopic

_EPOCH = datetime.fromtimestamp(0, UTC)


@pytest.fixture
def stream(kafka: Kafka, topic: NewTopic, tmp_path: Path) -> Iterator[KafkaStream]:
    with KafkaStream(kafka_source(kafka.bootstrap), topic("events"), home=tmp_path) as opened:
        yield opened


def send(kafka: Kafka, stream: KafkaStream, *moments: int | None, partition: int = 0) -> None:
    """Send a record for each moment, in milliseconds; None is now. Each is a batch of its own."""
    producer = Producer({"bootstrap.servers": ",".join(kafka.bootstrap)})
    for number, moment in enumerate(moments):
        fields: dict[str, Any] = {} if moment is None else {"timestamp": moment}
        producer.produce(stream._topic.name, b"%d" % number, b"k", partition, **fields)
        assert producer.flush(20) == 0


def transact(kafka: Kafka, stream: KafkaStream, count: int, outcome: str) -> None:
    Writer(kafka.bootstrap, stream._topic.name, Ledger()).write(list(numbered(0, count)), outcome)


def whole(extent: Extent) -> Span:
    """Return everything that a look has seen of a partition."""
    return Span(extent.partition, Position(extent.start), Position(extent.end), extent.facts)


def rows_and_gaps(stream: KafkaStream, span: Span) -> tuple[int, list[Gap]]:
    rows, gaps = 0, []
    for item in stream.read(span):
        if isinstance(item, Gap):
            gaps.append(item)
        else:
            rows += item.num_rows
    return rows, gaps


# --- looks -----------------------------------------------------------------------------------------


def test_i01_a_look_says_what_the_anchors_record(
    kafka: Kafka, topic: NewTopic, tmp_path: Path
) -> None:
    name = topic("events", partitions=2, config={"cleanup.policy": "delete,compact"})
    with KafkaStream(kafka_source(kafka.bootstrap), name, home=tmp_path) as stream:
        send(kafka, stream, None, None, partition=1)
        transact(kafka, stream, 3, "open")
        empty, filled = stream.extents()

        assert (empty.partition, empty.start, empty.end) == ("0", 0, 0)  # not the high watermark
        assert (filled.partition, filled.start, filled.end) == ("1", 0, 2)
        assert filled.identity.cluster == kafka.cluster_id
        assert stream.identities() == {"0": empty.identity, "1": filled.identity}
        assert filled.facts == {
            "leader_epoch": 0,
            "log_start": 0,
            "cleanup_policy": "compact,delete",
        }
        assert (filled.ended, filled.parents, filled.entry) == (False, (), None)
        assert stream.native("1", 2) == ""


def test_a_partition_enters_at_the_first_record_of_a_moment(
    kafka: Kafka, stream: KafkaStream
) -> None:
    send(kafka, stream, 1_000, 2_000, 3_000)

    def entered(seconds: float) -> int:
        (extent,) = stream.extents(Look(start=_EPOCH + timedelta(seconds=seconds)))
        assert extent.entry is not None
        assert extent.entry.origin == "timestamp"
        return extent.entry.position.offset

    assert [entered(seconds) for seconds in (0, 1, 1.001, 2, 3, 3.001)] == [0, 0, 1, 1, 2, 3]


def test_a_partition_that_is_known_does_not_enter_again(kafka: Kafka, stream: KafkaStream) -> None:
    send(kafka, stream, 1_000, 2_000)
    known = {"0": Known(Position(1), datetime.now(UTC))}

    (extent,) = stream.extents(Look(start=_EPOCH, known=known))

    assert extent.entry is None


@pytest.mark.parametrize(
    ("look", "expected"),
    [
        (Look(), 1),
        (Look(start={"0": 2}), 3),
        (Look(start=_EPOCH + timedelta(seconds=2)), 2),
        (Look(start="latest"), None),
        (Look(known={"0": Known(Position(1), _EPOCH)}), 2),
        (Look(known={"0": Known(Position(3), _EPOCH)}, start="earliest"), None),
    ],
)
def test_the_oldest_waiting_record_is_the_first_that_no_window_took(
    kafka: Kafka, stream: KafkaStream, look: Look, expected: int | None
) -> None:
    send(kafka, stream, 1_000, 2_000, 3_000)

    (extent,) = stream.extents(look)

    seconds = extent.oldest_waiting and (extent.oldest_waiting - _EPOCH).total_seconds()
    assert seconds == expected
    assert extent.waiting_since == extent.oldest_waiting


def test_a_timestamp_that_has_not_come_yet_says_nothing(kafka: Kafka, stream: KafkaStream) -> None:
    send(kafka, stream, int((time.time() + 1_000) * 1000))

    (extent,) = stream.extents()

    assert extent.oldest_waiting is None
    assert extent.waiting_since is None


def test_later_looks_see_what_came_and_partitions_that_were_added(
    kafka: Kafka, stream: KafkaStream
) -> None:
    send(kafka, stream, 1_000)
    assert [extent.end for extent in stream.extents()] == [1]

    name = stream._topic.name
    admin = admin_of(kafka.bootstrap)
    admin.create_partitions([NewPartitions(name, 12)])[name].result(20)
    send(kafka, stream, 2_000, partition=11)

    extents = stream.extents()
    assert [extent.partition for extent in extents] == [str(number) for number in range(12)]
    assert [extent.end for extent in extents] == [1, *[0] * 10, 1]


# --- reading ---------------------------------------------------------------------------------------


def test_i02_records_and_gaps_are_the_range(
    kafka: Kafka, stream: KafkaStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    for outcome in ("commit", "abort", "commit", "abort") * 3:
        transact(kafka, stream, 5, outcome)
    (extent,) = stream.extents()
    assert extent.end == 12 * 6

    for at_once in (65_536, 1):  # all holes explained together, or each batch's by themselves
        monkeypatch.setattr(source_module, "_HOLES", at_once)
        rows, gaps = rows_and_gaps(stream, whole(extent))
        assert rows == 6 * 5
        lost = {
            kind: sum(gap.end - gap.start for gap in gaps if gap.kind is kind) for kind in GapKind
        }
        assert lost == {
            GapKind.ABORTED: 6 * 5,
            GapKind.TRANSACTION_CONTROL: 12,
            GapKind.COMPACTED: 0,
        }


def test_a_name_that_is_no_number_is_no_partition(kafka: Kafka, stream: KafkaStream) -> None:
    send(kafka, stream, None)

    for name in ("first", "", "-1", "0x0", "٣", "1"):
        with pytest.raises(SourceChanged):
            list(stream.read(Span.of(name, 0, 1)))


def test_another_topic_than_that_of_the_last_look_is_not_read(
    kafka: Kafka, stream: KafkaStream
) -> None:
    send(kafka, stream, None, None)
    (extent,) = stream.extents()
    recreate(kafka, stream._topic.name)
    send(kafka, stream, None, None)

    with pytest.raises(StreamRecreated):
        list(stream.read(whole(extent)))
    with pytest.raises(StreamRecreated):
        stream.limit_bytes(whole(extent), 10)

    (anew,) = stream.extents()
    assert anew.identity != extent.identity
    assert rows_and_gaps(stream, whole(anew)) == (2, [])


def test_a_topic_that_is_made_anew_while_it_is_read_is_refused_at_the_end(
    kafka: Kafka, stream: KafkaStream
) -> None:
    send(kafka, stream, None, None)
    (extent,) = stream.extents()
    items = stream.read(whole(extent))
    next(items)
    recreate(kafka, stream._topic.name)
    send(kafka, stream, None, None)

    with pytest.raises(StreamRecreated):
        list(items)


def test_a_topic_that_is_made_anew_while_its_bytes_are_counted_is_refused_at_the_end(
    kafka: Kafka, stream: KafkaStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(kafka, stream, None, None, None)
    (extent,) = stream.extents()
    assert stream.limit_bytes(whole(extent), 0) == 1
    scan = BatchScan.scan

    def overtaken(self: BatchScan, start: int, end: int) -> list[Piece]:
        found = list(scan(self, start, end))
        recreate(kafka, stream._topic.name)
        return found

    monkeypatch.setattr(BatchScan, "scan", overtaken)
    for _ in range(2):  # what was counted is remembered by then, and refused as before
        with pytest.raises(StreamRecreated):
            stream.limit_bytes(whole(extent), 2**30)


def test_a_cut_asks_the_cluster_before_and_after_it_counts_and_not_between(
    kafka: Kafka, topic: NewTopic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = topic("events")
    asked: list[str] = []

    def noted(what: type, method: str) -> None:
        ask = getattr(what, method)

        def call(self: object, *given: object) -> object:
            asked.append(method)
            return ask(self, *given)

        monkeypatch.setattr(what, method, call)

    noted(Topic, "epoch_ends")
    noted(BatchScan, "scan")

    def cut() -> list[str]:
        with KafkaStream(kafka_source(kafka.bootstrap), name, home=tmp_path) as stream:
            send(kafka, stream, None, None)
            (extent,) = stream.extents()
            asked.clear()
            sizes = [2**30, 2**20, 2**10, 0, 2**10]
            found = [stream.limit_bytes(whole(extent), size) for size in sizes]
            assert found == [extent.end] * 3 + [1, extent.end]
            return list(asked)

    assert cut() == ["epoch_ends", "scan", "epoch_ends"]
    assert cut() == ["epoch_ends", "scan", "epoch_ends"]  # another look, and records that are new


def test_another_cluster_than_that_of_the_last_look_is_not_read(
    kafka: Kafka, stream: KafkaStream
) -> None:
    send(kafka, stream, None)
    (extent,) = stream.extents()
    seen = stream._seen
    assert seen is not None
    stream._seen = type(seen)("another", seen.topic_id, seen.uuid, seen.leaders)

    with pytest.raises(ClusterChanged, match=kafka.cluster_id):
        list(stream.read(whole(extent)))


def test_a_reader_needs_no_right_to_any_group(kafka_secured: KafkaCluster, tmp_path: Path) -> None:
    from platform_assets_tests.adapters.kafka.test_access import (  # noqa: PLC0415 - its helpers
        Access,
        AclOperation,
    )

    access = Access(kafka_secured, tmp_path)
    source = access.source("SASL_SSL", sasl=access.login("SCRAM-SHA-512", "reader"), seconds=5)
    access.allow("reader", AclOperation.DESCRIBE, AclOperation.DESCRIBE_CONFIGS)
    with KafkaStream(source, access.topic, home=access.home) as stream:
        (extent,) = stream.extents(Look(start="latest"))
        with pytest.raises(SourceDenied):
            list(stream.read(whole(extent)))

        access.allow("reader", AclOperation.READ)
        assert rows_and_gaps(stream, whole(extent)) == (3, [])


def test_a_reader_that_is_not_let_in_says_so_at_last(
    kafka_secured: KafkaCluster, tmp_path: Path
) -> None:
    from platform_assets_tests.adapters.kafka.test_access import Access  # noqa: PLC0415 - its helper

    access = Access(kafka_secured, tmp_path)
    sasl = access.login("SCRAM-SHA-512", "reader", "not the password")
    source = access.source("SASL_SSL", sasl=sasl, seconds=3)
    with (
        closing(PartitionReader(source, access.topic, access.home)) as reader,
        pytest.raises(SourceDenied, match="AUTHENTICATION"),
    ):
        list(reader.read(0, 0, 3, lambda: None))


# --- records that were lost, though the offsets are there --------------------------------------------


def test_i02_records_that_were_replaced_by_others_are_not_taken_for_them(
    own_kafka: KafkaCluster, tmp_path: Path
) -> None:
    with closing(KafkaSubject(own_kafka, tmp_path)) as subject:
        subject.append("0", [b"first %d" % number for number in range(12)])
        (pinned,) = subject.source.extents()
        assert subject.source.limit_bytes(whole(pinned), 2**30) == 12
        subject.truncate("0", 9)
        subject.append("0", [b"second %d" % number for number in range(9, 15)])

        (now,) = subject.source.extents()
        assert now.end == 15
        assert now.facts["leader_epoch"] != pinned.facts["leader_epoch"]
        for span in (whole(pinned), Span("0", Position(9), Position(12), pinned.facts)):
            with pytest.raises(OffsetTruncated, match="ends at 9"):
                list(subject.source.read(span))
            with pytest.raises(OffsetTruncated, match="ends at 9"):
                subject.source.limit_bytes(span, 2**30)
        known = {"0": Known(Position(12), datetime.now(UTC), facts=pinned.facts)}
        with pytest.raises(OffsetTruncated, match="ends at 9"):
            subject.source.extents(Look(known=known))

        kept = Span("0", Position(0), Position(9), pinned.facts)
        assert sum(batch.num_rows for batch in subject.source.read(kept)) == 9
        assert subject.source.limit_bytes(kept, 2**30) == 9
        with pytest.raises(OffsetTruncated, match="ends at 9"):
            subject.source.limit_bytes(whole(pinned), 2**30)
        known = {"0": Known(Position(9), datetime.now(UTC), facts=pinned.facts)}
        assert [extent.end for extent in subject.source.extents(Look(known=known))] == [15]


def test_a_leader_that_lost_nothing_is_read_under_its_new_epoch(
    own_kafka: KafkaCluster, tmp_path: Path
) -> None:
    with closing(KafkaSubject(own_kafka, tmp_path)) as subject:
        subject.append("0", [b"%d" % number for number in range(12)])
        (pinned,) = subject.source.extents()
        own_kafka.restart(1)
        own_kafka.wait_ready()
        subject.append("0", [b"more"])

        (now,) = subject.source.extents(
            Look(known={"0": Known(Position(12), datetime.now(UTC), facts=pinned.facts)})
        )
        assert now.facts["leader_epoch"] != pinned.facts["leader_epoch"]
        assert sum(batch.num_rows for batch in subject.source.read(whole(pinned))) == 12
        assert sum(batch.num_rows for batch in subject.source.read(whole(now))) == 13
