"""The newest evidence of each lane in one table, and the table in a file."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from platform_assets.canonical import digest_bytes
from platform_assets.errors import ConfigurationError
from platform_assets.lanes.summary import (
    BEGIN,
    END,
    SummarisedLane,
    block_of,
    markdown,
    newest,
    updated,
)
from platform_assets_tests.cli.calls import call

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SOAK = SummarisedLane(
    lane_run="lane-soak-00000002",
    lane="soak",
    profile="standard",
    source="file_log",
    verdict="PASS",
    begun_at="2026-01-06T12:00:00.000000Z",
    lane_digest="sha256:" + "0123456789ab" + "c" * 52,
    figures={"sustained": 20_123, "latency_p99": 8_400_000},
)


@pytest.fixture
def readme(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "README.md"
    path.write_text(f"# Name\n\n{BEGIN}\nold\n{END}\n\nThe rest.\n")
    yield path
    assert path.read_text().startswith("# Name\n\n")
    assert path.read_text().endswith("\n\nThe rest.\n")


def test_the_newest_of_each_lane_profile_and_source_counts_in_the_order_of_lanes() -> None:
    older = replace(SOAK, begun_at="2026-01-05T12:00:00.000000Z", verdict="FAIL")
    kafka = replace(SOAK, source="kafka")
    smoke = replace(SOAK, profile="smoke")
    burst = replace(SOAK, lane="burst")
    probe = replace(SOAK, lane="probe")

    found = newest([probe, SOAK, older, kafka, smoke, burst])

    assert found == [burst, smoke, SOAK, kafka, probe]


def test_a_lane_has_a_line_with_its_verdict_its_figures_and_its_evidence() -> None:
    *_, line = markdown([SOAK]).splitlines()

    assert line == (
        "| soak, standard | file log | **PASS** | 20,123/s | 8.4 s | - | - | - "
        "| lane-soak-00000002, 2026-01-06, `sha256:0123456789ab` |"
    )
    headings, rule = markdown([SOAK]).splitlines()[:2]
    assert headings.count("|") == rule.count("|") == line.count("|")


def test_without_evidence_the_table_says_so() -> None:
    assert markdown([]) == "No lane came to its verdict yet."


def test_what_stands_between_the_marks_is_replaced_and_nothing_else(readme: Path) -> None:
    once = updated(readme.read_text(), "new", "README.md")

    assert block_of(once) == "new"
    assert updated(once, "new", "README.md") == once
    readme.write_text(once)


@pytest.mark.parametrize("text", ["", BEGIN, f"{END}{BEGIN}", f"{BEGIN}{END}{BEGIN}{END}"])
def test_a_text_without_both_marks_once_is_refused(text: str) -> None:
    assert block_of(text) is None
    with pytest.raises(ConfigurationError, match="each once, in this order"):
        updated(text, "new", "README.md")


def test_the_command_summarises_evidence_that_verifies(sealed: Path) -> None:
    done = call("lane", "summary", sealed, "--json")

    assert done.code == 0, done.err
    (lane,) = done.document
    assert (lane["lane"], lane["profile"], lane["verdict"]) == ("burst", "small", "PASS")
    assert lane["figures"]["sustained"] == 40 // 15  # closed after fifteen seconds
    assert lane["figures"]["latency_p99"] == 100
    assert lane["lane_digest"] == digest_bytes((sealed / "lane.json").read_bytes())


def test_the_command_puts_its_table_into_a_file(sealed: Path, readme: Path) -> None:
    done = call("lane", "summary", sealed, "--update", readme)
    printed = call("lane", "summary", sealed, "--markdown")

    assert (done.code, printed.code) == (0, 0), done.err
    assert block_of(readme.read_text()) == printed.out.rstrip("\n")
    assert "lane-burst-00000001" in printed.out
    assert "burst small from file log: PASS" in done.out


def test_evidence_that_does_not_verify_is_not_summarised(evidence: Path, readme: Path) -> None:
    (evidence / "samples.ndjson").write_bytes(b"")

    done = call("lane", "summary", evidence, "--update", readme)

    assert (done.code, "VerificationFailed" in done.err) == (1, True)
    assert block_of(readme.read_text()) == "old"


def test_a_file_that_is_not_there_is_a_mistake_of_the_call(sealed: Path, tmp_path: Path) -> None:
    done = call("lane", "summary", sealed, "--update", tmp_path / "none.md")

    assert (done.code, "a text file" in done.err) == (2, True)
