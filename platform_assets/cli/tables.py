"""Tables for people."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.table import Column, Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl
    from rich.console import Console

    from platform_assets.pipeline import StepUse

_COUNTS = ("delivered", "admitted", "duplicate", "quarantined")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_DIGEST_SHOWN = len("sha256:") + 12
_SHOWN_ROWS = 10
_COLUMN_WIDTH = 13
_MIB = 1024**2
_COLOURS = {"PASS": "green", "FAIL": "red", "ERROR": "red", "CLOSED": "green", "OPEN": "yellow"}


def runs(summaries: Sequence[dict[str, Any]]) -> Table:
    """Return one line for each run."""
    grid = Table(
        Column("run", no_wrap=True), "state", *_counts(), box=SIMPLE_HEAD, padding=(0, 1, 0, 0)
    )
    for run in summaries:
        counts = (f"{run[name]:,}" for name in _COUNTS)
        state = coloured(run["state"])
        grid.add_row(run["run_id"], state.append(" *") if run.get("removed") else state, *counts)
    if any(run.get("removed") for run in summaries):
        grid.caption = "* data deleted by a teardown; show RUN tells what"
        grid.caption_justify = "left"
    return grid


def details(console: Console, run: dict[str, Any]) -> None:
    """Print everything on a run."""
    console.print(runs([run]))
    for line in relations(run):
        console.print(line, soft_wrap=True)
    console.print(anchors(run["anchors"]["streams"]))
    for stream, receipt in run["admission"].items():
        judged = receipt["judged"]
        counts = f"{judged['columnar']:,} in columns, {judged['one_by_one']:,} one by one"
        console.print(Text(f"{stream}: records judged {counts}"))
        if receipt["settlement"]:
            console.print(Text(f"{stream}: {settled(receipt['settlement'])}"))
    reasons = {
        f"{stream}: {code}": count
        for stream, receipt in run["admission"].items()
        for code, count in receipt["reasons"].items()
    }
    if reasons:
        records = Column("records", justify="right")
        grid = Table("quarantined because of", records, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
        for reason, count in reasons.items():
            grid.add_row(reason, f"{count:,}")
        console.print(grid)
    for name, product in run["products"].items():
        _product(console, name, product)
    for consumer, record in run["consumptions"].items():
        read = ", ".join(f"{i['product']} of {i['run_id']}" for i in record["inputs"])
        console.print(Text(f"{consumer} read {read}"))
    if run["removed"]:
        console.print(Text(torn_down(run["removed"])), soft_wrap=True)
    console.print(Text(f"pinned at {run['pinned_at']}"))
    if run["report"]:
        console.print(Text(f"evidence: {run['bundle_digest']}"), soft_wrap=True)
        console.print(Text(f"report: {run['report']}"), soft_wrap=True)


def settled(settlement: dict[str, Any]) -> str:
    """Return in one line where a run stands that went side by side with others, and after whom."""
    counted = [f"{given['run_id']} ({given['number']})" for given in settlement["consulted"]]
    return f"settled as {settlement['number']}, after {', '.join(counted) or 'none that counts'}"


def torn_down(removed: dict[str, Any]) -> str:
    """Return in one line what a teardown deleted."""
    if removed["state"] not in ("BEGUN", "DONE"):
        return f"the record of its teardown does not verify: {removed['state']}"
    of = f" of {removed['run_id']}" if "run_id" in removed else ""
    words = "deleted" if removed["state"] == "DONE" else "begun, to be finished by the next call:"
    return (
        f"teardown {removed['teardown']}{of}: {words} {removed['files']} files, "
        f"{removed['bytes']:,} bytes, {removed['at']}"
    )


def steps(used: Sequence[StepUse]) -> Table:
    """Return one line for each step: seconds of all its runs together, and the most of any other."""
    numbers = ("wall s", "CPU s", "peak MiB", "spilled MiB", "workers")
    headers = (Column(name, justify="right") for name in numbers)
    grid = Table("step", *headers, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    by_step: dict[str, list[StepUse]] = {}
    for use in used:
        by_step.setdefault(f"{use.name.step} {use.name.thing}".strip(), []).append(use)
    for name, uses in by_step.items():
        grid.add_row(
            name,
            f"{sum(use.wall_seconds for use in uses):.1f}",
            f"{sum(use.cpu_seconds for use in uses):.1f}",
            f"{max(use.peak_rss_bytes for use in uses) / _MIB:,.0f}",
            f"{max(use.spilled_bytes for use in uses) / _MIB:,.0f}",
            str(max(use.workers for use in uses)),
        )
    budget = max((use.memory_budget_bytes for use in used), default=0)
    grid.caption = f"memory_budget {budget / _MIB:,.0f} MiB"
    grid.caption_justify = "left"
    return grid


def relations(summary: dict[str, Any]) -> list[Text]:
    """Return a line on the run that a run supersedes, and on the one that supersedes it."""
    lines = []
    before, newer = summary.get("supersedes"), summary.get("superseded_by")
    if before:
        lines.append(f"{summary['run_id']} supersedes {before['run_id']}: {before['reason']}")
    if newer:
        state = "" if newer["closed"] else ", which is open yet"
        word = "is superseded by" if newer["closed"] else "is to be superseded by"
        lines.append(f"{summary['run_id']} {word} {newer['run_id']}{state}: {newer['reason']}")
    return [Text(line) for line in lines]


def corrections(summaries: Sequence[dict[str, Any]]) -> list[Text]:
    """Return a line on each run that supersedes another."""
    return [line for run in summaries for line in relations({**run, "superseded_by": None})]


def anchors(streams: Sequence[dict[str, Any]]) -> Table:
    """Return the pinned range of every partition."""
    grid = Table(
        "stream",
        "partition",
        *(Column(name, justify="right") for name in ("start", "end", "records")),
        "start taken from",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    for stream in streams:
        for part in stream["partitions"]:
            grid.add_row(
                stream["stream"],
                part["partition"],
                str(part["start"]),
                str(part["end"]),
                f"{int(part['end']) - int(part['start']):,}",
                part["origin"],
            )
    return grid


def sent(ledger: dict[str, Any]) -> Table:
    """Return one line for each partition that was sent to, and one for each stream."""
    counts = ("sent", "acknowledged", "ambiguous", "refused")
    grid = Table(
        "stream",
        "partition",
        *(Column(name, justify="right") for name in counts),
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    for name, stream in ledger["streams"].items():
        for partition, count in stream["acknowledged"]["partitions"].items():
            grid.add_row(name, partition, "", f"{count:,}", "", "")
        totals = [stream[count]["total"] for count in counts[1:]]
        numbers = [f"{number:,}" for number in (stream["sent"], *totals)]
        grid.add_row(name, "all", *numbers, end_section=True)
    return grid


def certificate(record: dict[str, Any]) -> Table:
    """Return the checks of a certificate."""
    title = f"{record['product']} {record['verdict']}"
    grid = Table(
        Column("check", overflow="fold", max_width=24),
        Column("outcome", no_wrap=True),
        Column("observed", overflow="fold"),
        Column("expected", overflow="fold"),
        title=title,
        title_justify="left",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    for check in record["checks"]:
        grid.add_row(
            check["name"],
            coloured(check["outcome"]),
            Text(_shortened(check["observed"])),
            Text(_shortened(check["expected"])),
        )
        if check["outcome"] == "ERROR" and check["detail"]:
            grid.add_row("", "", Text(check["detail"]), "")
    return grid


def rows(console: Console, frame: pl.LazyFrame) -> None:
    """Print the first rows of a product: as many columns as can be read side by side."""
    first = frame.head(_SHOWN_ROWS).collect()
    shown = first.columns[: max(console.width // _COLUMN_WIDTH, 1)]
    widest = max(console.width // len(shown) - 1, _COLUMN_WIDTH - 1)
    columns = (Column(name, no_wrap=True, max_width=widest) for name in shown)
    grid = Table(*columns, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for row in first.select(shown).iter_rows():
        grid.add_row(*(Text("" if value is None else str(value)) for value in row))
    console.print(grid)
    rest = first.columns[len(shown) :]
    if rest:
        console.print(Text(f"and {', '.join(rest)}: all of it with --out FILE"))


def coloured(word: str) -> Text:
    """Return an outcome in its colour."""
    return Text(word, style=_COLOURS.get(word, ""))


def short(digest: str | None) -> str:
    """Return enough of a digest to tell it by."""
    return digest.removeprefix("sha256:")[:12] if digest else ""


def _shortened(text: str) -> str:
    return _DIGEST.sub(lambda found: f"{found[0][:_DIGEST_SHOWN]}…", text)


def _counts() -> list[Column]:
    return [Column(name, justify="right") for name in _COUNTS]


def _product(console: Console, name: str, product: dict[str, Any]) -> None:
    if product.get("certificate"):
        console.print(certificate(product["certificate"]))
    refusal = product["refusal"]
    verdict = "readable" if product["readable"] else f"not readable: {refusal['error']}"
    if product["generation"] is None:
        console.print(Text(f"{name}: not built yet, {verdict}"))
        return
    count = (
        f"{product['rows']:,} row{'' if product['rows'] == 1 else 's'}, "
        if "rows" in product
        else ""
    )
    console.print(Text(f"{name}: {count}generation {product['generation']}, {verdict}"))
