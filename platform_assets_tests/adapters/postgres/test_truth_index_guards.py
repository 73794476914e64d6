"""A3: a role with the application's grants cannot alter; what a superuser alters is found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import errors, sql

from platform_assets.adapters.postgres.installation import install, rebuild
from platform_assets.errors import RecordConflict, SettingsInvalid, VerificationFailed
from platform_assets_tests.adapters.postgres.ledgers import (
    DAY,
    LEDGER,
    Run,
    at,
    entry,
    ledger_run,
    random_history,
    rows_of,
)

if TYPE_CHECKING:
    from typing import LiteralString

    from platform_assets.adapters.postgres.truth_index import TruthIndex
    from platform_assets_tests.servers.postgres import PostgresDatabase

#: Statements that change or remove what stands, or would.
CHANGES: tuple[LiteralString, ...] = (
    """UPDATE truth_index.entries SET "value" = 'x', "offset" = 1, "window" = 2""",
    "UPDATE truth_index.entries SET refused = 'x' WHERE false",
    "DELETE FROM truth_index.entries",
    "DELETE FROM truth_index.entries WHERE false",
    "TRUNCATE truth_index.entries",
    "UPDATE truth_index.runs SET manifest = 'x'",
    "DELETE FROM truth_index.runs",
    "TRUNCATE truth_index.runs CASCADE",
    """INSERT INTO truth_index.runs SELECT * FROM truth_index.runs
       ON CONFLICT (ledger, run_id) DO UPDATE SET manifest = 'x'""",
    """MERGE INTO truth_index.entries AS e USING truth_index.runs AS r ON e.run_id = r.run_id
       WHEN MATCHED THEN DELETE""",
)
#: What only an owner may do.
OWNERS: tuple[LiteralString, ...] = (
    "ALTER TABLE truth_index.entries DISABLE TRIGGER ALL",
    "DROP TRIGGER refuse_change ON truth_index.entries",
    "DROP TABLE truth_index.entries",
    "DROP SCHEMA truth_index CASCADE",
    "ALTER TABLE truth_index.entries DROP COLUMN refused",
    "CREATE TABLE truth_index.own (x int)",
    "SET session_replication_role = replica",
    """CREATE OR REPLACE FUNCTION truth_index.refuse_change() RETURNS trigger
       LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'""",
)
_UNGUARDED: tuple[LiteralString, ...] = (
    "SET session_replication_role = replica",
    "ALTER TABLE truth_index.entries DISABLE TRIGGER ALL",
    "ALTER TABLE truth_index.runs DISABLE TRIGGER ALL",
)
_GUARDED_AGAIN: tuple[LiteralString, ...] = (
    "SET session_replication_role = origin",
    "ALTER TABLE truth_index.entries ENABLE TRIGGER ALL",
    "ALTER TABLE truth_index.runs ENABLE TRIGGER ALL",
    "ALTER TABLE truth_index.entries ENABLE ALWAYS TRIGGER refuse_change",
    "ALTER TABLE truth_index.runs ENABLE ALWAYS TRIGGER refuse_change",
)

#: What a superuser does -> what is found of it.
TAMPERING: dict[LiteralString, str] = {
    """UPDATE truth_index.entries SET "value" = '"x"' WHERE entry_id = 'a'""": "not the 3 certified",
    """UPDATE truth_index.entries SET "offset" = 8 WHERE entry_id = 'a'""": "not the 3 certified",
    """UPDATE truth_index.entries SET "value" = '' WHERE entry_id = 'c'""": "not the 3 certified",
    "UPDATE truth_index.entries SET effective_at = 'infinity' WHERE entry_id = 'a'": (
        "not the 3 certified"
    ),
    "UPDATE truth_index.entries SET observed_at = observed_at - interval '1 microsecond'": (
        "not the 3 certified"
    ),
    "DELETE FROM truth_index.entries WHERE entry_id = 'b'": "2 entries, which are not the 3",
    "DELETE FROM truth_index.entries": "0 entries",
    """INSERT INTO truth_index.entries SELECT ledger, run_id, 'new', subject, kind, event, "value",
       effective_at, observed_at, "window", 99, stream, "partition", "offset", target, fact, content,
       predecessor, digest, refused FROM truth_index.entries WHERE entry_id = 'a'""": "4 entries",
    """UPDATE truth_index.entries SET run_id = 'payments-00000009' WHERE entry_id = 'a'""": (
        "payments-00000009: not among the closed runs"
    ),
    "UPDATE truth_index.entries SET ledger = 'other' WHERE entry_id = 'a'": "2 entries",
    "UPDATE truth_index.runs SET observed_at = observed_at + interval '1 day'": "another run",
    "UPDATE truth_index.runs SET manifest = 'sha256:00'": "another run than the closed one",
    "DELETE FROM truth_index.runs": "payments-00000001: missing",
    """INSERT INTO truth_index.runs SELECT ledger, 'payments-00000008', "window", manifest,
       observed_at + interval '1 day', entries, content FROM truth_index.runs""": (
        "payments-00000008: not among the closed runs"
    ),
}


