"""An S3 server as a fixture, started at its first use: one for the session, buckets keep tests apart.

In this order: an address given by ``PLATFORM_TESTS_S3`` (with ``PLATFORM_TESTS_S3_ACCESS_KEY`` and
``PLATFORM_TESTS_S3_SECRET_KEY``); Ceph's object gateway as processes of the tests' own. Not moto: its
conditional writes are not atomic, and under 32 racing writers two of them win now and then.
"""

from __future__ import annotations

import os
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import boto3
import pytest
from botocore.config import Config

from platform_assets_tests.servers.ceph import CephGateway
from platform_assets_tests.servers.http_faults import HttpFaults
from platform_assets_tests.servers.processes import NoServer

if TYPE_CHECKING:
    from collections.abc import Iterator

REGION = "us-east-1"
ADDRESS = "PLATFORM_TESTS_S3"
_GROUP = "s3"
_FIXTURES = frozenset({"s3_server", "s3_bucket", "own_s3_server"})
_VERSIONS = pytest.StashKey[list[str]]()


class S3Server(Protocol):
    """A server that tests may use, whoever started it."""

    @property
    def endpoint(self) -> str: ...
    @property
    def access_key(self) -> str: ...
    @property
    def secret_key(self) -> str: ...
    @property
    def version(self) -> str: ...


@dataclass(frozen=True)
class GivenServer:
    """A server at an address from the environment; it is neither started nor stopped."""

    endpoint: str
    access_key: str
    secret_key: str

    @property
    def version(self) -> str:
        return f"at {self.endpoint}, as given by {ADDRESS}"


def s3_client(server: S3Server, *, endpoint: str | None = None, **config: Any) -> Any:
    """Return a boto3 client of the server, or of what stands before it; it does not retry."""
    settings: dict[str, Any] = {
        "retries": {"max_attempts": 0, "mode": "standard"},
        "connect_timeout": 5,
        "read_timeout": 30,
        "s3": {"addressing_style": "path"},
        **config,
    }
    return boto3.client(
        "s3",
        endpoint_url=endpoint or server.endpoint,
        region_name=REGION,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
        config=Config(**settings),
    )


def new_bucket(server: S3Server, *, object_lock: bool = False) -> str:
    """Make a bucket under a name that nobody else uses."""
    name = f"tests-{uuid.uuid4().hex[:16]}"
    s3_client(server).create_bucket(Bucket=name, ObjectLockEnabledForBucket=object_lock)
    return name


@pytest.fixture(scope="session")
def s3_server(request: pytest.FixtureRequest) -> Iterator[S3Server]:
    """Return the session's server."""
    with _used(request) as server:
        yield server


@pytest.fixture(scope="module")
def own_s3_server(request: pytest.FixtureRequest) -> Iterator[CephGateway]:
    """Return a gateway for a test module alone, which may freeze it."""
    with _used(request, own=True) as server:
        assert isinstance(server, CephGateway)
        yield server


@pytest.fixture
def s3_bucket(s3_server: S3Server) -> str:
    """Return the name of an empty bucket of the session's server."""
    return new_bucket(s3_server)


@pytest.fixture
def s3_credentials(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the platform's own adapters find the server's credentials, for one test."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3_server.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3_server.secret_key)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)


@pytest.fixture
def faults(s3_server: S3Server, s3_credentials: None) -> Iterator[HttpFaults]:
    """Return what stands before the session's server and spoils answers, as a test tells it."""
    del s3_credentials
    with HttpFaults(s3_server.endpoint) as faults:
        yield faults


@contextmanager
def _used(request: pytest.FixtureRequest, *, own: bool = False) -> Iterator[S3Server]:
    versions = request.config.stash.setdefault(_VERSIONS, [])
    address = os.environ.get(ADDRESS)
    if address and not own:
        keys = (os.environ.get(f"{ADDRESS}_{name}_KEY", "") for name in ("ACCESS", "SECRET"))
        given = GivenServer(address, *keys)
        versions.append(given.version)
        yield given
        return
    gateway = CephGateway()
    try:
        gateway.start()
    except NoServer as error:
        pytest.skip(f"no S3 server: {error}")
    try:
        versions.append(gateway.version)
        yield gateway
    finally:
        gateway.stop()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses an S3 server, and keep it together under xdist unless it says otherwise."""
    for item in items:
        if _FIXTURES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker("s3")
            if item.get_closest_marker("xdist_group") is None:
                item.add_marker(pytest.mark.xdist_group(_GROUP))


def pytest_runtest_call(item: pytest.Item) -> None:
    """Report the server's version with the test, so that it comes from a worker to the summary."""
    if item.get_closest_marker("s3") is not None:
        versions = item.config.stash.get(_VERSIONS, [])
        item.user_properties.extend(("s3", version) for version in dict.fromkeys(versions))
