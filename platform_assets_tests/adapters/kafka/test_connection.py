"""Whatever hangs or breaks between the client and the brokers, an answer or an error comes in time.

No test asserts a time; each call has to end within a bound that is far larger than its own.
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets.adapters.kafka import connection as connection_module
from platform_assets.adapters.kafka.batches import BatchScan
from platform_assets.adapters.kafka.connection import Brokers, Session
from platform_assets.adapters.kafka.errors import Where
from platform_assets.adapters.kafka.metadata import Topic
from platform_assets.declarations import KafkaSource
from platform_assets.errors import SourceUnreachable
from platform_assets_tests.adapters.kafka.known_logs import (
    SECONDS,
    Ledger,
    Writer,
    brokers,
    numbered,
)
from platform_assets_tests.servers.kafka_topics import new_topic
from platform_assets_tests.servers.processes import free_ports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from platform_assets.adapters.kafka.batch_headers import Batch
    from platform_assets_tests.servers.kafka_cluster import KafkaCluster


@pytest.fixture
def events(own_kafka: KafkaCluster) -> Iterator[Topic]:
    """A topic of 40 batches behind a proxy that can break everything."""
    name = new_topic(own_kafka.bootstrap, "events")
    writer = Writer(own_kafka.bootstrap, name, Ledger(), transactions=False)
    for _ in range(40):
        writer.write(list(numbered(0, 5, size=2000)))
    with brokers(own_kafka.addresses("PROXIED"), seconds=8) as connected:
        yield Topic(connected, name)
    own_kafka.proxies[1].restore()


def within_bound(call: Callable[[], Any]) -> Any:
    """Return or raise what a call does, if it ends at all."""
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(call())
        except Exception as error:  # noqa: BLE001 - it is raised below
            outcome.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(SECONDS)
    assert outcome, "the call did not end"
    if isinstance(outcome[0], Exception):
        raise outcome[0]
    return outcome[0]


def unreachable(address: str, home: Path, **fields: Any) -> SourceUnreachable:
    """Return the error of an address where nobody answers."""
    source = KafkaSource.model_validate(
        {"kind": "kafka", "bootstrap": (address,), "timeout_seconds": 2, **fields}
    )
    with Brokers(source, home) as asked, pytest.raises(SourceUnreachable) as refused:
        within_bound(Topic(asked, "events").describe)
    assert str(refused.value).startswith(
        f"topic events of kafka at {address}: expected an answer within 2 s, found "
    )
    assert refused.value.exit_code == 3
    return refused.value


# --- nobody there ----------------------------------------------------------------------------------


def test_a_port_where_nobody_listens(tmp_path: Path) -> None:
    assert "ECONNREFUSED" in unreachable(f"127.0.0.1:{free_ports(1)[0]}", tmp_path).found


def test_a_name_that_does_not_resolve(tmp_path: Path) -> None:
    assert "DNS" in unreachable("no-such-host.invalid:9092", tmp_path).found


def test_a_name_lookup_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hang = threading.Event()

    def lookup(*_: object) -> list[object]:
        hang.wait(SECONDS)
        return []

    monkeypatch.setattr("kafka.net.inet.socket.getaddrinfo", lookup)
    try:
        unreachable("slow-dns.example:9092", tmp_path)
    finally:
        hang.set()


def test_a_name_lookup_that_hangs_holds_up_no_later_request(
    own_kafka: KafkaCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = new_topic(own_kafka.bootstrap, "events")
    hang, looked_up = threading.Event(), threading.Event()
    lookup = socket.getaddrinfo

    def hangs_once(*given: Any, **named: Any) -> Any:
        if not looked_up.is_set():
            looked_up.set()
            hang.wait(SECONDS)
        return lookup(*given, **named)

    monkeypatch.setattr("kafka.net.inet.socket.getaddrinfo", hangs_once)
    try:
        with brokers(own_kafka.bootstrap, seconds=3) as connected:
            with pytest.raises(SourceUnreachable):
                within_bound(Topic(connected, name).describe)
            assert list(within_bound(Topic(connected, name).describe).leaders) == [0]
    finally:
        hang.set()


@pytest.mark.parametrize("security", [{}, {"tls": {}}], ids=["clear", "TLS"])
def test_a_server_that_accepts_and_says_nothing(tmp_path: Path, security: dict[str, Any]) -> None:
    with answering(b"", close=False) as address:
        unreachable(address, tmp_path, **security)


@pytest.mark.parametrize("words", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"], ids=["none", "HTTP"])
def test_a_server_that_is_no_broker(tmp_path: Path, words: bytes) -> None:
    with answering(words, close=True) as address:
        error = unreachable(address, tmp_path)
    assert "whether `tls` and `sasl` are declared" in error.remedy


def test_any_of_several_addresses_is_enough(own_kafka: KafkaCluster) -> None:
    name = new_topic(own_kafka.bootstrap, "events")
    with answering(b"", close=False) as silent:
        nobody = f"127.0.0.1:{free_ports(1)[0]}"
        with brokers([silent, nobody, *own_kafka.bootstrap], seconds=20) as connected:
            assert list(within_bound(Topic(connected, name).describe).leaders) == [0]


# --- it breaks while it is used --------------------------------------------------------------------


def test_a_socket_that_stalls_is_an_outage_and_over_when_it_flows_again(
    own_kafka: KafkaCluster, events: Topic
) -> None:
    proxy = own_kafka.proxies[1]
    described = events.describe()
    scan = BatchScan(events, described, 0)
    assert len(batches(scan)) == 40
    proxy.stall()
    for ask in (events.describe, lambda: events.stable_ends([0]), lambda: batches(scan)):
        with pytest.raises(SourceUnreachable, match=r"Timed out|timed out|never came up"):
            within_bound(ask)
    proxy.restore()

    assert within_bound(events.describe) == described
    assert len(within_bound(lambda: batches(scan))) == 40


def test_connections_that_are_cut_at_any_byte_leave_no_batch_out(
    own_kafka: KafkaCluster, events: Topic
) -> None:
    proxy = own_kafka.proxies[1]
    whole = batches(BatchScan(events, events.describe(), 0))
    assert sum(batch.records for batch in whole) == 200
    for cut in (1, 5, 60, 700, 20_000, 90_000, 200_000, 390_000):
        before = proxy.cuts
        scan = BatchScan(events, events.describe(), 0, fetch_bytes=60_000)
        proxy.cut_after(cut)
        assert within_bound(lambda scan=scan: batches(scan)) == whole
        assert proxy.cuts == before + 1


def test_a_broker_that_refuses_connections_for_a_while_is_waited_for(
    own_kafka: KafkaCluster, events: Topic
) -> None:
    proxy = own_kafka.proxies[1]
    described = events.describe()
    proxy.cut(refuse=True)
    timer = threading.Timer(2.0, proxy.restore)
    timer.start()
    try:
        assert within_bound(events.describe) == described
    finally:
        timer.join()


def test_slow_answers_are_answers(own_kafka: KafkaCluster, events: Topic) -> None:
    own_kafka.proxies[1].delay(0.2)
    scan = BatchScan(events, events.describe(), 0, fetch_bytes=100_000)
    assert len(within_bound(lambda: batches(scan))) == 40


# --- how much is fetched ---------------------------------------------------------------------------


@pytest.mark.parametrize("fetch_bytes", [1, 1000, 12_000, 4 * 1024**2])
def test_any_limit_gives_all_batches_of_any_range(events: Topic, fetch_bytes: int) -> None:
    scan = BatchScan(events, events.describe(), 0, fetch_bytes=fetch_bytes)
    for start, end in ((0, 200), (7, 23), (10, 15), (12, 13), (199, 200), (5, 5)):
        found = [batch for piece in scan.scan(start, end) for batch in piece.batches]
        assert [batch.base for batch in found] == [
            base for base in range(0, 200, 5) if base + 5 > start and base < end
        ]


def test_a_batch_that_is_larger_than_the_limit_is_fetched_whole(own_kafka: KafkaCluster) -> None:
    name = new_topic(own_kafka.bootstrap, "events", config={"max.message.bytes": "8000000"})
    from confluent_kafka import Producer  # noqa: PLC0415 - with settings that no other test has

    producer = Producer(
        {"bootstrap.servers": own_kafka.bootstrap[0], "message.max.bytes": 8_000_000}
    )
    for _ in range(3):
        producer.produce(name, bytes(6_000_000))
        producer.flush(SECONDS)
    with brokers(own_kafka.bootstrap) as connected:
        topic = Topic(connected, name)
        found = batches(BatchScan(topic, topic.describe(), 0, fetch_bytes=1000), 3)
    assert [batch.wire_bytes > 6_000_000 for batch in found] == [True] * 3


def test_peek_gives_the_batch_that_holds_an_offset(events: Topic) -> None:
    scan = BatchScan(events, events.describe(), 0)
    for offset in (0, 4, 7, 199):
        found = scan.peek(offset, 200)
        assert found is not None
        assert found.base <= offset <= found.last
    assert scan.peek(3, 3) is None


# --- the caller ------------------------------------------------------------------------------------


def test_a_mistake_in_the_program_is_no_outage(own_kafka: KafkaCluster) -> None:
    async def wrong(session: Session) -> None:
        raise TypeError("a mistake")

    with brokers(own_kafka.bootstrap) as connected, pytest.raises(TypeError, match="a mistake"):
        connected.run(Where(connected.source), wrong)


def test_many_threads_may_ask_at_once_on_one_connection(
    own_kafka: KafkaCluster, events: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = connection_module.kafka_python_settings

    def slowly(source: KafkaSource, home: Path) -> dict[str, Any]:
        time.sleep(0.2)  # the others come meanwhile
        return read(source, home)

    monkeypatch.setattr(connection_module, "kafka_python_settings", slowly)
    found: list[object] = []
    before = network_threads()
    threads = [
        threading.Thread(target=lambda: found.append(events.stable_ends([0]))) for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert found == [{0: 200}] * 12
    assert len(network_threads()) == len(before) + 1


def test_closing_ends_the_thread_and_the_next_request_connects_anew(
    own_kafka: KafkaCluster,
) -> None:
    name = new_topic(own_kafka.bootstrap, "events")
    before = network_threads()
    connected = brokers(own_kafka.bootstrap)
    connected.close()
    for _ in range(3):
        assert list(Topic(connected, name).describe().leaders) == [0]
        assert len(network_threads()) == len(before) + 1
        connected.close()
        connected.close()
        assert network_threads() == before


def test_a_network_thread_that_ended_is_an_outage_and_the_next_request_has_a_new_one(
    own_kafka: KafkaCluster, events: Topic
) -> None:
    described = events.describe()
    session = events.brokers._session
    assert session is not None
    session.net.close()
    with pytest.raises(SourceUnreachable):
        within_bound(events.describe)
    assert within_bound(events.describe) == described


def test_whoever_gives_up_late_does_not_close_the_connection_of_those_after_it(
    events: Topic,
) -> None:
    connected = events.brokers
    late = connected._open()
    connected._drop(late)
    events.describe()
    standing = connected._session
    connected._drop(late)
    assert connected._session is standing is not None


def network_threads() -> set[str]:
    return {
        f"{thread.name} {thread.ident}"
        for thread in threading.enumerate()
        if thread.name.startswith("kafka-io")
    }


def batches(scan: BatchScan, end: int = 200) -> list[Batch]:
    return [batch for piece in scan.scan(0, end) for batch in piece.batches]


@contextmanager
def answering(words: bytes, *, close: bool) -> Iterator[str]:
    """Listen, say some words to whoever connects, and hang up or not."""
    listener = socket.create_server(("127.0.0.1", 0))
    kept: list[socket.socket] = []

    def serve() -> None:
        while True:
            try:
                accepted, _ = listener.accept()
            except OSError:
                return
            if words:
                accepted.sendall(words)
            if close:
                accepted.close()
            else:
                kept.append(accepted)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(SECONDS)
        for accepted in kept:
            accepted.close()
