"""Judging landed parts, one at a time and in any process: what is accepted, what is refused, which ids.

1. The accepted rows of a landed part are one Parquet part for each event type, in landing order: the
   contract's columns and the position of each row. The bytes follow from the landed part alone.
2. The refused records of a landed part keep their raw key and value beside their reasons.
3. The ids of the accepted rows are spilled as hashes (`hash_buckets`), by which those are found that
   may occur more than once.

A landed part holds records of one partition. Whoever judges is told of a stream in values that can be
sent to another process, and keeps nothing between two parts.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import polars as pl

from platform_assets.adapters.full_disks import DiskFull, disk_problem
from platform_assets.adapters.hash_buckets import HashFile, key_hashes, spill_hashes
from platform_assets.adapters.parts import write_frame
from platform_assets.contracts.columns import POSITION_COLUMNS
from platform_assets.contracts.judge import EventRule, StreamJudge
from platform_assets.contracts.registry import Contract

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from platform_assets.adapters.hash_buckets import Ordinals
    from platform_assets.contracts.columns import Column
    from platform_assets.ports.part_files import PartFile

#: A path is that file's name: no pattern, and nothing to take columns from.
EXACTLY: dict[str, Any] = {"glob": False, "hive_partitioning": False}
POSITION = tuple(column.name for column in POSITION_COLUMNS)


@dataclass(frozen=True, slots=True)
class DeclaredEvent:
    """An event of a stream as another process can be told of it; ``id`` is a dotted path."""

    name: str
    contract: str
    documents: Mapping[str, str]
    id: str
    when: Mapping[str, str | int | bool]

    def rule(self) -> EventRule:
        """Return the rule by which records are known to be this event, its contract compiled."""
        return EventRule(
            name=self.name,
            contract=Contract.from_documents(self.contract, self.documents),
            id_path=tuple(self.id.split(".")),
            when={tuple(path.split(".")): value for path, value in self.when.items()},
        )


@dataclass(frozen=True, slots=True)
class StreamTask:
    """What all parts of a stream share: its events, and where to write parts and what is spilled."""

    stream: str
    events: Sequence[DeclaredEvent]
    scratch: Path
    spill: Path

    def accepted_path(self, event: str, number: int) -> Path:
        """Return where the accepted rows of a landed part are written."""
        return self.scratch / "accepted" / event / f"part-{number:05d}.parquet"

    def hashes_path(self, event: str, number: int) -> Path:
        """Return where the hashes of their ids are spilled."""
        return self.spill / f"{event}-{number:06d}.hashes"

    def refused_path(self, number: int) -> Path:
        """Return where the refused records of a landed part are written."""
        return self.scratch / f"refused-{number:05d}.arrow"


@dataclass(frozen=True, slots=True)
class LandedPart:
    """A landed part: its number in landing order and its verified, decrypted file."""

    number: int
    path: Path


@dataclass(frozen=True, slots=True)
class Accepted:
    """The accepted rows of one event in one landed part, and the hashes of their ids."""

    part: PartFile
    hashes: HashFile


@dataclass(frozen=True, slots=True)
class JudgedPart:
    """What became of a landed part; events without accepted rows are left out.

    ``refused_file`` holds the refused records, where there are any.
    """

    landed: LandedPart
    partition: str
    accepted: Mapping[str, Accepted]
    refused: int
    refused_file: Path | None
    columnar: int
    one_by_one: int


class JudgedStream:
    """A stream whose contracts are compiled, ready to judge its parts."""

    def __init__(self, task: StreamTask) -> None:
        """Compile the contracts.

        Raises:
            ContractInvalid: one cannot be used.
        """
        rules = [event.rule() for event in task.events]
        self.task = task
        self.ids = {event.name: event.id for event in task.events}
        self.columns: dict[str, tuple[Column, ...]] = {r.name: r.contract.columns for r in rules}
        # positions, and what is the same in all rows: a sort leaves out what statistics call so
        self._looked_at = {event.name: {*POSITION, *event.when} for event in task.events}
        self._judge = StreamJudge(rules)

    def writing_to(self, scratch: Path, spill: Path) -> JudgedStream:
        """Return this stream, compiled as it is, which writes into other folders."""
        other = copy(self)
        other.task = replace(self.task, scratch=scratch, spill=spill)
        return other

    def judge(self, landed: LandedPart) -> JudgedPart:
        """Judge a landed part, and write what came of it."""
        rows = pl.read_parquet(
            landed.path, columns=["partition", "offset", "key", "value"], **EXACTLY
        )
        verdicts = self._judge.judge(rows["value"])
        accepted = {
            event: self._accept(event, landed.number, frame, rows)
            for event, frame in verdicts.accepted.items()
            if frame.height
        }
        refused = verdicts.refused.height
        return JudgedPart(
            landed,
            partition=rows["partition"][0],
            accepted=accepted,
            refused=refused,
            refused_file=self._refuse(landed.number, verdicts.refused, rows) if refused else None,
            columnar=verdicts.columnar,
            one_by_one=verdicts.one_by_one,
        )

    def _accept(
        self, event: str, number: int, frame: pl.DataFrame, landed: pl.DataFrame
    ) -> Accepted:
        hashes = spilled(frame.select("_id"), self.task.hashes_path(event, number), number)
        placed = self._placed(frame.drop("_id"), landed)
        path = self.task.accepted_path(event, number)
        statistics = [name for name in placed.columns if name in self._looked_at[event]]
        return Accepted(write_frame(placed, path, statistics=statistics), hashes)

    def _refuse(self, number: int, frame: pl.DataFrame, landed: pl.DataFrame) -> Path:
        raw = landed.select("key", "value")[frame["_row"]]
        placed = self._placed(frame.hstack(raw), landed)
        path = self.task.refused_path(number)
        placed.select(*POSITION, "event", "key", "value", "reasons").write_ipc(path)
        return path

    def _placed(self, frame: pl.DataFrame, landed: pl.DataFrame) -> pl.DataFrame:
        """Replace the row index within the part by the row's position."""
        if frame.height < landed.height:
            landed = landed.select("partition", "offset")[frame["_row"]]
        return frame.drop("_row").with_columns(
            pl.lit(self.task.stream).alias("_stream"),
            landed["partition"].alias("_partition"),
            landed["offset"].alias("_offset"),
        )


def judge_part(stream: JudgedStream, landed: LandedPart) -> JudgedPart:
    """Judge a landed part: the task of a worker that was prepared as a `JudgedStream`."""
    return stream.judge(landed)


def spilled(
    keys: pl.DataFrame, path: Path, source: int, counting: Ordinals | None = None
) -> HashFile:
    """Spill the hashes of some keys, or of those that count.

    Raises:
        DiskFull: there is no room for them.
    """
    try:
        return spill_hashes(key_hashes(keys), path, source, counting)
    except OSError as error:
        problem = disk_problem(error)
        if not problem:
            raise
        raise DiskFull(problem) from error
