"""A ledger and a slice as outputs of runs: what arrives late, is corrected and withdrawn."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import polars as pl
import pytest

from platform_assets.errors import ConsumerFailed
from platform_assets.flow.replay import Verdict
from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, export_run, finish, verify_run
from platform_assets.pipeline.layout import consumption_path
from platform_assets.pipeline.reading import open_product
from platform_assets.pipeline.records import read_record
from platform_assets.pipeline.replay import Start, replay_bundle, replay_run
from platform_assets.pipeline.replay_platform import Surroundings
from platform_assets.pipeline.supersede import supersede
from platform_assets.truth.chains import broken_chains
from platform_assets_tests.ledgers.desk import DEFS, case, label, make_desk, run_desk, send

if TYPE_CHECKING:
    from pathlib import Path


def rows(platform: Platform, number: int, product: str) -> pl.DataFrame:
    return open_product(platform, RunId("desk", number), product).scan().collect()


def said(platform: Platform, number: int) -> dict[str, tuple[str, str | None]]:
    answers = rows(platform, number, "answers").select("subject", "status", "value").rows()
    return {
        subject: (status, json.loads(value)["label"] if value else None)
        for subject, status, value in answers
    }


def test_each_run_answers_from_what_was_known_before_it(told: Path) -> None:
    platform = Platform.open(told)
    nothing = ("NOT_FOUND", None)
    assert said(platform, 1) == dict.fromkeys(("c1", "c2", "c3", "c4"), nothing)
    assert said(platform, 2) == said(platform, 1)
    assert said(platform, 3) == {
        "c1": ("FOUND", "fraud"),
        "c2": ("CONFLICT", None),
        "c3": nothing,
        "c4": nothing,
    }
    assert said(platform, 4) == {
        "c1": ("FOUND", "sound"),
        "c2": ("FOUND", "fraud"),
        "c3": nothing,
        "c4": nothing,
        "c5": nothing,
    }


def test_the_ledger_is_one_chain_for_each_subject_over_all_runs(told: Path) -> None:

    platform = Platform.open(told)
    entries = pl.concat(rows(platform, number, "truth") for number in range(1, 5))
    assert entries["entry_id"].sort().to_list() == [f"label/l{n}" for n in range(1, 6)]
    assert entries["refused"].null_count() == 5
    assert entries["predecessor"].null_count() == 2
    assert broken_chains(entries, "truth").is_empty()


def test_evidence_names_what_a_slice_rests_on_and_verifies(told: Path) -> None:
    platform = Platform.open(told)
    for number in range(1, 5):
        result = verify_run(platform, RunId("desk", number))
        assert result.ok, [f"{found.where}: {found.problem}" for found in result.findings]
    path = consumption_path(RunId("desk", 3), "answers", 1)
    record = read_record(platform.store, path, "consumption")
    read = [(each["run_id"], each["product"]) for each in record["inputs"]]
    assert [run for run, product in read if product == "truth"] == [
        "desk-00000001",
        "desk-00000002",
    ]
    assert record["as_of"]["policy"] == "refuse"
    for product in ("cases", "truth", "answers"):
        assert open_product(platform, RunId("desk", 3), product).manifest["profile"]


@pytest.mark.parametrize("start", [Start.ANCHORS, Start.LANDING])
@pytest.mark.parametrize("number", [1, 3, 4])
def test_i13_a_run_with_a_ledger_is_reproduced(told: Path, number: int, start: Start) -> None:
    result = replay_run(Platform.open(told), RunId("desk", number), start=start)
    assert (result.divergence, result.verdict) == (None, Verdict.REPRODUCED)


def test_i13_evidence_alone_reproduces_a_slice_after_more_was_learnt(
    told: Path, tmp_path: Path
) -> None:
    """The bundle holds what was known then, and nothing of what came after it."""
    run = RunId("desk", 3)
    export_run(Platform.open(told), run, tmp_path / "run.tar", with_data=True)
    result = replay_bundle(tmp_path / "run.tar", Surroundings(told, tmp_path / "scratch"))
    assert (result.divergence, result.verdict) == (None, Verdict.REPRODUCED)


def test_a_corrected_window_changes_later_answers_and_no_earlier_ones(home: Path) -> None:
    platform = Platform.open(home)
    before = {number: rows(platform, number, "answers") for number in range(1, 5)}
    correction = supersede(platform, RunId("desk", 2), "made again")
    assert correction == RunId("desk", 5)
    finish(platform, correction)
    send(home, "cases", [case(6)])
    run_desk(home)
    assert said(platform, 6)["c1"] == ("FOUND", "sound")  # corrected in the third window
    assert said(platform, 6)["c2"] == ("FOUND", "fraud")
    for number, answers in before.items():
        assert rows(platform, number, "answers").equals(answers)
    for number in range(1, 7):
        assert verify_run(platform, RunId("desk", number)).ok
        assert replay_run(platform, RunId("desk", number)).verdict is Verdict.REPRODUCED
    path = consumption_path(RunId("desk", 6), "answers", 1)
    record = read_record(platform.store, path, "consumption")
    known = [each["run_id"] for each in record["inputs"] if each["product"] == "truth"]
    assert known == [str(RunId("desk", number)) for number in (1, 5, 3, 4)]


def test_only_runs_whose_entries_count_are_recorded_as_read_by_a_ledger(home: Path) -> None:
    """A subject that had no entry, and one that was labelled and corrected in two windows."""
    send(home, "labels", [label("l6", "c3", "fraud", "2026-02-03T00:00:00Z")])
    platform = run_desk(home)
    assert ledger_read(platform, 5) == []
    send(home, "labels", [label("l7", "c1", "fraud", "2026-02-03T00:00:00Z")])
    platform = run_desk(home)
    assert ledger_read(platform, 6) == ["desk-00000002", "desk-00000003"]


def test_i13_evidence_that_holds_no_other_entries_reproduces_a_ledger(tmp_path: Path) -> None:
    """The second run consults the first one for what it admitted, and not for its entries."""
    home = make_desk(tmp_path / "home", DEFS[: DEFS.index("    answers:")])
    for number in (1, 2):
        came = label(f"l{number}", f"c{number}", "fraud", "2026-02-01T00:00:00Z")
        send(home, "labels", [came])
        platform = run_desk(home)
    export_run(platform, RunId("desk", 2), tmp_path / "run.tar", with_data=True)
    result = replay_bundle(tmp_path / "run.tar", Surroundings(home, tmp_path / "scratch"))
    assert (result.divergence, result.verdict) == (None, Verdict.REPRODUCED)


def ledger_read(platform: Platform, number: int) -> list[str]:
    path = consumption_path(RunId("desk", number), "truth", 1)
    record = read_record(platform.store, path, "consumption")
    return [each["run_id"] for each in record["inputs"] if each["product"] == "truth"]


def test_the_same_said_again_converges_and_another_thing_of_that_name_is_kept_refused(
    home: Path,
) -> None:
    """Beyond the feed's own horizon of one run, so that it is the ledger that finds it."""
    again = label("l1", "c1", "fraud", "2026-02-01T01:00:00+01:00")
    send(home, "labels", [again, label("l2", "c2", "sound", "2026-02-01T00:00:00Z")])
    platform = run_desk(home)
    record = read_record(
        platform.store, consumption_path(RunId("desk", 5), "truth", 1), "consumption"
    )
    assert (record["as_of"]["entries"], record["as_of"]["converged"]) == (1, 1)
    [entry] = rows(platform, 5, "truth").to_dicts()
    assert (entry["entry_id"], entry["refused"]) == ("label/l2", "MISMATCH")


