"""What the command line answers of a ledger, at cutoffs that are given and without any."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from platform_assets.pipeline import Platform, pin
from platform_assets_tests.cli.calls import call
from platform_assets_tests.ledgers.desk import case, send

if TYPE_CHECKING:
    from pathlib import Path


def answers(home: Path, *arguments: object) -> dict[str, tuple[str, object]]:
    told = call("as-of", "desk", "truth", *arguments, "--home", home, "--json")
    assert told.code == 0, told
    return {
        answer["subject"]: (answer["status"], answer["value"])
        for answer in told.document["answers"]
    }


def pinned(home: Path, number: int) -> str:
    shown = call("show", f"desk-{number:08d}", "--home", home, "--json")
    return str(shown.document["pinned_at"])


def test_the_newest_answer_and_that_of_an_earlier_moment(told: Path) -> None:
    assert answers(told, "c1", "c2", "c9") == {
        "c1": ("FOUND", {"label": "sound"}),
        "c2": ("FOUND", {"label": "fraud"}),
        "c9": ("NOT_FOUND", None),
    }
    then = ("--known", pinned(told, 2))
    assert answers(told, "c1", "c2", *then, "--effective", "2026-02-01T01:00:00+01:00") == {
        "c1": ("FOUND", {"label": "fraud"}),
        "c2": ("CONFLICT", None),
    }
    assert answers(told, "c2", *then, "--prefer-source-order") == {
        "c2": ("FOUND", {"label": "sound"})
    }
    assert answers(told, "c1", "--effective", "2026-01-31T23:59:59Z") == {"c1": ("NOT_FOUND", None)}
    assert answers(told, "c1", "--known", pinned(told, 1)) == {"c1": ("NOT_FOUND", None)}


def test_a_timeline_shows_what_was_known_when(told: Path) -> None:
    command = ("timeline", "desk", "truth", "c1", "--home", told)
    document = call(*command, "--json").document
    assert [(e["entry_id"], e["kind"], e["value"]) for e in document["entries"]] == [
        ("label/l1", "assert", {"label": "fraud"}),
        ("label/l4", "correct", {"label": "sound"}),
    ]
    assert document["runs"] == [f"desk-{number:08d}" for number in range(1, 5)]
    shown = call(*command).out
    assert shown.index("label/l1") < shown.index("label/l4")


def test_a_run_that_is_not_closed_is_named_and_does_not_count(home: Path) -> None:
    send(home, "cases", [case(8)])
    run = pin(Platform.open(home), "desk")
    command = ("as-of", "desk", "truth", "c1", "--home", home)
    assert call(*command, "--json").document["not_closed"] == [str(run)]
    assert f"not closed yet, and not counted: {run}" in " ".join(call(*command).out.split())


@pytest.mark.parametrize("moment", ["2026-03-01", "2026-03-01T00:00:00", "yesterday"])
def test_a_moment_without_a_zone_is_none(told: Path, moment: str) -> None:
    found = call("as-of", "desk", "truth", "c1", "--known", moment, "--home", told, "--json")
    assert (found.code, found.document["error"]) == (2, "Usage")
    assert "a time with its zone" in found.document["expected"]


def test_what_is_no_ledger_is_told_with_those_that_are(told: Path) -> None:
    found = call("timeline", "desk", "answers", "c1", "--home", told, "--json")
    assert (found.code, found.document["error"]) == (2, "UnknownThing")
    assert "truth" in found.document["expected"]