def three_entries() -> Run:
    retraction = entry("c", None, kind="retract", target="b", fact="b")
    return ledger_run([entry("a"), entry("b", '"2"', effective_at=at(1)), retraction])


@pytest.mark.parametrize("statement", CHANGES)
def test_no_role_changes_or_removes_what_stands(
    index: TruthIndex, postgres_database: PostgresDatabase, statement: LiteralString
) -> None:
    run = three_entries()
    index.add(*run)
    database = postgres_database
    refused = (errors.InsufficientPrivilege, errors.RestrictViolation)
    with psycopg.connect(database.application) as connection, pytest.raises(refused):
        connection.execute(statement)
    for dsn in (database.owner, database.superuser):
        with (
            psycopg.connect(dsn) as connection,
            pytest.raises(errors.RestrictViolation, match="entries of a ledger never change"),
        ):
            connection.execute(statement)
    with psycopg.connect(database.superuser) as connection:
        connection.execute("SET session_replication_role = replica")
        with pytest.raises(errors.RestrictViolation):
            connection.execute(statement)
    index.verify(LEDGER, [run[0]])


@pytest.mark.parametrize("statement", OWNERS)
def test_the_application_cannot_take_the_guards_away(
    index: TruthIndex, postgres_database: PostgresDatabase, statement: LiteralString
) -> None:
    with (
        psycopg.connect(postgres_database.application) as connection,
        pytest.raises(errors.InsufficientPrivilege),
    ):
        connection.execute(statement)


@pytest.mark.parametrize(("statement", "finding"), TAMPERING.items())
def test_what_a_superuser_changes_behind_its_back_is_found(
    index: TruthIndex,
    postgres_database: PostgresDatabase,
    statement: LiteralString,
    finding: str,
) -> None:
    run = three_entries()
    index.add(*run)
    index.verify(LEDGER, [run[0]])
    with psycopg.connect(postgres_database.superuser, autocommit=True) as connection:
        for before in _UNGUARDED:
            connection.execute(before)
        assert connection.execute(statement).rowcount > 0
        for after in _GUARDED_AGAIN:
            connection.execute(after)
    with pytest.raises(VerificationFailed, match=finding) as refusal:
        index.verify(LEDGER, [run[0]])
    assert len(refusal.value.findings) <= 2


@pytest.mark.parametrize("table", ["entries", "runs"])
@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE truth_index.{} DISABLE TRIGGER refuse_change",
        "ALTER TABLE truth_index.{} ENABLE TRIGGER refuse_change",  # not while replication is played
        "DROP TRIGGER refuse_change ON truth_index.{}",
    ],
)
def test_a_guard_that_was_taken_away_is_found_although_nothing_changed(
    index: TruthIndex,
    postgres_database: PostgresDatabase,
    statement: LiteralString,
    table: str,
) -> None:
    run = three_entries()
    index.add(*run)
    with psycopg.connect(postgres_database.owner) as connection:
        connection.execute(sql.SQL(statement).format(sql.Identifier(table)))
    with pytest.raises(VerificationFailed) as refusal:
        index.verify(LEDGER, [run[0]])
    assert refusal.value.findings == (f"changes of {table} are not refused",)


def test_a_closed_run_that_is_not_there_is_a_finding(index: TruthIndex) -> None:
    run = three_entries()
    with pytest.raises(VerificationFailed, match="payments-00000001: missing"):
        index.verify(LEDGER, [run[0]])


def test_compare_names_each_entry_and_says_nothing_of_what_it_says(
    index: TruthIndex, postgres_database: PostgresDatabase
) -> None:
    run = three_entries()
    index.add(*run)
    assert index.compare(*run) == []
    with psycopg.connect(postgres_database.superuser, autocommit=True) as connection:
        connection.execute("ALTER TABLE truth_index.entries DISABLE TRIGGER ALL")
        connection.execute(
            """UPDATE truth_index.entries SET "value" = '"x"', "offset" = NULL WHERE sequence = 0"""
        )
        connection.execute("UPDATE truth_index.entries SET sequence = 7 WHERE sequence = 1")
    assert index.compare(*run) == [
        "entry 0: changed in value, offset",
        "entry 1: removed",
        "entry 7: added",
    ]


