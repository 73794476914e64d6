"""Admission of one landed stream: judge, settle, write, account.

1. Read the landing receipt, verify the landed parts, and decrypt those of strict products.
2. Judge every record against the contracts of the stream's events.
3. Settle identities: within the run, then against the certified products of closed runs in the horizon.
4. Write admitted, duplicate and quarantined rows.
5. Record the receipt, which adds up or is not written.
"""

from __future__ import annotations

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import polars as pl

from platform_assets.adapters.dedupe import Settled, settle
from platform_assets.adapters.parts import write_frame
from platform_assets.canonical import digest
from platform_assets.contracts.judge import EventRule, StreamJudge, Verdicts
from platform_assets.contracts.reasons import ReasonCode
from platform_assets.flow.admission import AdmissionResult, PartitionTally, admission_record
from platform_assets.pipeline import layout
from platform_assets.pipeline.data_keys import staging_key
from platform_assets.pipeline.horizon import Horizon
from platform_assets.pipeline.land import require_stream
from platform_assets.pipeline.parts import opened_paths, store_parts
from platform_assets.pipeline.records import read_record, write_record
from platform_assets.pipeline.state import require_open

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from platform_assets.identifiers import RunId
    from platform_assets.pipeline.platform import Platform, RunConfiguration

_REASONS = pl.List(pl.Struct({"code": pl.String, "where": pl.String, "detail": pl.String}))
#: A path is that file's name: no pattern, and nothing to take columns from.
_EXACTLY: dict[str, Any] = {"glob": False, "hive_partitioning": False}
_POSITION = ("_stream", "_partition", "_offset")


def admit(platform: Platform, run: RunId, stream: str) -> dict[str, Any]:
    """Admit one stream of a run and return the receipt; a standing receipt is returned as it is.

    Raises:
        RecordMissing: the run was not pinned, or the stream not landed.
        UnknownThing: the run's anchors name no such stream.
        LandingInconsistent: what was landed is not there as its receipt says.
        PredecessorOpen: a run within the dedupe horizon is not closed.
        RunSealed: the run is closed.
    """
    path = layout.admission_receipt_path(run, stream)
    if platform.store.exists(path):
        return read_record(platform.store, path, "admission")
    require_open(platform, run)
    require_stream(platform.anchors(run), run, stream)
    landing = read_record(platform.store, layout.landing_receipt_path(run, stream), "landing")
    with platform.scratch() as scratch:
        result = _admitted(platform, run, stream, landing, scratch)
    record = admission_record(landing, digest(landing), result)  # 5
    write_record(platform.store, path, record)
    return record


def _admitted(
    platform: Platform, run: RunId, stream: str, landing: Mapping[str, Any], scratch: Path
) -> AdmissionResult:
    configuration, key = platform.run_configuration(run), staging_key(platform, run)
    own = layout.run_folder(run)
    parts = opened_paths(  # 1
        platform.store, own, landing["parts"], f"landing of {run}", key=key, into=scratch
    )
    judged = _judge(configuration, stream, parts)  # 2
    horizon = Horizon(platform, run, configuration.declaration)
    settled = {  # 3
        event: settle(
            rows,
            configuration.contracts[configuration.declaration.event(event).contract].columns,
            partial(horizon.admitted_before, event),
        )
        for event, rows in judged.accepted().items()
    }
    quarantine = judged.quarantine(settled)

    def put(name: str, frame: pl.DataFrame) -> list[dict[str, Any]]:  # 4
        written = [write_frame(frame, scratch / f"{name}.parquet")] if frame.height else []
        folder = f"{layout.admission_folder(run, stream)}/{name}"
        return store_parts(platform.store, own, folder, written, key)

    return AdmissionResult(
        partitions=_tallies(landing, settled, quarantine),
        reasons=_reason_counts(quarantine),
        events={event: put(event, rows.admitted.drop("_id")) for event, rows in settled.items()},
        duplicates=put("duplicates", _duplicates(settled)),
        quarantine=put("quarantine", quarantine),
        columnar=judged.columnar,
        one_by_one=judged.one_by_one,
        horizon=horizon.consulted,
    )


