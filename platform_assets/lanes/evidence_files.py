"""What stands where in the evidence of a lane, and the runs and faults that it lists.

The layout of the folder is that of the exported archive. Every file but `LANE_FILE` is listed there
with its size and SHA-256. ``runs.json`` holds every run that was pinned, in order, with or without a
closure; ``faults.json`` every fault that struck. Moments are microseconds since the beginning of the
load.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from platform_assets.canonical import canonical_bytes, parse_canonical
from platform_assets.contracts.records import check_record
from platform_assets.errors import RecordInvalid
from platform_assets.flow.evidence import BUNDLE_FILE, SEAL_FILE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

PIN_FILE = "pin.json"
LANE_FILE = "lane.json"
RUNS_FILE = "runs.json"
FAULTS_FILE = "faults.json"
NOTES_FILE = "notes.json"
REPORT_FILE = "report.html"
_RUNS, _FAULTS = "lane_runs", "lane_faults"


@dataclass(frozen=True, slots=True)
class MadeRun:
    """A run that was pinned while the lane lasted.

    Attributes:
        run_id: its id.
        pinned_us: when its anchors were seen.
        closed_us: when its seal was seen; None where it was not closed.
        counts: how many records it delivered, admitted, found twice and quarantined, and its gaps.
        bundle_digest: the digest of its evidence.
    """

    run_id: str
    pinned_us: int
    closed_us: int | None = None
    counts: Mapping[str, int] | None = None
    bundle_digest: str | None = None


@dataclass(frozen=True, slots=True)
class StruckFault:
    """A fault.

    Attributes:
        kind: one of the plan's kinds.
        at_us: when it struck.
        ended_us: when it was over; None where it lasted to the end.
        steady_us: when all was steady again; None where that did not come before it was given up.
        detail: what was done, to what.
    """

    kind: str
    at_us: int
    ended_us: int | None
    steady_us: int | None
    detail: str


def ledger_path(process: int) -> str:
    """Return where the ledger of a process stands."""
    return f"ledger/{process}.json"


def key_path(keyid: str) -> str:
    """Return where a public key stands."""
    return f"keys/{keyid}.pem"


def run_paths(run_id: str) -> tuple[str, str]:
    """Return where seal and evidence of a run stand, as the run's own closure wrote them."""
    return f"runs/{run_id}/{SEAL_FILE}", f"runs/{run_id}/{BUNDLE_FILE}"


def write_runs(folder: Path, runs: Iterable[MadeRun]) -> None:
    """Write ``runs.json``; it must not exist."""
    _write(folder / RUNS_FILE, _RUNS, "runs", [asdict(run) for run in runs])


def write_faults(folder: Path, faults: Iterable[StruckFault]) -> None:
    """Write ``faults.json``; it must not exist."""
    _write(folder / FAULTS_FILE, _FAULTS, "faults", [asdict(fault) for fault in faults])


def read_runs(data: bytes) -> list[MadeRun]:
    """Read ``runs.json``.

    Raises:
        RecordNotCanonical, RecordInvalid: it is no such record.
    """
    return [MadeRun(**each) for each in _read(data, RUNS_FILE, _RUNS)["runs"]]


def read_faults(data: bytes) -> list[StruckFault]:
    """Read ``faults.json``.

    Raises:
        RecordNotCanonical, RecordInvalid: it is no such record.
    """
    return [StruckFault(**each) for each in _read(data, FAULTS_FILE, _FAULTS)["faults"]]


def _write(path: Path, kind: str, key: str, values: list[dict[str, Any]]) -> None:
    record = check_record({"record": kind, "version": 1, key: values}, path.name)
    with path.open("xb") as file:
        file.write(canonical_bytes(record))


def _read(data: bytes, path: str, kind: str) -> dict[str, Any]:
    record: dict[str, Any] = check_record(parse_canonical(data, path), path)
    if record["record"] != kind:
        raise RecordInvalid(
            path,
            expected=f"a record of kind {kind}",
            found=f"one of kind {record['record']}",
            remedy="Restore the file from a copy of the evidence; do not edit records.",
        )
    return record
