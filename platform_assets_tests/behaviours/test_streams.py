"""What every stream source does, whatever it is made of.

A subject bundles a source with the ways to fill and to damage it. Adding an adapter means adding a
subject; the tests stay as they are.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa
import pytest

from platform_assets.adapters.file_log import FileLog
from platform_assets.errors import (
    GapUnproven,
    OffsetExpired,
    OffsetTruncated,
    SourceChanged,
    SourceUnreachable,
)
from platform_assets.ports.streams import LANDING_SCHEMA, Gap, Span, StreamSource
from platform_assets_tests.behaviours.kafka_subject import KafkaSubject
from platform_assets_tests.behaviours.kinesis_subject import KinesisSubject
from platform_assets_tests.servers.kafka_cluster import KafkaCluster
from platform_assets_tests.servers.kinesis import kinesalite_server
from platform_assets_tests.servers.leashed import ServerUnavailableError
from platform_assets_tests.servers.processes import NoServer
from platform_assets_tests.simulators.file_logs import FileLogWriter
from platform_assets_tests.simulators.streams import SimulatedStream

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from platform_assets_tests.servers.kinesis import KinesisServer


class Subject(Protocol):
    source: StreamSource

    def append(self, partition: str, records: Iterable[bytes]) -> tuple[int, int]: ...
    def costs(self, partition: str, records: list[bytes]) -> list[int]: ...
    def expire(self, partition: str, before: int) -> None: ...
    def truncate(self, partition: str, end: int) -> None: ...
    def lose(self, partition: str, offset: int) -> None: ...
    def disconnect(self) -> None: ...
    def reconnect(self) -> None: ...


class FileLogSubject(FileLogWriter):
    def __init__(self, root: Path, *, compressed: bool) -> None:
        super().__init__(root, "events", compressed=compressed, segment_records=4)
        self.source = FileLog(root, "events")
        self._away = root / ".away"

    def costs(self, partition: str, records: list[bytes]) -> list[int]:
        del partition
        return [len(record) + 1 for record in records]

    def lose(self, partition: str, offset: int) -> None:
        base = offset - offset % self.segment_records
        lines = self.content(partition, base).splitlines(keepends=True)
        del lines[offset - base]
        self.write(partition, base, b"".join(lines))

    def disconnect(self) -> None:
        self.folder.rename(self._away)

    def reconnect(self) -> None:
        self._away.rename(self.folder)


@dataclass
class SimulatedSubject(SimulatedStream):
    @property
    def source(self) -> StreamSource:
        return self

    def costs(self, partition: str, records: list[bytes]) -> list[int]:
        del partition
        return [len(record) + 1 for record in records]

    def disconnect(self) -> None:
        self.unreachable = True

    def reconnect(self) -> None:
        self.unreachable = False


@pytest.fixture(scope="module")
def broker() -> Iterator[KafkaCluster]:
    """A broker that may be killed, and whose files may be damaged."""
    try:
        with KafkaCluster() as cluster:
            yield cluster
    except NoServer as error:
        pytest.skip(f"no Kafka: {error}")


@pytest.fixture(scope="module")
def shards() -> Iterator[KinesisServer]:
    """A Kinesis server whose clock may be moved, and whose store may be damaged."""
    try:
        with kinesalite_server() as server:
            yield server
    except ServerUnavailableError as error:
        pytest.skip(f"no kinesalite: {error}")


_KINESIS = [pytest.mark.kinesis, pytest.mark.xdist_group("stream behaviours on kinesis")]
_KAFKA = [pytest.mark.kafka, pytest.mark.xdist_group("stream behaviours on kafka")]


@pytest.fixture(
    params=[
        "file_log",
        "file_log_zstd",
        "simulated",
        pytest.param("kafka", marks=_KAFKA),
        pytest.param("kinesis", marks=_KINESIS),
    ]
)
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Subject]:
    if request.param == "kafka":
        cluster: KafkaCluster = request.getfixturevalue("broker")
        request.node.user_properties.append(("kafka", f"Apache Kafka {cluster.version}"))
        with closing(KafkaSubject(cluster, tmp_path)) as kafka:
            yield kafka
    elif request.param == "kinesis":
        request.getfixturevalue("kinesis_credentials")
        with closing(KinesisSubject(request.getfixturevalue("shards"))) as kinesis:
            yield kinesis
    elif request.param == "simulated":
        yield SimulatedSubject()
    else:
        yield FileLogSubject(tmp_path, compressed=request.param == "file_log_zstd")


def records(count: int, first: int = 0) -> list[bytes]:
    return [b'{"n": %d}' % number for number in range(first, first + count)]


def delivered(
    source: StreamSource, partition: str, start: int, end: int
) -> list[tuple[int, bytes]]:
    rows: list[tuple[int, bytes]] = []
    for item in source.read(Span.of(partition, start, end)):
        assert not isinstance(item, Gap)
        assert item.schema.equals(LANDING_SCHEMA)
        assert item.num_rows > 0
        item.validate(full=True)
        assert set(item.column("partition").to_pylist()) == {partition}
        rows += zip(
            item.column("offset").to_pylist(), item.column("value").to_pylist(), strict=True
        )
    return rows


def test_extents_stand_in_the_natural_order_of_the_partitions(subject: Subject) -> None:
    for partition in ("10", "9", "0"):
        subject.append(partition, records(int(partition) + 1))

    extents = [extent for extent in subject.source.extents() if extent.end > 0]

    assert [(e.partition, e.start, e.end) for e in extents] == [
        ("0", 0, 1),
        ("9", 0, 10),
        ("10", 0, 11),
    ]


def test_i02_every_cut_of_a_range_delivers_the_same_records(subject: Subject) -> None:
    written = records(11)
    subject.append("0", written)

    for cut in range(12):
        rows = [*delivered(subject.source, "0", 0, cut), *delivered(subject.source, "0", cut, 11)]
        assert rows == list(enumerate(written))


def test_an_empty_range_delivers_nothing(subject: Subject) -> None:
    subject.append("0", records(5))

    assert [list(subject.source.read(Span.of("0", at, at))) for at in (0, 3, 5)] == [[], [], []]


def test_bytes_are_delivered_as_they_came(subject: Subject) -> None:
    odd = [b"", b"\xff\xfe\x00", "Zürich ☃".encode(), b" \t{}", b"a\rb", b"\x1e\x0b\x0c", b""]
    subject.append("0", odd)

    assert [value for _, value in delivered(subject.source, "0", 0, len(odd))] == odd


def test_a_stream_that_grows_keeps_what_it_had(subject: Subject) -> None:
    subject.append("0", records(3))
    before = delivered(subject.source, "0", 0, 3)

    subject.append("0", records(7, first=3))
    subject.append("1", records(2))

    assert [(e.partition, e.end) for e in subject.source.extents()] == [("0", 10), ("1", 2)]
    assert delivered(subject.source, "0", 0, 3) == before
    assert delivered(subject.source, "0", 3, 10) == list(enumerate(records(10)))[3:]


def test_i02_an_expired_start_is_refused(subject: Subject) -> None:
    subject.append("0", records(12))
    subject.expire("0", 8)

    assert subject.source.extents()[0].start == 8
    assert delivered(subject.source, "0", 8, 12) == list(enumerate(records(12)))[8:]
    with pytest.raises(OffsetExpired):
        delivered(subject.source, "0", 7, 12)


def test_i02_an_end_that_the_source_lost_is_refused(subject: Subject) -> None:
    subject.append("0", records(12))
    subject.truncate("0", 10)

    assert subject.source.extents()[0].end == 10
    with pytest.raises(OffsetTruncated):
        delivered(subject.source, "0", 6, 12)


def test_i02_a_record_lost_without_proof_is_refused(subject: Subject) -> None:
    subject.append("0", records(12))
    subject.lose("0", 5)

    with pytest.raises(GapUnproven):
        delivered(subject.source, "0", 0, 12)


def test_i02_an_outage_is_never_an_empty_stream(subject: Subject) -> None:
    subject.append("0", records(5))
    subject.disconnect()

    with pytest.raises(SourceUnreachable):
        subject.source.extents()
    with pytest.raises(SourceUnreachable):
        list(subject.source.read(Span.of("0", 0, 5)))
    with pytest.raises(SourceUnreachable):
        subject.source.limit_bytes(Span.of("0", 0, 5), 10)

    subject.reconnect()
    assert len(delivered(subject.source, "0", 0, 5)) == 5


def test_a_partition_that_does_not_exist_is_refused(subject: Subject) -> None:
    subject.append("0", records(5))

    with pytest.raises(SourceChanged):
        list(subject.source.read(Span.of("7", 0, 1)))


def test_a_byte_limit_is_the_largest_that_holds(subject: Subject) -> None:
    sizes = [3, 9, 0, 1, 20, 5, 5, 8, 2, 2, 2]
    subject.append("0", [b"x" * size for size in sizes])
    costs = subject.costs("0", [b"x" * size for size in sizes])

    for start in range(len(sizes)):
        totals = [sum(costs[start:stop]) for stop in range(start, len(sizes) + 1)]
        for limit in sorted({max(0, total + more) for total in totals for more in (-1, 0, 1)}):
            fitting = [
                stop for stop in range(start, len(sizes) + 1) if sum(costs[start:stop]) <= limit
            ]
            expected = max(*fitting, start + 1)
            assert subject.source.limit_bytes(Span.of("0", start, len(sizes)), limit) == expected


def test_a_record_above_the_byte_limit_cannot_block_the_stream(subject: Subject) -> None:
    subject.append("0", [b"x" * 1000, b"y"])

    assert subject.source.limit_bytes(Span.of("0", 0, 2), 10) == 1


def test_a_range_that_runs_backwards_is_a_mistake_of_the_caller(subject: Subject) -> None:
    subject.append("0", records(5))

    for start, end in ((3, 2), (-1, 2)):
        with pytest.raises(RuntimeError):
            list(subject.source.read(Span.of("0", start, end)))
        with pytest.raises(RuntimeError):
            subject.source.limit_bytes(Span.of("0", start, end), 1)


def test_batches_are_free_of_the_source_and_stay_valid(subject: Subject) -> None:
    written = records(40)
    subject.append("0", written)

    table = pa.Table.from_batches(list(subject.source.read(Span.of("0", 0, 40))))
    list(subject.source.read(Span.of("0", 0, 40)))

    assert table.column("value").to_pylist() == written
