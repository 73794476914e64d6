"""The benchmark of truth runs, and its inputs hold what they are said to hold."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import polars as pl

from benchmarks import truth, truth_inputs

if TYPE_CHECKING:
    from pathlib import Path


def test_pandas_finds_as_many_answers_and_all_rows_are_joined(tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    sizes = ["--labels", "20k", "--targets", "20k", "--pandas-rows", "10k", "--feast-rows", "5k"]
    assert truth.main([*sizes, "--work", str(tmp_path), "--json", str(results)]) == 0
    found = json.loads(results.read_text())
    records = {name: each["records"] for name, each in found.items() if name != "machine"}
    assert records == {
        "answers": 2_000,
        "answers, pandas": 2_000,
        "join": 20_000,
        "join, pandas": 10_000,
        "join, as Feast": 5_000,
    }


def test_a_join_that_peaks_above_its_memory_is_missed(tmp_path: Path) -> None:
    run = truth.of_answers(tmp_path, 2_000)["answers"]
    found = dict.fromkeys(("answers", "answers, pandas", "join"), run)
    assert truth._remarks(found, 2_000, run.peak_rss_bytes)[0] is False
    assert truth._remarks(found, 2_000, run.peak_rss_bytes - 1)[0] is True


def test_operations_are_about_facts_that_were_asserted_before(tmp_path: Path) -> None:
    truth_inputs.write_ledger(tmp_path / "ledger", 20_000)
    entries = pl.read_parquet(tmp_path / "ledger" / "labels-*.parquet")
    kinds = entries["kind"].value_counts()
    assert dict(kinds.iter_rows()) == {"assert": 19_005, "correct": 597, "retract": 398}
    operations = entries.filter(pl.col("kind") != "assert")
    about = operations.join(
        entries.filter(pl.col("kind") == "assert"), left_on="fact", right_on="entry_id"
    )
    assert about.height == operations.height
    assert (about["sequence_right"] < about["sequence"]).all()
    assert (about["subject_right"] == about["subject"]).all()
