"""A PostgreSQL server as a fixture, started at its first use: databases keep tests apart.

In this order: a superuser's connection string given by ``PLATFORM_TESTS_POSTGRES``; processes of the
tests' own, which listen on 127.0.0.1 alone. PostgreSQL does not run as root: where the tests do, it
runs as the user ``postgres`` that its package makes, or as ``nobody``.
"""

from __future__ import annotations

import os
import pwd
import re
import secrets
import shutil
import signal
import subprocess
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from platform_assets_tests.servers.processes import (
    NoServer,
    ServerFailed,
    ServerProcess,
    free_ports,
    program,
    temporary_folder,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

ADDRESS = "PLATFORM_TESTS_POSTGRES"
_GROUP = "postgres"
_FIXTURES = frozenset({"postgres_server", "postgres_database", "own_postgres_server"})
_VERSIONS = pytest.StashKey[list[str]]()
_START_SECONDS = 60


@dataclass(frozen=True, slots=True, repr=False)  # a failed test prints what it was given
class PostgresDatabase:
    """An empty database with a role that owns it, one for an application, and the superuser."""

    superuser: str
    owner: str
    application: str
    #: Name of the application's role.
    role: str
    password: str


class PostgresServer:
    """A server to be started; as a context manager it is started and stopped."""

    def __init__(self, *, durable: bool = False) -> None:
        self._durable = durable
        self._password = secrets.token_hex(16)

    @property
    def dsn(self) -> str:
        """The superuser's connection string."""
        return f"postgresql://tests:{self._password}@127.0.0.1:{self._port}/postgres"

    def __enter__(self) -> Self:
        """Format, start, and wait until it answers.

        Raises:
            NoServer: PostgreSQL is not on this machine, or there is no user that it could run as.
            ServerFailed: it did not start; with the end of its log.
        """
        user = _as_user()
        initdb, server = program("initdb"), program("postgres")
        folder = temporary_folder("postgres")
        self._port = free_ports(1)[0]
        (folder / "password").write_text(self._password)
        if user:
            for path in (folder, folder / "password"):
                shutil.chown(path, user[-1])
        data = str(folder / "data")
        who = ("--username", "tests", "--pwfile", str(folder / "password"))
        how = ("--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C")
        fast = () if self._durable else ("--no-sync",)
        done = subprocess.run(
            [*user[:-1], initdb, "-D", data, *who, *how, *fast],
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            timeout=_START_SECONDS,
        )
        if done.returncode:
            raise ServerFailed(f"initdb failed: {done.stdout}{done.stderr}")
        listens = ("-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=")
        loose = () if self._durable else ("-c", "fsync=off")
        self._process = ServerProcess(
            [*user[:-1], server, "-D", data, "-p", str(self._port), *listens, *loose],
            log=folder / "server.log",
        )
        try:
            self.start()
        except BaseException:
            self._process.kill()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._process.start()
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self._process.alive:
            try:
                psycopg.connect(self.dsn, connect_timeout=5).close()
            except psycopg.OperationalError:
                time.sleep(0.1)
            else:
                return
        raise ServerFailed(f"PostgreSQL does not answer: {self._process.output()[-2000:]}")

    def stop(self) -> None:
        """End it, and all of its connections with it."""
        if self._process.alive:
            os.kill(self._process.pid, signal.SIGINT)  # SIGTERM would wait for its clients
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self._process.alive:
            time.sleep(0.05)
        self._process.stop()


@pytest.fixture(scope="session")
def postgres_server(request: pytest.FixtureRequest) -> Iterator[str]:
    """Return the superuser's connection string of the session's server."""
    given = os.environ.get(ADDRESS)
    if given:
        _note_version(request, given)
        yield given
        return
    with _used(request) as server:
        yield server.dsn


@pytest.fixture(scope="module")
def own_postgres_server(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    """Return a server for a test module alone, which may restart it."""
    with _used(request) as server:
        yield server


@pytest.fixture
def postgres_database(postgres_server: str) -> Iterator[PostgresDatabase]:
    """Return an empty database of the session's server."""
    with new_database(postgres_server) as database:
        yield database


@contextmanager
def new_database(superuser: str) -> Iterator[PostgresDatabase]:
    """Make a database and its roles under names that nobody else uses; drop them at the end."""
    name, password = f"tests_{uuid.uuid4().hex[:16]}", secrets.token_hex(16)
    roles = {"owner": f"{name}_owner", "application": f"{name}_application"}
    with psycopg.connect(superuser, autocommit=True) as connection:
        for role in roles.values():
            connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
                    sql.Identifier(role), sql.Literal(password)
                )
            )
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {}").format(
                sql.Identifier(name), sql.Identifier(roles["owner"])
            )
        )
    dsns = {
        who: _as_url(superuser, user=role, password=password, dbname=name)
        for who, role in roles.items()
    }
    try:
        yield PostgresDatabase(
            superuser=make_conninfo(superuser, dbname=name),
            role=roles["application"],
            password=password,
            **dsns,
        )
    finally:
        with psycopg.connect(superuser, autocommit=True) as connection:
            connection.execute(
                sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
            )
            for role in roles.values():
                connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


@contextmanager
def _used(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    server = PostgresServer()
    try:
        server.__enter__()
    except NoServer as error:
        pytest.skip(f"no PostgreSQL: {error}")
    try:
        _note_version(request, server.dsn)
        yield server
    finally:
        server.stop()


def _as_url(dsn: str, *, user: str, password: str, dbname: str) -> str:
    parts = conninfo_to_dict(dsn)
    host, port = parts.get("host") or "127.0.0.1", parts.get("port") or 5432
    return f"postgresql://{user}:{password}@{host}:{port}/{dbname}"


def _as_user() -> tuple[str, ...]:
    """Return the command under which another user runs a program, and its name; none if not root."""
    if os.geteuid() != 0:
        return ()
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        ids = (f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups")
        return (program("setpriv"), *ids, name)
    raise NoServer("it does not run as root, and there is no other user")


def _note_version(request: pytest.FixtureRequest, dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        told = connection.execute("SELECT version()").fetchone()
    found = re.match(r"PostgreSQL \S+", str(told and told[0]))
    versions = request.config.stash.setdefault(_VERSIONS, [])
    versions.append(found[0] if found else "PostgreSQL of unknown version")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses a PostgreSQL server, and keep it together under xdist unless it says otherwise."""
    for item in items:
        if _FIXTURES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker("postgres")
            if item.get_closest_marker("xdist_group") is None:
                item.add_marker(pytest.mark.xdist_group(_GROUP))


def pytest_runtest_call(item: pytest.Item) -> None:
    """Report the server's version with the test, so that it comes from a worker to the summary."""
    if item.get_closest_marker("postgres") is not None:
        versions = item.config.stash.get(_VERSIONS, [])
        item.user_properties.extend(("postgres", version) for version in dict.fromkeys(versions))
