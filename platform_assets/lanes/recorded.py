"""Everything that the verdict of a lane follows from, read from its evidence, strictly.

Whoever judges a lane and whoever verifies it later read the same value, from the same files. What is
not exactly as it is written by the lane is a problem, and every problem is kept.

1. The ledgers are of the pinned load: of its events, with ids that begin with digits of the pin.
2. A run is closed only if its closure verifies with the key that the pin names (see `sealed_runs`), and
   what the list of runs says of it is what its evidence says.
3. What follows from ledgers, closures and faults is computed from them, whatever samples say, and so is
   how many samples and values there have to be of everything else (see `derived`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from platform_assets.errors import PlatformError
from platform_assets.lanes.derived import derived, expected, largest_window, phases_of
from platform_assets.lanes.evidence_files import (
    FAULTS_FILE,
    PIN_FILE,
    RUNS_FILE,
    ledger_path,
    read_faults,
    read_runs,
    run_paths,
)
from platform_assets.lanes.ledger import ProcessLedger
from platform_assets.lanes.measured import Measured
from platform_assets.lanes.measured_files import (
    HISTOGRAMS_FOLDER,
    SAMPLES_FILE,
    read_histograms,
    read_samples,
)
from platform_assets.lanes.pin import unverified_pin
from platform_assets.lanes.schedule import Schedule
from platform_assets.lanes.sealed_runs import sealed_run, trust_in_key_of
from platform_assets.lanes.windows import WINDOWS_FILE, read_windows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from platform_assets.flow.verification import BundleFiles
    from platform_assets.lanes.evidence_files import MadeRun, StruckFault
    from platform_assets.lanes.measured import Interval, Sample
    from platform_assets.lanes.measured_files import Problem
    from platform_assets.lanes.pin import Pin
    from platform_assets.lanes.plan import LanePlan

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a lane recorded.

    Attributes:
        pin: the pin.
        ledgers: those that there are, by process.
        runs: every run that was pinned.
        bundles: run id -> what its evidence says, of each run whose closure verifies.
        faults: every fault that struck.
        measured: what was measured, with what follows from all of these.
        problems: where something is wrong, and what.
    """

    pin: Pin
    ledgers: tuple[ProcessLedger, ...]
    runs: tuple[MadeRun, ...]
    bundles: Mapping[str, Mapping[str, Any]]
    faults: tuple[StruckFault, ...]
    measured: Measured
    problems: tuple[Problem, ...]

    @property
    def plan(self) -> LanePlan:
        """The pinned plan."""
        return self.pin.plan


def read_measured(files: BundleFiles) -> Measured:
    """Return what a lane measured; nothing is verified.

    Raises:
        ObjectMissing, CertificateInvalid, RecordInvalid: there is no pin that can be read.
    """
    return read_recorded(files, unverified_pin(files.read(PIN_FILE))).measured


def read_recorded(files: BundleFiles, pin: Pin) -> Recorded:
    """Return what a lane recorded under its pin."""
    problems: list[Problem] = []
    ledgers = _ledgers(files, pin, problems)  # 1
    runs = _listed(files, RUNS_FILE, read_runs, problems)
    bundles = _bundles(files, pin, runs, problems)  # 2
    faults = _listed(files, FAULTS_FILE, read_faults, problems)
    of_probe = pin.plan.doubling is not None
    windows = _listed(files, WINDOWS_FILE, read_windows, problems) if of_probe else []
    closed = [(run, bundles[run.run_id]) for run in runs if run.run_id in bundles]
    sampled = Measured(
        phases=phases_of(pin.plan, runs),
        series=_samples(files, problems),
        histograms=_histograms(files, problems),
        expected=expected(pin.plan, ledgers, closed),
    )
    follows = derived(pin.plan, sampled, ledgers, closed, faults)  # 3
    if of_probe:
        follows["largest_window"] = [largest_window(windows, closed)]
    measured = replace(sampled, series={**sampled.series, **follows})
    return Recorded(
        pin, tuple(ledgers), tuple(runs), bundles, tuple(faults), measured, tuple(problems)
    )


def _ledgers(files: BundleFiles, pin: Pin, problems: list[Problem]) -> list[ProcessLedger]:
    schedule = Schedule(pin.plan.workload)
    wanted = {ledger_path(process): process for process in range(schedule.processes)}
    problems += [
        (path, "is the ledger of no process")
        for path in files.paths()
        if path.startswith("ledger/") and path not in wanted
    ]
    ledgers = []
    for path, process in wanted.items():
        if path not in files.paths():
            problems.append((path, "absent"))
            continue
        try:
            ledger = ProcessLedger.decoded(files.read(path), path)
            ledger.require_of(pin.prefix, schedule)
        except PlatformError as error:
            problems.append((path, f"{error.code}: {error.found}"))
            continue
        if ledger.process == process:
            ledgers.append(ledger)
        else:
            problems.append((path, f"is the ledger of process {ledger.process}"))
    return ledgers


def _listed(
    files: BundleFiles, path: str, read: Callable[[bytes], list[_T]], problems: list[Problem]
) -> list[_T]:
    if path not in files.paths():
        problems.append((path, "absent"))
        return []
    try:
        return read(files.read(path))
    except PlatformError as error:
        problems.append((path, f"{error.code}: {error.found}"))
        return []


def _bundles(
    files: BundleFiles, pin: Pin, runs: Sequence[MadeRun], problems: list[Problem]
) -> dict[str, Mapping[str, Any]]:
    known = {path for run in runs for path in run_paths(run.run_id)}
    problems += [
        (path, f"is of no run that {RUNS_FILE} lists")
        for path in files.paths()
        if path.startswith("runs/") and path not in known
    ]
    trust = trust_in_key_of(pin.record["keyid"], files)
    bundles: dict[str, Mapping[str, Any]] = {}
    for run in runs:
        if run.closed_us is None:
            continue
        sealed, found = sealed_run(run.run_id, files, trust)
        problems += found
        if sealed is None:
            continue
        said, signed = (run.bundle_digest, run.counts), (sealed.digest, sealed.bundle["totals"])
        if said == signed:
            bundles[run.run_id] = sealed.bundle
        else:
            problems.append((RUNS_FILE, f"says {said} of {run.run_id}, its evidence says {signed}"))
    return bundles


def _samples(files: BundleFiles, problems: list[Problem]) -> dict[str, list[Sample]]:
    if SAMPLES_FILE not in files.paths():
        problems.append((SAMPLES_FILE, "absent"))
        return {}
    series, found = read_samples(files.read(SAMPLES_FILE))
    problems += found
    return series


def _histograms(files: BundleFiles, problems: list[Problem]) -> dict[str, list[Interval]]:
    histograms = {}
    for path in files.paths():
        folder, _, name = path.rpartition("/")
        if folder == HISTOGRAMS_FOLDER:
            metric = name.removesuffix(".ndjson")
            histograms[metric], found = read_histograms(metric, files.read(path))
            problems += found
    return histograms
