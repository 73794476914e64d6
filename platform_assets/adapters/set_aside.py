"""What of a landed part is not admitted: its duplicates, and its quarantined records with their bytes.

A quarantined record was refused, or contradicts an event that stands. It keeps its raw key and value,
its position and all its reasons; those of a contradiction are read again from the landed part, because
who judges lets go of the bytes of what it accepts.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from platform_assets.adapters.dedupe import read_settled
from platform_assets.adapters.judged_parts import EXACTLY, POSITION, JudgedStream
from platform_assets.contracts.reasons import ReasonCode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from platform_assets.adapters.judged_parts import LandedPart

_REASONS = pl.List(pl.Struct({"code": pl.String, "where": pl.String, "detail": pl.String}))
_QUARANTINE = (*POSITION, "event", "key", "value", "reasons")
_FIRST = ("first_run", "first_stream", "first_partition", "first_offset")


@dataclass(frozen=True, slots=True)
class SetAsideTask:
    """A landed part, the file of its refused records if there are any, and what is not first in it."""

    landed: LandedPart
    refused_file: Path | None
    settled: Sequence[tuple[Path, int, int]]


@dataclass(frozen=True, slots=True)
class SetAside:
    """Duplicates and quarantined records of a landed part, by offset, in files if there are any.

    ``repeats`` says how many accepted rows of each event are not admitted; ``reasons`` how many
    quarantined records carry each code.
    """

    duplicates: int
    quarantined: int
    duplicates_file: Path | None
    quarantine_file: Path | None
    repeats: Mapping[str, int]
    reasons: Mapping[str, int]


def set_aside(stream: JudgedStream, task: SetAsideTask) -> SetAside:
    """Write what of a landed part is not admitted: the task of a worker."""
    number, scratch = task.landed.number, stream.task.scratch
    refused = task.refused_file
    quarantine = [] if refused is None else [pl.scan_ipc(refused, **EXACTLY).collect()]
    duplicates, repeats = pl.DataFrame(), dict[str, int]()
    if task.settled:
        rows = read_settled(task.settled)
        repeats = dict(rows.group_by("event").len().iter_rows())
        duplicates = _duplicates(rows.filter("same"))
        contradicting = rows.filter(~pl.col("same"))
        if contradicting.height:
            quarantine.append(_with_raw(_contradictions(contradicting), task.landed.path))
    aside = pl.concat(quarantine).sort("_offset") if quarantine else pl.DataFrame()
    return SetAside(
        duplicates=duplicates.height,
        quarantined=aside.height,
        duplicates_file=_written(duplicates, scratch / f"duplicates-{number:05d}.arrow"),
        quarantine_file=_written(aside, scratch / f"quarantine-{number:05d}.arrow"),
        repeats=repeats,
        reasons=_reason_counts(aside) if aside.height else {},
    )


def _duplicates(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(*POSITION, "event", *_FIRST, event_id="id").select(
        *POSITION, "event", "event_id", *_FIRST
    )


def _contradictions(rows: pl.DataFrame) -> pl.DataFrame:
    first = pl.format(
        "the first event of this id is {} {}:{} of {}",
        "first_stream",
        "first_partition",
        "first_offset",
        pl.col("first_run").fill_null("this run"),
    )
    reason = pl.struct(
        code=pl.lit(ReasonCode.PAYLOAD_MISMATCH.value), where=pl.lit(""), detail=first
    )
    return rows.select(*POSITION, "event", reasons=pl.concat_list(reason).cast(_REASONS))


def _with_raw(rows: pl.DataFrame, landed: Path) -> pl.DataFrame:
    raw = (
        pl.scan_parquet(landed, **EXACTLY)
        .select("key", "value", _offset="offset")
        .filter(pl.col("_offset").is_in(rows["_offset"].implode()))
    )
    joined = rows.lazy().join(raw, on="_offset", how="left", maintain_order="left")
    return joined.select(_QUARANTINE).collect()


def _written(rows: pl.DataFrame, path: Path) -> Path | None:
    if rows.is_empty():
        return None
    rows.write_ipc(path)
    return path


def _reason_counts(quarantine: pl.DataFrame) -> dict[str, int]:
    """Count each code once for each record that carries it."""
    codes = pl.col("reasons").list.eval(pl.element().struct.field("code")).list.unique()
    counts: Counter[str] = Counter()
    for found, rows in (
        quarantine.select(codes)
        .explode("reasons")
        .drop_nulls()
        .group_by("reasons")
        .len()
        .iter_rows()
    ):
        counts[found] = rows
    return dict(counts)
