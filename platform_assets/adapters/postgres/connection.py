"""Connections to PostgreSQL, and what goes wrong with them in the platform's own words.

A connection string holds a password, so that no message repeats one: what the library says of a string
that it cannot read is never passed on, and in what it says of a server the string and its password are
withheld. The details of a message are left out, because they quote rows.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from platform_assets.errors import (
    CredentialMissing,
    EntriesRefused,
    IndexDenied,
    IndexMissing,
    IndexUnreachable,
    PlatformError,
)
from platform_assets.flow.secret_scan import without_known

if TYPE_CHECKING:
    from collections.abc import Iterator

THING = "index of truth ledgers"
APPLICATION = "platform-assets truth index"

_DENIED = (errors.InsufficientPrivilege, errors.InvalidAuthorizationSpecification)
_MISSING = (errors.UndefinedTable, errors.InvalidSchemaName, errors.UndefinedColumn)
_UNFIT = (errors.DataError, errors.IntegrityError, errors.ProgramLimitExceeded)


class Address:
    """Where an index is, with the credentials that open it; it shows neither.

    Raises:
        CredentialMissing: the text is no connection string.
    """

    def __init__(self, dsn: str) -> None:
        try:
            parts = conninfo_to_dict(dsn)
            ports = str(parts.get("port") or "5432").split(",")
            # The rest of a password with an unescaped sign would be taken for one of these, and told.
            readable = all(port.isdecimal() for port in ports) and "@" not in (
                f"{parts.get('host', '')}{parts.get('dbname', '')}"
            )
        except psycopg.Error:  # its message quotes the string
            readable = False
        if not readable:
            raise CredentialMissing(
                THING,
                expected="a connection string: postgresql://user:password@host:5432/database",
                found="a text that cannot be read as one",
                remedy="Write signs in a password that mean something in URLs as %40, %2F and so on.",
            )
        password = parts.get("password")
        self._secrets = [text for text in (dsn, password) if isinstance(text, str)]
        defaults = {"connect_timeout": "10", "application_name": APPLICATION}
        self._dsn = make_conninfo(dsn, **{k: v for k, v in defaults.items() if k not in parts})

    def connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        """Return a connection in which each statement is a transaction of its own.

        Raises:
            IndexUnreachable: no server answers, or it does not let this client in (`IndexDenied`).
        """
        with self.told():
            return psycopg.connect(self._dsn, autocommit=True)

    @contextmanager
    def transaction(self) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        """Return a transaction over a connection of its own; both end with the block on every path.

        Raises:
            EntriesRefused, IndexDenied, IndexMissing, IndexUnreachable: see `told`.
        """
        with self.told(), self.connect() as connection, connection.transaction():
            yield connection

    @contextmanager
    def told(self) -> Iterator[None]:
        """Turn an error of the library into one of the platform's.

        Raises:
            EntriesRefused: PostgreSQL does not take the rows.
            IndexDenied: the role may not do it, or is not let in.
            IndexMissing: the index is not installed.
            IndexUnreachable: everything else that stands between the client and an answer.
        """
        try:
            yield
        except psycopg.Error as error:
            raise self._as_told(error) from None  # its details quote rows

    def _as_told(self, error: psycopg.Error) -> PlatformError:
        said = error.diag.message_primary or str(error).strip() or type(error).__name__
        found = without_known(said, self._secrets)
        if isinstance(error, _DENIED) or "authentication failed" in said:
            return IndexDenied(
                THING,
                expected="a role that may do this",
                found=found,
                remedy="The application's role has SELECT and INSERT; see docs/truth-index.md.",
            )
        if isinstance(error, _MISSING):
            return IndexMissing(
                THING,
                expected="an installed index",
                found=found,
                remedy="Install it as the database's owner; see docs/truth-index.md.",
            )
        if isinstance(error, _UNFIT):
            return EntriesRefused(
                THING,
                expected="rows that can stand in it",
                found=found,
                remedy="Nothing of the run was added.",
            )
        return IndexUnreachable(
            THING,
            expected="an answer of PostgreSQL",
            found=found,
            remedy="Try again; adding a run that stands there already changes nothing.",
        )
