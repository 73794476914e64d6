"""Kinesis servers for tests, and what each of them does truly.

Found, in this order: an address from the environment (``PLATFORM_TESTS_KINESIS``,
``PLATFORM_TESTS_KINESIS_MOTO``), a container where an engine answers, a native process, else the test
is skipped with the reason. Credentials are false, and given to the clients alone; the environment of
other tests does not change.

Measured against boto3 1.44 (kinesalite 3.3.3, kinesis-local 0.6.2, moto 5.2.5; 2 shared cores):

| | kinesalite | kinesis-local | moto |
| --- | --- | --- | --- |
| sequence numbers | 56 digits, as Kinesis | 56 digits | 1, 2, 3 in each shard |
| ListShards | all in one page, no filter | pages, filter | pages, filter |
| AT/AFTER_SEQUENCE_NUMBER | true, foreign ones refused | the record must exist | any number |
| AT_TIMESTAMP, nothing after it | never answers | true | true |
| AT_TIMESTAMP in the future | refused, as Kinesis | refused | accepted |
| split and merge | true; UPDATING for a while | true | records move, closed shards go on |
| writes while UPDATING | to the parent | to the children | to the closed parent, for ever |
| end of a closed shard | null iterator, after an empty page | null with the last records | never |
| EndingSequenceNumber | true, above every record | 2**63 - 1, below every record | last record |
| ChildShards in GetRecords | never | true | never |
| MillisBehindLatest | 0 while open, whatever waits | true | true |
| UpdateShardCount | not there | true | shards appear, records do not follow |
| expired iterator (300 s) | true; the clock can be moved | not tried | never |
| retention | true; expired numbers start at the oldest | not tried | a number only |
| throttling, failed records in PutRecords | never | never | never |
| 1 MiB of data | accepted with any key | accepted | key counts |
| limits of a batch | 500 records, request of 7 MiB | none; a large record fails alone | 500, 5 MiB |
| explicit hash 2**128 - 1 | true | true | answers 500 |
| 16 producers at once | nothing lost | nothing lost | may lose records |
| put, read (200 bytes) | 11,000/s, 17,000/s | 480/s, 5,000/s | 7,600/s, 14,700/s |

So: kinesalite is the server for ranges, resharding and producers; kinesis-local for ChildShards,
AT_TIMESTAMP and iterators that end with the last records; moto for IAM and AT_TIMESTAMP, never for
resharding. What none of them does (throttling, failed records, resets, empty pages) is injected by
the proxy of `kinesis_faults`. None trims closed shards from ListShards after their retention.
"""

from __future__ import annotations

import os
import time
import urllib.request
import uuid
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

