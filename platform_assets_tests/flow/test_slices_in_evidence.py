"""A consumption record that says anything else of a slice than what it was made from is found out."""

from __future__ import annotations

from typing import Any

import pytest

from platform_assets.flow.slices_in_evidence import checkpoint_of, named_slice, slice_problems

PINNED = "2026-03-01T00:00:00.000000Z"
DECLARED = {
    "slice": {
        "ledger": "truth",
        "policy": "refuse",
        "effective": "2026-02-01T01:00:00+01:00",
        "knowledge": "pinned",
    }
}
LATER = "2026-03-02T00:00:00.000000Z"


def record(**said: str) -> dict[str, Any]:
    """Return the record of a slice that is what it says, or says something else, under its name."""
    read = {"desk-00000001": "sha256:aa", "desk-00000002": "sha256:bb"}
    identity = {
        "ledger": "truth",
        "targets": "sha256:cc",
        "effective": "2026-02-01T00:00:00.000000Z",
        "knowledge": PINNED,
        "policy": "refuse",
        "checkpoint": checkpoint_of(read),
    }
    inputs = [
        {"run_id": run, "product": "truth", "manifest_digest": digest}
        for run, digest in read.items()
    ]
    inputs.append({"run_id": "desk-00000003", "product": "cases", "manifest_digest": "sha256:dd"})
    return {"inputs": inputs, "as_of": named_slice({**identity, **said})}


def test_a_slice_that_is_what_it_says_is_right() -> None:
    assert list(slice_problems(DECLARED, record(), PINNED)) == []
    assert list(slice_problems({"reads": []}, {"inputs": []}, PINNED)) == []


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({"checkpoint": "sha256:ee"}, "another checkpoint"),
        ({"ledger": "other"}, "another ledger"),
        ({"policy": "prefer_source_order"}, "another policy"),
        ({"effective": LATER}, "another effective cutoff"),
        ({"knowledge": LATER}, "another knowledge cutoff"),
    ],
)
def test_what_was_made_otherwise_than_declared_is_found(said: dict[str, str], problem: str) -> None:
    [found] = slice_problems(DECLARED, record(**said), PINNED)
    assert problem in found


def test_a_name_is_of_what_it_names() -> None:
    renamed = record()
    renamed["as_of"]["targets"] = "sha256:ee"
    [found] = slice_problems(DECLARED, renamed, PINNED)
    assert "another name" in found


def test_a_run_of_the_ledger_that_was_left_out_of_what_was_read_is_missed() -> None:
    lacking = record()
    del lacking["inputs"][0]
    [found] = slice_problems(DECLARED, lacking, PINNED)
    assert "another checkpoint" in found


def test_a_record_that_says_nothing_of_its_slice_is_wrong() -> None:
    silent = record()
    del silent["as_of"]
    assert len(list(slice_problems(DECLARED, silent, PINNED))) == 5
