"""The evidence of a closed run, or of a lane: verify it, export it, look at its report."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.padding import Padding
from rich.text import Text

from platform_assets.cli import lane_evidence, tables
from platform_assets.cli.checkpoints import given_checkpoints, given_log_keys
from platform_assets.cli.names import check_target, known_run, run_if_no_evidence, writing
from platform_assets.cli.session import (
    HomeOption,
    JsonOption,
    KeyOption,
    RunArgument,
    Session,
    session,
)
from platform_assets.errors import ConfigurationError, RunOpen

if TYPE_CHECKING:
    from rich.console import Console

    from platform_assets.flow.checkpoint import Given, LogKey
    from platform_assets.flow.verification import Verification

_PACKED = (".gz", ".tgz", ".zip", ".zst", ".bz2", ".xz", ".7z")


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command(epilog="Example: platform-assets verify evidence.tar --key signer.pem")(verify)
    app.command(epilog="Example: platform-assets export payments-00000001 --out evidence.tar")(
        export
    )
    app.command(epilog="Example: platform-assets report payments-00000001 --open")(report)


def verify(
    target: Annotated[
        str, typer.Argument(metavar="RUN|BUNDLE", help="A run or a lane's, or exported evidence.")
    ],
    *,
    key: KeyOption = None,
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(
            "--checkpoint",
            metavar="FILE",
            help="A checkpoint of the closure log, or a proof of one, to be consistent with. "
            "May be given several times.",
        ),
    ] = None,
    log_key: Annotated[
        list[str] | None,
        typer.Option(
            "--log-key",
            metavar="KEY",
            help="Trust this key of the closure log besides the one that the evidence names.",
        ),
    ] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Verify a closed run, or a lane, offline: every signature, digest, count and requirement.

    Exported evidence needs no home. Without --key its own key is used and reported as self-asserted.
    """
    call = session(home, as_json=json)
    if lane_evidence.is_of_a_lane(target):
        lane_evidence.verify(call, target, key, checkpoints=bool(checkpoint or log_key))
        return
    given, log_keys = given_checkpoints(checkpoint or []), given_log_keys(log_key or [])
    with call.working(f"{target} verify"):
        result = _verification(call, target, key, given, log_keys)
    call.answer(answer_of(result), lambda console: show_verification(console, result))
    if not result.ok:
        raise typer.Exit(1)


