"""What people see of a lane: how it goes while it runs, and what came of it."""

from __future__ import annotations

import time
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.live import Live
from rich.table import Column, Table
from rich.text import Text

from platform_assets.lanes.metrics import METRICS, UNITS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from platform_assets.lanes.lane_result import LaneProgress, LaneResult
    from platform_assets.lanes.plan import LanePlan
    from platform_assets.lanes.verdict import Judged

_COLOURS = {"PASS": "green", "FAIL": "red", "NO_DATA": "yellow"}
_SECOND = 1_000_000
_MIB = 2**20
_TO_THE_SECOND = len("2026-01-01T00:00:00")
_THOUSANDTH = Decimal("0.001")
#: How often a line is printed where nobody looks at a terminal.
_LINE_SECONDS = 10.0


@contextmanager
def progress(plan: LanePlan) -> Iterator[Callable[[LaneProgress], None]]:
    """Give what shows how a lane goes on stderr: live on a terminal, else a line now and then."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines(console)
        return
    with Live(console=console, transient=True, auto_refresh=False) as live:
        yield lambda now: live.update(_panel(plan, now), refresh=True)


def _lines(console: Console) -> Callable[[LaneProgress], None]:
    printed, before = 0.0, ""

    def told(now: LaneProgress) -> None:
        nonlocal printed, before
        if now.doing == before and time.monotonic() - printed < _LINE_SECONDS:
            return
        printed, before = time.monotonic(), now.doing
        facts = ", ".join(f"{name} {value}" for name, value in _facts(now))
        console.print(Text(f"{now.lane_run} {now.doing}: {facts}"), soft_wrap=True)

    return told


def _panel(plan: LanePlan, now: LaneProgress) -> Table:
    grid = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    grid.add_row(Text(now.lane_run, "bold"), f"{plan.lane}, {plan.profile}: {now.doing}")
    for name, value in _facts(now):
        grid.add_row(name, value)
    return grid


def _facts(now: LaneProgress) -> Iterator[tuple[str, str]]:
    status = now.status
    if status is None:
        return
    yield "time", f"{now.at // _SECOND} of {now.until // _SECOND} s"
    yield "load", f"{status.acknowledged:,}/s acknowledged of {status.offered:,}/s offered"
    yield "backlog", f"{status.backlog:,} events, the oldest {status.lag / _SECOND:.1f} s old"
    yield "runs", f"{status.closed_runs} closed, {status.open_runs} open"
    yield "memory", f"{status.memory // _MIB:,} MiB"
    yield "disk", f"{status.disk // _MIB:,} MiB"


def result(console: Console, found: LaneResult) -> None:
    """Print what came of a lane."""
    grid = Table(
        Column("threshold", overflow="fold"),
        *(Column(name, justify="right") for name in ("measured", "limit")),
        "verdict",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    for judged in found.judged.judgement.thresholds:
        threshold = judged.threshold
        way = "at most" if threshold.at_most is not None else "at least"
        grid.add_row(
            judged.name,
            _measured(judged),
            f"{way} {_in_unit(threshold.limit, judged)}",
            coloured(judged.verdict),
        )
    console.print(grid)
    for judged in found.judged.judgement.failing:
        if judged.reason:
            console.print(Text(f"{judged.name}: {judged.reason}"), soft_wrap=True)
    for requirement in found.judged.requirements:
        if not requirement.satisfied:
            line = Text.assemble((requirement.name, "red"), f": {requirement.detail}")
            console.print(line, soft_wrap=True)
    if found.left_out:
        kinds = ", ".join(found.left_out)
        console.print(
            f"left out, for the target has nothing that they strike: {kinds}", soft_wrap=True
        )
    verdict = Text.assemble(str(found.folder.run), " ", coloured(found.judged.verdict))
    console.print(verdict, soft_wrap=True)
    console.print(Text(f"evidence: {found.folder.evidence}"), soft_wrap=True)
    console.print(Text(f"report: {found.folder.report}"), soft_wrap=True)


def _measured(judged: Judged) -> str:
    return "no data" if judged.value is None else _in_unit(Decimal(judged.value), judged)


def _in_unit(value: Decimal, judged: Judged) -> str:
    """Return a value in base units in the unit of its threshold."""
    threshold = judged.threshold
    scale = UNITS[METRICS[threshold.metric].dimension][threshold.unit]
    unit = "" if threshold.unit == "1" else f" {threshold.unit}"
    rounded = (value / scale).quantize(_THOUSANDTH).normalize()
    return f"{rounded:,f}{unit}{'/h' if threshold.statistic == 'slope' else ''}"


def lanes(told: Sequence[dict[str, Any]]) -> Table:
    """Return one line for each lane that ran."""
    names = ("lane run", "profile", "state", "verdict", "begun at (UTC)")
    grid = Table(*names, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for each in told:
        verdict = coloured(each["verdict"]) if "verdict" in each else Text(each.get("error", ""))
        known = (each.get(name, "") for name in ("profile", "state"))
        begun_at = each.get("begun_at", "")[:_TO_THE_SECOND].replace("T", " ")
        grid.add_row(each["lane_run"], *known, verdict, begun_at)
    return grid


def coloured(verdict: str) -> Text:
    """Return a verdict in its colour."""
    return Text(verdict, _COLOURS.get(verdict, ""))
