"""Answers of a ledger as of a moment, and a join in time, beside pandas on the same files.

Each is a process of its own and timed from inside, reading included, so that starting Python is left
out; its peak memory is measured from outside. pandas does less than the platform, and in memory alone:
`benchmarks.contenders.truth_pandas` says what. It joins the first --pandas-rows of the targets, and in
the way of Feast's file store the first --feast-rows, with all features; rates are compared.

Exits with 1 where the answers take more than 10 s, where the join peaks above --memory, or where pandas
finds another number of answers.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ByteSize, TypeAdapter

from benchmarks import sizes, truth_inputs
from benchmarks.measure import Measurement, measure
from benchmarks.tables import MIB, TOO_BUSY, into_document, machine, markdown_table, print_table

if TYPE_CHECKING:
    from collections.abc import Sequence

COLUMNS = ("what", "rows", "s", "rows/s", "CPU s", "RSS MiB", "spilled MiB", "we are faster")
_MOST_SECONDS = 10
_MARKERS = ("<!-- truth: begin -->", "<!-- truth: end -->")


def of_answers(work: Path, labels: int) -> dict[str, Measurement]:
    """Return what as many answers take as there are subjects, ours and by pandas."""
    folder = work / "ledger"
    truth_inputs.write_ledger(folder, labels)
    asked = labels // truth_inputs.LABELS_PER_SUBJECT
    given = {"act": "answers", "folder": str(folder), "records": asked}
    return {
        "answers": measure("truth", given),
        "answers, pandas": measure("truth_pandas", given),
    }


def of_join(work: Path, targets: int, parts: dict[str, int], memory: int) -> dict[str, Measurement]:
    """Return what the join takes, ours and that of each peer on its part of the targets."""
    folder, spill = work / "join", work / "spill"
    truth_inputs.write_join(folder, targets)
    spill.mkdir()
    given: dict[str, Any] = {"folder": str(folder)}
    ours = {"act": "join", "records": targets, "spill": str(spill), "memory": memory}
    found = {"join": measure("truth", given | ours, spill)}
    for act, rows in parts.items():
        part = {"act": act, "records": min(rows, targets)}
        name = {"join": "join, pandas", "feast": "join, as Feast"}[act]
        found[name] = measure("truth_pandas", given | part)
    return found


def main(given: Sequence[str] | None = None) -> int:
    """Measure; return 1 where a goal is missed."""
    chosen = _arguments(given)
    with tempfile.TemporaryDirectory(dir=chosen.work) as folder:
        work = Path(folder)
        found = of_answers(work, chosen.labels)
        parts = {"join": chosen.pandas_rows, "feast": chosen.feast_rows}
        found |= of_join(work, chosen.targets, parts, chosen.memory)
    rows = [_row(name, found) for name in found]
    missed, said = _remarks(found, chosen.labels, chosen.memory)
    print_table(f"truth, {machine()}", COLUMNS, rows, said)
    if chosen.json:
        measured = {name: asdict(each) for name, each in found.items()}
        chosen.json.write_text(json.dumps({"machine": machine(), **measured}, indent=1))
    if chosen.document:
        into_document(chosen.document, markdown_table(machine(), COLUMNS, rows, said), _MARKERS)
    return 1 if missed else 0


def _rate(run: Measurement) -> float:
    return run.records / run.steps["act"]


def _row(name: str, found: dict[str, Measurement]) -> list[str]:
    run, ours = found[name], found[name.partition(",")[0]]
    return [
        name,
        sizes.label(run.records),
        f"{run.steps['act']:.1f}",
        f"{_rate(run):,.0f}",
        f"{run.cpu_seconds:.1f}",
        f"{run.peak_rss_bytes / MIB:,.0f}",
        f"{run.spilled_bytes / MIB:,.0f}",
        "" if run is ours else f"{_rate(ours) / _rate(run):.1f}x",
    ]


def _remarks(found: dict[str, Measurement], labels: int, memory: int) -> tuple[bool, list[str]]:
    ours, theirs, joined = (found[name] for name in ("answers", "answers, pandas", "join"))
    goals = {
        f"{sizes.label(ours.records)} answers of {sizes.label(labels)} labels in "
        f"{ours.steps['act']:.1f} s, at most {_MOST_SECONDS}": ours.steps["act"] <= _MOST_SECONDS,
        f"the join of {sizes.label(joined.records)} targets peaks at "
        f"{joined.peak_rss_bytes / MIB:,.0f} MiB, at most {memory / MIB:,.0f}": (
            joined.peak_rss_bytes <= memory
        ),
        f"pandas has {theirs.rows:,} answers, we have {ours.rows:,}": theirs.rows == ours.rows,
    }
    said = [f"- {'reached' if met else 'MISSED'}: {words}" for words, met in goals.items()]
    said.append("- spilled: with what the join wrote, which is not read again")
    busy = max(run.other_cpu_share for run in found.values())
    if busy > TOO_BUSY:
        said.append(f"- other processes took up to {busy:.0%} of the machine: trust ratios only")
    return not all(goals.values()), said


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--labels", type=sizes.parse, default="10M", help="ten for each subject")
    parser.add_argument("--targets", type=sizes.parse, default="50M", help="five for each feature")
    parser.add_argument("--pandas-rows", type=sizes.parse, default="10M")
    parser.add_argument("--feast-rows", type=sizes.parse, default="1M")
    parser.add_argument(
        "--memory", type=_bytes, default="2GiB", help="for the join; 2GiB if absent"
    )
    parser.add_argument("--work", type=Path, help="a folder with room for 10 GB")
    parser.add_argument("--json", type=Path, help="write every measurement there")
    parser.add_argument("--document", type=Path, help="put the table into this document")
    return parser.parse_args(given)


def _bytes(text: str) -> int:
    return int(TypeAdapter(ByteSize).validate_python(text))


if __name__ == "__main__":
    sys.exit(main())
