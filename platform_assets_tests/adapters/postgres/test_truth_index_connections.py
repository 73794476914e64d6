"""Connections: none stays in a transaction, a lost one is opened again, none tells a password."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from platform_assets.adapters.postgres import open_truth_index, truth_index
from platform_assets.adapters.postgres.connection import APPLICATION
from platform_assets.adapters.postgres.installation import install
from platform_assets.adapters.postgres.truth_index import TruthIndex
from platform_assets.errors import (
    CredentialMissing,
    EntriesRefused,
    IndexDenied,
    IndexMissing,
    IndexUnreachable,
    PlatformError,
    VerificationFailed,
)
from platform_assets.truth.entries import ENTRY
from platform_assets_tests.adapters.postgres.ledgers import (
    DAY,
    LEDGER,
    entry,
    ledger_run,
)
from platform_assets_tests.servers.postgres import new_database

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from platform_assets_tests.servers.postgres import PostgresDatabase, PostgresServer

_OPEN = """SELECT state FROM pg_stat_activity
WHERE datname = current_database() AND application_name = %s ORDER BY state"""
_LOCKS = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = %s::oid"


def states(database: PostgresDatabase) -> list[str]:
    """Return the states of the index's connections, once those that ended are gone."""
    with psycopg.connect(database.superuser, autocommit=True) as connection:
        for _ in range(500):
            found = [row[0] for row in connection.execute(_OPEN, (APPLICATION,))]
            if len(found) <= 1 and "active" not in found:
                break
            connection.execute("SELECT pg_sleep(0.02)")
        return found


