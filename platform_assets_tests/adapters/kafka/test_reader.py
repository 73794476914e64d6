"""Bulk reading: exactly the range, whatever stands around it, and never silent for ever."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import TopicPartition
from kafka import KafkaProducer

from platform_assets.adapters.kafka.reader import PartitionReader
from platform_assets.errors import GapUnproven, OffsetExpired, SourceUnreachable
from platform_assets_tests.adapters.kafka.known_logs import (
    Ledger,
    Writer,
    admin_of,
    kafka_source,
    numbered,
)
from platform_assets_tests.servers.kafka_topics import new_topic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from platform_assets_tests.servers.kafka_cluster import KafkaCluster


def fine() -> None:
    """Find nothing wrong with a range."""


class Log:
    """A topic of one partition, and a reader that reaches it through a proxy."""

    def __init__(self, cluster: KafkaCluster, home: Path) -> None:
        self.cluster = cluster
        self.topic = new_topic(cluster.bootstrap, "events")
        self.ledger = Ledger()
        self.home = home
        self.reader = self.new_reader(seconds=20)

    def new_reader(self, *, seconds: int, fetch_memory: int | None = None) -> PartitionReader:
        source = kafka_source(self.cluster.addresses("PROXIED"), seconds=seconds)
        if fetch_memory is not None:
            source = source.model_copy(update={"fetch_memory": fetch_memory})
        return PartitionReader(source, self.topic, self.home)

    def write(self, count: int, *, size: int = 0) -> None:
        writer = Writer(self.cluster.bootstrap, self.topic, self.ledger, transactions=False)
        writer.write(list(numbered(0, count, size)))

    def transaction(self, count: int, outcome: str) -> None:
        writer = Writer(self.cluster.bootstrap, self.topic, self.ledger)
        writer.write(list(numbered(0, count)), outcome)

    def read(
        self,
        start: int,
        end: int,
        *,
        reader: PartitionReader | None = None,
        examine: Callable[[], None] = fine,
    ) -> dict[int, bytes]:
        found: dict[int, bytes] = {}
        for batch in (reader or self.reader).read(0, start, end, examine):
            assert batch.num_rows > 0
            found |= zip(
                batch.column("offset").to_pylist(), batch.column("value").to_pylist(), strict=True
            )
        assert list(found) == sorted(found)
        return found

    def committed(self, start: int, end: int) -> dict[int, bytes]:
        return {at: value for at, value in self.ledger.committed[0].items() if start <= at < end}


@pytest.fixture
def log(own_kafka: KafkaCluster, tmp_path: Path) -> Iterator[Log]:
    made = Log(own_kafka, tmp_path)
    with closing(made.reader):
        yield made
    own_kafka.proxies[1].restore()


def test_i02_every_window_of_a_log_with_transactions_is_read_to_its_end(log: Log) -> None:
    log.write(3)
    log.transaction(2, "commit")  # 3 4, marker 5
    log.transaction(2, "abort")  # 6 7, marker 8
    log.write(1)  # 9
    log.transaction(1, "commit")  # 10, marker 11: the log ends with a marker

    for start in range(13):
        for end in range(start, 13):
            assert log.read(start, end) == log.committed(start, end)


def test_a_window_that_holds_no_record_at_all_ends(log: Log) -> None:
    log.transaction(5, "abort")
    log.transaction(5, "abort")

    assert log.read(0, 12) == {}


def test_a_window_that_ends_before_an_open_transaction(log: Log) -> None:
    log.write(4)
    log.transaction(3, "open")
    log.write(4)

    assert log.read(0, 4) == log.committed(0, 4)


def test_a_reader_is_used_again_for_other_ranges(log: Log) -> None:
    log.write(2_000)

    for start, end in ((0, 500), (1_500, 2_000), (0, 2_000), (499, 501)):
        assert log.read(start, end) == log.committed(start, end)


def test_a_reader_reads_one_range_at_a_time(log: Log) -> None:
    log.write(10)
    first = log.reader.read(0, 0, 10, fine)
    next(first)

    with pytest.raises(RuntimeError, match="one range at a time"):
        log.read(0, 10)

    first.close()
    assert log.read(0, 10) == log.committed(0, 10)


def test_large_records_come_in_batches_of_bounded_size(log: Log) -> None:
    log.write(40, size=900_000)
    memory = 4 * 1024**2
    with closing(log.new_reader(seconds=20, fetch_memory=memory)) as reader:
        sizes = [batch.nbytes for batch in reader.read(0, 0, 40, fine)]

    assert sum(sizes) > 36_000_000
    assert max(sizes) <= memory


def test_an_offset_that_the_log_has_not_is_examined_and_never_another_one_read(log: Log) -> None:
    log.write(10)
    admin = admin_of(log.cluster.bootstrap)
    place = TopicPartition(log.topic, 0, 5)
    admin.delete_records([place])[place].result(30)
    asked: list[float] = []

    def expired() -> None:
        asked.append(time.monotonic())
        if len(asked) == 3:
            raise OffsetExpired("-", expected="-", found="-", remedy="-")

    with pytest.raises(OffsetExpired):
        log.read(2, 10, examine=expired)
    assert len(asked) == 3  # where nothing was found wrong, it was tried again

    with (
        closing(log.new_reader(seconds=2)) as reader,
        pytest.raises(SourceUnreachable, match="not available on the broker"),
    ):
        log.read(2, 10, reader=reader)


def test_a_range_beyond_the_log_is_waited_for_and_examined_at_last(log: Log) -> None:
    log.write(10)
    examined: list[int] = []
    with closing(log.new_reader(seconds=2)) as reader, pytest.raises(SourceUnreachable) as refused:
        log.read(0, 11, reader=reader, examine=lambda: examined.append(1))

    assert "after offset 10" in refused.value.found
    assert examined == [1]
    log.write(1)
    assert log.read(0, 11) == log.committed(0, 11)


def test_i02_a_stalled_socket_is_an_outage_and_the_reader_works_again_after_it(log: Log) -> None:
    log.write(12_000, size=2_000)
    with closing(log.new_reader(seconds=3, fetch_memory=1024**2)) as reader:
        batches = reader.read(0, 0, 12_000, fine)
        next(batches)
        log.cluster.proxies[1].stall()
        with pytest.raises(SourceUnreachable, match="no record and no end of the log after offset"):
            list(batches)
        log.cluster.proxies[1].restore()

        assert log.read(0, 12_000, reader=reader) == log.committed(0, 12_000)


def test_i15_connections_that_are_cut_at_any_byte_lose_and_double_nothing(log: Log) -> None:
    log.write(2_000, size=500)
    proxy = log.cluster.proxies[1]
    with closing(log.new_reader(seconds=20, fetch_memory=1024**2)) as reader:
        for count in (1, 50, 5_000, 70_000, 300_001, 600_000):
            proxy.cut_after(count)
            before = proxy.cuts
            assert log.read(0, 2_000, reader=reader) == log.committed(0, 2_000)
            assert proxy.cuts > before
            proxy.restore()


def test_aborted_records_are_progress_though_none_comes_out(log: Log) -> None:
    writer = Writer(log.cluster.bootstrap, log.topic, log.ledger)
    writer.write(list(numbered(0, 3_000, size=2_000)), "abort")
    log.write(1)
    log.cluster.proxies[1].delay(0.05)  # 6 MB in pieces of 64 KiB take five seconds

    begun = time.monotonic()
    with closing(log.new_reader(seconds=3, fetch_memory=1024**2)) as reader:
        assert log.read(0, 3_002, reader=reader) == log.committed(0, 3_002)
    assert time.monotonic() - begun > 3


class _Latin(str):
    """A name that is not sent as UTF-8."""

    __slots__ = ()

    def encode(self, encoding: str = "", errors: str = "") -> bytes:
        del encoding, errors
        return b"caf\xe9"


def test_a_header_whose_name_is_not_utf_8_is_refused_with_its_offset(log: Log) -> None:
    log.write(3)
    producer = KafkaProducer(bootstrap_servers=log.cluster.bootstrap)
    producer.send(log.topic, b"value", headers=[(_Latin("name"), b"1")]).get(20)
    producer.close()

    assert log.read(0, 3) == log.committed(0, 3)
    with pytest.raises(GapUnproven, match="a header at offset 3 whose name is not UTF-8"):
        log.read(0, 4)


def test_a_damaged_batch_is_refused(log: Log) -> None:
    log.write(5)
    segment = log.cluster._folder / "data-1" / f"{log.topic}-0" / f"{0:020d}.log"
    data = bytearray(segment.read_bytes())
    data[-3] ^= 0xFF
    segment.write_bytes(data)

    with pytest.raises(GapUnproven, match="CRC"):
        log.read(0, 5)
