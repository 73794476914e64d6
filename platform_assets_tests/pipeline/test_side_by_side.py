"""Windows that go side by side from landing to evidence: who waits for whom, and what is proven."""

from __future__ import annotations

import importlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from platform_assets.canonical import canonical_bytes, digest
from platform_assets.cli.tables import details
from platform_assets.errors import (
    AdmissionInconsistent,
    ChainBroken,
    ClosureRefused,
    PredecessorOpen,
)
from platform_assets.identifiers import RunId
from platform_assets.orchestration.metadata import admission_metadata
from platform_assets.pipeline import (
    Platform,
    admit,
    build,
    certify,
    close,
    export_run,
    finish,
    layout,
    run_details,
    run_summary,
    supersede,
    verify_bundle,
    verify_run,
)
from platform_assets.pipeline.records import read_record
from platform_assets.pipeline.replay import replay_run
from platform_assets_tests.pipeline.side_by_side import (
    decided,
    expected,
    land_windows,
    parallel_shop,
    settled_order,
)
from platform_assets_tests.shop import cancelled, refunded

ONE, TWO, THREE = (RunId("shop", number) for number in (1, 2, 3))
WINDOWS = [
    [cancelled(0), cancelled(1), cancelled(1), refunded(0)],
    [cancelled(1), cancelled(2), refunded(0)],
    [cancelled(0), cancelled(2, why="other"), refunded(3)],
]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = parallel_shop(tmp_path / "home")
    land_windows(home, WINDOWS)
    return home


def certified(home: Path, run: RunId) -> None:
    platform = Platform.open(home)
    for product in platform.feed("shop").products:
        build(platform, run, product)
        assert certify(platform, run, product)["verdict"] == "PASS"


def admitted(home: Path, *order: RunId) -> None:
    for run in order:
        admit(Platform.open(home), run, "changes")


def receipt_of(home: Path, run: RunId) -> dict[str, Any]:
    store = Platform.open(home).store
    return read_record(store, layout.admission_receipt_path(run, "changes"), "admission")


def test_a_later_window_settles_first_and_the_earlier_one_repeats_it(
    home: Path, tmp_path: Path
) -> None:
    admitted(home, TWO, THREE, ONE)
    assert settled_order(home) == [TWO, THREE, ONE]
    outcome = expected(WINDOWS, [TWO, THREE, ONE], 3)
    assert {run.sequence: decided(home, run, tmp_path) for run in (ONE, TWO, THREE)} == outcome
    settlement = receipt_of(home, ONE)["settlement"]
    assert settlement["number"] == 3
    assert settlement["consulted"] == [
        {
            "number": number,
            "run_id": str(run),
            "admission_digest": digest(receipt_of(home, run)),
            "products": {"cancelled": "cancellations", "refunded": "refunds"},
        }
        for number, run in ((1, TWO), (2, THREE))
    ]


def test_what_an_open_run_did_not_admit_counts_for_nobody(tmp_path: Path) -> None:
    windows = [[cancelled(0), cancelled(1)], [cancelled(0), cancelled(1, why="other")]] * 2
    home = parallel_shop(tmp_path / "home", horizon=1)
    runs = land_windows(home, windows)
    admitted(home, *runs)
    outcome = expected(windows, runs, 1)
    assert {run.sequence: decided(home, run, tmp_path) for run in runs} == outcome
    assert [len(outcome[run.sequence]["admitted"]) for run in runs] == [2, 0, 2, 0]


def test_a_receipt_is_the_same_whether_what_it_consulted_is_open_or_closed(
    home: Path, tmp_path: Path
) -> None:
    admitted(home, TWO)
    shutil.copytree(home, tmp_path / "later")
    admitted(home, ONE)
    certified(tmp_path / "later", TWO)
    close(Platform.open(tmp_path / "later"), TWO)
    admitted(tmp_path / "later", ONE)
    assert receipt_of(tmp_path / "later", ONE) == receipt_of(home, ONE)


def test_a_run_is_closed_after_those_that_counted_for_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    admitted(home, TWO, ONE)
    for run in (ONE, TWO):
        certified(home, run)
    with pytest.raises(PredecessorOpen, match="shop-00000002 open"):
        close(Platform.open(home), ONE)
    with monkeypatch.context() as patch:
        module = importlib.import_module("platform_assets.pipeline.close")
        patch.setattr(module, "require_consulted_closed", lambda *_: None)
        with pytest.raises(ClosureRefused, match=r"ConsultedRunsClosed: .*shop-00000002"):
            close(Platform.open(home), ONE)
    close(Platform.open(home), TWO)
    close(Platform.open(home), ONE)
    bundle = verify_run(Platform.open(home), ONE)
    assert bundle.ok, bundle.findings


