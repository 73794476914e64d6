"""ConsultedRunsClosed: what the evidence of a run that went side by side has to hold."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets.canonical import canonical_bytes
from platform_assets.flow.requirements import evaluate
from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, admit, finish, layout
from platform_assets.pipeline.replay_evidence import stored_evidence
from platform_assets_tests.pipeline.side_by_side import land_windows, parallel_shop
from platform_assets_tests.shop import cancelled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from platform_assets.flow.run_records import RunRecords

ONE, TWO, THREE = (RunId("shop", number) for number in (1, 2, 3))
NAME = "ConsultedRunsClosed"
RECEIPT = layout.admission_receipt_path(ONE, "changes")
FIRST, SECOND, OWN, LATER = (
    layout.settlement_path("shop", "changes", number) for number in (1, 2, 3, 4)
)


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> RunRecords:
    """The records of a run that settled third and is closed."""
    home = parallel_shop(tmp_path_factory.mktemp("evidence") / "home")
    land_windows(home, [[cancelled(0), cancelled(n)] for n in (1, 2, 3)])
    for run in (TWO, THREE, ONE):
        admit(Platform.open(home), run, "changes")
    for run in (TWO, THREE, ONE):
        finish(Platform.open(home), run)
    return stored_evidence(Platform.open(home), ONE, None).records


def verdict(records: RunRecords) -> tuple[bool, str]:
    found = {requirement.name: requirement for requirement in evaluate(records)}
    return found[NAME].satisfied, found[NAME].detail


def without(*paths: str) -> Callable[[Mapping[str, bytes]], dict[str, bytes]]:
    return lambda documents: {p: data for p, data in documents.items() if p not in paths}


def changed(
    path: str, change: Callable[[Any], object]
) -> Callable[[Mapping[str, bytes]], dict[str, bytes]]:
    def act(documents: Mapping[str, bytes]) -> dict[str, bytes]:
        record = json.loads(documents[path])
        change(record)
        return {**documents, path: canonical_bytes(record)}

    return act


def nothing_consulted(receipt: Any) -> None:
    receipt["settlement"]["consulted"] = []


def in_no_log(receipt: Any) -> None:
    del receipt["settlement"]
    receipt["version"] = 2


def other_digest(receipt: Any) -> None:
    receipt["settlement"]["consulted"][0]["admission_digest"] = "sha256:" + "0" * 64


def other_run(receipt: Any) -> None:
    receipt["settlement"]["consulted"][0]["run_id"] = str(THREE)


def other_order(receipt: Any) -> None:
    receipt["settlement"]["consulted"].reverse()


def other_link(entry: Any) -> None:
    entry["predecessor"] = "sha256:" + "0" * 64


def with_another_entry(documents: Mapping[str, bytes]) -> dict[str, bytes]:
    entry = {**json.loads(documents[OWN]), "number": 4}
    return {**documents, LATER: canonical_bytes(entry)}


def test_a_run_that_settled_in_a_log_says_where_and_after_whom(records: RunRecords) -> None:
    right = "settled as changes 3; 2 admissions consulted, all of closed runs"
    assert verdict(records) == (True, right)
    assert {path for path in records.documents if path.startswith("settlements/")} == {
        FIRST,
        SECOND,
        OWN,
    }


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (without(OWN), "no sound entry 3"),
        (without(FIRST), "no sound entry 1"),
        (changed(SECOND, other_link), "entry 2 follows sha256:000"),
        (changed(OWN, lambda e: e.update(run_id=str(TWO))), f"entry 3 settles {TWO}"),
        (changed(OWN, lambda e: e.update(highest=9)), "has highest 9"),
        (changed(OWN, lambda e: e.update(admission_digest="sha256:" + "0" * 64)), "settles"),
        (changed(RECEIPT, nothing_consulted), "within the horizon and was not consulted"),
        (changed(RECEIPT, in_no_log), "stands in no settlement log"),
        (without(RECEIPT), "nothing was admitted"),
        (changed(RECEIPT, other_digest), "it was closed with"),
        (changed(RECEIPT, other_run), f"settles {TWO}, {THREE} was consulted for it"),
        (changed(RECEIPT, other_order), "not in the order of the log"),
        (with_another_entry, "nothing refers to this entry"),
        (without(f"{layout.closure_folder(TWO)}/0001.seal"), "not known to be closed"),
    ],
)
def test_evidence_that_does_not_bear_out_the_order_is_refused(
    change: Callable[[Mapping[str, bytes]], dict[str, bytes]], found: str, records: RunRecords
) -> None:
    satisfied, detail = verdict(replace(records, documents=change(records.documents)))
    assert not satisfied
    assert found in detail
