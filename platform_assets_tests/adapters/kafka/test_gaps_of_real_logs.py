"""Gaps of logs that a real broker keeps: transactions, compaction, deletion."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from platform_assets.adapters.kafka.batches import BatchScan
from platform_assets.adapters.kafka.metadata import Topic
from platform_assets.errors import GapUnproven, OffsetExpired, OffsetTruncated
from platform_assets.ports.streams import GapKind
from platform_assets_tests.adapters.kafka.known_logs import (
    SECONDS,
    Ledger,
    Writer,
    admin_of,
    brokers,
    explained,
    numbered,
    read_committed,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from platform_assets.adapters.kafka.connection import Brokers
    from platform_assets.ports.streams import Gap
    from platform_assets_tests.adapters.kafka.known_logs import Record
    from platform_assets_tests.servers.kafka_found import Kafka
    from platform_assets_tests.servers.kafka_topics import NewTopic


def by_kind(gaps: list[Gap]) -> dict[GapKind, set[int]]:
    found: dict[GapKind, set[int]] = {kind: set() for kind in GapKind}
    for gap in gaps:
        found[gap.kind] |= set(range(gap.start, gap.end))
    return found


@pytest.mark.parametrize("compression", ["none", "gzip", "lz4", "zstd", "snappy"])
def test_transactions_that_were_committed_aborted_and_left_open(
    kafka: Kafka, topic: NewTopic, cluster: Brokers, compression: str
) -> None:
    name = topic("events")
    ledger = Ledger()
    first, second, open_one = (
        Writer(kafka.bootstrap, name, ledger, compression=compression) for _ in range(3)
    )
    plain = Writer(kafka.bootstrap, name, ledger, compression=compression, transactions=False)
    for outcome in ("commit", "abort", "abort", "commit", "abort"):
        first.write(list(numbered(0, 30)), outcome)
        plain.write(list(numbered(0, 7)))
        second.write(list(numbered(0, 11)), "abort" if outcome == "commit" else "commit")
    open_one.write(list(numbered(0, 5)), "open")
    plain.write(list(numbered(0, 9)))
    events = Topic(cluster, name)

    end = events.stable_ends([0])[0]
    delivered = read_committed(kafka.bootstrap, name, 0, 0, end)
    gaps = by_kind(explained(events, 0, 0, end, delivered))

    assert end == min(ledger.undecided[0])  # not the high watermark
    assert delivered == {at: value for at, value in ledger.committed[0].items() if at < end}
    assert gaps[GapKind.ABORTED] == set(ledger.aborted[0])
    assert len(gaps[GapKind.TRANSACTION_CONTROL]) == 10
    assert gaps[GapKind.COMPACTED] == set()
    assert len(delivered) + sum(map(len, gaps.values())) == end


def test_every_window_of_a_log_is_explained_also_within_transactions_and_batches(
    kafka: Kafka, topic: NewTopic, cluster: Brokers
) -> None:
    name = topic("events")
    ledger = Ledger()
    one, other = (Writer(kafka.bootstrap, name, ledger) for _ in range(2))
    for outcome in ("abort", "commit", "abort"):
        one.write(list(numbered(0, 4)), outcome)
        other.write(list(numbered(0, 3)), "abort")
    events = Topic(cluster, name)
    end = events.stable_ends([0])[0]
    everything = read_committed(kafka.bootstrap, name, 0, 0, end)
    whole = by_kind(explained(events, 0, 0, end, everything))

    for start in range(end):
        for stop in range(start + 1, end + 1, 3):
            delivered = {at: v for at, v in everything.items() if start <= at < stop}
            found = by_kind(explained(events, 0, start, stop, delivered))
            assert found == {
                kind: {at for at in offsets if start <= at < stop}
                for kind, offsets in whole.items()
            }


def test_a_record_that_is_missing_from_what_came_is_refused(
    kafka: Kafka, topic: NewTopic, cluster: Brokers
) -> None:
    name = topic("events")
    writer = Writer(kafka.bootstrap, name, Ledger())
    for outcome in ("commit", "abort", "commit"):
        writer.write(list(numbered(0, 20)), outcome)
    events = Topic(cluster, name)
    end = events.stable_ends([0])[0]
    delivered = read_committed(kafka.bootstrap, name, 0, 0, end)
    del delivered[7]

    with pytest.raises(GapUnproven, match="offset 7: batch 0-19 has 20 records at 20 offsets"):
        explained(events, 0, 0, end, delivered)


def test_a_topic_that_was_compacted(kafka: Kafka, topic: NewTopic, cluster: Brokers) -> None:
    name = topic("state", config=compacting("compact,delete"))
    ledger = Ledger()
    plain = Writer(kafka.bootstrap, name, ledger, transactions=False)
    writer = Writer(kafka.bootstrap, name, ledger)
    for outcome in ("commit", "abort", "commit"):
        writer.write(list(numbered(0, 400)), outcome)
        plain.write(list(numbered(0, 300)))
    events = Topic(cluster, name)
    before = events.stable_ends([0])[0]
    wait_until_compacted(events, plain)
    end = events.stable_ends([0])[0]

    delivered = read_committed(kafka.bootstrap, name, 0, 0, end)
    gaps = by_kind(explained(events, 0, 0, end, delivered))

    assert set(delivered.items()) < set(ledger.committed[0].items())
    assert len(gaps[GapKind.COMPACTED]) > before // 2
    assert len(delivered) + sum(map(len, gaps.values())) == end
    for start in (0, 150, before // 2):  # windows that begin and end within batches
        part = {at: v for at, v in delivered.items() if start <= at < end - 3}
        assert sum(gap.end - gap.start for gap in explained(events, 0, start, end - 3, part)) == (
            end - 3 - start - len(part)
        )


def test_what_compaction_left_of_a_topic_proves_nothing_under_a_policy_that_does_not_compact(
    kafka: Kafka, topic: NewTopic, cluster: Brokers
) -> None:
    name = topic("state", config=compacting("compact"))
    plain = Writer(kafka.bootstrap, name, Ledger(), transactions=False)
    plain.write(list(numbered(0, 500)))
    events = Topic(cluster, name)
    wait_until_compacted(events, plain)
    end = events.stable_ends([0])[0]
    delivered = read_committed(kafka.bootstrap, name, 0, 0, end)
    set_policy(kafka, name, "delete")

    with pytest.raises(GapUnproven, match=r"cleanup\.policy delete does not compact"):
        explained(events, 0, 0, end, delivered)


def test_records_that_were_deleted_below_an_offset_are_expired(
    kafka: Kafka, topic: NewTopic, cluster: Brokers
) -> None:
    name = topic("events")
    writer = Writer(kafka.bootstrap, name, Ledger(), transactions=False)
    for _ in range(3):
        writer.write(list(numbered(0, 10)))
    delete_below(kafka, name, 14)
    events = Topic(cluster, name)
    described = events.describe()

    assert events.log_starts([0]) == {0: 14}
    with pytest.raises(OffsetExpired, match=r"offset 13.*one that begins at 14"):
        list(BatchScan(events, described, 0).scan(13, 30))
    assert [piece.batches[0].base for piece in BatchScan(events, described, 0).scan(14, 30)] == [10]


def test_a_range_beyond_the_log_is_truncated(kafka: Kafka, topic: NewTopic) -> None:
    name = topic("events")
    Writer(kafka.bootstrap, name, Ledger(), transactions=False).write(list(numbered(0, 10)))
    with brokers(kafka.bootstrap, seconds=4) as connected:
        events = Topic(connected, name)
        for start in (0, 10, 15):  # before the end, at it, and beyond
            with pytest.raises(OffsetTruncated, match=r"stable up to offset 20.*one up to 10"):
                list(BatchScan(events, events.describe(), 0).scan(start, 20))


# --- preparations ----------------------------------------------------------------------------------


def compacting(policy: str) -> dict[str, str]:
    return {
        "cleanup.policy": policy,
        "segment.bytes": "1048576",
        "segment.ms": "500",
        "min.cleanable.dirty.ratio": "0.01",
        "delete.retention.ms": "100",
        "min.compaction.lag.ms": "0",
        "retention.ms": "-1",
    }


def wait_until_compacted(
    events: Topic, writer: Writer, more: Callable[[], Sequence[Record]] | None = None
) -> None:
    """Write into new segments until the cleaner has taken most of what stood in the first ones."""
    described = events.describe()
    end = events.stable_ends([0])[0]
    deadline = time.monotonic() + SECONDS
    while True:
        left = sum(
            batch.records
            for piece in BatchScan(events, described, 0).scan(0, end)
            for batch in piece.batches
        )
        if left < end // 3:
            return
        assert time.monotonic() < deadline, f"{left} of {end} records are left"
        time.sleep(0.6)
        writer.write(list(numbered(0, 1)) if more is None else more())


def set_policy(kafka: Kafka, name: str, policy: str) -> None:
    from confluent_kafka.admin import (  # noqa: PLC0415 - used here alone
        AlterConfigOpType,
        ConfigEntry,
        ConfigResource,
        ResourceType,
    )

    admin = admin_of(kafka.bootstrap)
    entry = ConfigEntry("cleanup.policy", policy, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=[entry])
    for done in admin.incremental_alter_configs([resource]).values():
        done.result(SECONDS)


def delete_below(kafka: Kafka, name: str, offset: int) -> None:
    from confluent_kafka import TopicPartition  # noqa: PLC0415 - used here alone

    admin = admin_of(kafka.bootstrap)
    for done in admin.delete_records([TopicPartition(name, 0, offset)]).values():
        done.result(SECONDS)
