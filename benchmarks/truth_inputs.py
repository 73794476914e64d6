"""Labels of a ledger, and targets and features of a join in time, generated once as Parquet files.

A label is about one of so many subjects that each has ten, at a time with whole seconds. Of a hundred,
three are corrected and two retracted. Features come up to three hours after they were effective.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Of what is generated all times lie within so many seconds after 1970.
SECONDS = 100_000_000
LABELS_PER_SUBJECT, TARGETS_PER_FEATURE, FEATURES_PER_SUBJECT = 10, 5, 10
_FILE_ROWS = 1_000_000
_LATE_SECONDS = 3 * 3600
_SEED = 31
#: Of so many entries in a row the first are assertions, then come corrections and retractions.
_OF, _ASSERTED, _CORRECTED = 100, 95, 98
_FRAUD = 0.1


def write_ledger(folder: Path, labels: int) -> None:
    """Write ``labels-*.parquet``, with the entries' columns that answers need, and the targets.

    ``asked.parquet`` has as many targets as there are subjects, each with a moment of its own.
    """
    folder.mkdir(parents=True)
    subjects = max(1, labels // LABELS_PER_SUBJECT)
    for number, (begin, rows, random) in enumerate(_files(labels)):
        sequence = pl.int_range(begin, begin + rows, eager=True)
        place = sequence.to_numpy() % _OF
        operates = (place >= _ASSERTED) & (sequence.to_numpy() >= _OF)
        kind = np.where(place < _CORRECTED, "correct", "retract")
        earlier = (random.random(rows) * sequence.to_numpy()).astype(np.int64)
        asserted = earlier // _OF * _OF + earlier % _OF % _ASSERTED
        fact = np.where(operates, asserted, sequence.to_numpy())
        frame = pl.DataFrame(
            {
                "entry_id": _named("e", sequence),
                "subject": _named("s", pl.Series(fact % subjects)),
                "kind": np.where(operates, kind, "assert"),
                "value": np.where(
                    random.random(rows) < _FRAUD, '{"fraud":true}', '{"fraud":false}'
                ),
                "effective_at": _moments(random.integers(0, SECONDS, rows)),
                "observed_at": _moments(sequence.to_numpy() * SECONDS // labels),
                "window": sequence // 1000,
                "sequence": sequence,
                "fact": _named("e", pl.Series(fact)),
            }
        )
        nothing_refused = pl.lit(None, dtype=pl.String).alias("refused")
        frame.with_columns(nothing_refused).write_parquet(folder / f"labels-{number:04d}.parquet")
    random = np.random.default_rng(_SEED)
    asked = pl.DataFrame(
        {
            "subject": _named("s", pl.int_range(subjects, eager=True)),
            "until": _moments(random.integers(0, SECONDS, subjects)),
        }
    )
    asked.write_parquet(folder / "asked.parquet")


def write_join(folder: Path, targets: int) -> None:
    """Write ``targets-*.parquet`` and ``features-*.parquet``."""
    folder.mkdir(parents=True)
    features = max(1, targets // TARGETS_PER_FEATURE)
    subjects = max(1, features // FEATURES_PER_SUBJECT)
    for number, (begin, rows, random) in enumerate(_files(targets)):
        pl.DataFrame(
            {
                "subject": _named("s", pl.Series(random.integers(0, subjects, rows))),
                "at": _moments(random.integers(0, SECONDS, rows)),
                "row": pl.int_range(begin, begin + rows, eager=True),
                "label": random.random(rows) < _FRAUD,
            }
        ).write_parquet(folder / f"targets-{number:04d}.parquet")
    for number, (begin, rows, random) in enumerate(_files(features)):
        effective = random.integers(0, SECONDS, rows)
        observed = effective + random.integers(0, _LATE_SECONDS, rows)
        pl.DataFrame(
            {
                "subject": _named("s", pl.Series(random.integers(0, subjects, rows))),
                "effective_at": _moments(effective),
                "observed_at": _moments(observed),
                "window": observed // 3600,
                "sequence": pl.int_range(begin, begin + rows, eager=True),
                "amount": random.random(rows),
                "count": random.integers(0, 100, rows),
            }
        ).write_parquet(folder / f"features-{number:04d}.parquet")


def _files(rows: int) -> Iterator[tuple[int, int, np.random.Generator]]:
    for number, begin in enumerate(range(0, rows, _FILE_ROWS)):
        random = np.random.default_rng([_SEED, number])
        yield begin, min(_FILE_ROWS, rows - begin), random


def _named(letter: str, numbers: pl.Series) -> pl.Series:
    return letter + numbers.cast(pl.String).str.zfill(9)


def _moments(seconds: np.ndarray) -> pl.Series:
    return pl.Series(seconds * 1_000_000).cast(pl.Datetime("us", "UTC"))