@dataclass
class _Judged:
    """Verdicts over all parts of a stream, in the order of partition and offset."""

    frames: dict[str, list[pl.DataFrame]]
    refused: list[pl.DataFrame] = field(default_factory=list)
    parts: list[Path] = field(default_factory=list)
    columnar: int = 0
    one_by_one: int = 0

    def add(self, path: Path, stream: str, positions: pl.DataFrame, verdicts: Verdicts) -> None:
        """Add the verdicts on the next part, with the positions of its rows."""
        self.parts.append(path)
        self.columnar += verdicts.columnar
        self.one_by_one += verdicts.one_by_one
        for event, frame in verdicts.accepted.items():
            self.frames[event].append(_placed(frame, stream, positions))
        self.refused.append(_placed(verdicts.refused, stream, positions))

    def accepted(self) -> dict[str, pl.DataFrame]:
        """Return the accepted rows of each event type."""
        return {event: pl.concat(frames) for event, frames in self.frames.items()}

    def quarantine(self, settled: Mapping[str, Settled]) -> pl.DataFrame:
        """Return every refused or contradicting record with its raw bytes and its reasons."""
        mismatched = [_mismatches(event, rows.mismatches) for event, rows in settled.items()]
        contradicting = self._with_raw(pl.concat(mismatched))
        columns = (*_POSITION, "event", "key", "value", "reasons")
        rows = [frame.select(columns) for frame in (*self.refused, contradicting)]
        return pl.concat(rows).sort(_POSITION)

    def _with_raw(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Fetch key and value of rows that were accepted first, so that their bytes were let go."""
        if rows.is_empty():
            return rows.with_columns(key=pl.lit(None, pl.Binary), value=pl.lit(None, pl.Binary))
        raw = pl.scan_parquet(self.parts, **_EXACTLY).select(
            _partition="partition", _offset="offset", key="key", value="value"
        )
        wanted = rows.lazy()
        return wanted.join(
            raw.filter(pl.col("_offset").is_in(rows["_offset"].implode())),
            on=["_partition", "_offset"],
            how="left",
        ).collect()


def _judge(configuration: RunConfiguration, stream: str, parts: list[Path]) -> _Judged:
    declared = configuration.declaration.streams[stream]
    judge = StreamJudge(
        [
            EventRule(
                name=name,
                contract=configuration.contracts[event.contract],
                id_path=tuple(event.id.split(".")),
                when={tuple(path.split(".")): value for path, value in event.when.items()},
            )
            for name, event in declared.events.items()
        ]
    )
    nothing = judge.judge(pl.Series([], dtype=pl.Binary))
    judged = _Judged({name: [_placed(f, stream, None)] for name, f in nothing.accepted.items()})
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as threads:  # engines let go of the GIL
        for path, part in zip(parts, threads.map(partial(_judge_part, judge), parts), strict=True):
            judged.add(path, stream, *part)
    return judged


def _judge_part(judge: StreamJudge, path: Path) -> tuple[pl.DataFrame, Verdicts]:
    """Return the verdicts on a landed part, beside the positions and raw bytes that they need."""
    landed = pl.read_parquet(path, columns=["partition", "offset", "key", "value"], **_EXACTLY)
    verdicts = judge.judge(landed["value"])
    rows = verdicts.refused["_row"]
    raw = (landed["key"].gather(rows), landed["value"].gather(rows))
    refused = verdicts.refused.with_columns(raw)
    return landed.select("partition", "offset"), replace(verdicts, refused=refused)


def _placed(frame: pl.DataFrame, stream: str, landed: pl.DataFrame | None) -> pl.DataFrame:
    """Replace the row index within a batch by the row's position; without a batch, only the type."""
    rows = frame["_row"]
    if landed is None:
        landed = pl.DataFrame(schema={"partition": pl.String, "offset": pl.Int64})
    elif frame.height < landed.height:
        landed = landed.select("partition", "offset")[rows]
    return frame.drop("_row").with_columns(
        pl.lit(stream).alias("_stream"),
        landed["partition"].alias("_partition"),
        landed["offset"].alias("_offset"),
    )


def _mismatches(event: str, rows: pl.DataFrame) -> pl.DataFrame:
    code = ReasonCode.PAYLOAD_MISMATCH.value
    first = pl.format(
        "the first event of this id is {} {}:{} of {}",
        "first_stream",
        "first_partition",
        "first_offset",
        pl.col("first_run").fill_null("this run"),
    )
    reason = pl.struct(code=pl.lit(code), where=pl.lit(""), detail=first)
    return rows.select(
        event=pl.lit(event),
        reasons=reason.implode().over("_seq", mapping_strategy="join").cast(_REASONS)
        if rows.height
        else pl.lit(None, _REASONS),
        _stream="_stream",
        _partition="_partition",
        _offset="_offset",
    )


def _duplicates(settled: Mapping[str, Settled]) -> pl.DataFrame:
    return pl.concat(
        rows.duplicates.select(
            *_POSITION,
            event=pl.lit(event),
            event_id="_id",
            first_run="first_run",
            first_stream="first_stream",
            first_partition="first_partition",
            first_offset="first_offset",
        )
        for event, rows in settled.items()
    ).sort(_POSITION)


def _tallies(
    landing: Mapping[str, Any], settled: Mapping[str, Settled], quarantine: pl.DataFrame
) -> dict[str, PartitionTally]:
    admitted = _by_partition(rows.admitted for rows in settled.values())
    duplicate = _by_partition(rows.duplicates for rows in settled.values())
    quarantined = _by_partition([quarantine])
    return {
        (name := partition["partition"]): PartitionTally(
            partition["delivered"], admitted[name], duplicate[name], quarantined[name]
        )
        for partition in landing["partitions"]
    }


def _by_partition(frames: Iterable[pl.DataFrame]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for frame in frames:
        counts.update(dict(frame.group_by("_partition").len().iter_rows()))
    return counts


def _reason_counts(quarantine: pl.DataFrame) -> dict[str, int]:
    codes = quarantine.select(
        pl.col("reasons").list.eval(pl.element().struct.field("code")).list.unique()
    )
    return dict(codes.explode("reasons").drop_nulls().group_by("reasons").len().iter_rows())
