"""What every stream sink does, whatever it leads to: when it tells of a record, where it sends it."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from platform_assets.adapters.streams import open_sink
from platform_assets.declarations import FileLogSource, KafkaSource, KinesisSource
from platform_assets.errors import SourceChanged
from platform_assets.ports.sinks import Outgoing
from platform_assets_tests.servers.kafka_topics import new_topic
from platform_assets_tests.servers.kinesis import REGION

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from platform_assets.ports.sinks import StreamSink

SECONDS = 60
_KAFKA = [pytest.mark.kafka, pytest.mark.xdist_group("kafka")]


@dataclass(frozen=True)
class Subject:
    """A sink to a stream of three partitions, and their names."""

    sink: StreamSink
    names: list[str]

    def to(self, partition: int, value: bytes) -> Outgoing:
        return Outgoing(value, b"key of %b" % value, self.names[partition])


@pytest.fixture(
    params=[
        "file_log",
        pytest.param("kafka", marks=_KAFKA),
        pytest.param("kinesis", marks=pytest.mark.kinesis),
    ]
)
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Subject]:
    if request.param == "kafka":
        bootstrap = request.getfixturevalue("kafka").bootstrap
        topic = new_topic(bootstrap, "sinks", partitions=3)
        declared = KafkaSource(kind="kafka", bootstrap=tuple(bootstrap), timeout_seconds=30)
        sink = open_sink(declared, topic, tmp_path)
    elif request.param == "kinesis":
        request.getfixturevalue("kinesis_credentials")
        server = request.getfixturevalue("kinesalite")
        source = KinesisSource(kind="kinesis", region=REGION, endpoint=server.endpoint)
        sink = open_sink(source, server.new_stream(3), tmp_path)
    else:
        sink = open_sink(FileLogSource(kind="file_log", path="log"), "topic", tmp_path)
        sink.create(3)
    with closing(sink):
        yield Subject(sink, sink.partitions())


def test_each_acknowledged_record_is_told_once_by_its_number(subject: Subject) -> None:
    told: list[int] = []
    records = (subject.to(n % 3, b"%d" % n) for n in range(2_000))
    report = subject.sink.send(records, acknowledged=told.append)
    assert report.total == 2_000
    assert sorted(told) == list(range(2_000))


def test_a_record_is_told_while_nothing_is_to_be_sent_after_it(subject: Subject) -> None:
    """It does not wait for the next one, nor for the end."""
    told: list[int] = []

    def records() -> Iterator[Outgoing | None]:
        deadline = time.monotonic() + SECONDS
        for number in range(3):
            yield subject.to(number, b"%d" % number)
            while number not in told:
                assert time.monotonic() < deadline, told
                time.sleep(0.001)
                yield None

    assert subject.sink.send(records(), acknowledged=told.append).total == 3
    assert told == [0, 1, 2]


def test_a_moment_without_a_record_has_no_number(subject: Subject) -> None:
    told: list[int] = []
    records = [None, subject.to(0, b"0"), None, None, subject.to(0, b"1"), None]
    report = subject.sink.send(records, acknowledged=told.append)
    assert (report.total, told) == (2, [0, 1])


def test_a_record_for_another_partition_than_was_said_ends_the_sending(subject: Subject) -> None:
    told: list[int] = []
    records = [subject.to(0, b"0"), subject.to(2, b"1"), subject.to(1, b"2"), subject.to(0, b"3")]
    only = (subject.names[0], subject.names[2])
    report = subject.sink.send(records, partitions=only, acknowledged=told.append)
    assert report.acknowledged == dict.fromkeys(only, 1)
    assert [trouble.number for trouble in report.refused] == [2]
    assert report.ambiguous == ()
    assert sorted(told) == [0, 1]


@pytest.mark.parametrize("named", [True, False])
def test_where_partitions_are_said_each_record_names_one_of_them(
    subject: Subject, named: bool
) -> None:
    record = subject.to(1, b"x") if named else Outgoing(b"x", b"key")
    with pytest.raises(SourceChanged):
        subject.sink.send([record], partitions=(subject.names[0],))
    with pytest.raises(SourceChanged):
        subject.sink.send([record], partitions=())