class Calendar:
    """A clock that stands at noon of a day of March."""

    def __init__(self) -> None:
        self.day = 1

    def now(self) -> datetime:
        return datetime(2026, 3, self.day, 12, tzinfo=UTC)


def test_a_fixed_knowledge_cutoff_gives_the_same_answers_whenever_they_are_asked_for(
    tmp_path: Path,
) -> None:
    """The slice is declared when the labels came, and made in three runs after that."""
    without = DEFS[: DEFS.index("    answers:")]
    home, calendar = make_desk(tmp_path / "home", without), Calendar()
    send(home, "cases", [case(number) for number in range(1, 5)])
    send(home, "labels", [label("l1", "c1", "fraud", "2026-02-01T00:00:00Z")])
    run_desk(home, calendar)
    first = "2026-03-01T12:00:00Z"
    cutoffs = f'knowledge: "{first}"\n        effective: "{first}"\n        targets:'
    (home / "defs" / "desk" / "defs.yaml").write_text(DEFS.replace("targets:", cutoffs))
    corrected = {"kind": "corrected", "id": "l4", "case": "c1", "label": "sound", "of": "l1"}
    send(home, "labels", [{**corrected, "at": "2026-02-02T00:00:00Z"}])
    for calendar.day in (2, 3, 4):
        run_desk(home, calendar)
        send(home, "labels", [label(f"m{calendar.day}", "c2", "fraud", "2026-01-01T00:00:00Z")])
    platform = Platform.open(home)
    supersede(platform, RunId("desk", 1), "made again")
    calendar.day = 9
    run_desk(home, calendar)
    names = [as_of(platform, number)["name"] for number in (2, 3, 4, 6)]
    digests = {
        open_product(platform, RunId("desk", number), "answers").manifest["content_digest"]
        for number in (2, 3, 4, 6)
    }
    assert said(platform, 6)["c1"] == ("FOUND", "fraud")
    assert (len(set(names)), len(digests)) == (1, 1)


def as_of(platform: Platform, number: int) -> dict[str, str]:
    path = consumption_path(RunId("desk", number), "answers", 1)
    return dict(read_record(platform.store, path, "consumption")["as_of"])


def test_what_is_not_known_yet_is_no_knowledge_cutoff(home: Path) -> None:
    declared = home / "defs" / "desk" / "defs.yaml"
    future = '"2100-01-01T00:00:00Z"'
    declared.write_text(DEFS.replace("targets:", f"knowledge: {future}\n        targets:"))
    send(home, "cases", [case(7)])
    with pytest.raises(ConsumerFailed, match="a knowledge cutoff until"):
        run_desk(home)
