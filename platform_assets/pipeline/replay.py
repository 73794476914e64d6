"""Replay: a closed run is made again in scratch, from its evidence, and held against it.

1. Verify the evidence; what does not verify is not replayed.
2. Find what it is made under: declaration, contracts, policies, the runs that it consulted, functions.
3. Land the streams again where they still have the records, else take what was landed.
4. Admit, build, certify and consume, by the functions that a run uses, over a store that shows the
   evidence without the run's own outcome, and takes what is written into scratch.
5. Hold every record and every part against the recorded one, step by step, until one diverges.

Nothing is written into a home's store, and no key of a home signs anything.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from platform_assets.declarations.checks import PythonCheck
from platform_assets.errors import (
    DeclarationInvalid,
    DependencyUnreachable,
    Usage,
)
from platform_assets.flow.replay import Replay
from platform_assets.flow.replay_comparison import engines_differ
from platform_assets.flow.replay_inputs import engines_of
from platform_assets.pipeline.functions import load_function
from platform_assets.pipeline.rebuild import Rebuild
from platform_assets.pipeline.replay_evidence import open_evidence, stored_evidence
from platform_assets.pipeline.replay_platform import ReplayPlatform, Surroundings
from platform_assets.pipeline.run import Silence

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from platform_assets.identifiers import RunId
    from platform_assets.pipeline.platform import Platform
    from platform_assets.pipeline.replay_evidence import Evidence
    from platform_assets.pipeline.run import Progress
    from platform_assets.ports.signer import Trust

_READ_AGAIN = "every stream was read again"
_LANDED = "what was landed stands with the evidence"
_FROM_LANDING = "Or rebuild the run from what was landed: --from landing."


class Start(StrEnum):
    """From what a run is rebuilt."""

    WHERE_POSSIBLE = "where possible"
    ANCHORS = "anchors"
    LANDING = "landing"


def replay_run(
    platform: Platform,
    run: RunId,
    *,
    start: Start = Start.WHERE_POSSIBLE,
    trust: Trust | None = None,
    progress: Progress | None = None,
) -> Replay:
    """Replay a closed run of a home, under the home's trusted keys or the given.

    Raises:
        RunOpen: the run is open.
        VerificationFailed: its evidence does not verify.
        SourceUnreachable: a stream did not answer.
        Usage: the data from which it is to be rebuilt is not there.
        DeclarationInvalid: a function of the run cannot be found.
    """
    progress = progress or Silence()
    with platform.scratch() as scratch:
        with progress.step(run, "verify", str(run)):
            evidence = stored_evidence(platform, run, trust)  # 1
        around = Surroundings(platform.home, scratch, platform.settings, platform.feeds)
        return _replay(evidence, around, start, progress)


def replay_bundle(
    path: Path,
    around: Surroundings,
    *,
    keys: Sequence[Path] = (),
    start: Start = Start.LANDING,
    progress: Progress | None = None,
) -> Replay:
    """Replay a run from exported evidence, under the given public keys or its own.

    Raises:
        BundleUnreadable: there is no bundle at the path.
        VerificationFailed, SourceUnreachable, Usage, DeclarationInvalid: as for `replay_run`.
    """
    evidence = open_evidence(path, keys, around.scratch / "bundle")  # 1
    return _replay(evidence, around, start, progress or Silence())


def _replay(evidence: Evidence, around: Surroundings, start: Start, progress: Progress) -> Replay:
    engines: dict[str, tuple[str, str]] = {}

    def rebuild(shown: frozenset[str], name: str) -> Rebuild:
        platform = ReplayPlatform.over(evidence.records, evidence.lower, shown, around, name)  # 2
        _require_functions(platform)
        engines.update(engines_differ(engines_of(evidence.records), platform.code()["engines"]))
        return Rebuild(platform, evidence, progress, exact=not engines)

    _require_data(evidence, evidence.consulted(), "")
    begun, landed_from, why = None, Start.LANDING, _LANDED
    if start is not Start.LANDING:  # 3
        begun = rebuild(evidence.shown(landing=False), "anchors")
        lost = _land(begun)
        landed_from, why = Start.ANCHORS, _READ_AGAIN
        if lost and start is Start.WHERE_POSSIBLE:
            begun, landed_from, why = None, Start.LANDING, lost
    if begun is None:
        _require_data(evidence, evidence.landed(), why)
        begun = rebuild(evidence.shown(landing=True), "landing")
    begun.make()  # 4, 5
    return Replay(
        run_id=str(evidence.records.run),
        bundle_digest=evidence.facts["bundle_digest"],
        start=landed_from.value,
        reason=why,
        compared=tuple(begun.compared),
        divergence=begun.divergence,
        engines=engines,
        keys=evidence.facts["keys"],
    )


def _land(rebuild: Rebuild) -> str:
    """Land every stream again; return which one has lost what, nothing where none has."""
    try:
        return rebuild.land()
    except DependencyUnreachable as error:
        raise type(error)(
            error.thing,
            expected=error.expected,
            found=error.findings or error.found,
            remedy=f"{error.remedy} {_FROM_LANDING}",
        ) from error


def _require_data(evidence: Evidence, needed: Sequence[str], why: str) -> None:
    missing = [path for path in needed if path not in evidence.paths]
    if missing:
        run = evidence.records.run
        raise Usage(
            f"replay of {run}",
            expected="the data from which it is rebuilt",
            found=f"{len(missing)} of {len(needed)} files absent, the first {missing[0]}"
            + (f"; and {why}" if why not in ("", _LANDED) else ""),
            remedy=f"Export it with its data: platform-assets export {run} --out FILE.tar "
            "--with-data. Where a teardown removed the landing, and its streams still have the "
            "records: --from anchors.",
        )


def _require_functions(platform: ReplayPlatform) -> None:
    """Require every function of the run before anything is rebuilt.

    Raises:
        DeclarationInvalid: one cannot be loaded.
    """
    declaration = platform.feed(platform.records.run.feed)
    named = [each.function for each in declaration.consumers.values() if each.function]
    named += [
        check.function
        for output in declaration.outputs().values()
        for check in output.checks
        if isinstance(check, PythonCheck)
    ]
    for reference in dict.fromkeys(named):
        try:
            load_function(reference, platform.home)
        except DeclarationInvalid as error:
            raise DeclarationInvalid(
                error.thing,
                expected=error.expected,
                found=error.found,
                remedy="Evidence carries no code of yours. Install the package that holds the "
                "function, or name the home beside which it stands: --home DIR.",
            ) from error
