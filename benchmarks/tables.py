"""How the figures of all benchmarks are printed and put into documents."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import psutil
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

MIB, GIB = 1024**2, 1024**3
#: Above this share of the machine, other processes disturb the wall times.
QUIET = 0.05
#: Above this one, wall times and their ratios are not worth writing down.
TOO_BUSY = 0.2


def machine() -> str:
    """Name the machine by its cores and its memory, nothing else."""
    return f"{os.cpu_count()} cores, {psutil.virtual_memory().total / GIB:.0f} GiB"


def print_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], said: Iterable[str] = ()
) -> None:
    """Print a table of figures, and what is said beneath it; the first column holds names."""
    table = Table(title=title)
    for column in columns:
        table.add_column(column, justify="left" if column == columns[0] else "right")
    for row in rows:
        table.add_row(*row)
    console = Console(width=140)
    console.print(table)
    for remark in said:
        console.print(remark)


def markdown_table(
    measured_on: str, columns: Sequence[str], rows: Iterable[Sequence[str]], said: Iterable[str]
) -> str:
    """Return for a document what `print_table` prints."""
    return "\n".join([f"Measured on {measured_on}.", "", bare_table(columns, rows), "", *said])


def bare_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table alone."""
    return "\n".join(
        [
            "| " + " | ".join(columns) + " |",
            "| --- |" + " ---: |" * (len(columns) - 1),
            *("| " + " | ".join(row) + " |" for row in rows),
        ]
    )


def into_document(document: Path, table: str, markers: tuple[str, str]) -> None:
    """Replace what stands between the markers of a Markdown file."""
    begin, end = markers
    before, _, rest = document.read_text().partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise SystemExit(f"{document} has no markers {begin} and {end}")
    document.write_text(f"{before}{begin}\n\n{table}\n\n{end}{after}")
