"""Judging what a stream has landed, and settling it against what counts; nothing is recorded here.

1. Verify the landed parts, and decrypt those of strict products.
2. Judge every landed part against the contracts of the stream's events. The accepted rows are written
   and stored as they are; nothing moves them any more.
3. Settle identities: within the run, then against what the runs in the horizon admitted. Only rows
   whose id may occur twice are read for it.
4. Write what is not admitted: duplicates, and quarantined records with their raw bytes. What is
   admitted are the accepted rows without these.

Landed parts are judged in worker processes where there is enough to judge, or by executors where the
stream is declared so. Either write into scratch; this process stores, in the order of landing, so that
durable writes always come in the same order. What follows is done in worker processes, because it is
about few rows.
Settling can be done again, against more than before; what was judged stays.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from platform_assets.adapters.judged_parts import (
    DeclaredEvent,
    JudgedStream,
    LandedPart,
    StreamTask,
)
from platform_assets.adapters.landing_parts import PART_BYTES
from platform_assets.adapters.workers import workers
from platform_assets.flow.admission import AdmissionResult, PartitionTally
from platform_assets.pipeline import layout
from platform_assets.pipeline.admitted_parts import AcceptedParts, AsideParts
from platform_assets.pipeline.data_keys import staging_key
from platform_assets.pipeline.engines import judges_of
from platform_assets.pipeline.parts import opened_paths
from platform_assets.pipeline.settling import EarlierHashes, settled_parts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from platform_assets.adapters.data_key import DataKey
    from platform_assets.adapters.spark.judges import SparkJudges
    from platform_assets.adapters.workers import Workers
    from platform_assets.identifiers import RunId
    from platform_assets.pipeline.horizon import Horizon
    from platform_assets.pipeline.platform import Platform
    from platform_assets.pipeline.run_configuration import RunConfiguration

#: So many records keep a worker busy for long enough to be worth its start.
_WORTH_A_WORKER = 100_000
#: The share of a step's memory with which ids are settled, beside workers that hold a part each.
_SHARE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Landed:
    """A landed stream of a run that is to be admitted, and where there is room for it."""

    platform: Platform
    run: RunId
    landing: Mapping[str, Any]
    configuration: RunConfiguration
    scratch: Path
    spill: Path

    @property
    def stream(self) -> str:
        """The stream's name."""
        return str(self.landing["stream"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A stream whose landed parts are judged, and what it takes to settle it."""

    of: Landed
    task: StreamTask
    key: DataKey | None
    pool: Workers
    accepted: AcceptedParts
    hashes: EarlierHashes

    def settled(self, horizon: Horizon, attempt: int = 1) -> AdmissionResult:
        """Settle what was judged against what counts, and store what is not admitted.

        Raises:
            GateRefusal, AdmissionInconsistent: what an earlier run admitted cannot be read.
            SpillExhausted: there is no room for what does not fit in memory.
        """
        platform, accepted = self.of.platform, self.accepted
        aside = AsideParts(platform.store, self.of.run, self.task, self.key, attempt=attempt)
        settled = settled_parts(
            self.pool,
            accepted,
            horizon,
            task=self.task,
            contracts=self.of.configuration.contracts,
            memory=platform.budget.memory // _SHARE,
            hashes=self.hashes,
        )  # 3
        aside.write(self.pool, accepted.judged, settled)  # 4
        return AdmissionResult(
            partitions=_tallies(self.of.landing, accepted, aside),
            reasons=aside.reasons,
            events=accepted.parts,
            repeats=aside.repeats,
            duplicates=aside.duplicates,
            quarantine=aside.quarantine,
            columnar=sum(part.columnar for part in accepted.judged),
            one_by_one=sum(part.one_by_one for part in accepted.judged),
        )


@contextmanager
def judged(landed: Landed) -> Iterator[Judged]:
    """Judge what was landed; the workers of the steps after it live as long as the context.

    Raises:
        LandingInconsistent: what was landed is not there as its receipt says.
        WorkerLost, SpillExhausted: a worker died, or there is no room.
        EngineMissing, JobFailed: executors are to judge, and cannot, or did not.
    """
    platform, run, landing = landed.platform, landed.run, landed.landing
    key = staging_key(platform, run)
    task = _task(landed.configuration, landed.stream, landed.scratch / "made", landed.spill)
    parts = opened_paths(  # 1
        platform.store,
        layout.run_folder(run),
        landing["parts"],
        f"landing of {run}",
        key=key,
        into=landed.scratch,
    )
    count = platform.budget.workers(min(len(parts), _worth(landing)))
    accepted = AcceptedParts(platform.store, run, task, key)
    numbered = [LandedPart(n, path) for n, path in enumerate(parts)]
    elsewhere = _elsewhere(landed, task)
    if elsewhere is not None:
        accepted.judge(elsewhere, numbered)  # 2
    with workers(count, JudgedStream, task) as pool:
        if elsewhere is None:
            accepted.judge(pool, numbered)  # 2
        yield Judged(
            of=landed,
            task=task,
            key=key,
            pool=pool,
            accepted=accepted,
            hashes=EarlierHashes(),
        )


def _elsewhere(landed: Landed, task: StreamTask) -> SparkJudges | None:
    declared = landed.configuration.declaration
    room = {"scratch": landed.scratch, "spill": landed.spill}
    return judges_of(landed.platform, landed.run, task, declared, **room)


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