def failing(batches: list[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    yield from batches
    raise OSError("the store is gone")


def test_an_error_midway_leaves_no_transaction_no_lock_and_no_run(
    index: TruthIndex, postgres_database: PostgresDatabase
) -> None:
    run, batches = ledger_run([entry("a"), entry("b")])
    assert index.runs(LEDGER) == []  # the connection for questions is open
    with pytest.raises(OSError, match="the store is gone"):
        index.add(run, failing(batches))
    assert states(postgres_database) == ["idle"]
    with pytest.raises(EntriesRefused):
        index.add(run, batches[:1])
    with pytest.raises(VerificationFailed):
        index.verify(LEDGER, [run])
    with pytest.raises(ValueError, match="no zone"):
        index.as_of(LEDGER, "s-1", effective=DAY.replace(tzinfo=None), knowledge=DAY)
    assert states(postgres_database) == ["idle"]
    with psycopg.connect(postgres_database.superuser) as connection:
        where = connection.execute(
            "SELECT oid FROM pg_database WHERE datname = current_database()"
        ).fetchone()
        assert connection.execute(_LOCKS, where).fetchone() == (0,)
    assert index.runs(LEDGER) == []
    assert index.add(run, batches)
    index.close()
    assert states(postgres_database) == []


def test_two_that_add_the_same_run_at_once_converge(postgres_database: PostgresDatabase) -> None:
    install(postgres_database.owner, postgres_database.role)
    run, batches = ledger_run([entry(f"e-{n}") for n in range(100)])
    start = threading.Barrier(4)
    outcomes: list[object] = []

    def add() -> None:
        with TruthIndex(postgres_database.application, ENTRY) as index:
            start.wait(30)
            outcomes.append(index.add(run, batches))

    adders = [threading.Thread(target=add) for _ in range(4)]
    for adder in adders:
        adder.start()
    for adder in adders:
        adder.join(60)
    assert sorted(map(bool, outcomes)) == [False, False, False, True]


def test_who_waits_too_long_for_another_adder_is_told_and_questions_go_on(
    index: TruthIndex, postgres_database: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, batches = ledger_run([entry("a")])
    monkeypatch.setattr(truth_index, "_LOCK_WAIT", "SET LOCAL lock_timeout = '50ms'")
    with psycopg.connect(postgres_database.application) as other:
        other.execute(truth_index._LOCK, (LEDGER,))
        assert index.runs(LEDGER) == []
        with pytest.raises(IndexUnreachable, match="lock timeout"):
            index.add(run, batches)
        assert index.runs(LEDGER) == []
        assert index.add(*ledger_run([entry("a")], ledger="cases"))  # a lock is a ledger's
    assert index.add(run, batches)


def test_a_server_that_was_restarted_is_asked_again(own_postgres_server: PostgresServer) -> None:
    with new_database(own_postgres_server.dsn) as database:
        install(database.owner, database.role)
        with TruthIndex(database.application, ENTRY) as index:
            run, batches = ledger_run([entry("a")])
            index.add(run, batches)
            assert index.runs(LEDGER) == [run]
            own_postgres_server.stop()
            with pytest.raises(IndexUnreachable, match="expected an answer of PostgreSQL"):
                index.runs(LEDGER)
            with pytest.raises(IndexUnreachable):
                index.add(run, batches)
            own_postgres_server.start()
            assert index.runs(LEDGER) == [run]
            own_postgres_server.stop()
            own_postgres_server.start()  # between two questions
            assert index.runs(LEDGER) == [run]
            assert not index.add(run, batches)
            index.verify(LEDGER, [run])


def test_a_server_that_dies_in_the_middle_of_adding_leaves_nothing_of_the_run(
    own_postgres_server: PostgresServer,
) -> None:
    run, batches = ledger_run([entry("a"), entry("b")])

    def dying() -> Iterator[pa.RecordBatch]:
        yield batches[0]
        own_postgres_server.stop()
        own_postgres_server.start()
        yield batches[1]

    with new_database(own_postgres_server.dsn) as database:
        install(database.owner, database.role)
        with TruthIndex(database.application, ENTRY) as index:
            with pytest.raises(IndexUnreachable):
                index.add(run, dying())
            assert index.runs(LEDGER) == []
            assert index.add(run, batches)


@pytest.mark.parametrize(
    "dsn",
    [
        "hunter2-secret",
        "postgresql://user:hunter2-secret/more@127.0.0.1:5432/db",
        "postgresql://user:12/hunter2-secret@127.0.0.1:5432/db",
        "postgresql://user:hunter2-secret@127.0.0.1:port/db",
        "host=127.0.0.1 password=abc hunter2-secret",
    ],
)
def test_a_text_that_is_no_connection_string_is_not_told(dsn: str) -> None:
    with pytest.raises(CredentialMissing) as refusal:
        TruthIndex(dsn, ENTRY)
    assert "hunter2" not in everything_told(refusal.value)


def test_who_is_not_let_in_is_told_without_the_password(
    postgres_database: PostgresDatabase,
) -> None:
    wrong = make_conninfo(postgres_database.application, password="hunter2-secret")  # noqa: S106
    with TruthIndex(wrong, ENTRY) as index, pytest.raises(IndexDenied) as refusal:
        index.runs(LEDGER)
    assert "authentication failed" in str(refusal.value)
    assert "hunter2" not in everything_told(refusal.value) + repr(vars(index)["_address"])


def test_what_a_server_says_of_a_row_is_not_repeated(index: TruthIndex) -> None:
    index.add(*ledger_run([entry("a")]))
    with pytest.raises(EntriesRefused) as refusal:
        index.add(*ledger_run([entry("a")], run_id="payments-00000002"))
    assert "unique constraint" in str(refusal.value)
    assert "Key (" not in everything_told(refusal.value)


def everything_told(error: PlatformError) -> str:
    """Return all that a traceback of the error would print."""
    shown: list[str] = []
    current: BaseException | None = error
    while current is not None:
        shown.append(f"{current} {current!r}")
        hidden = None if current.__suppress_context__ else current.__context__
        current = current.__cause__ or hidden
    return " ".join(shown)


def test_a_database_without_an_index_says_so(postgres_database: PostgresDatabase) -> None:
    with TruthIndex(postgres_database.owner, ENTRY) as index:
        with pytest.raises(IndexMissing, match="Install it"):
            index.runs(LEDGER)
        with pytest.raises(IndexMissing):
            index.add(*ledger_run([entry("a")]))


def test_who_may_only_read_is_denied_adding(
    index: TruthIndex, postgres_database: PostgresDatabase
) -> None:
    with psycopg.connect(postgres_database.owner) as connection:
        connection.execute(f"REVOKE INSERT ON truth_index.runs FROM {postgres_database.role}")
    with pytest.raises(IndexDenied, match="permission denied"):
        index.add(*ledger_run([entry("a")]))
    assert index.runs(LEDGER) == []


def test_an_index_is_opened_by_the_variable_that_holds_its_address(
    index: TruthIndex, postgres_database: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CredentialMissing, match="OWN_INDEX"):
        open_truth_index("OWN_INDEX", ENTRY)
    monkeypatch.setenv("OWN_INDEX", postgres_database.application)
    with open_truth_index("OWN_INDEX", ENTRY) as opened:
        assert opened.runs(LEDGER) == []


def test_without_the_extra_it_is_named() -> None:
    script = """
import sys
sys.modules["psycopg"] = None
from platform_assets.adapters.postgres import open_truth_index
from platform_assets.errors import EngineMissing
try:
    open_truth_index("ANY", ())
except EngineMissing as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert "pip install 'platform-assets[postgres]'" in done.stdout
