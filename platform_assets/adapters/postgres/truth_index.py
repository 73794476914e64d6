"""The index: which runs of ledgers it holds, what was known of a subject, and how runs come in.

A run comes in whole, in one transaction, and only as what its certified manifest says: so many entries
with that content digest. Adding it again changes nothing; adding another run under its name is refused.
An index is made from closed runs alone, and can be made again from them.

A run is added over a connection of its own, which holds the ledger's advisory lock as long as its
transaction lasts, so that no lock is left with a connection that others use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import polars as pl

from platform_assets.adapters.postgres import queries
from platform_assets.adapters.postgres.connection import THING, Address
from platform_assets.adapters.postgres.ledger_runs import (
    Answer,
    Candidate,
    LedgerRun,
    Policy,
    Status,
)
from platform_assets.adapters.postgres.reading import Reader
from platform_assets.adapters.postgres.rows import copy_text, frame_of, frames_of, named, selected
from platform_assets.adapters.postgres.verification import (
    differences,
    entries_of_run,
    findings,
    run_of,
)
from platform_assets.adapters.row_encoding import content_digest
from platform_assets.contracts.frames import polars_schema
from platform_assets.errors import EntriesRefused, RecordConflict, VerificationFailed
from platform_assets.flow.content_digest import ContentDigest

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Iterator, Sequence
    from types import TracebackType

    import psycopg
    import pyarrow as pa

    from platform_assets.contracts.columns import Column

    Connection = psycopg.Connection[tuple[Any, ...]]

#: How long to wait for another process that adds a run of the same ledger.
_LOCK_WAIT = "SET LOCAL lock_timeout = '60s'"
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('truth_index ' || %s, 0))"
_ONE_STATE = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"


class TruthIndex:
    """An index of truth ledgers, at a connection string; nothing connects before it is asked.

    Raises:
        CredentialMissing: the text is no connection string.
    """

    def __init__(self, dsn: str, columns: Sequence[Column]) -> None:
        self._address = Address(dsn)
        self._columns = tuple(columns)
        self._reader = Reader(self._address)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connection over which questions were asked."""
        self._reader.close()

    def runs(self, ledger: str) -> list[LedgerRun]:
        """Return the runs of a ledger that the index holds, in the order of the ledger."""
        return [run_of(row) for row in self._reader.ask(queries.RUNS, (ledger,))]

    def as_of(
        self,
        ledger: str,
        subject: str,
        *,
        effective: dt.datetime,
        knowledge: dt.datetime,
        policy: Policy = Policy.REFUSE,
    ) -> Answer:
        """Return what was known until ``knowledge`` to hold of a subject at ``effective``.

        Raises:
            ValueError: a cutoff has no zone, so that it is no instant.
        """
        cutoffs = {"effective": _instant(effective), "knowledge": _instant(knowledge)}
        asked = {"ledger": ledger, "subject": subject, **cutoffs}
        holding = tuple(Candidate(*row) for row in self._reader.ask(queries.AS_OF, asked))
        if not holding:
            return Answer(Status.NOT_FOUND, None, ())
        if len({each.value for each in holding}) > 1 and policy is Policy.REFUSE:
            return Answer(Status.CONFLICT, None, holding)
        return Answer(Status.FOUND, holding[-1].value, holding)

    def entries(self, ledger: str, subject: str, *, knowledge: dt.datetime) -> pl.DataFrame:
        """Return a subject's entries that were observed until then, refused ones as well, in order.

        Raises:
            ValueError: the cutoff has no zone, so that it is no instant.
        """
        query = queries.ENTRIES_OF_SUBJECT.format(columns=selected(self._columns))
        asked = {"ledger": ledger, "subject": subject, "knowledge": _instant(knowledge)}
        return frame_of(self._reader.ask(query, asked), self._columns)

    def add(self, run: LedgerRun, batches: Iterable[pa.RecordBatch]) -> bool:
        """Add a closed run with its entries; return False where it stands there already.

        Raises:
            EntriesRefused: the entries are not those of the run; nothing was added.
            IndexUnreachable: no answer came; adding it again shows whether it was added.
            RecordConflict: another run stands there under this name.
        """
        with self._address.transaction() as connection:
            connection.execute(_LOCK_WAIT)
            connection.execute(_LOCK, (run.ledger,))
            standing = connection.execute(queries.RUN, (run.ledger, run.run_id)).fetchone()
            if standing is not None:
                _require_same(run, run_of(standing))
                return False
            row = (run.ledger, run.run_id, run.window, run.manifest, _instant(run.observed_at))
            connection.execute(queries.ADD_RUN, (*row, run.entries, run.content))
            self._copy(connection, run, batches)
        return True

    def verify(self, ledger: str, expected: Sequence[LedgerRun]) -> None:
        """Hold all that the index has of a ledger against the closed runs, as their manifests say.

        Raises:
            VerificationFailed: something was changed, removed, added or left unguarded; every finding.
        """
        with self._address.transaction() as connection:
            connection.execute(_ONE_STATE)
            found = findings(connection, ledger, expected, self._columns)
        if found:
            raise VerificationFailed(
                f"{THING}, ledger {ledger}",
                expected="the entries of its closed runs, and triggers that refuse changes",
                found=found,
                remedy="Find out who had a superuser's rights, then make the index again.",
            )

    def compare(self, run: LedgerRun, batches: Iterable[pa.RecordBatch]) -> list[str]:
        """Return in which entries the index differs from a run's certified ones; both are in memory."""
        with self._address.transaction() as connection:
            connection.execute(_ONE_STATE)
            held = _one(
                entries_of_run(connection, run.ledger, run.run_id, self._columns), self._columns
            )
        return differences(held, _one(frames_of(batches, self._columns), self._columns))

    def _copy(
        self, connection: Connection, run: LedgerRun, batches: Iterable[pa.RecordBatch]
    ) -> None:
        digest = ContentDigest.empty(self._columns)
        query = queries.ADD_ENTRIES.format(columns=named(self._columns))
        place = (pl.col("window") == run.window) & (pl.col("observed_at") == run.observed_at)
        with connection.cursor() as cursor, cursor.copy(query) as copy:
            for frame in frames_of(batches, self._columns):
                if not frame.select(place.all()).item():
                    raise _other_entries(run, "entries of another window or instant")
                copy.write(copy_text(frame, self._columns, ledger=run.ledger, run_id=run.run_id))
                digest = digest.merge(content_digest(frame, self._columns))
        if (digest.rows, digest.value) != (run.entries, run.content):
            raise _other_entries(run, f"{digest.rows} entries with {digest.value}")


def _instant(moment: dt.datetime) -> dt.datetime:
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no zone; a cutoff is an instant")
    return moment


def _one(frames: Iterator[pl.DataFrame], columns: Sequence[Column]) -> pl.DataFrame:
    return pl.concat([pl.DataFrame(schema=polars_schema(columns)), *frames])


def _require_same(run: LedgerRun, standing: LedgerRun) -> None:
    if standing != run:
        raise RecordConflict(
            f"{run.run_id} in the {THING}, ledger {run.ledger}",
            expected=f"manifest {run.manifest}",
            found=f"manifest {standing.manifest}, added before"
            + (" with another place or content" if standing.manifest == run.manifest else ""),
            remedy="Verify the index; if it does not hold what is certified, make it again.",
        )


def _other_entries(run: LedgerRun, found: str) -> EntriesRefused:
    return EntriesRefused(
        f"entries of {run.run_id}, ledger {run.ledger}",
        expected=f"{run.entries} of window {run.window} with {run.content}",
        found=found,
        remedy="Nothing was added; add the run with the entries of its certified product.",
    )
