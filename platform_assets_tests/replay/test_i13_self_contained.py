"""I13: an export with data holds what a replay needs, and of other runs exactly what was consulted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from platform_assets.adapters.archive import open_bundle
from platform_assets.canonical import parse_canonical
from platform_assets.errors import ClosureRefused
from platform_assets.flow.foreign import foreign_problems
from platform_assets.flow.signing import unverified_predicate
from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, close, export_run, finish, next_run, verify_bundle
from platform_assets_tests.replay.conftest import FIRST, SECOND
from platform_assets_tests.shop import append, order
from platform_assets_tests.simulators.closed_run import ClosedFeed

if TYPE_CHECKING:
    from pathlib import Path


def test_i13_the_parts_of_consulted_runs_are_in_the_export(two_runs: Path, tmp_path: Path) -> None:
    out = tmp_path / "second.tar"
    export_run(Platform.open(two_runs), SECOND, out, with_data=True)
    paths = open_bundle(out).paths()
    stored = (two_runs / "store" / f"runs/{FIRST}/products").rglob("*.parquet")
    consulted = {p.relative_to(two_runs / "store").as_posix() for p in stored}
    foreign = {p for p in paths if str(FIRST) in p and p.endswith(".parquet")}
    # the consumer's output of the first run is read by nobody, so it is not there
    assert foreign == {p for p in consulted if "/turnover/" not in p}
    assert len(foreign) >= 4
    assert f"feeds/shop/{FIRST.sequence:08d}.json" in paths
    assert verify_bundle(out).findings == ()


def test_i13_without_a_part_of_another_run_the_export_does_not_verify(
    two_runs: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    export_run(Platform.open(two_runs), SECOND, folder, with_data=True)
    part = next((folder / f"runs/{FIRST}/products/orders").rglob("*.parquet"))
    part.chmod(0o644)
    part.unlink()
    found = {finding.where: finding.problem for finding in verify_bundle(folder).findings}
    assert found == {part.relative_to(folder).as_posix(): "absent"}


@pytest.mark.parametrize("kind", ["manifest", "anchors", "certificate"])
def test_i13_a_run_is_not_closed_without_the_proofs_of_what_it_consulted(
    shop: Path, kind: str
) -> None:
    append(shop, "orders", 0, [order(n) for n in range(200, 210)])
    platform = Platform.open(shop)
    run = next_run(platform, "shop")
    assert run == RunId("shop", 3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("platform_assets.pipeline.run.close", lambda *_: {})
        finish(platform, run)
    store = shop / "store"
    gone = {
        "manifest": store / f"runs/{FIRST}/products/orders/0001/manifest.json",
        "anchors": store / f"feeds/shop/{FIRST.sequence:08d}.json",
        "certificate": store / f"runs/{FIRST}/certificates/orders/0001/0001.json",
    }[kind]
    gone.unlink()
    with pytest.raises(ClosureRefused, match=r"OneRunScope.*orders: "):
        close(Platform.open(shop), run)


def test_the_evidence_lists_data_of_other_runs_by_what_it_consulted(two_runs: Path) -> None:
    path = two_runs / "store" / f"runs/{SECOND}/evidence/0001/bundle.json"
    listed = unverified_predicate(parse_canonical(path.read_bytes(), str(path)))["data"]
    runs = {entry["path"].split("/")[1] for entry in listed}
    assert runs == {str(FIRST), str(SECOND)}


def test_i13_anchors_that_nothing_refers_to_are_a_problem(tmp_path: Path) -> None:
    feed = ClosedFeed(tmp_path)
    for run in (RunId("payments", 1), RunId("payments", 2)):
        feed.process(run)
        if run.sequence == 1:
            feed.close(run)
    records = feed.records(run, feed.claim(run))
    assert not any(foreign_problems(records).values())
    for sequence in range(3, 10):
        feed.anchors(RunId("payments", sequence))
    path = "feeds/payments/00000009.json"
    more = {**records.documents, path: feed.store.read(path)}
    problems = foreign_problems(replace(records, documents=more))
    assert problems["payments-00000009"] == [f"{path}: nothing refers to these anchors"]
