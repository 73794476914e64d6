"""Random histories of labels: late, sent twice, corrected, retracted, in conflict, and wrong.

A chunk is many histories beside each other in one ledger. They share no subject and no identity, so
each is a history of its own. What is earlier is given to `entered` as sparsely as it may be.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

import polars as pl

from platform_assets.contracts.frames import polars_schema
from platform_assets.truth.entries import ENTRY
from platform_assets.truth.ledger import ARRIVING, Entered, entered
from platform_assets_tests.truth.reference import Ledger

if TYPE_CHECKING:
    from collections.abc import Sequence

LEDGER = "labels"
START = datetime(2026, 1, 1, tzinfo=UTC)
RUNS = 6
#: Effective times are few, so that they tie, and lie before, between and after the runs.
_TIMES = [START + timedelta(hours=hours) for hours in range(-3, RUNS + 3, 2)]
_VALUES = ['{"fraud":false}', '{"fraud":true}', '{"fraud":null}', None]


def arriving(rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=polars_schema(ARRIVING), orient="row")


def no_entries() -> pl.DataFrame:
    return pl.DataFrame(schema=polars_schema(ENTRY))


def pinned(run: int) -> datetime:
    return START + timedelta(hours=run)


@dataclass(slots=True)
class Chunk:
    """Histories in one ledger: as the platform has it, and as the reference has it."""

    seed: int
    histories: int = 100
    entries: pl.DataFrame = field(default_factory=no_entries)
    reference: Ledger = field(default_factory=lambda: Ledger(LEDGER))
    converged: int = 0
    subjects: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Make all runs of all histories."""
        random = Random(self.seed)  # noqa: S311 - no secret
        made = [_History(random, f"h{number}-") for number in range(self.histories)]
        self.subjects = [subject for each in made for subject in each.subjects]
        for run in range(RUNS):
            sent = [row for each in made for row in each.sent()]
            random.shuffle(sent)
            found = self.enter(sent, run)
            self.converged += found.converged
            self.entries = pl.concat([self.entries, found.entries])
            self.reference.enter(sent, pinned(run), run)

    def enter(self, sent: Sequence[dict[str, Any]], run: int) -> Entered:
        """Enter a run, with no more of what is earlier than is asked for."""
        rows = arriving(sent)
        wanted = self.entries.filter(
            pl.col("entry_id").is_in(rows["entry_id"].implode())
            | pl.col("subject").is_in(rows["subject"].implode())
            | pl.col("entry_id").is_in(rows["target"].drop_nulls().implode())
        )
        shuffled = wanted.sample(fraction=1.0, shuffle=True, seed=run)
        return entered(shuffled_rows(rows, run), shuffled, **place(run))


def shuffled_rows(rows: pl.DataFrame, seed: int) -> pl.DataFrame:
    return rows.sample(fraction=1.0, shuffle=True, seed=seed)


def place(run: int) -> dict[str, Any]:
    return {"ledger": LEDGER, "observed_at": pinned(run), "window": run}


class _History:
    def __init__(self, random: Random, prefix: str) -> None:
        self._random = random
        self._prefix = prefix
        self.subjects = [f"{prefix}s{number}" for number in range(random.randint(1, 3))]
        self._rows: list[dict[str, Any]] = []
        self._offset = 0
        self._placed = random.random() < 0.8

    def sent(self) -> list[dict[str, Any]]:
        """Return what is sent in one run."""
        before = len(self._rows)
        for _ in range(self._random.randint(0, 5)):
            self._rows.append(self._row())
        return self._rows[before:]

    def _row(self) -> dict[str, Any]:
        random = self._random
        choice = random.random()
        if self._rows and choice < 0.15:  # again, at another place
            return {**random.choice(self._rows), **self._place()}
        if self._rows and choice < 0.25:  # the same identity says something else
            other = random.choice(self._rows)
            return {**other, "value": random.choice(_VALUES), **self._place()}
        kind = random.choice(["assert", "assert", "correct", "retract"])
        row = {
            "entry_id": f"{self._prefix}e{random.randint(0, 25)}",
            "subject": random.choice(self.subjects),
            "kind": kind,
            "event": f"label_{kind}",
            "value": None if kind == "retract" else random.choice(_VALUES),
            "effective_at": random.choice(_TIMES),
            "target": None,
            **self._place(),
        }
        if kind != "assert":  # known, unknown, later in this run, or of another subject
            row["target"] = f"{self._prefix}e{random.randint(0, 25)}"
            if self._rows and random.random() < 0.7:
                target = random.choice(self._rows)
                row |= {"target": target["entry_id"], "subject": target["subject"]}
        return row

    def _place(self) -> dict[str, Any]:
        self._offset += 1
        if not self._placed:
            return {"stream": None, "partition": None, "offset": None}
        return {
            "stream": self._random.choice(["corrections", "labels"]),
            "partition": str(self._random.randint(0, 1)),
            "offset": self._random.randint(0, 3) * 1000 + self._offset,
        }
