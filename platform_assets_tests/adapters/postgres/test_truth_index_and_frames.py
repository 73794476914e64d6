"""The index and `truth.as_of` give the same answers."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import polars as pl

from platform_assets.adapters.postgres.ledger_runs import Policy as AskedPolicy
from platform_assets.adapters.postgres.ledger_runs import Status as FoundStatus
from platform_assets.contracts.frames import polars_schema
from platform_assets.truth.as_of import Cutoffs, Policy, Status, as_of
from platform_assets.truth.entries import ENTRY
from platform_assets_tests.adapters.postgres.ledgers import (
    LEDGER,
    at,
    counted,
    entry,
    ledger_run,
    random_history,
)

if TYPE_CHECKING:
    import datetime as dt

    from platform_assets.adapters.postgres.truth_index import TruthIndex

_SUBJECTS = ["s-1", "s-2", "s-3", "nobody"]


def test_they_have_the_same_words() -> None:
    assert list(map(str, Policy)) == list(map(str, AskedPolicy))
    assert list(map(str, Status)) == list(map(str, FoundStatus))


def test_random_histories_have_the_same_answers_in_the_index_and_in_frames(
    index: TruthIndex,
) -> None:
    compared = 0
    for seed in range(20, 32):
        ledger = f"ledger_{seed}"
        runs = random_history(seed, ledger=ledger)
        for run, batches in runs:
            index.add(run, batches)
        dice = random.Random(seed)  # noqa: S311 - made again by its seed
        for _ in range(10):
            cutoffs = Cutoffs(at(dice.randint(-1, 45)), at(dice.randint(-1, 61)))
            policy = dice.choice(list(Policy))
            rows = counted(runs, cutoffs.knowledge)
            entries = pl.LazyFrame(rows, schema=polars_schema(ENTRY))
            frame = as_of(entries, pl.LazyFrame({"subject": _SUBJECTS}), cutoffs, policy).collect()
            for due in frame.iter_rows(named=True):
                assert _asked(index, ledger, due["subject"], cutoffs, policy) == due
                compared += len(due["candidates"])
    assert compared > 100


def test_an_assertion_whose_window_is_taken_again_undoes_no_correction(index: TruthIndex) -> None:
    said, corrected = entry("e1", '{"n":1}'), '{"n":2}'
    correction = entry("e2", corrected, kind="correct", target="e1", fact="e1")
    runs = [
        ledger_run([said], window=1, observed=at(1), run_id="payments-00000001"),
        ledger_run([correction], window=2, observed=at(2), run_id="payments-00000002"),
        ledger_run([said], window=1, observed=at(3), run_id="payments-00000003"),
    ]
    for run, batches in runs:
        index.add(run, batches)
    cutoffs = Cutoffs(at(9), at(9))
    entries = pl.LazyFrame(counted(runs, cutoffs.knowledge), schema=polars_schema(ENTRY))
    asked = pl.LazyFrame({"subject": ["s-1"]})
    due = as_of(entries, asked, cutoffs, Policy.REFUSE).collect().row(0, named=True)
    assert (due["status"], due["value"]) == (Status.FOUND, corrected)
    assert _asked(index, LEDGER, "s-1", cutoffs, Policy.REFUSE) == due


def _asked(
    index: TruthIndex, ledger: str, subject: str, cutoffs: Cutoffs, policy: Policy
) -> dict[str, Any]:
    effective: Any = cutoffs.effective
    knowledge: dt.datetime = cutoffs.knowledge
    found = index.as_of(
        ledger, subject, effective=effective, knowledge=knowledge, policy=AskedPolicy(policy)
    )
    named = found.candidates[-1] if found.status is FoundStatus.FOUND else None
    return {
        "subject": subject,
        "status": found.status,
        "value": found.value,
        "effective_at": named and named.effective_at,
        "observed_at": named and named.observed_at,
        "entry_id": named and named.entry_id,
        "candidates": [each.entry_id for each in found.candidates],
    }
