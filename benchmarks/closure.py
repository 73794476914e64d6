"""Closing, verifying and exporting a run against its number of parts, beside hashing the same bytes.

For each number of parts a home with one run is made; then closing it, verifying it, exporting it with
its data and verifying the archive are timed, each in a process of its own and from inside, so that
starting Python is left out. Beside them stands openssl's SHA-256 over the very same files on all cores:
the least that any verification must do. Then hashing alone: the function that verification uses beside
openssl, with one file at a time and with all cores. Last, the peak of memory while a large archive is
verified.

Exits with 1 where hashing has less than 90 percent of openssl's speed, or where verifying the large
archive takes more memory than verifying one a tenth of its size by more than a tenth.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import closure_home
from benchmarks.measure import Measurement, measure
from benchmarks.tables import TOO_BUSY, into_document, machine, markdown_table, print_table

COLUMNS = ("parts", "close s", "verify s", "export s", "verify archive s", "openssl s", "ratio")
_ACTS = ("close", "verify", "export", "check")
_LEAST_OF_OPENSSL, _MOST_MEMORY = 0.9, 1.1
_HASHED_FILES, _HASHED_BYTES = 4, 1 << 30
_LARGE_TEXT = 1 << 16
_COPIES = 3  # a record stands in landing, admission and product
_MIB, _GIB = 1024**2, 1024**3
_BEGIN, _END = "<!-- closure: begin -->", "<!-- closure: end -->"


def of_parts(work: Path, parts: int) -> dict[str, Measurement]:
    """Return what each act took upon a run whose product has so many parts."""
    home, archive = work / "home", work / "archive.tar"
    rows = closure_home.ROWS_PER_PART
    closure_home.write_home(home, records=parts * rows, text_bytes=100, part_rows=rows)
    return _acts(home, archive)


def _acts(home: Path, archive: Path) -> dict[str, Measurement]:
    given = {"home": str(home), "archive": str(archive)}
    measure("evidence", {**given, "act": "certify"})
    found = {act: measure("evidence", {**given, "act": act}) for act in _ACTS}
    stored = {"folder": str(home / "store" / "runs"), "processes": os.cpu_count()}
    found["limit"] = measure("openssl_sha256", stored)
    shutil.rmtree(home)
    return found


def of_hashing(work: Path, rounds: int) -> dict[str, float]:
    """Return our speed of hashing over that of openssl: one file alone, and all cores."""
    ratios: dict[str, list[float]] = {"one core": [], "all cores": []}
    for name, files in (("one core", 1), ("all cores", _HASHED_FILES)):
        folder = work / name.replace(" ", "-")
        folder.mkdir()
        for number in range(files):
            _random_file(folder / f"{number}", _HASHED_BYTES)
        limit = {"folder": str(folder), "processes": os.cpu_count()}
        ours = {"act": "hash", "folder": str(folder)}
        for _ in range(rounds):
            theirs = measure("openssl_sha256", limit).steps["act"]
            ratios[name].append(theirs / measure("evidence", ours).steps["act"])
        shutil.rmtree(folder)
    return {name: statistics.median(found) for name, found in ratios.items()}


def of_large(work: Path, gib: float) -> dict[str, tuple[int, Measurement]]:
    """Return size of the archive and what verifying it took, for a tenth of the size and for all."""
    found = {}
    for name, size in (("a tenth", gib / 10), ("all", gib)):
        home, archive = work / "home", work / "large.tar"
        records = max(1, int(size * _GIB / _LARGE_TEXT / _COPIES))
        closure_home.write_home(
            home, records=records, text_bytes=_LARGE_TEXT, part_rows=max(1, records // 16)
        )
        measured = _acts(home, archive)["check"]
        found[name] = (archive.stat().st_size, measured)
        archive.unlink()
    return found


def main() -> None:
    given = _arguments()
    with tempfile.TemporaryDirectory(dir=given.work) as folder:
        work = Path(folder)
        parts = {}
        for count in given.parts:
            parts[count] = of_parts(work, count)
            (work / "archive.tar").unlink()
        hashing = of_hashing(work, given.repeat)
        large = of_large(work, given.export_gib) if given.export_gib else {}
    rows = [_row(count, acts) for count, acts in parts.items()]
    missed, said = _remarks(parts, hashing, large)
    print_table(f"closing and verifying, {machine()}", COLUMNS, rows, said)
    if given.json:
        given.json.write_text(json.dumps(_as_json(parts, hashing, large), indent=1))
    if given.document:
        table = markdown_table(machine(), COLUMNS, rows, said)
        into_document(given.document, table, (_BEGIN, _END))
    sys.exit(1 if missed else 0)


def _row(count: int, acts: dict[str, Measurement]) -> list[str]:
    seconds = {name: taken.steps["act"] for name, taken in acts.items()}
    return [
        f"{count:,}",
        *(f"{seconds[act]:.2f}" for act in _ACTS),
        f"{seconds['limit']:.2f}",
        f"{seconds['verify'] / seconds['limit']:.1f}x",
    ]


def _remarks(
    parts: dict[int, dict[str, Measurement]],
    hashing: dict[str, float],
    large: dict[str, tuple[int, Measurement]],
) -> tuple[bool, list[str]]:
    said = ["- ratio: verifying the run over openssl of its files on all cores"]
    missed = False
    for name, ratio in hashing.items():
        slow = ratio < _LEAST_OF_OPENSSL
        missed |= slow
        verdict = "MISSED" if slow else "reached"
        said.append(f"- {verdict}: hashing on {name} has {ratio:.0%} of the speed of openssl")
    if large:
        sizes = {name: f"{size / _GIB:.1f} GiB" for name, (size, _) in large.items()}
        peaks = {name: m.peak_rss_bytes / _MIB for name, (_, m) in large.items()}
        much = peaks["all"] > _MOST_MEMORY * peaks["a tenth"]
        missed |= much
        said.append(
            f"- {'MISSED' if much else 'reached'}: verifying an archive of {sizes['all']} peaks at "
            f"{peaks['all']:,.0f} MiB in {large['all'][1].steps['act']:.0f} s; one of "
            f"{sizes['a tenth']} at {peaks['a tenth']:,.0f} MiB"
        )
    busy = max(m.other_cpu_share for acts in parts.values() for m in acts.values())
    if busy > TOO_BUSY:
        said.append(f"- other processes took up to {busy:.0%} of the machine: trust ratios only")
    return missed, said


def _as_json(
    parts: dict[int, dict[str, Measurement]],
    hashing: dict[str, float],
    large: dict[str, tuple[int, Measurement]],
) -> dict[str, Any]:
    return {
        "machine": machine(),
        "parts": {n: {a: asdict(m) for a, m in acts.items()} for n, acts in parts.items()},
        "hashing": hashing,
        "large": {name: {"size": size, **asdict(m)} for name, (size, m) in large.items()},
    }


def _random_file(path: Path, size: int) -> None:
    with path.open("wb") as file:
        for _ in range(size // _MIB):
            file.write(os.urandom(_MIB))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", type=int, nargs="+", default=[1, 100, 10_000])
    parser.add_argument("--repeat", type=int, default=3, help="rounds of hashing")
    parser.add_argument("--export-gib", type=float, default=10.0, help="0: no large archive")
    parser.add_argument("--work", type=Path, help="a folder with room for four times the archive")
    parser.add_argument("--json", type=Path, help="write every measurement there")
    parser.add_argument("--document", type=Path, help="put the table into this document")
    return parser.parse_args()


if __name__ == "__main__":
    main()
