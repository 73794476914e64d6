"""The operational index of truth ledgers in PostgreSQL.

It answers single questions fast, is made from closed runs, and can be made again from nothing; no
certified product is made from it. The client library of PostgreSQL is known to this package alone; it
is an extra, so that it is imported when an index is opened, and not before.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING

from platform_assets.errors import CredentialMissing, EngineMissing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platform_assets.adapters.postgres.truth_index import TruthIndex
    from platform_assets.contracts.columns import Column


def open_truth_index(variable: str, columns: Sequence[Column]) -> TruthIndex:
    """Return the index whose connection string an environment variable holds; nothing connects yet.

    Args:
        variable: the variable's name, as the settings give it.
        columns: the columns of a ledger.

    Raises:
        CredentialMissing: there is no such variable, or what it holds is no connection string.
        EngineMissing: the client library is not installed.
    """
    require_psycopg()
    from platform_assets.adapters.postgres.truth_index import TruthIndex  # noqa: PLC0415 - an extra

    dsn = os.environ.get(variable)
    if not dsn:
        raise CredentialMissing(
            f"connection string in the environment variable {variable}",
            expected="a variable that holds it",
            found="no such variable" if dsn is None else "an empty one",
            remedy=f"Set {variable}, or name another one as truth_index.dsn_env in platform.yaml.",
        )
    return TruthIndex(dsn, columns)


def require_psycopg() -> None:
    """Require the client library of PostgreSQL.

    Raises:
        EngineMissing: it is not installed.
    """
    if not find_spec("psycopg"):
        raise EngineMissing(
            "index of truth ledgers",
            expected="psycopg, the client library of PostgreSQL",
            found="no such package",
            remedy="Install the extra: pip install 'platform-assets[postgres]'",
        )
