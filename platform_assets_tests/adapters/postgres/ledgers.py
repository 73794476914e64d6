"""Runs of ledgers for tests, and what is known from them by the words of ADR 0031, in plain Python."""

from __future__ import annotations

import datetime as dt
import hashlib
import random
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from platform_assets.adapters.postgres.ledger_runs import LedgerRun
from platform_assets.contracts.frames import arrow_type
from platform_assets.flow.content_digest import ContentDigest
from platform_assets.truth.entries import ENTRY

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LEDGER = "labels"
DAY = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
LAST = dt.datetime(9999, 1, 1, tzinfo=dt.UTC)

SCHEMA = pa.schema([(column.name, arrow_type(column.type)) for column in ENTRY])

Row = dict[str, Any]
Run = tuple[LedgerRun, list[pa.RecordBatch]]


def at(minutes: int) -> dt.datetime:
    """Return an instant so many minutes after the first."""
    return DAY + dt.timedelta(minutes=minutes)


def sha256(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def entry(entry_id: str, value: str | None = '{"fraud":true}', **given: Any) -> Row:
    """Return an entry, an assertion unless said otherwise, as a run numbers it later."""
    row = {
        "entry_id": entry_id,
        "subject": "s-1",
        "kind": "assert",
        "event": "label",
        "value": value,
        "effective_at": DAY,
        "stream": "labels",
        "partition": "0",
        "offset": 7,
        "target": None,
        "fact": entry_id,
        "content": sha256(f"{entry_id} {value}"),
        "predecessor": None,
        "digest": sha256(entry_id),
        "refused": None,
    }
    return row | given


def ledger_run(
    rows: Iterable[Row],
    *,
    window: int = 1,
    observed: dt.datetime = DAY,
    run_id: str | None = None,
    ledger: str = LEDGER,
) -> Run:
    """Return a closed run and its entries, in two batches."""
    placed = [
        row | {"observed_at": observed, "window": window, "sequence": number}
        for number, row in enumerate(rows)
    ]
    digest = ContentDigest.of_rows(ENTRY, placed)
    run = LedgerRun(
        ledger=ledger,
        run_id=run_id or f"payments-{window:08d}",
        window=window,
        manifest=sha256(digest.value),
        observed_at=observed,
        entries=len(placed),
        content=digest.value,
    )
    middle = len(placed) // 2
    return run, [batch_of(placed[:middle]), batch_of(placed[middle:])]


def batch_of(rows: Sequence[Row]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(list(rows), schema=SCHEMA)


def rows_of(run: Run) -> list[Row]:
    return [row for batch in run[1] for row in batch.to_pylist()]


def random_history(seed: int, *, ledger: str = LEDGER) -> list[Run]:
    """Return runs with ties, corrections, retractions, refused entries, and windows taken again."""
    dice = random.Random(seed)  # noqa: S311 - made again by its seed
    observed = iter(sorted(dice.sample(range(0, 60, 2), 8)))
    windows = [dice.randint(1, 4) for _ in range(8)]
    runs: list[Run] = []
    standing: list[Row] = []
    for number, window in enumerate(windows, 1):
        rows = [_random_entry(dice, f"{number}-{place}", standing) for place in range(6)]
        run_id = f"payments-{number:08d}"
        moment = at(next(observed))
        runs.append(ledger_run(rows, window=window, observed=moment, run_id=run_id, ledger=ledger))
        standing += rows
    return runs


def _random_entry(dice: random.Random, entry_id: str, standing: list[Row]) -> Row:
    subject = f"s-{dice.randint(1, 3)}"
    value = f'{{"class":{dice.randint(1, 2)}}}'
    effective = at(dice.randint(0, 4) * 10)
    known = [row for row in standing if row["subject"] == subject and not row["refused"]]
    kind = dice.choice(["assert", "assert", "correct", "retract"]) if known else "assert"
    about = dice.choice(known) if kind != "assert" else {"entry_id": None, "fact": entry_id}
    return entry(
        entry_id,
        None if kind == "retract" else value,
        subject=subject,
        kind=kind,
        effective_at=effective,
        target=about["entry_id"],
        fact=about["fact"],
        refused="MISMATCH" if dice.random() < 0.1 else None,
    )


def counted(runs: Sequence[Run], knowledge: dt.datetime) -> list[Row]:
    """Return the entries of the runs that count at a moment, in the order of the ledger."""
    newest: dict[int, Run] = {}
    for run in sorted(runs, key=lambda run: run[0].observed_at):
        if run[0].observed_at <= knowledge:
            newest[run[0].window] = run
    rows = [row for run in newest.values() for row in rows_of(run)]
    return sorted(rows, key=lambda row: (row["observed_at"], row["window"], row["sequence"]))


def known(
    runs: Sequence[Run], subject: str, effective: dt.datetime, knowledge: dt.datetime
) -> list[tuple[str, str]]:
    """Return ids and values of the facts that hold with the latest effective time, in order."""
    facts: dict[str, Row] = {}
    for row in counted(runs, knowledge):
        if row["subject"] == subject and row["refused"] is None:
            standing = facts.get(row["fact"])
            if standing is None or standing["kind"] == "assert" or row["kind"] != "assert":
                facts[row["fact"]] = row
    holding = [
        row
        for row in facts.values()
        if row["kind"] != "retract" and row["effective_at"] <= effective
    ]
    latest = max((row["effective_at"] for row in holding), default=None)
    answer = [row for row in holding if row["effective_at"] == latest]
    answer.sort(key=lambda row: (row["observed_at"], row["window"], row["sequence"]))
    return [(row["entry_id"], row["value"]) for row in answer]
