"""The evidence of a lane, for the commands that take a run or exported evidence."""

from __future__ import annotations

import shlex
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.padding import Padding
from rich.text import Text

from platform_assets.cli.names import check_target, writing
from platform_assets.errors import BundleUnreadable, ConfigurationError, InvalidName
from platform_assets.identifiers import LaneRunId

if TYPE_CHECKING:
    from rich.console import Console

    from platform_assets.cli.session import Session
    from platform_assets.flow.verification import BundleFiles
    from platform_assets.lanes.verification import LaneVerification


def lane_run_in(text: str) -> LaneRunId | None:
    """Return the lane run that a text names, None where it names none."""
    try:
        return LaneRunId.parse(text)
    except InvalidName:
        return None


def is_of_a_lane(target: str) -> bool:
    """Tell whether a lane run is named, or a path at which the evidence of one stands."""
    from platform_assets.adapters.archive import open_bundle  # noqa: PLC0415
    from platform_assets.lanes.stored_lane import is_lane  # noqa: PLC0415

    if not Path(target).exists():
        return lane_run_in(target) is not None
    try:
        return is_lane(open_bundle(Path(target)))
    except BundleUnreadable:
        return False  # whoever verifies a run says what is wrong with it


def verify(call: Session, target: str, key: Path | None, *, checkpoints: bool) -> None:
    """Verify the evidence of a lane, exported or in the home, and say what was found."""
    if checkpoints:
        raise ConfigurationError(
            f"--checkpoint or --log-key for {target}",
            expected="a closed run: the log of closures holds runs",
            found="a lane; its own runs were closed in a home of its own",
            remedy="Leave the option out.",
        )
    with call.working(f"{target} verify"):
        _, result = evidence_of(call, target, key)
    call.answer(_answer_of(result), lambda console: _show(console, result))
    if not result.ok:
        raise typer.Exit(1)


def report(call: Session, run: LaneRunId, *, show: bool) -> None:
    """Print where the report of a lane run is, or open it."""
    from platform_assets.lanes.stored_lane import judged_lane  # noqa: PLC0415

    path = str(judged_lane(call.open().home, run).report)
    opened = show and typer.launch(path) == 0

    def text(console: Console) -> None:
        console.print(path, soft_wrap=True, markup=False, highlight=False)
        if show and not opened:
            console.print("No browser could be started here. Open that file in one.")

    call.answer({"lane_run": str(run), "report": path, "opened": opened}, text)


def export(call: Session, run: LaneRunId, out: Path, *, with_data: bool) -> None:
    """Write the evidence of a lane run, and say where."""
    from platform_assets.lanes.stored_lane import export_lane  # noqa: PLC0415

    if with_data:
        raise ConfigurationError(
            f"--with-data for {run}",
            expected="a run of a feed",
            found="a lane, whose own home was removed with its data",
            remedy="Leave the option out; everything that its verdict follows from is exported.",
        )
    platform = call.open()
    target = check_target(platform, out)
    with writing(target), call.working(f"{run} export"):
        answer = export_lane(platform, run, target)

    def text(console: Console) -> None:
        console.print(f"{run}: {answer['files']} files, {answer['size']:,} bytes")
        console.print(f"  {target}", soft_wrap=True, markup=False, highlight=False)
        console.print(f"Verify it: platform-assets verify {shlex.quote(str(out))}", soft_wrap=True)

    call.answer(answer, text)


def evidence_of(
    call: Session, target: str, key: Path | None
) -> tuple[BundleFiles, LaneVerification]:
    """Return the evidence of a lane, exported or in the home, as it verifies.

    Raises:
        InvalidName: it is no lane run, and nothing is at that path.
        UnknownThing, RunOpen: this home has no evidence of that lane run.
        BundleUnreadable: what is at the path is no evidence.
    """
    from platform_assets.adapters.archive import open_bundle  # noqa: PLC0415
    from platform_assets.adapters.bundle_files import DirectoryBundle  # noqa: PLC0415
    from platform_assets.lanes.stored_lane import judged_lane  # noqa: PLC0415
    from platform_assets.lanes.verification import own_keys, verify_lane  # noqa: PLC0415
    from platform_assets.pipeline.verify import trust_in  # noqa: PLC0415

    trust = trust_in([key]) if key else None
    if Path(target).exists():
        exported = open_bundle(Path(target))
        given = trust or own_keys(exported)
        return exported, verify_lane(exported, given, self_asserted=trust is None)
    platform = call.open()
    stored = DirectoryBundle(judged_lane(platform.home, LaneRunId.parse(target)).evidence)
    return stored, verify_lane(stored, trust or platform.trust, self_asserted=False)


def _answer_of(result: LaneVerification) -> dict[str, Any]:
    return {
        "lane_run": result.lane_run,
        "verified": result.ok,
        "findings": [{"where": f.where, "problem": f.problem} for f in result.findings],
        **result.facts,
    }


def _show(console: Console, result: LaneVerification) -> None:
    facts = result.facts
    verdict = "is verified" if result.ok else f"is NOT verified: {len(result.findings)} findings"
    lines = [f"{result.lane_run or 'the evidence'} {verdict}"]
    lines += [f"  {finding.where}: {finding.problem}" for finding in result.findings]
    if facts:
        lines.append(f"  {facts['lane']} {facts['profile']} of {facts['begun_at']}")
        lines.append(f"  verdict: {facts['verdict']}")
        lines += [f"  {each['name']}: {each['detail']}" for each in facts["unmet"]]
        lines += [f"  {_words(each)}" for each in facts["failing"]]
        lines.append(
            f"  {facts['sent']:,} events, {facts['closed']} of {facts['runs']} runs closed"
        )
        lines.append(f"  plan {facts['plan_digest']}")
        lines.append(f"  pin {facts['pin_digest']}")
        lines += [f"  signed by {key}" for key in facts["signed_by"]]
    for line in lines:
        console.print(Text(line), soft_wrap=True)
    if facts.get("keys") == "self-asserted":
        note = (
            "The key came with the evidence: it proves that the evidence is whole, not who made it. "
            "Give the key that you trust with --key."
        )
        console.print(Padding(note, (0, 0, 0, 2)))


def _words(threshold: dict[str, Any]) -> str:
    """Return what became of a threshold that did not pass, in its own unit."""
    from platform_assets.lanes.metrics import METRICS, UNITS  # noqa: PLC0415

    scale = UNITS[METRICS[threshold["metric"]].dimension][threshold["unit"]]
    unit = "" if threshold["unit"] == "1" else f" {threshold['unit']}"
    per_hour = " an hour" if threshold["statistic"] == "slope" else ""

    def said(value: Any) -> str:
        return f"{(Decimal(value) / scale).normalize():f}{unit}{per_hour}"

    way = "at most" if threshold["at_most"] else "at least"
    limit = f"{way} {said(threshold['limit'])}"
    found = f"no data: {threshold['reason']}"
    if threshold["value"] is not None:
        found = said(threshold["value"])
    what = " ".join([threshold["metric"], threshold["statistic"], *threshold["phases"]])
    return f"{threshold['name']}: {what}: {found}; {limit}"
