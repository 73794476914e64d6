"""Building a product of a day, in scratch.

1. Gather the rows of the day: one file per run, streamed out of its certified parts.
2. Have the embedded engine sort them into the total order, write parts and compute the content digest.
3. Require that this digest is what the slices of the day merge to. Nothing is lost, nothing is doubled.

Order, rows of a part and columns are those of the newest of its runs, so that the same runs give the
same bytes, whatever is declared by then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from platform_assets.adapters.embedded_engine import EmbeddedEngine
from platform_assets.canonical import digest
from platform_assets.contracts.columns import column_as_json
from platform_assets.errors import AdmissionInconsistent, CompactionInconsistent
from platform_assets.pipeline import layout
from platform_assets.pipeline.reading import open_product
from platform_assets.pipeline.slices import of_day
from platform_assets.ports.engines import AdmittedRows, ProductJob

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from platform_assets.adapters.data_key import DataKey
    from platform_assets.pipeline.day_inputs import Considered, DayInputs
    from platform_assets.pipeline.platform import Platform
    from platform_assets.ports.part_files import PartFile


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltDay:
    """A product of a day that is written to scratch and not yet placed, and the engine that did."""

    feed: str
    product: str
    inputs: DayInputs
    checkpoint: Mapping[str, Any]
    left_out: Sequence[Mapping[str, str]]
    sort: Sequence[str]
    parts: Sequence[PartFile]
    engine: Mapping[str, str]
    strict: bool = False

    @property
    def thing(self) -> str:
        """How errors name the product."""
        return f"{self.product} of {self.feed} of {self.inputs.day}"

    @property
    def folder(self) -> str:
        """Where its generations stand."""
        return layout.day_folder(self.feed, self.product, self.inputs.day)

    @property
    def kinds(self) -> tuple[str, str]:
        """The kinds of its two records: the claim of a generation, and its manifest."""
        return "day_generation", "day_manifest"

    def under(self, key: DataKey | None, generation: int) -> Self:
        """Return it as it is: a strict product is not compacted."""
        del key, generation
        return self

    def manifest(self, generation: int, code: dict[str, Any]) -> dict[str, Any]:
        """Return the manifest that the product has as that generation."""
        return {
            "record": "day_manifest",
            "version": 1,
            **self._named(),
            "generation": generation,
            "checkpoint": dict(self.checkpoint),
            "columns": [column_as_json(column) for column in self.inputs.columns],
            "sort": list(self.sort),
            "rows": sum(part.rows for part in self.parts),
            "content_digest": self.inputs.digest().value,
            "parts": [{"name": part.name, **part.listed()} for part in self.parts],
            "inputs": self.inputs.listed(),
            "left_out": [dict(left) for left in self.left_out],
            "code": {**code, "engine": dict(self.engine)},
        }

    def claim(self, manifest: dict[str, Any]) -> dict[str, Any]:
        """Return the record that claims the generation of a manifest."""
        return {
            "record": "day_generation",
            "version": 1,
            **self._named(),
            "generation": manifest["generation"],
            "manifest_digest": digest(manifest),
        }

    def beside(self) -> None:
        """Return nothing: the profiles of the runs tell of the rows of a day."""

    def _named(self) -> dict[str, str]:
        return {"feed": self.feed, "product": self.product, "day": self.inputs.day}


def build_day(
    platform: Platform, looked: Considered, inputs: DayInputs, scratch: Path, spill: Path
) -> BuiltDay:
    """Write the rows of a day into scratch.

    Raises:
        GateRefusal: a run may not be read.
        CompactionInconsistent: the rows are not those that the slices tell.
        SpillExhausted, MemoryExceeded: there is not enough room to sort them.
    """
    last = (inputs.runs or looked.runs)[-1]
    sort = tuple(open_product(platform, last.run, looked.product).manifest["sort"])
    declared = platform.run_configuration(last.run).declaration.products[looked.product]
    expected, engine = inputs.digest(), EmbeddedEngine(platform.budget, spill)
    rows = AdmittedRows(_gathered(platform, inputs, scratch / "gathered"), (), expected.rows)  # 1
    job = ProductJob(rows, inputs.columns, sort, declared.part_rows)
    try:
        made = engine.make(job, scratch / "parts")  # 2
    except AdmissionInconsistent as error:
        raise _inconsistent(looked, inputs, f"{error.found} rows") from error
    if made.content_digest != expected.value:  # 3
        raise _inconsistent(looked, inputs, f"{made.rows:,} rows, {made.content_digest}")
    return BuiltDay(
        feed=looked.feed,
        product=looked.product,
        inputs=inputs,
        checkpoint=looked.checkpoint,
        left_out=[{"run_id": str(run), "why": why} for run, why in looked.left_out.items()],
        sort=sort,
        parts=made.parts,
        engine=engine.identity,
    )


def _gathered(platform: Platform, inputs: DayInputs, into: Path) -> list[Path]:
    into.mkdir()
    paths = []
    for number, slices in enumerate(inputs.runs):
        rows = open_product(platform, slices.run, slices.product).scan()
        path = into / f"{number:08d}.parquet"
        rows.filter(of_day(rows.collect_schema(), slices.time, inputs.day)).sink_parquet(path)
        paths.append(path)
    return paths


def _inconsistent(looked: Considered, inputs: DayInputs, found: str) -> CompactionInconsistent:
    expected = inputs.digest()
    return CompactionInconsistent(
        f"{looked.product} of {looked.feed} of {inputs.day}",
        expected=f"{expected.rows:,} rows that the slices of its runs merge to, {expected.value}",
        found=found,
        remedy="Nothing was published. Report this as a defect, with the runs' evidence.",
    )
