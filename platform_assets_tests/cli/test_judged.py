"""Which path judged how many records: the receipt counts it, `show` and the report say it."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from platform_assets.contracts.judge import EventRule, StreamJudge
from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform
from platform_assets_tests.cli.calls import call
from platform_assets_tests.cli.conftest import CLOSED


def test_show_and_the_report_say_which_path_judged_how_many_records(failing: Path) -> None:
    told = call("show", CLOSED, "--home", failing, "--json").document
    shown = call("show", CLOSED, "--home", failing).out
    report = Path(
        call("report", CLOSED, "--home", failing, "--json").document["report"]
    ).read_text()
    for stream, receipt in told["admission"].items():
        judged = receipt["judged"]
        assert judged == _counted_again(failing, stream)
        assert sum(judged.values()) == receipt["delivered"] > 0
        counts = f"{judged['columnar']:,} in columns, {judged['one_by_one']:,} one by one"
        assert f"{stream}: records judged {counts}" in shown
        said = f"{stream} {judged['columnar']:,} in columns and {judged['one_by_one']:,} one by one"
        assert said in report


def _counted_again(home: Path, stream: str) -> dict[str, int]:
    """Judge the landed parts, and count."""
    configuration = Platform.open(home).run_configuration(RunId.parse(CLOSED))
    judge = StreamJudge(
        [
            EventRule(
                name,
                configuration.contracts[event.contract],
                tuple(event.id.split(".")),
                {tuple(path.split(".")): value for path, value in event.when.items()},
            )
            for name, event in configuration.declaration.streams[stream].events.items()
        ]
    )
    counts = {"columnar": 0, "one_by_one": 0}
    for part in (home / "store" / "runs" / CLOSED / "landing" / stream).glob("*.parquet"):
        verdicts = judge.judge(pl.read_parquet(part)["value"])
        counts["columnar"] += verdicts.columnar
        counts["one_by_one"] += verdicts.one_by_one
    return counts
