"""What the benchmarks make of measurements: sizes, sampled peaks, ratios, slope and goals."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks import inputs, peers
from benchmarks.measure import ContenderFailed, Measurement, Phase, measure
from benchmarks.sampling import Sampler
from benchmarks.scale import Results
from benchmarks.sizes import label, parse

if TYPE_CHECKING:
    from pathlib import Path

_PATIENCE = 60
_MIB = 1024**2
_TAKES_MEMORY_AND_SPILLS = """
import pathlib, subprocess, sys
child = "held = bytearray(64 << 20); print(len(held), flush=True); input()"
taken = subprocess.Popen([sys.executable, "-c", child], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
taken.stdout.readline()
spilled = pathlib.Path(sys.argv[1]) / "deep" / "spilled"
spilled.parent.mkdir()
spilled.write_bytes(bytes(8 << 20))
print(flush=True)
input()
spilled.unlink()
taken.communicate(b"\\n")
"""


def measured(seconds: float, events: int = 1_000_000, **figures: Any) -> Measurement:
    steps = ("land", "admit", "build", "certify")
    return Measurement(
        **{
            "records": events,
            "rows": events,
            "wall_seconds": seconds,
            "cpu_seconds": seconds,
            "written_bytes": 0,
            "peak_rss_bytes": _MIB,
            "peak_pss_bytes": _MIB,
            "spilled_bytes": 0,
            "other_cpu_share": 0.0,
            "steps": {},
            "phases": tuple(Phase(name, seconds / 4, 0, 0, 0, 0, 0) for name in steps),
            **figures,
        }
    )


def missed(results: Results) -> list[str]:
    return [goal.words for goal in results.goals() if not goal.reached]


@pytest.mark.parametrize(
    ("text", "events"), [("20k", 20_000), ("1M", 1_000_000), ("100M", 100_000_000), ("7", 7)]
)
def test_sizes_are_read_and_named_as_people_write_them(text: str, events: int) -> None:
    assert parse(text) == events
    assert label(events) == text


@pytest.mark.parametrize("text", ["", "0", "1.5M", "M", "1G", "-1k"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a number of events"):
        parse(text)


def test_memory_of_children_and_the_spill_folder_are_sampled(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _TAKES_MEMORY_AND_SPILLS, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        sampler = Sampler(process.pid, tmp_path)  # its first sample sees both
        sampler.stop()
        process.communicate(b"\n", timeout=_PATIENCE)
    assert sampler.peaks().rss >= sampler.peaks().pss >= 64 * _MIB
    assert sampler.peaks().spilled >= 8 * _MIB


def test_peaks_are_those_of_the_time_that_is_asked_for_or_as_they_were_before_it() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        sampler = Sampler(process.pid, None)
        sampler.stop()
        process.communicate(b"\n", timeout=_PATIENCE)
    assert sampler.peaks().rss > 0
    assert sampler.peaks(end=0.0).rss == 0
    after = time.monotonic()
    assert sampler.peaks(after, after).rss > 0


def test_a_contender_that_fails_says_why() -> None:
    with pytest.raises(ContenderFailed, match="KeyError"):
        measure("duckdb_unchecked", {})


def test_a_contender_of_other_counts_is_not_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    field = peers.Field(tmp_path, memory=2**31)
    counts = inputs.write_input(field.input(1_000), 1_000)
    wrong = inputs.Counts(counts.delivered, counts.admitted + 1, counts.duplicate)
    with pytest.raises(RuntimeError, match="rows, found"):
        peers.peer("duckdb", field, 1_000, wrong)


def test_what_would_fill_the_disk_is_not_begun(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="GiB free"):
        peers.Field(tmp_path, memory=2**31).require_room(10**15)


def test_ratios_and_slope_are_by_time_per_row() -> None:
    results = Results(
        sizes={
            1_000_000: {"platform": measured(4), "duckdb": measured(2)},
            100_000_000: {"platform": measured(500, 100_000_000)},
        },
        slices={"loop": measured(40, 200_000), "dlt": measured(40)},
    )
    assert results.slope() == pytest.approx(1.25)
    assert results.times_faster(results.sizes[1_000_000]["duckdb"], 1_000_000) == 0.5
    assert results.times_faster(results.slices["loop"]) == pytest.approx(40)
    assert missed(results) == ["2.00x the time of DuckDB at its best at 1M, at most 1.8x"]


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (measured(1, peak_rss_bytes=2 * 1024**3), "all processes together"),
        (measured(1_000, 100_000_000), "landed rows to certified product"),
    ],
)
def test_a_run_that_takes_too_much_misses_its_goal(run: Measurement, words: str) -> None:
    found = missed(Results(sizes={run.records: {"platform": run}}))
    assert [goal.startswith(words) for goal in found] == [True]


def test_the_share_of_the_digest_is_its_part_of_the_cpu_time() -> None:
    results = Results(sizes={1_000_000: {"platform": measured(10)}}, digest_cpu={1_000_000: 2e-6})
    assert results.digest_share(1_000_000) == pytest.approx(0.2)
    assert [goal.split(" at ")[0] for goal in missed(results)] == [
        "the content digest has 20.0% of the CPU time"
    ]


def test_nothing_measured_reaches_nothing() -> None:
    assert Results().goals() == []
