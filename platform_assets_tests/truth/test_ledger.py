"""What is entered, what is refused, and which change of a ledger is seen."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest

from platform_assets.truth.chains import broken_chains
from platform_assets.truth.entries import ENTRY, ORDER, Refused
from platform_assets.truth.ledger import entered
from platform_assets_tests.truth.histories import (
    LEDGER,
    START,
    Chunk,
    arriving,
    no_entries,
    pinned,
    place,
)


def _row(entry_id: str, offset: int, **others: Any) -> dict[str, Any]:
    return {
        "entry_id": entry_id,
        "subject": "card-1",
        "kind": "assert",
        "event": "chargeback",
        "value": '{"fraud":true}',
        "effective_at": START,
        "stream": "labels",
        "partition": "0",
        "offset": offset,
        "target": None,
    } | others


def _entered(*rows: dict[str, Any]) -> pl.DataFrame:
    return entered(arriving(rows), no_entries(), **place(0)).entries


def test_the_same_said_again_at_another_place_converges_and_is_counted() -> None:
    found = entered(arriving([_row("a", 1), _row("a", 0)]), no_entries(), **place(0))
    assert (found.entries["offset"].to_list(), found.converged) == ([0], 1)
    again = entered(arriving([_row("a", 9)]), found.entries, **place(1))
    assert (again.entries.height, again.converged) == (0, 1)


def test_what_a_mismatch_says_is_kept_once() -> None:
    other = {"value": '{"fraud":false}'}
    found = entered(
        arriving([_row("a", 0), _row("a", 1, **other), _row("a", 2, **other)]),
        no_entries(),
        **place(0),
    )
    assert found.entries["refused"].to_list() == [None, Refused.MISMATCH]
    again = entered(arriving([_row("a", 3, **other)]), found.entries, **place(1))
    assert (again.entries.height, again.converged) == (0, 2 - found.converged)


def test_a_correction_may_name_an_assertion_of_its_run_wherever_that_came_from() -> None:
    entries = _entered(
        _row("early", 0, kind="correct", target="late"),
        _row("late", 1),
    )
    assert entries["entry_id"].to_list() == ["late", "early"]
    assert entries["refused"].null_count() == 2
    assert entries["fact"].to_list() == ["late", "late"]


def test_a_correction_may_name_an_earlier_correction_of_its_run_but_no_later_one() -> None:
    entries = _entered(
        _row("first", 0),
        _row("early", 1, kind="correct", target="late"),
        _row("late", 2, kind="correct", target="first"),
        _row("again", 3, kind="retract", target="late", value=None),
    )
    assert entries["refused"].to_list() == [None, Refused.UNKNOWN_TARGET, None, None]
    assert entries["fact"].to_list() == ["first", None, "first", "first"]


def test_what_names_a_refused_entry_is_refused_however_long_the_way() -> None:
    entries = _entered(
        _row("e0", 0, kind="correct", target="nobody"),
        *(_row(f"e{n}", n, kind="correct", target=f"e{n - 1}") for n in range(1, 40)),
    )
    assert entries["refused"].to_list() == [Refused.UNKNOWN_TARGET] * 40
    # in later runs too
    later = entered(arriving([_row("x", 50, kind="correct", target="e3")]), entries, **place(1))
    assert later.entries["refused"].to_list() == [Refused.UNKNOWN_TARGET]


def test_a_way_of_a_thousand_corrections_leads_to_its_fact() -> None:
    entries = _entered(
        _row("e0", 0),
        *(_row(f"e{n}", n, kind="correct", target=f"e{n - 1}") for n in range(1, 1000)),
    )
    assert set(entries["fact"]) == {"e0"}


@pytest.mark.parametrize("same_run", [True, False])
def test_nobody_corrects_an_entry_of_another_subject(same_run: bool) -> None:
    theirs = _row("a", 0, subject="card-2")
    ours = _row("b", 1, kind="correct", target="a")
    if same_run:
        entries = _entered(theirs, ours)
    else:
        entries = entered(arriving([ours]), _entered(theirs), **place(1)).entries
    assert entries["refused"][-1] == Refused.OTHER_SUBJECT


def test_the_same_words_in_another_ledger_are_another_content() -> None:
    one, other = (
        entered(
            arriving([_row("a", 0)]), no_entries(), ledger=name, observed_at=START, window=0
        ).entries["content"][0]
        for name in ("labels", "cases")
    )
    assert one != other


def test_the_order_of_rows_and_their_chunks_decide_nothing() -> None:
    rows = arriving([_row(f"e{n % 30}", n, value=f"{n % 4}") for n in range(100)])
    once = entered(rows, no_entries(), **place(0))
    cut = pl.concat([rows[60:], rows[:60].reverse()], rechunk=False)
    assert entered(cut, no_entries(), **place(0)).entries.equals(once.entries)


def test_an_empty_run_enters_nothing() -> None:
    found = entered(arriving([]), no_entries(), **place(0))
    assert found.entries.equals(no_entries())
    assert found.converged == 0
    assert broken_chains(found.entries, LEDGER).is_empty()


def test_a_run_is_entered_after_all_that_stands() -> None:
    entries = _entered(_row("a", 0))
    with pytest.raises(RuntimeError, match="cannot stand before"):
        entered(arriving([_row("b", 1)]), entries, **place(0))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"kind": "update"}, "there are no kinds update"),
        ({"subject": None}, "subject is missing"),
    ],
)
def test_what_is_no_entry_is_a_mistake_of_the_caller(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        _entered(_row("a", 0) | changed)


def test_a_run_is_pinned_at_an_instant() -> None:
    naive = datetime(2026, 1, 1)  # noqa: DTZ001 - that it has no zone is the case
    with pytest.raises(ValueError, match="time zone"):
        entered(arriving([]), no_entries(), ledger=LEDGER, observed_at=naive, window=0)


_CHUNK = Chunk(seed=99, histories=4)


@pytest.mark.parametrize("column", [column.name for column in ENTRY])
def test_each_change_of_each_field_of_each_entry_is_found(column: str) -> None:
    ledger = _CHUNK.entries
    for row in range(ledger.height):
        value = ledger[row, column]
        at = pl.int_range(pl.len()) == row
        changed = ledger.with_columns(
            pl.when(at).then(pl.lit(_other(value, column), ledger.schema[column]))
            .otherwise(column)
            .alias(column)
        )  # fmt: skip
        assert changed[row, column] != value
        broken = broken_chains(changed, LEDGER)
        assert not broken.join(changed[row], on=["entry_id", *ORDER], how="semi").is_empty()


def _other(value: Any, column: str) -> Any:
    if isinstance(value, datetime):
        return value + timedelta(microseconds=1)
    if isinstance(value, int):
        return value + 1
    return 7 if value is None and column == "offset" else f"{value}x"


def test_an_entry_that_is_taken_out_breaks_the_next_of_its_subject() -> None:
    counted = _CHUNK.entries.filter(pl.col("refused").is_null())
    for digest in counted["predecessor"].drop_nulls().unique():
        broken = broken_chains(_CHUNK.entries.filter(pl.col("digest") != digest), LEDGER)
        assert broken["broken"].explode().unique().to_list() == ["predecessor"]


def test_entries_of_another_ledger_do_not_hold_in_this_one() -> None:
    assert broken_chains(_CHUNK.entries, "cases").height == _CHUNK.entries.height


def test_a_row_that_was_slipped_in_is_found() -> None:
    slipped = _CHUNK.entries[:1].with_columns(
        pl.lit("new").alias("entry_id"), pl.lit(pinned(3)).alias("observed_at")
    )
    broken = broken_chains(pl.concat([_CHUNK.entries, slipped]), LEDGER)
    assert "new" in broken["entry_id"].to_list()