def export(
    run: RunArgument,
    out: Annotated[
        Path,
        typer.Option("--out", metavar="FILE", help="FILE.tar: an archive; a folder otherwise."),
    ],
    *,
    with_data: Annotated[
        bool, typer.Option("--with-data", help="Include landing, admission and product parts.")
    ] = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Export the evidence of a closed run, or of a lane: it verifies anywhere, without this home."""
    from platform_assets.pipeline import export_run  # noqa: PLC0415

    call = session(home, as_json=json)
    lane_run = lane_evidence.lane_run_in(run)
    if lane_run is not None:
        _require_plain(out)
        lane_evidence.export(call, lane_run, out, with_data=with_data)
        return
    platform = call.open()
    run_id = known_run(platform, run)
    _require_plain(out)
    target = check_target(platform, out)
    with writing(target), call.working(f"{run_id} export"):
        answer = export_run(platform, run_id, target, with_data=with_data)

    def text(console: Console) -> None:
        console.print(f"{run}: {answer['files']} files, {answer['size']:,} bytes")
        console.print(f"  {target}", soft_wrap=True, markup=False, highlight=False)
        console.print(f"Verify it: platform-assets verify {shlex.quote(str(out))}", soft_wrap=True)

    call.answer(answer, text)


def report(
    run: RunArgument,
    *,
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Print where the report of a closed run, or of a lane, is, or open it."""
    from platform_assets.pipeline import run_summary  # noqa: PLC0415

    call = session(home, as_json=json)
    lane_run = lane_evidence.lane_run_in(run)
    if lane_run is not None:
        lane_evidence.report(call, lane_run, show=show)
        return
    platform = call.open()
    summary = run_summary(platform, known_run(platform, run))
    path, removed = summary["report"], summary["removed"]
    if path is None:
        raise RunOpen(
            f"report of {run}",
            expected="a closed run; the report is part of its evidence",
            found="an open one",
            remedy=f"Close it: platform-assets close {run}. Until then: platform-assets show {run}",
        )
    opened = show and typer.launch(path) == 0

    def text(console: Console) -> None:
        console.print(path, soft_wrap=True, markup=False, highlight=False)
        if removed:
            console.print(Text(tables.torn_down(removed)), soft_wrap=True)
        if show and not opened:
            console.print("No browser could be started here. Open that file in one.")

    call.answer({"run_id": run, "report": path, "removed": removed, "opened": opened}, text)


def _require_plain(out: Path) -> None:
    if out.suffix in _PACKED:
        raise ConfigurationError(
            f"--out {out}",
            expected="FILE.tar, or a folder",
            found=f"the ending {out.suffix}; an archive is written plain, so that it is canonical",
            remedy="Name it FILE.tar, and pack it afterwards if you have to.",
        )


def _verification(
    call: Session,
    target: str,
    key: Path | None,
    checkpoints: list[tuple[str, Given]],
    log_keys: list[LogKey],
) -> Verification:
    from platform_assets.pipeline import verify_bundle, verify_run  # noqa: PLC0415
    from platform_assets.pipeline.verify import trust_in  # noqa: PLC0415

    if Path(target).exists():
        return verify_bundle(Path(target), [key] if key else [], checkpoints, log_keys)
    run = run_if_no_evidence(target, "")
    trust = trust_in([key]) if key else None
    platform = call.open()
    return verify_run(platform, known_run(platform, str(run)), trust, checkpoints, log_keys)


def answer_of(result: Verification) -> dict[str, Any]:
    """Return the result of a verification as JSON prints it."""
    return {
        "run_id": result.run_id,
        "verified": result.ok,
        "findings": [{"where": f.where, "problem": f.problem} for f in result.findings],
        **result.facts,
    }


def show_verification(console: Console, result: Verification) -> None:
    """Print the result of a verification: every finding, and on whose word it rests."""
    facts = result.facts
    verdict = "is verified" if result.ok else f"is NOT verified: {len(result.findings)} findings"
    console.print(Text(f"{result.run_id or 'the evidence'} {verdict}"))
    for finding in result.findings:
        console.print(Text(f"  {finding.where}: {finding.problem}"), soft_wrap=True)
    if facts:
        data = facts["data"] if isinstance(facts["data"], str) else f"{facts['data']} files"
        console.print(Text(f"  records: {facts['records']} files; data: {data}"))
        for removed in facts["removed"]:
            console.print(Text(f"  {tables.torn_down(removed)}"), soft_wrap=True)
        console.print(Text(f"  bundle {facts['bundle_digest']}"), soft_wrap=True)
        if before := facts["supersedes"]:
            words = f"supersedes {before['run_id']}: {before['reason']}"
            console.print(Text(f"  {words}"), soft_wrap=True)
        if newer := facts["superseded_by"]:
            words = f"is superseded by {newer['run_id']}, {newer['bundle_digest']}"
            console.print(Text(f"  {words}: {newer['reason']}"), soft_wrap=True)
        if place := facts["log"]:
            where = f"entry {place['index']} of the log {place['origin']}"
            console.print(Text(f"  {where}"), soft_wrap=True)
        for name in facts.get("consistent_with", ()):
            console.print(Text(f"  consistent with the checkpoint {name}"), soft_wrap=True)
        for key in facts["signed_by"]:
            console.print(Text(f"  signed by {key}"), soft_wrap=True)
        if facts["keys"] == "self-asserted":
            note = (
                "The key came with the evidence: it proves that the evidence is whole, not who made "
                "it. Give the key that you trust with --key."
            )
            console.print(Padding(note, (0, 0, 0, 2)))
