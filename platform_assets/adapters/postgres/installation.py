"""How an index is installed, and made again from nothing.

The owner's role installs it; the application's role gets SELECT and INSERT and nothing else. A role
that could take more for itself, as a superuser or as a member of the owner, is no application's role.
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from psycopg import sql

from platform_assets.adapters.postgres.connection import THING, Address
from platform_assets.errors import SettingsInvalid

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa

    from platform_assets.adapters.postgres.ledger_runs import LedgerRun
    from platform_assets.adapters.postgres.truth_index import TruthIndex

_RIGHTS = """
SELECT rolsuper OR pg_has_role(rolname, current_user, 'MEMBER') FROM pg_roles WHERE rolname = %s
"""
_GRANTS = (
    sql.SQL("REVOKE ALL ON truth_index.runs, truth_index.entries FROM {role}"),
    sql.SQL("GRANT USAGE ON SCHEMA truth_index TO {role}"),
    sql.SQL("GRANT SELECT, INSERT ON truth_index.runs, truth_index.entries TO {role}"),
)


def install(admin: str, role: str) -> None:
    """Make the index where it is not, and give an existing role the application's grants.

    Args:
        admin: connection string of the role that is to own it.
        role: the application's role.

    Raises:
        IndexUnreachable: no server answers, or it does not let the owner in (`IndexDenied`).
        SettingsInvalid: the database is not in UTF-8, there is no such role, or it could change rows.
    """
    schema = files(__package__).joinpath("schema.sql").read_text("utf-8")
    with Address(admin).transaction() as connection:
        encoding = connection.execute("SHOW server_encoding").fetchone()
        if encoding != ("UTF8",):
            raise _unusable("a database in UTF-8", f"one in {encoding and encoding[0]}")
        powerful = connection.execute(_RIGHTS, (role,)).fetchone()
        if powerful is None:
            raise _unusable(f"a role {role}", "none of that name")
        if powerful[0]:
            raise _unusable(
                f"a role {role} that has no other rights than those it is given",
                "a superuser or a member of the owner",
            )
        connection.execute(schema.encode())
        for grant in _GRANTS:
            connection.execute(grant.format(role=sql.Identifier(role)))


def rebuild(index: TruthIndex, runs: Iterable[tuple[LedgerRun, Iterable[pa.RecordBatch]]]) -> int:
    """Fill an installed index from closed runs with their entries, verify it; return how many runs.

    One that was interrupted is called again: what stands there already is left.

    Raises:
        EntriesRefused: the entries are not those of their run.
        RecordConflict: another run stands there under the name of a closed one.
        VerificationFailed: something else stands in it.
    """
    added: dict[str, list[LedgerRun]] = {}
    for run, batches in runs:
        index.add(run, batches)
        added.setdefault(run.ledger, []).append(run)
    for ledger, expected in added.items():
        index.verify(ledger, expected)
    return sum(map(len, added.values()))


def _unusable(expected: str, found: str) -> SettingsInvalid:
    return SettingsInvalid(
        THING,
        expected=expected,
        found=found,
        remedy="See docs/truth-index.md for what the database has to have.",
    )