def test_evidence_proves_the_order_offline_and_replays(home: Path, tmp_path: Path) -> None:
    admitted(home, TWO, THREE, ONE)
    for run in (TWO, THREE, ONE):
        finish(Platform.open(home), run)
    for run in (ONE, TWO, THREE):
        platform = Platform.open(home)
        export_run(platform, run, tmp_path / f"{run}.tar", with_data=True)
        result = verify_bundle(tmp_path / f"{run}.tar", [])
        assert result.ok, result.findings
        replayed = replay_run(platform, run)
        assert replayed.divergence is None, replayed.divergence


def test_a_receipt_without_its_place_in_the_log_is_mended_by_whoever_comes(home: Path) -> None:
    admitted(home, TWO)
    path = home / "store" / layout.admission_receipt_path(TWO, "changes")
    data = path.read_bytes()
    path.unlink()  # as if the process had died behind its entry
    admitted(home, ONE)
    assert path.read_bytes() == data
    path.unlink()
    admitted(home, TWO)
    assert path.read_bytes() == data
    assert settled_order(home) == [TWO, ONE]


def test_a_receipt_that_was_not_settled_is_refused(home: Path) -> None:
    admitted(home, TWO)
    path = home / "store" / layout.admission_receipt_path(TWO, "changes")
    changed = {**json.loads(path.read_bytes()), "reasons": {"NOT_JSON": 1}}
    path.unlink()
    path.write_bytes(canonical_bytes(changed))
    with pytest.raises(AdmissionInconsistent, match="settled"):
        admitted(home, ONE)


def test_a_log_with_a_hole_or_a_broken_link_settles_nothing(home: Path) -> None:
    admitted(home, TWO, THREE)
    first = home / "store" / layout.settlement_path("shop", "changes", 1)
    data = first.read_bytes()
    first.unlink()
    with pytest.raises(ChainBroken, match="not there"):
        admitted(home, ONE)
    first.write_bytes(data.replace(b'"highest":2', b'"highest":1'))
    with pytest.raises(ChainBroken):
        admitted(home, ONE)


def test_a_correction_stands_where_the_corrected_run_stands(home: Path, tmp_path: Path) -> None:
    admitted(home, TWO, ONE, THREE)
    for run in (TWO, ONE, THREE):
        finish(Platform.open(home), run)
    platform = Platform.open(home)
    correction = supersede(platform, ONE, "again")
    finish(platform, correction)
    assert receipt_of(home, correction)["version"] == 2
    consulted = {given["run_id"] for given in receipt_of(home, correction)["horizon"]}
    assert consulted == {str(TWO)}
    assert decided(home, correction, tmp_path) == decided(home, ONE, tmp_path)
    assert verify_run(platform, correction).ok
    assert replay_run(platform, correction).divergence is None


def test_what_a_run_of_strict_products_admitted_counts_while_it_is_open_and_replays(
    tmp_path: Path,
) -> None:
    def strict(feed: Any) -> None:
        for product in feed["products"].values():
            product["strict"] = True

    home = parallel_shop(tmp_path / "home", change=strict)
    land_windows(home, WINDOWS)
    admitted(home, TWO, ONE, THREE)
    counts = [receipt_of(home, run)["admitted"] for run in (TWO, ONE, THREE)]
    outcome = expected(WINDOWS, [TWO, ONE, THREE], 3)
    assert counts == [len(outcome[run.sequence]["admitted"]) for run in (TWO, ONE, THREE)]
    for run in (TWO, ONE, THREE):
        finish(Platform.open(home), run)
    assert verify_run(Platform.open(home), THREE).ok
    assert replay_run(Platform.open(home), THREE).divergence is None


def test_where_a_run_settled_is_shown_in_its_details_its_report_and_in_dagster(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    admitted(home, TWO, ONE, THREE)
    finish(Platform.open(home), TWO)
    finish(Platform.open(home), ONE)
    details(Console(width=200), run_details(Platform.open(home), ONE))
    assert f"changes: settled as 2, after {TWO} (1)" in capsys.readouterr().out
    details(Console(width=200), run_details(Platform.open(home), TWO))
    assert "changes: settled as 1, after none that counts" in capsys.readouterr().out
    report = Path(run_summary(Platform.open(home), ONE)["report"]).read_text()
    assert "was settled as 2" in report
    assert f"were admitted before by {TWO} (1)." in report
    shown = admission_metadata(receipt_of(home, THREE))
    assert shown["settled_as"].value == 3
    table = shown["settled_after"].value
    assert isinstance(table, str)
    assert [str(run) in table for run in (ONE, TWO, THREE)] == [True, True, False]
