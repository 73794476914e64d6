"""What the index of truth ledgers takes and answers, beside reads by primary key from the same server.

Entries of one run are added: encoded, copied, digested, committed. Then single questions as of a
moment are asked over one connection, alternately with a `SELECT` by primary key of the same columns;
each is a round trip, so that the peer is the most that a server answers. At last all rows are held
against the content digest, which is `verify`.

The server is the tests' own, with fsync on, or one at a superuser's connection string.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import random
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import polars as pl
import psycopg

from benchmarks.tables import machine, print_table
from platform_assets.adapters.postgres.installation import install
from platform_assets.adapters.postgres.ledger_runs import LedgerRun, Status
from platform_assets.adapters.postgres.truth_index import TruthIndex
from platform_assets.adapters.row_encoding import content_digest
from platform_assets.contracts.frames import polars_schema
from platform_assets.truth.entries import ENTRY
from platform_assets_tests.servers.postgres import ADDRESS, PostgresServer, new_database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_DAY = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
_LEDGER, _RUN = "labels", "payments-00000001"
_BY_KEY = """SELECT entry_id, fact, "value", effective_at, observed_at FROM truth_index.entries
WHERE ledger = %s AND run_id = %s AND sequence = %s"""
#: Entries of a subject: an assertion, and what came later.
_EACH = 10
_TURNS = 10


def entries(count: int) -> pl.DataFrame:
    """Return so many entries, ten of each subject; every fifth corrects the one before it."""
    subjects = max(1, count // _EACH)
    number = pl.int_range(count, dtype=pl.Int64)
    corrects = number // subjects % 5 == 4  # noqa: PLR2004 - every fifth
    fact = pl.format("entry-{}", number - corrects.cast(pl.Int64) * subjects)
    digest = number.cast(pl.String).str.pad_start(64, "0")
    texts = {"event": "label", "stream": "labels", "partition": "0"}
    return pl.select(
        entry_id=pl.format("entry-{}", number),
        subject=pl.format("subject-{}", number % subjects),
        kind=pl.when(corrects).then(pl.lit("correct")).otherwise(pl.lit("assert")),
        value=pl.concat_str(pl.lit('{"amount":'), number, pl.lit(',"fraud":true}')),
        effective_at=pl.lit(_DAY).cast(pl.Datetime("us", "UTC")) + pl.duration(seconds=number),
        observed_at=pl.lit(_DAY).cast(pl.Datetime("us", "UTC")),
        window=pl.lit(1, pl.Int64),
        sequence=number,
        offset=number,
        target=pl.when(corrects).then(fact),
        fact=fact,
        content=digest,
        predecessor=digest,
        digest=digest,
        refused=pl.lit(None, pl.String),
        **{name: pl.lit(text) for name, text in texts.items()},
    ).select(polars_schema(ENTRY).names())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000, help="entries of the run")
    parser.add_argument("--questions", type=int, default=20_000, help="of each kind")
    given = parser.parse_args()
    frame = entries(given.entries)
    with _superuser() as superuser, new_database(superuser) as database:
        install(database.owner, database.role)
        with (
            TruthIndex(database.application, ENTRY) as index,
            psycopg.connect(database.application, autocommit=True) as peer,
        ):
            run = _run(frame)
            adding = _seconds(lambda: index.add(run, frame.to_arrow().to_batches()))
            with psycopg.connect(database.owner, autocommit=True) as owner:
                owner.execute("ANALYZE truth_index.entries")
            asking, reading = _alternately(index, peer, given.entries, given.questions)
            verifying = _seconds(lambda: index.verify(_LEDGER, [run]))
    print_table(
        f"{given.entries:,} entries, {_EACH} of each subject",
        ("what", "s", "each second"),
        [
            ("adding the run", f"{adding:.2f}", f"{given.entries / adding:,.0f} entries"),
            (
                "verifying the ledger",
                f"{verifying:.2f}",
                f"{given.entries / verifying:,.0f} entries",
            ),
            ("questions as of a moment", f"{asking:.2f}", f"{given.questions / asking:,.0f}"),
            ("rows by primary key", f"{reading:.2f}", f"{given.questions / reading:,.0f}"),
        ],
        [f"a question takes {asking / reading:.2f} times a read by primary key", machine()],
    )


def _run(frame: pl.DataFrame) -> LedgerRun:
    return LedgerRun(
        ledger=_LEDGER,
        run_id=_RUN,
        window=1,
        manifest="sha256:" + "0" * 64,
        observed_at=_DAY,
        entries=frame.height,
        content=content_digest(frame, ENTRY).value,
    )


def _alternately(
    index: TruthIndex, peer: psycopg.Connection, count: int, questions: int
) -> tuple[float, float]:
    """Return the seconds that questions took, and as many rows by key, in turns."""
    dice = random.Random(1)  # noqa: S311 - the same numbers each time
    cutoff = _DAY + dt.timedelta(days=10_000)
    subjects = max(1, count // _EACH)
    asking = reading = 0.0

    def ask() -> None:
        for number in dice.choices(range(subjects), k=questions // _TURNS):
            found = index.as_of(_LEDGER, f"subject-{number}", effective=cutoff, knowledge=cutoff)
            if found.status is not Status.FOUND:
                raise RuntimeError(f"no answer for subject-{number}")

    def read() -> None:
        for number in dice.choices(range(count), k=questions // _TURNS):
            if peer.execute(_BY_KEY, (_LEDGER, _RUN, number)).fetchone() is None:
                raise RuntimeError(f"no entry {number}")

    for _ in range(_TURNS):
        asking += _seconds(ask)
        reading += _seconds(read)
    return asking, reading


def _seconds(act: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


@contextmanager
def _superuser() -> Iterator[str]:
    if given := os.environ.get(ADDRESS):
        yield given
        return
    with PostgresServer(durable=True) as server:
        yield server.dsn


if __name__ == "__main__":
    main()
