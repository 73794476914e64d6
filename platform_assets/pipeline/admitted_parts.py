"""The parts that an admission stores: accepted rows as judged, and what was set aside of them.

Accepted rows are one part for each landed part and event. Duplicates and quarantined records are few in
most runs and come in the order of landing; their parts end with the landed part that brings them to
`ASIDE_ROWS` or `ASIDE_BYTES`. Either way the parts follow from what was landed, and not from who
judged it.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import polars as pl

from platform_assets.adapters.judged_parts import EXACTLY, judge_part
from platform_assets.adapters.parts import write_frame
from platform_assets.adapters.set_aside import SetAsideTask, set_aside
from platform_assets.pipeline import layout
from platform_assets.pipeline.parts import store_parts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from platform_assets.adapters.data_key import DataKey
    from platform_assets.adapters.dedupe import Settled
    from platform_assets.adapters.judged_parts import JudgedPart, LandedPart, StreamTask
    from platform_assets.adapters.spark.judges import SparkJudges
    from platform_assets.adapters.workers import Workers
    from platform_assets.identifiers import RunId
    from platform_assets.ports.part_files import PartFile
    from platform_assets.ports.store import Store

Listed = list[dict[str, Any]]

#: A part of what is set aside ends with the landed part that brings it to so many rows or raw bytes.
ASIDE_ROWS = 262_144
ASIDE_BYTES = 32 * 1024**2


class AcceptedParts:
    """The accepted rows of a stream, judged and stored; their files stay in scratch to be read."""

    def __init__(self, store: Store, run: RunId, task: StreamTask, key: DataKey | None) -> None:
        self._into = (store, layout.run_folder(run))
        self._folder = layout.admission_folder(run, task.stream)
        self._scratch = task.scratch
        self._key = key
        self.judged: list[JudgedPart] = []
        #: For each event the parts as receipts list them; for each partition the accepted rows.
        self.parts: dict[str, Listed] = {event.name: [] for event in task.events}
        self.rows: Counter[str] = Counter()

    def judge(self, pool: Workers | SparkJudges, landed: Sequence[LandedPart]) -> None:
        """Judge the landed parts, and store what is accepted as it comes, in their order."""
        for part in pool.map(judge_part, landed):
            self.judged.append(part)
            for event in self.parts:
                if event in part.accepted:
                    written = part.accepted[event].part
                    self.rows[part.partition] += written.rows
                    self.parts[event] += self._stored(event, written)

    def _stored(self, event: str, written: PartFile) -> Listed:
        # The store takes the file that it is given, or the plaintext goes; this one is read again.
        given = written.path.with_suffix(".given")
        try:
            os.link(written.path, given)
        except OSError:
            shutil.copyfile(written.path, given)
        parts = [replace(written, path=given)]
        return store_parts(*self._into, f"{self._folder}/{event}", parts, self._key)


class AsideParts:
    """Duplicates and quarantined records of a stream, stored, and how many of each there are."""

    def __init__(
        self, store: Store, run: RunId, task: StreamTask, key: DataKey | None, *, attempt: int = 1
    ) -> None:
        """Begin; whoever settles again numbers the attempts."""
        folder = layout.admission_folder(run, task.stream)
        where = (store, layout.run_folder(run), key, task.scratch / f"aside-{attempt}")
        self._duplicates = _Table(*where, f"{folder}/duplicates")
        self._quarantine = _Table(*where, f"{folder}/quarantine")
        #: Of each event and of each partition the accepted rows that are not admitted.
        self.repeats: Counter[str] = Counter()
        self.repeated: Counter[str] = Counter()
        self.duplicated: Counter[str] = Counter()
        self.quarantined: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()

    @property
    def duplicates(self) -> Listed:
        """The parts of duplicates, as receipts list them."""
        return self._duplicates.parts

    @property
    def quarantine(self) -> Listed:
        """The parts of quarantined records, as receipts list them."""
        return self._quarantine.parts

    def write(self, pool: Workers, judged: Sequence[JudgedPart], settled: Settled) -> None:
        """Write and store what of each landed part is not admitted, in the order of landing."""
        wanted = [
            (part, SetAsideTask(part.landed, part.refused_file, slices))
            for part in judged
            if (slices := settled.slices(part.landed.number)) or part.refused
        ]
        made = pool.map(set_aside, [task for _, task in wanted])
        for (part, _), found in zip(wanted, made, strict=True):
            self.repeats.update(found.repeats)
            self.repeated[part.partition] += sum(found.repeats.values())
            self.duplicated[part.partition] += found.duplicates
            self.quarantined[part.partition] += found.quarantined
            self.reasons.update(found.reasons)
            self._duplicates.add(found.duplicates_file)
            self._quarantine.add(found.quarantine_file)
        self._duplicates.end_part()
        self._quarantine.end_part()


class _Table:
    """Rows that come in files, gathered into parts and stored."""

    def __init__(
        self, store: Store, run_folder: str, key: DataKey | None, scratch: Path, folder: str
    ) -> None:
        self.parts: Listed = []
        self._store, self._run_folder, self._key = store, run_folder, key
        self._scratch = scratch
        self._folder = folder
        self._frames: list[pl.DataFrame] = []
        self._rows = self._bytes = 0

    def add(self, file: Path | None) -> None:
        """Add the rows of a file, and remove it."""
        if file is None:
            return
        frame = pl.scan_ipc(file, **EXACTLY).collect()
        file.unlink()
        self._frames.append(frame)
        self._rows += frame.height
        if "value" in frame.columns:
            sizes = pl.col("key").bin.size().sum() + pl.col("value").bin.size().sum()
            self._bytes += int(frame.select(sizes).item())
        if self._rows >= ASIDE_ROWS or self._bytes >= ASIDE_BYTES:
            self.end_part()

    def end_part(self) -> None:
        """Write and store what was gathered."""
        if not self._frames:
            return
        name = f"part-{len(self.parts):05d}.parquet"
        path = self._scratch / self._folder.rpartition("/")[2] / name
        written = write_frame(pl.concat(self._frames), path)
        self._frames, self._rows, self._bytes = [], 0, 0
        self.parts += store_parts(self._store, self._run_folder, self._folder, [written], self._key)
