"""Comparing two runs of a lane: what became worse, beyond the noise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Column, Table
from rich.text import Text

from platform_assets.cli.lane_evidence import evidence_of
from platform_assets.cli.session import HomeOption, JsonOption, KeyOption, Session, session
from platform_assets.errors import LanesDiffer, Refusal, Usage

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import Console

    from platform_assets.lanes.compare import Compared
    from platform_assets.lanes.recorded import Recorded

_COLOURS = {"REGRESSION": "red", "IMPROVEMENT": "green", "NO_DATA": "yellow"}
_ORDER = ("REGRESSION", "IMPROVEMENT", "NO_CHANGE")

MetricOption = Annotated[
    list[str] | None,
    typer.Option("--metric", metavar="METRIC", help="Only this metric; several, if repeated."),
]
NoiseOption = Annotated[
    tuple[str, str] | None,
    typer.Option(
        "--noise",
        metavar="A1 A2",
        help="Two runs of the same thing, of which the noise is measured.",
    ),
]
ToleranceOption = Annotated[
    str, typer.Option("--tolerance", metavar="SHARE", help="What a figure may be worse.")
]


def register(app: typer.Typer) -> None:
    """Add this command."""
    example = "Example: platform-assets lane compare lane-soak-00000001 lane-soak-00000002"
    app.command(name="compare", epilog=example)(compare)


def compare(
    first: Annotated[
        str, typer.Argument(metavar="A", help="A lane run, or exported evidence: compared with.")
    ],
    second: Annotated[str, typer.Argument(metavar="B", help="The one that is judged.")],
    *,
    metric: MetricOption = None,
    noise: NoiseOption = None,
    tolerance: ToleranceOption = "5%",
    key: KeyOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Compare two runs of a lane, figure by figure, in pairs; a regression exits 1.

    Both have the same lane, profile and workload, and their evidence verifies. A regression is a ratio
    whose whole interval is worse than the noise and the tolerance. Without --noise, the noise is what
    each run differs from itself; what two runs of the same thing differ as a whole is then not in it.
    What was measured while others kept the machine busy is left out.
    """
    from platform_assets.lanes.compare import Change  # noqa: PLC0415 - `--help` need not load engines
    from platform_assets.lanes.compare import compare as compared  # noqa: PLC0415

    share = _share(tolerance)
    call = session(home, as_json=json)
    with call.working(f"{first} and {second} compare"):
        sides = [_side(call, target, key) for target in (first, second)]
        alike = [_side(call, target, key) for target in noise or ()]
        _require_comparable(sides + alike)
        figures = compared(
            sides[0].recorded.measured,
            sides[1].recorded.measured,
            noise=(alike[0].recorded.measured, alike[1].recorded.measured) if alike else None,
            metrics=metric or (),
            tolerance=share,
        )
    regressions = [figure for figure in figures if figure.change is Change.REGRESSION]
    answer = {
        "first": sides[0].facts,
        "second": sides[1].facts,
        "noise": [each.facts["lane_run"] for each in alike],
        "tolerance": f"{share * 100:f}%",
        "differences": _differences(*sides),
        "regressions": len(regressions),
        "figures": [figure.as_json() for figure in figures],
    }
    call.answer(answer, lambda console: _show(console, answer, figures))
    if regressions:
        raise typer.Exit(Refusal.exit_code)


@dataclass(frozen=True)
class _Side:
    """A lane that is compared: what it recorded, and what is said of it."""

    recorded: Recorded
    facts: dict[str, Any]


def _side(call: Session, target: str, key: Path | None) -> _Side:
    """Return a lane whose evidence verifies.

    Raises:
        VerificationFailed: it does not.
        LanesDiffer: it is void, so that nothing it measured counts.
    """
    from platform_assets.lanes.evidence_files import PIN_FILE  # noqa: PLC0415
    from platform_assets.lanes.pin import unverified_pin  # noqa: PLC0415
    from platform_assets.lanes.recorded import read_recorded  # noqa: PLC0415
    from platform_assets.lanes.sequences import busy_seconds  # noqa: PLC0415

    files, verified = evidence_of(call, target, key)
    facts = verified.require().facts
    void = [unmet["detail"] for unmet in facts["unmet"] if unmet["detail"].startswith("void")]
    if void:
        raise LanesDiffer(
            verified.lane_run,
            expected="a lane that counts",
            found=void,
            remedy="Run the lane again.",
        )
    told = ("lane", "profile", "verdict", "begun_at", "lane_digest", "keys")
    # it verified: what stands in it is what was signed
    recorded = read_recorded(files, unverified_pin(files.read(PIN_FILE)))
    said = {
        "lane_run": verified.lane_run,
        **{name: facts[name] for name in told},
        "busy_seconds": busy_seconds(recorded.measured),
    }
    return _Side(recorded, said)


