"""Admission of one landed stream: judge, settle, set aside, account.

1. Read the landing receipt, verify the landed parts, and decrypt those of strict products.
2. Judge every landed part against the contracts of the stream's events. The accepted rows are written
   and stored as they are; nothing moves them any more.
3. Settle identities: within the run, then against the certified products of closed runs in the
   horizon. Only rows whose id may occur twice are read for it.
4. Write what is not admitted: duplicates, and quarantined records with their raw bytes. What is
   admitted are the accepted rows without these.
5. Record the receipt, which adds up or is not written.

Landed parts are judged in worker processes where there is enough to judge. Workers write into scratch;
this process stores, in the order of landing, so that durable writes always come in the same order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platform_assets.adapters.judged_parts import (
    DeclaredEvent,
    JudgedStream,
    LandedPart,
    StreamTask,
)
from platform_assets.adapters.landing_parts import PART_BYTES
from platform_assets.adapters.workers import workers
from platform_assets.canonical import digest
from platform_assets.flow.admission import AdmissionResult, PartitionTally, admission_record
from platform_assets.pipeline import layout
from platform_assets.pipeline.admitted_parts import AcceptedParts, AsideParts
from platform_assets.pipeline.data_keys import staging_key
from platform_assets.pipeline.horizon import Horizon
from platform_assets.pipeline.land import require_stream
from platform_assets.pipeline.parts import opened_paths
from platform_assets.pipeline.records import read_record, write_record
from platform_assets.pipeline.settling import settled_parts
from platform_assets.pipeline.state import require_open

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from platform_assets.identifiers import RunId
    from platform_assets.pipeline.platform import Platform, RunConfiguration

#: So many records keep a worker busy for long enough to be worth its start.
_WORTH_A_WORKER = 100_000
#: The share of a step's memory with which ids are settled, beside workers that hold a part each.
_SHARE = 8


def admit(platform: Platform, run: RunId, stream: str) -> dict[str, Any]:
    """Admit one stream of a run and return the receipt; a standing receipt is returned as it is.

    Raises:
        RecordMissing: the run was not pinned, or the stream not landed.
        UnknownThing: the run's anchors name no such stream.
        LandingInconsistent: what was landed is not there as its receipt says.
        PredecessorOpen: a run within the dedupe horizon is not closed.
        RunSealed: the run is closed.
        WorkerLost, SpillExhausted: a worker died, or there is no room; nothing was recorded.
    """
    path = layout.admission_receipt_path(run, stream)
    if platform.store.exists(path):
        return read_record(platform.store, path, "admission")
    require_open(platform, run)
    require_stream(platform.anchors(run), run, stream)
    landing = read_record(platform.store, layout.landing_receipt_path(run, stream), "landing")
    with platform.spill() as spill, platform.scratch() as scratch:
        result = _admitted(platform, run, landing, scratch, spill)
    record = admission_record(landing, digest(landing), result)  # 5
    write_record(platform.store, path, record)
    return record


def _admitted(
    platform: Platform, run: RunId, landing: Mapping[str, Any], scratch: Path, spill: Path
) -> AdmissionResult:
    configuration, key = platform.run_configuration(run), staging_key(platform, run)
    task = _task(configuration, landing["stream"], scratch / "made", spill)
    parts = opened_paths(  # 1
        platform.store,
        layout.run_folder(run),
        landing["parts"],
        f"landing of {run}",
        key=key,
        into=scratch,
    )
    count = platform.budget.workers(min(len(parts), _worth(landing)))
    memory = platform.budget.memory // _SHARE
    accepted = AcceptedParts(platform.store, run, task, key)
    aside = AsideParts(platform.store, run, task, key)
    with (
        Horizon(platform, run, configuration.declaration) as horizon,
        workers(count, JudgedStream, task) as pool,
    ):
        accepted.judge(pool, [LandedPart(n, path) for n, path in enumerate(parts)])  # 2
        settled = settled_parts(
            pool, accepted, horizon, task=task, contracts=configuration.contracts, memory=memory
        )  # 3
        aside.write(pool, accepted.judged, settled)  # 4
        consulted = horizon.consulted
    return AdmissionResult(
        partitions=_tallies(landing, accepted, aside),
        reasons=aside.reasons,
        events=accepted.parts,
        repeats=aside.repeats,
        duplicates=aside.duplicates,
        quarantine=aside.quarantine,
        columnar=sum(part.columnar for part in accepted.judged),
        one_by_one=sum(part.one_by_one for part in accepted.judged),
        horizon=consulted,
    )


def _task(configuration: RunConfiguration, stream: str, scratch: Path, spill: Path) -> StreamTask:
    events = [
        DeclaredEvent(
            name=name,
            contract=event.contract,
            documents=dict(configuration.contracts[event.contract].documents),
            id=event.id,
            when=dict(event.when),
        )
        for name, event in configuration.declaration.streams[stream].events.items()
    ]
    scratch.mkdir(mode=0o700)
    return StreamTask(stream, events, scratch, spill)


def _worth(landing: Mapping[str, Any]) -> int:
    """Return for how many workers there is enough to do."""
    return max(int(landing["delivered"]) // _WORTH_A_WORKER, int(landing["bytes"]) // PART_BYTES)


def _tallies(
    landing: Mapping[str, Any], accepted: AcceptedParts, aside: AsideParts
) -> dict[str, PartitionTally]:
    return {
        (name := partition["partition"]): PartitionTally(
            delivered=partition["delivered"],
            admitted=accepted.rows[name] - aside.repeated[name],
            duplicate=aside.duplicated[name],
            quarantined=aside.quarantined[name],
        )
        for partition in landing["partitions"]
    }