def test_an_index_is_made_again_from_nothing_and_answers_the_same(
    index: TruthIndex, postgres_database: PostgresDatabase
) -> None:
    runs = random_history(1) + random_history(2, ledger="cases")
    for run, batches in runs:
        index.add(run, batches)
    before = everything(postgres_database)
    with psycopg.connect(postgres_database.owner) as connection:
        connection.execute("DROP SCHEMA truth_index CASCADE")
    install(postgres_database.owner, postgres_database.role)
    install(postgres_database.owner, postgres_database.role)  # changes nothing
    assert everything(postgres_database) == ([], [])
    index.add(*runs[3])  # an attempt that was interrupted
    assert rebuild(index, reversed(runs)) == len(runs)
    assert everything(postgres_database) == before
    assert len(before[1]) == sum(len(rows_of(run)) for run in runs)


def test_a_rebuild_over_another_content_is_refused(index: TruthIndex) -> None:
    index.add(*ledger_run([entry("other")]))
    with pytest.raises(RecordConflict):
        rebuild(index, [three_entries()])


def test_a_rebuild_beside_a_run_that_is_not_closed_is_refused(index: TruthIndex) -> None:
    index.add(*ledger_run([entry("other")], window=2, run_id="payments-00000002"))
    with pytest.raises(VerificationFailed, match="payments-00000002: not among the closed runs"):
        rebuild(index, [three_entries()])


def everything(database: PostgresDatabase) -> tuple[list[tuple[object, ...]], ...]:
    with psycopg.connect(database.superuser) as connection:
        return (
            connection.execute("SELECT * FROM truth_index.runs ORDER BY 1, 2").fetchall(),
            connection.execute(
                "SELECT * FROM truth_index.entries ORDER BY ledger, run_id, sequence"
            ).fetchall(),
        )


def test_a_role_that_could_change_rows_is_no_applications_role(
    postgres_database: PostgresDatabase,
) -> None:
    owner = psycopg.conninfo.conninfo_to_dict(postgres_database.owner)["user"]
    superuser = psycopg.conninfo.conninfo_to_dict(postgres_database.superuser)["user"]
    for role, found in (
        (owner, "member"),
        (superuser, "superuser"),
        ("nobody_of_that_name", "none"),
    ):
        with pytest.raises(SettingsInvalid, match=found):
            install(postgres_database.owner, str(role))
    with psycopg.connect(postgres_database.superuser) as connection:
        connection.execute(
            sql.SQL("GRANT {} TO {}").format(
                sql.Identifier(str(owner)), sql.Identifier(postgres_database.role)
            )
        )
    with pytest.raises(SettingsInvalid, match="member of the owner"):
        install(postgres_database.owner, postgres_database.role)


def test_rights_given_by_hand_are_taken_back_by_installing_again(
    index: TruthIndex, postgres_database: PostgresDatabase
) -> None:
    with psycopg.connect(postgres_database.owner) as connection:
        connection.execute(
            sql.SQL("GRANT ALL ON truth_index.entries TO {}").format(
                sql.Identifier(postgres_database.role)
            )
        )
    install(postgres_database.owner, postgres_database.role)
    query = """SELECT DISTINCT privilege_type::text FROM information_schema.role_table_grants
    WHERE table_schema = 'truth_index' AND grantee = %s ORDER BY 1"""
    with psycopg.connect(postgres_database.owner) as connection:
        rights = connection.execute(query, (postgres_database.role,)).fetchall()
    assert rights == [("INSERT",), ("SELECT",)]


def test_entries_come_only_with_a_run(
    index: TruthIndex, postgres_database: PostgresDatabase
) -> None:
    with (
        psycopg.connect(postgres_database.application) as connection,
        pytest.raises(errors.ForeignKeyViolation),
    ):
        connection.execute(
            """INSERT INTO truth_index.entries (ledger, run_id, entry_id, subject, kind, event,
            effective_at, observed_at, "window", sequence, content)
            VALUES ('labels', 'run', 'a', 's', 'assert', 'e', %(at)s, %(at)s, 1, 1, 'c')""",
            {"at": DAY},
        )
