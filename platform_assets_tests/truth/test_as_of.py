"""A2, and what an answer says where there is none or more than one."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest

from platform_assets.contracts.judge import EventRule, StreamJudge
from platform_assets.contracts.registry import Contract
from platform_assets.truth.as_of import Cutoffs, Policy, Status, as_of
from platform_assets.truth.ledger import entered
from platform_assets_tests.truth.histories import START, arriving, no_entries, place

_LATER = START + timedelta(days=1)
_CUTOFFS = Cutoffs(_LATER, _LATER)
_CONTRACT = Contract.from_documents(
    "label.v1.json",
    {
        "https://contracts.invalid/label.v1.json": json.dumps(
            {
                "type": "object",
                "properties": {
                    "entry_id": {"type": "string"},
                    "at": {"type": "string", "format": "date-time"},
                    "fraud": {"type": "boolean"},
                },
                "required": ["entry_id", "at", "fraud"],
                "additionalProperties": False,
            }
        )
    },
)


def _judged(*labels: tuple[str, bool], columnar: bool) -> pl.DataFrame:
    """Return labels as they leave admission: their times are written in any way."""
    rule = EventRule("label", _CONTRACT, ("entry_id",), {})
    records = [
        json.dumps({"entry_id": f"e{number}", "at": at, "fraud": fraud}).encode()
        for number, (at, fraud) in enumerate(labels)
    ]
    verdicts = StreamJudge([rule], _columnar=columnar).judge(pl.Series(records, dtype=pl.Binary))
    assert verdicts.refused.is_empty()
    return verdicts.accepted["label"]


def _labels(rows: pl.DataFrame) -> pl.DataFrame:
    fraud = pl.col("fraud").cast(pl.String)
    return rows.select(
        "entry_id",
        subject=pl.lit("card-1"),
        kind=pl.lit("assert"),
        event=pl.lit("label"),
        value='{"fraud":' + fraud + "}",
        effective_at="at",
        stream=pl.lit("labels"),
        partition=pl.lit("0"),
        offset=pl.int_range(pl.len()),
        target=pl.lit(None, dtype=pl.String),
    )


def _answer(entries: pl.DataFrame, policy: Policy = Policy.REFUSE) -> dict[str, Any]:
    targets = pl.LazyFrame({"subject": ["card-1"]})
    return as_of(entries.lazy(), targets, _CUTOFFS, policy).collect().row(0, named=True)


_SAME_INSTANT = [
    ("2026-01-01T08:00:00Z", "2026-01-01T08:00:00+00:00"),
    ("2026-01-01T08:00:00+00:00", "2026-01-01T08:00:00Z"),
    ("2026-01-01T08:00:00.000Z", "2026-01-01T08:00:00-00:00"),
    ("2026-01-01T08:00:00Z", "2026-01-01T13:30:00+05:30"),
]


@pytest.mark.parametrize("columnar", [True, False])
@pytest.mark.parametrize(("one", "other"), _SAME_INSTANT)
def test_a2_a_tie_conflicts_however_its_times_are_written(
    one: str, other: str, columnar: bool
) -> None:
    rows = _labels(_judged((one, True), (other, False), columnar=columnar))
    entries = entered(rows.select(arriving([]).columns), no_entries(), **place(0)).entries
    found = _answer(entries)
    assert (found["status"], found["candidates"]) == (Status.CONFLICT, ["e0", "e1"])
    assert [found[name] for name in ("value", "effective_at", "observed_at", "entry_id")] == [
        None
    ] * 4
    preferred = _answer(entries, Policy.PREFER_SOURCE_ORDER)
    assert (preferred["status"], preferred["entry_id"]) == (Status.FOUND, "e1")
    assert preferred["candidates"] == ["e0", "e1"]


@pytest.mark.parametrize("columnar", [True, False])
@pytest.mark.parametrize(("one", "other"), _SAME_INSTANT)
def test_a2_equal_times_with_equal_values_agree(one: str, other: str, columnar: bool) -> None:
    rows = _labels(_judged((one, True), (other, True), columnar=columnar))
    entries = entered(rows.select(arriving([]).columns), no_entries(), **place(0)).entries
    found = _answer(entries)
    assert (found["status"], found["value"]) == (Status.FOUND, '{"fraud":true}')
    assert found["candidates"] == ["e0", "e1"]


@pytest.mark.parametrize("columnar", [True, False])
def test_a2_the_same_identity_with_its_time_written_otherwise_converges(columnar: bool) -> None:
    rows = _labels(_judged(*((at, True) for at in _SAME_INSTANT[0]), columnar=columnar))
    same = rows.with_columns(entry_id=pl.lit("e")).select(arriving([]).columns)
    found = entered(same, no_entries(), **place(0))
    assert (found.entries.height, found.converged) == (1, 1)


def _entries(*rows: tuple[str, str, datetime, str | None]) -> pl.DataFrame:
    """Return entries of one run: identity, kind, effective time and target."""
    return entered(
        arriving(
            [
                {
                    "entry_id": entry_id,
                    "subject": "card-1",
                    "kind": kind,
                    "event": kind,
                    "value": None if kind == "retract" else f'"{entry_id}"',
                    "effective_at": effective_at,
                    "stream": "labels",
                    "partition": "0",
                    "offset": offset,
                    "target": target,
                }
                for offset, (entry_id, kind, effective_at, target) in enumerate(rows)
            ]
        ),
        no_entries(),
        **place(0),
    ).entries


def test_what_was_corrected_never_counts_again_even_where_the_correction_holds_later() -> None:
    entries = _entries(
        ("a", "assert", START, None), ("b", "correct", _LATER + timedelta(seconds=1), "a")
    )
    assert _answer(entries)["status"] == Status.NOT_FOUND


def test_a_correction_of_a_retraction_brings_the_fact_back() -> None:
    entries = _entries(
        ("a", "assert", START, None), ("b", "retract", START, "a"), ("c", "correct", START, "b")
    )
    assert _answer(entries[:2])["status"] == Status.NOT_FOUND
    assert _answer(entries)["entry_id"] == "c"


def test_cutoffs_include_their_own_instant_and_end_a_microsecond_later() -> None:
    entries = _entries(("a", "assert", START, None))
    early = START - timedelta(microseconds=1)
    targets = pl.LazyFrame({"subject": ["card-1"]})
    for effective, knowledge, status in (
        (START, START, Status.FOUND),
        (early, START, Status.NOT_FOUND),
        (START, early, Status.NOT_FOUND),
    ):
        cutoffs = Cutoffs(effective, knowledge)
        found = as_of(entries.lazy(), targets, cutoffs, Policy.REFUSE).collect()
        assert found["status"].to_list() == [status]


def test_a_target_without_a_subject_or_a_cutoff_has_no_answer_and_keeps_its_place() -> None:
    entries = _entries(("a", "assert", START, None))
    targets = pl.LazyFrame(
        {
            "subject": [None, "card-1", "card-1", "card-1"],
            "until": [_LATER, None, _LATER, _LATER],
            "weight": [1, 2, 3, 3],
        },
        schema_overrides={"until": pl.Datetime("us", "UTC")},
    )
    found = as_of(entries.lazy(), targets, Cutoffs("until", _LATER), Policy.REFUSE).collect()
    assert found["status"].to_list() == ["NOT_FOUND", "NOT_FOUND", "FOUND", "FOUND"]
    assert found["weight"].to_list() == [1, 2, 3, 3]
    assert found["candidates"].to_list() == [[], [], ["a"], ["a"]]


def test_no_targets_have_no_answers() -> None:
    targets = pl.LazyFrame(schema={"subject": pl.String()})
    assert as_of(no_entries().lazy(), targets, _CUTOFFS, Policy.REFUSE).collect().is_empty()


def test_targets_may_not_have_the_columns_of_an_answer() -> None:
    targets = pl.LazyFrame({"subject": ["card-1"], "value": [1]})
    with pytest.raises(ValueError, match="columns of the answer: value"):
        as_of(no_entries().lazy(), targets, _CUTOFFS, Policy.REFUSE)


def test_a_cutoff_is_an_instant() -> None:
    naive = datetime(2026, 1, 1)  # noqa: DTZ001 - that it has no zone is the case
    for effective, knowledge in ((naive, START), (START, naive)):
        with pytest.raises(ValueError, match="time zone"):
            Cutoffs(effective, knowledge)
