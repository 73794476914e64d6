"""Questions to an index over one connection that is kept, and opened again when it was lost.

Each question is a transaction of its own, so that none stays open. One that met a lost connection,
after a restart of the server for example, is asked once more over a new one: reading twice changes
nothing.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import psycopg

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import LiteralString

    from psycopg import sql

    from platform_assets.adapters.postgres.connection import Address


class Reader:
    """Asks; threads take turns."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._turn = threading.Lock()
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None

    def ask(
        self,
        query: LiteralString | sql.SQL | sql.Composed,
        parameters: Sequence[object] | Mapping[str, object],
    ) -> list[tuple[Any, ...]]:
        """Return all rows of the answer.

        Raises:
            IndexMissing: the index is not installed.
            IndexUnreachable: no server answers, or it does not let this client ask.
        """
        with self._turn, self._address.told():
            kept = self._connection
            if kept is not None and not kept.closed:
                try:
                    return kept.execute(query, parameters).fetchall()
                except psycopg.OperationalError:
                    if not kept.closed:
                        raise
            self._connection = self._address.connect()
            return self._connection.execute(query, parameters).fetchall()

    def close(self) -> None:
        """End the connection; the next question opens another."""
        with self._turn:
            if self._connection is not None:
                self._connection.close()
            self._connection = None