def _require_comparable(sides: Sequence[_Side]) -> None:
    from platform_assets.lanes.compare import require_comparable  # noqa: PLC0415

    for side in sides[1:]:
        require_comparable(sides[0].recorded.plan, side.recorded.plan)


def _differences(first: _Side, second: _Side) -> list[str]:
    """Return what else differs between two lanes: place, machine and code."""
    from platform_assets.lanes.compare import differences  # noqa: PLC0415

    pins = (first.recorded.pin.record, second.recorded.pin.record)
    before, after = (
        {"target": pin["plan"]["target"]} | {name: pin[name] for name in ("environment", "code")}
        for pin in pins
    )
    return list(differences(before, after))


def _share(text: str) -> Decimal:
    try:
        share = Decimal(text.removesuffix("%")) / 100
        sound = text.endswith("%") and 0 <= share < 1
    except InvalidOperation:
        sound = False
    if not sound:
        raise Usage(
            f"--tolerance {text}",
            expected="a share of less than 100%, for example 5%",
            found=repr(text),
            remedy="Give a number from 0 with a per cent sign.",
        )
    return share.normalize()


def _show(console: Console, answer: dict[str, Any], figures: Sequence[Compared]) -> None:
    first, second = (answer[side] for side in ("first", "second"))
    for name, side in (("A", first), ("B", second)):
        words = f"{side['lane']} {side['profile']} of {side['begun_at']}, {side['verdict']}"
        console.print(Text(f"{name} {side['lane_run']}: {words}"), soft_wrap=True)
        if side["busy_seconds"]:
            words = f"others kept the machine busy for {side['busy_seconds']} s, which are left out"
            console.print(Text(f"  {words}"), soft_wrap=True)
    for difference in answer["differences"]:
        console.print(Text(f"  {difference}"), soft_wrap=True)
    console.print(_grid(figures))
    for figure in figures:
        if figure.found is None and figure.subject.statistic:
            console.print(Text(f"no data on {figure.subject}: {figure.why}"), soft_wrap=True)
    unmeasured = [figure.subject.metric for figure in figures if not figure.subject.statistic]
    if unmeasured:
        console.print(Text(f"measured in neither: {', '.join(unmeasured)}"), soft_wrap=True)
    measured = " and ".join(answer["noise"])
    noise = f"between {measured}" if measured else "within each run, not between runs (--noise)"
    console.print(f"noise measured {noise}; tolerance {answer['tolerance']}", soft_wrap=True)
    count = answer["regressions"]
    words = f"{count} regression{'' if count == 1 else 's'}" if count else "no regression"
    console.print(Text(words, "bold red" if count else "green"))


def _grid(figures: Sequence[Compared]) -> Table:
    from platform_assets.lanes.compare import Change  # noqa: PLC0415
    from platform_assets.lanes.metrics import METRICS  # noqa: PLC0415
    from platform_assets.reports.lane_figures import figure as written  # noqa: PLC0415

    grid = Table(
        Column("figure", overflow="fold"),
        *(Column(name, justify="right") for name in ("A", "B", "B/A", "interval", "noise")),
        "change",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    told = (figure for figure in figures if figure.found is not None)
    for each in sorted(
        # what was nothing in both runs, and is still, need not be read
        (figure for figure in told if any(figure.medians) or figure.change is not Change.NO_CHANGE),
        key=lambda figure: (_ORDER.index(figure.change), figure.subject),
    ):
        dimension = METRICS[each.subject.metric].dimension
        factors = each.as_json()
        grid.add_row(
            str(each.subject),
            *(written(value, dimension) for value in each.medians),
            f"{factors['ratio']:.2f}",
            f"{factors['low']:.2f} to {factors['high']:.2f}",
            f"±{math.expm1(each.noise):.0%}",
            Text(each.change.replace("_", " ").lower(), _COLOURS.get(each.change, "")),
        )
    return grid