from platform_assets_tests.servers.leashed import (
    ServerUnavailableError,
    locked_version,
    moto_server,
    node_server,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REGION = "us-east-1"
ACCESS_KEY = "AKIAFALSEFORTESTS000"
SECRET_KEY = "false-secret-for-tests"  # noqa: S105 - no server checks it
_ACTIVE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class KinesisServer:
    """A server that runs, and clients of it."""

    kind: str
    endpoint: str

    def client(self, service: str = "kinesis", **config: Any) -> Any:
        """Return a boto3 client of the server; ``config`` goes to botocore's `Config`.

        It does not retry unless told: a test wants to see the first answer.
        """
        return client_of(self.endpoint, service, **config)

    def new_stream(self, shards: int = 1, name: str = "stream") -> str:
        """Create a stream under a name that nobody else uses and wait until it is active."""
        unique = f"{name}-{uuid.uuid4().hex[:12]}"
        _plain_client(self.endpoint).create_stream(StreamName=unique, ShardCount=shards)
        self.wait_until_active(unique)
        return unique

    def wait_until_active(self, stream: str) -> None:
        """Wait until a stream's creation, split or merge is over."""
        client = _plain_client(self.endpoint)
        deadline = time.monotonic() + _ACTIVE_SECONDS
        while time.monotonic() < deadline:
            answer = client.describe_stream_summary(StreamName=stream)
            if answer["StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE":
                return
            time.sleep(0.01)
        raise AssertionError(f"stream {stream} is not active after {_ACTIVE_SECONDS} s")

    def move_clock(self, seconds: float) -> None:
        """Move the clock of a kinesalite server of one's own forward: iterators and records expire."""
        body = str(seconds).encode()
        with urllib.request.urlopen(f"{self.endpoint}/clock", body, timeout=10) as answer:  # noqa: S310
            answer.read()


def client_of(endpoint: str, service: str = "kinesis", **config: Any) -> Any:
    """Return a client with false credentials of whatever listens there, a fault proxy for example."""
    settings = {
        "retries": {"max_attempts": 0, "mode": "standard"},
        "connect_timeout": 5,
        "read_timeout": 30,
        **config,
    }
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        config=Config(**settings),
    )


@cache
def _plain_client(endpoint: str) -> Any:
    return client_of(endpoint)  # making one costs more than asking with it


@contextmanager
def kinesalite_server(*, create_ms: int = 10, update_ms: int = 50) -> Iterator[KinesisServer]:
    """Run a kinesalite of one's own; to create a stream, or to split a shard, takes so long.

    Raises:
        ServerUnavailableError: it cannot be had on this machine.
    """
    settings = {"KINESIS_CREATE_MS": str(create_ms), "KINESIS_UPDATE_MS": str(update_ms)}
    with node_server("kinesalite.js", settings) as endpoint:
        yield KinesisServer("kinesalite", endpoint)


@contextmanager
def kinesis_local_server() -> Iterator[KinesisServer]:
    """Run kinesis-local.

    Raises:
        ServerUnavailableError: it cannot be had on this machine.
    """
    durations = ("CREATE_STREAM", "DELETE_STREAM", "SPLIT_SHARD", "MERGE_SHARDS")
    settings = {f"{act}_DURATION": "50ms" for act in (*durations, "UPDATE_SHARD_COUNT")}
    settings |= {"SHARD_LIMIT": "10000", "LOG_LEVEL": "ERROR"}
    with node_server("kinesis_local.js", settings) as endpoint:
        yield KinesisServer("kinesis-local", endpoint)


def _session_server(
    variable: str, kind: str, native: Callable[[], Any], stack: ExitStack
) -> KinesisServer:
    address = os.environ.get(variable)
    if address:
        return KinesisServer(kind, address)
    try:
        server: KinesisServer = stack.enter_context(native())
    except ServerUnavailableError as error:
        pytest.skip(f"{kind}: {error}")
    return server


@pytest.fixture(scope="session")
def kinesalite() -> Iterator[KinesisServer]:
    """Kinesalite for the whole session; its streams are kept apart by their names."""
    with ExitStack() as stack:
        yield _session_server("PLATFORM_TESTS_KINESIS", "kinesalite", kinesalite_server, stack)


@pytest.fixture
def own_kinesalite() -> Iterator[KinesisServer]:
    """Return a kinesalite for one test, which may move its clock."""
    with ExitStack() as stack:
        yield _session_server("", "kinesalite", kinesalite_server, stack)


@pytest.fixture(scope="session")
def kinesis_local() -> Iterator[KinesisServer]:
    """Kinesis-local for the whole session."""
    with ExitStack() as stack:
        yield _session_server("", "kinesis-local", kinesis_local_server, stack)


@pytest.fixture(scope="session")
def kinesis_moto() -> Iterator[KinesisServer]:
    """Return moto's server for the whole session."""
    with ExitStack() as stack:
        yield _session_server("PLATFORM_TESTS_KINESIS_MOTO", "moto", _moto, stack)


@pytest.fixture
def kinesis_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the platform's own adapters find false credentials, for one test."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)


@contextmanager
def _moto() -> Iterator[KinesisServer]:
    with moto_server() as endpoint:
        yield KinesisServer("moto", endpoint)


_FIXTURES = frozenset({"kinesalite", "own_kinesalite", "kinesis_local", "kinesis_moto"})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses a Kinesis server, and keep it together under xdist unless it says otherwise."""
    for item in items:
        if _FIXTURES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker("kinesis")
            if item.get_closest_marker("xdist_group") is None:
                item.add_marker(pytest.mark.xdist_group("kinesis"))


def versions() -> str:
    """Return which servers the tests use, with their versions as installed."""
    if os.environ.get("PLATFORM_TESTS_KINESIS"):
        return "the server at the given address"
    named = {name: locked_version(name) for name in _NODE_PACKAGES}
    named["moto"] = metadata.version("moto")
    return ", ".join(f"{name} {version}" for name, version in named.items())


_NODE_PACKAGES = ("kinesalite", "kinesis-local")
