"""Judging landed parts by a Spark job: hand over, launch, take back, verify.

1. Hand the verified landed parts and the description of the job over to where the executors read.
2. Launch the job, wait for its end and take its result.
3. Take what was judged, one landed part after another in the order of landing: the file that tells of
   it, and the files that this one names. Each has the bytes that its writer hashed. They come to lie
   where a worker process would have written them.

Durable writes are no matter of the job: whoever asked for the parts stores them, in their order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from platform_assets.adapters.hash_buckets import HashFile
from platform_assets.adapters.judged_parts import Accepted, JudgedPart, judge_part
from platform_assets.adapters.spark.judging_description import JudgingDescription, ToldPart
from platform_assets.ports.part_files import PartFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from platform_assets.adapters.judged_parts import JudgedStream, LandedPart, StreamTask
    from platform_assets.adapters.spark.judging_description import ToldAccepted
    from platform_assets.adapters.spark.launched import Launched


class SparkJudges:
    """Executors that judge the landed parts of one stream, asked like `workers.Workers`."""

    def __init__(self, job: Launched, task: StreamTask, properties: Mapping[str, str]) -> None:
        self._job = job
        self._task = task
        self._properties = properties

    def map(
        self,
        function: Callable[[JudgedStream, LandedPart], JudgedPart],
        tasks: Iterable[LandedPart],
    ) -> Iterator[JudgedPart]:
        """Return what became of the landed parts, in their order.

        Raises:
            RuntimeError: another function than `judge_part` is given.
            EngineMissing: Spark is not installed, or its libraries are not those that are here.
            JobFailed: the job failed, or did not what it was told.
        """
        if function is not judge_part:
            raise RuntimeError("Spark judges landed parts; other tasks are for worker processes")
        landed = list(tasks)
        if not landed:
            return
        job = self._job
        try:
            result = job.run(self._described(landed), self._task.scratch)  # 1, 2
            if len(result.judged) != len(landed):
                raise job.failed(f"{len(landed)} judged parts", f"{len(result.judged)}")
            for part, told in zip(landed, result.judged, strict=True):
                file = self._task.scratch / "told.json"
                job.take(told, file)  # 3
                yield self._judged(part, ToldPart.from_json(file.read_bytes()))
        finally:
            job.exchange.clear()

    def _described(self, landed: list[LandedPart]) -> JudgingDescription:
        exchange = self._job.exchange
        return JudgingDescription(
            name=self._job.name,
            stream=self._task.stream,
            events=tuple(self._task.events),
            landed=tuple(exchange.give([part.path for part in landed])),
            folder=exchange.folder,
            result=self._job.result_file,
            properties=dict(self._properties),
        )

    def _judged(self, landed: LandedPart, told: ToldPart) -> JudgedPart:
        events = {event.name for event in self._task.events}
        if told.number != landed.number or not events.issuperset(told.accepted):
            found = f"part {told.number} with {', '.join(told.accepted) or 'nothing'}"
            raise self._job.failed(f"part {landed.number} with some of {sorted(events)}", found)
        refused = None
        if told.refused_file is not None:
            refused = self._task.refused_path(landed.number)
            self._job.take(told.refused_file, refused)
        return JudgedPart(
            landed,
            partition=told.partition,
            accepted={e: self._accepted(e, landed.number, a) for e, a in told.accepted.items()},
            refused=told.refused,
            refused_file=refused,
            columnar=told.columnar,
            one_by_one=told.one_by_one,
        )

    def _accepted(self, event: str, number: int, told: ToldAccepted) -> Accepted:
        path = self._task.accepted_path(event, number)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._job.take(told.part, path)
        hashes = self._task.hashes_path(event, number)
        self._job.take(told.hashes, hashes)
        return Accepted(
            PartFile(path.name, path, told.part.size, told.part.sha256, told.rows),
            HashFile(hashes, number, told.hashed, np.array(told.cells, np.int64), told.hashed),
        )
