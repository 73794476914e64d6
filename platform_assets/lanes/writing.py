"""What a lane measured, put together, and written into its evidence.

What follows from ledgers, closures and faults is not written here as samples: whoever judges derives it
from them (see `derived`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from platform_assets.canonical import canonical_bytes
from platform_assets.lanes.evidence_files import (
    NOTES_FILE,
    MadeRun,
    StruckFault,
    ledger_path,
    write_faults,
    write_runs,
)
from platform_assets.lanes.measured_files import (
    HISTOGRAMS_FOLDER,
    SAMPLES_FILE,
    write_histograms,
    write_samples,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from platform_assets.lanes.ledger import ProcessLedger
    from platform_assets.lanes.measured import Interval, Sample


@dataclass(frozen=True, kw_only=True)
class Measurements:
    """Everything that a lane writes of what it measured.

    Attributes:
        ledgers: of each generating process that left one.
        series: metric -> samples.
        histograms: metric -> intervals.
        runs: every run that was pinned, earliest first.
        faults: every fault that struck.
        notes: what was met, and what was not measured and why.
    """

    series: Mapping[str, Sequence[Sample]]
    runs: Sequence[MadeRun]
    histograms: Mapping[str, Sequence[Interval]] = field(default_factory=dict)
    ledgers: Sequence[ProcessLedger] = ()
    faults: Sequence[StruckFault] = ()
    notes: Mapping[str, Any] = field(default_factory=dict)


def write_measurements(folder: Path, measured: Measurements) -> None:
    """Write what was measured; none of the files may exist."""
    (folder / "ledger").mkdir()
    for ledger in measured.ledgers:
        with (folder / ledger_path(ledger.process)).open("xb") as file:
            file.write(ledger.encoded())
    write_samples(folder / SAMPLES_FILE, measured.series)
    write_histograms(folder / HISTOGRAMS_FOLDER, measured.histograms)
    write_runs(folder, measured.runs)
    write_faults(folder, measured.faults)
    with (folder / NOTES_FILE).open("xb") as file:
        file.write(canonical_bytes(dict(measured.notes)))
