"""What the index answers, against plain Python, and what it takes in."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg
import pyarrow as pa
import pytest

from platform_assets.adapters.postgres.ledger_runs import Policy, Status
from platform_assets.contracts.columns import Scalar
from platform_assets.errors import EntriesRefused, RecordConflict
from platform_assets.truth.entries import ENTRY
from platform_assets_tests.adapters.postgres.ledgers import (
    DAY,
    LAST,
    LEDGER,
    at,
    batch_of,
    counted,
    entry,
    known,
    ledger_run,
    random_history,
    rows_of,
)

if TYPE_CHECKING:
    from platform_assets.adapters.postgres.truth_index import TruthIndex
    from platform_assets_tests.servers.postgres import PostgresDatabase

SQL_TYPES = {
    Scalar.STRING: "text",
    Scalar.JSON: "text",
    Scalar.INT64: "bigint",
    Scalar.TIMESTAMP: "timestamp with time zone",
}


def test_random_histories_are_answered_as_plain_python_does(index: TruthIndex) -> None:
    outcomes = set()
    for seed in range(12):
        ledger = f"ledger_{seed}"
        runs = random_history(seed, ledger=ledger)
        for run, batches in runs:
            index.add(run, batches)
        dice = random.Random(seed)  # noqa: S311 - made again by its seed
        for _ in range(40):
            subject = f"s-{dice.randint(1, 4)}"
            effective, knowledge = at(dice.randint(-1, 45)), at(dice.randint(-1, 61))
            expected = known(runs, subject, effective, knowledge)
            found = index.as_of(ledger, subject, effective=effective, knowledge=knowledge)
            assert [(each.entry_id, each.value) for each in found.candidates] == expected
            values = {value for _, value in expected}
            assert (found.status is Status.NOT_FOUND) == (not values)
            assert (found.status is Status.CONFLICT) == (len(values) > 1)
            assert found.value == (values.pop() if len(values) == 1 else None)
            timeline = index.entries(ledger, subject, knowledge=knowledge).to_dicts()
            due = [row for row in counted(runs, knowledge) if row["subject"] == subject]
            assert timeline == due
            outcomes.add(found.status)
    assert outcomes == set(Status)


def test_a_tie_of_values_is_a_conflict_unless_the_order_is_preferred(index: TruthIndex) -> None:
    zone = dt.timezone(dt.timedelta(hours=5))
    rows = [entry("a", '"1"'), entry("b", '"2"', effective_at=DAY.astimezone(zone))]
    index.add(*ledger_run(rows))
    refused = index.as_of(LEDGER, "s-1", effective=DAY, knowledge=DAY)
    assert (refused.status, refused.value) == (Status.CONFLICT, None)
    assert [each.entry_id for each in refused.candidates] == ["a", "b"]
    preferred = index.as_of(
        LEDGER, "s-1", effective=DAY, knowledge=DAY, policy=Policy.PREFER_SOURCE_ORDER
    )
    assert (preferred.status, preferred.value) == (Status.FOUND, '"2"')


def test_a_window_taken_again_counts_from_its_new_run_on(index: TruthIndex) -> None:
    first = ledger_run([entry("a", '"old"'), entry("b", subject="s-2")])
    again = ledger_run([entry("a", '"new"')], observed=at(60), run_id="payments-00000002")
    index.add(*again)  # whatever the order of adding
    index.add(*first)
    asked = {"effective": LAST, "knowledge": at(59)}
    assert index.as_of(LEDGER, "s-1", **asked).value == '"old"'
    assert index.as_of(LEDGER, "s-2", **asked).status is Status.FOUND
    asked["knowledge"] = at(60)
    assert index.as_of(LEDGER, "s-1", **asked).value == '"new"'
    assert index.as_of(LEDGER, "s-2", **asked).status is Status.NOT_FOUND
    assert index.runs(LEDGER) == [first[0], again[0]]


def test_a_cutoff_without_a_zone_is_no_instant(index: TruthIndex) -> None:
    naive = DAY.replace(tzinfo=None)
    with pytest.raises(ValueError, match="no zone"):
        index.as_of(LEDGER, "s-1", effective=naive, knowledge=DAY)
    with pytest.raises(ValueError, match="no zone"):
        index.as_of(LEDGER, "s-1", effective=DAY, knowledge=naive)
    with pytest.raises(ValueError, match="no zone"):
        index.entries(LEDGER, "s-1", knowledge=naive)


def test_the_same_run_converges_and_another_one_is_refused(index: TruthIndex) -> None:
    run, batches = ledger_run([entry("a"), entry("b")])
    assert index.add(run, batches)
    assert not index.add(run, batches)
    with pytest.raises(RecordConflict, match="payments-00000001"):
        index.add(replace(run, manifest="sha256:" + "0" * 64), batches)
    with pytest.raises(RecordConflict, match="another place or content"):
        index.add(replace(run, entries=3), batches)
    assert index.runs(LEDGER) == [run]
    index.verify(LEDGER, [run])


def test_two_runs_of_a_window_at_one_instant_are_refused(index: TruthIndex) -> None:
    index.add(*ledger_run([entry("a")]))
    with pytest.raises(EntriesRefused):
        index.add(*ledger_run([entry("a")], run_id="payments-00000002"))


def test_entries_that_are_not_those_of_the_run_leave_nothing(index: TruthIndex) -> None:
    run, batches = ledger_run([entry("a"), entry("b")])
    _, others = ledger_run([entry("a"), entry("c")])
    _, elsewhere = ledger_run([entry("a"), entry("b")], window=2)
    _, earlier = ledger_run([entry("a"), entry("b")], observed=at(-1))
    for wrong in (others, batches[:1], [*batches, *batches[:0], batches[0]], elsewhere, earlier):
        with pytest.raises(EntriesRefused):
            index.add(run, wrong)
    for elsewhen in (replace(run, window=2), replace(run, observed_at=at(1))):
        with pytest.raises(EntriesRefused, match="another window or instant"):
            index.add(elsewhen, batches)
    assert index.runs(LEDGER) == []
    assert index.entries(LEDGER, "s-1", knowledge=LAST).is_empty()
    assert index.add(run, batches)


def test_a_run_without_entries_stands_and_covers_its_window(index: TruthIndex) -> None:
    index.add(*ledger_run([entry("a")]))
    empty = ledger_run([], observed=at(1), run_id="payments-00000002")
    index.add(*empty)
    found = index.as_of(LEDGER, "s-1", effective=LAST, knowledge=at(1))
    assert found.status is Status.NOT_FOUND


def test_every_text_and_every_instant_comes_back_as_it_was(index: TruthIndex) -> None:
    texts = ["", "\\N", "\\", "\\.", "a\n\\.\nb", "tab\tcr\r\n", "\"quoted\",'x'", "ä€😀", "{}%s"]
    texts.append("long" * 5000)
    instants = [
        dt.datetime(1, 1, 1, tzinfo=dt.UTC),
        dt.datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=dt.UTC),
        dt.datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=dt.UTC),
    ]
    rows = [
        entry(f"{n}{text[:50]}", text, subject=text, event=text, stream=text, target=text)
        for n, text in enumerate(texts)
    ]
    rows += [entry(f"i{n}", effective_at=moment) for n, moment in enumerate(instants)]
    rows.append(entry("nulls", None, stream=None, partition=None, offset=None, fact=None))
    run = ledger_run(rows, observed=dt.datetime(2026, 3, 29, 1, 30, 0, 1, tzinfo=dt.UTC))
    index.add(*run)
    index.verify(LEDGER, [run[0]])
    for text in texts:
        held = index.entries(LEDGER, text, knowledge=LAST)
        assert held.to_dicts() == [row for row in rows_of(run) if row["subject"] == text]


def test_what_postgresql_cannot_hold_is_refused_and_nothing_stays(index: TruthIndex) -> None:
    with pytest.raises(EntriesRefused, match="0x00"):
        index.add(*ledger_run([entry("a"), entry("b", "nul\0")]))
    run, _ = ledger_run([entry("a")])
    far = batch_of([entry("a", observed_at=DAY, window=1, sequence=0)])
    far = far.set_column(
        far.schema.get_field_index("effective_at"),
        far.schema.field("effective_at"),
        pa.array([-(62_135_596_800 + 1) * 10**6], pa.timestamp("us", tz="UTC")),
    )
    with pytest.raises(EntriesRefused, match="years 0 to 0"):
        index.add(run, [far])
    assert index.runs(LEDGER) == []


def test_the_table_has_the_columns_of_an_entry(
    index: TruthIndex, postgres_database: PostgresDatabase
) -> None:
    query = """SELECT column_name, data_type, is_nullable = 'YES' FROM information_schema.columns
    WHERE table_schema = 'truth_index' AND table_name = 'entries' ORDER BY ordinal_position"""
    with psycopg.connect(postgres_database.owner) as connection:
        found = connection.execute(query).fetchall()
    assert found[:2] == [("ledger", "text", False), ("run_id", "text", False)]
    due = [(column.name, SQL_TYPES[Scalar(column.type)], column.nullable) for column in ENTRY]
    assert found[2:] == due
