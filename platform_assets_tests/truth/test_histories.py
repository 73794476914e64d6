"""A1: a thousand random histories give the answers of a reference, written from the ADR alone."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import timedelta
from functools import cache
from random import Random
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from platform_assets.contracts.frames import polars_schema
from platform_assets.truth.as_of import ANSWER, Cutoffs, Policy, Status, as_of
from platform_assets.truth.chains import broken_chains
from platform_assets.truth.entries import ENTRY, ORDER, Kind, Refused
from platform_assets_tests.truth.histories import LEDGER, RUNS, START, Chunk
from platform_assets_tests.truth.reference import answer

if TYPE_CHECKING:
    from datetime import datetime

_CHUNKS = range(20)
_HISTORIES = 50
_made = cache(lambda seed: Chunk(seed, _HISTORIES))


@pytest.fixture(params=_CHUNKS)
def chunk(request: pytest.FixtureRequest) -> Chunk:
    return _made(request.param)


def _moment(random: Random) -> datetime:
    return START + timedelta(minutes=random.randint(-200, 60 * (RUNS + 3)))


def _targets(chunk: Chunk, seed: int) -> tuple[pl.DataFrame, datetime]:
    """Return every subject and one that nobody knows, each with a cutoff, and a knowledge cutoff."""
    random = Random(seed)  # noqa: S311 - no secret
    subjects = [*chunk.subjects, "unheard of"]
    random.shuffle(subjects)
    frame = pl.DataFrame({"subject": subjects, "until": [_moment(random) for _ in subjects]})
    return frame, _moment(random)


def _expected(
    chunk: Chunk, targets: pl.DataFrame, knowledge: datetime, policy: Policy
) -> list[dict[str, Any]]:
    by_subject = defaultdict(list)
    for entry in chunk.reference.entries:
        by_subject[entry["subject"]].append(entry)
    return [
        {"subject": subject, "until": until}
        | answer(by_subject[subject], subject, until, knowledge, policy.value)
        for subject, until in targets.rows()
    ]


def _answers(
    entries: pl.DataFrame, targets: pl.DataFrame, cutoffs: Cutoffs, policy: Policy
) -> pl.DataFrame:
    entries = entries.sample(fraction=1.0, shuffle=True, seed=7)
    return as_of(entries.lazy(), targets.lazy(), cutoffs, policy).collect()


def test_a1_the_same_is_entered(chunk: Chunk) -> None:
    assert chunk.entries.schema == polars_schema(ENTRY)
    assert chunk.entries.equals(chunk.entries.sort(ORDER))
    assert chunk.entries.to_dicts() == [
        {column.name: entry[column.name] for column in ENTRY} for entry in chunk.reference.entries
    ]
    assert chunk.converged == chunk.reference.converged
    assert broken_chains(chunk.entries, LEDGER).is_empty()


@pytest.mark.parametrize("policy", Policy)
@pytest.mark.parametrize("asked", range(3))
def test_a1_answers_are_equal_and_nothing_leaks(chunk: Chunk, policy: Policy, asked: int) -> None:
    targets, knowledge = _targets(chunk, asked)
    found = _answers(chunk.entries, targets, Cutoffs("until", knowledge), policy)
    assert found.columns == [*targets.columns, *ANSWER]
    assert found.to_dicts() == _expected(chunk, targets, knowledge, policy)
    used = (
        found.explode("candidates", empty_as_null=True)
        .drop_nulls("candidates")
        .select("until", entry_id="candidates")
        .join(chunk.entries.filter(pl.col("refused").is_null()), on="entry_id")
    )
    leaks = used.filter(
        (pl.col("observed_at") > knowledge) | (pl.col("effective_at") > pl.col("until"))
    )
    assert leaks.is_empty()


@pytest.mark.parametrize("policy", Policy)
def test_a1_one_cutoff_for_all_gives_the_same_answers(chunk: Chunk, policy: Policy) -> None:
    targets, knowledge = _targets(chunk, 11)
    until = _moment(Random(chunk.seed))  # noqa: S311 - no secret
    targets = targets.with_columns(until=pl.lit(until, dtype=pl.Datetime("us", "UTC")))
    found = _answers(chunk.entries, targets, Cutoffs(until, knowledge), policy)
    assert found.to_dicts() == _expected(chunk, targets, knowledge, policy)


def test_a1_later_appends_change_no_earlier_answer(chunk: Chunk) -> None:
    targets, _ = _targets(chunk, 5)
    for run in range(RUNS):
        then = chunk.entries.filter(pl.col("window") <= run)
        # until just before the next run is pinned
        knowledge = START + timedelta(hours=run + 1) - timedelta(microseconds=1)
        cutoffs = Cutoffs("until", knowledge)
        before = _answers(then, targets, cutoffs, Policy.REFUSE)
        assert _answers(chunk.entries, targets, cutoffs, Policy.REFUSE).equals(before)


def test_the_histories_hold_everything_that_can_happen() -> None:
    happened: Counter[str] = Counter()
    for seed in _CHUNKS:
        chunk = _made(seed)
        happened["converged"] += chunk.converged
        happened.update(chunk.entries["kind"].to_list())
        happened.update(chunk.entries["refused"].drop_nulls().to_list())
        accepted = chunk.entries.filter(pl.col("refused").is_null())
        chains = accepted.join(
            accepted.filter(pl.col("kind") != Kind.ASSERT), left_on="target", right_on="entry_id"
        )
        happened["chains"] += chains.height
        happened["within a run"] += chains.filter(pl.col("window") == pl.col("window_right")).height
        for asked in range(3):
            targets, knowledge = _targets(chunk, asked)
            expected = _expected(chunk, targets, knowledge, Policy.REFUSE)
            happened.update(each["status"] for each in expected)
            happened["agreeing"] += sum(
                each["status"] == "FOUND" and len(each["candidates"]) > 1 for each in expected
            )
    names = {"converged", "chains", "within a run", "agreeing", *Kind, *Refused, *Status}
    assert {name for name in names if happened[name] < 20} == set()
