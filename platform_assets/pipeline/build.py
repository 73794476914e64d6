"""Building a product from what was admitted.

1. Read the admission receipt, verify the admitted parts, and decrypt those of strict products.
2. Sort into the total order, write deterministic parts, compute the content digest.
3. Place them as a generation, or converge on the one that holds them already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import polars as pl

from platform_assets.adapters.parts import read_parts, sort_frame, write_parts
from platform_assets.canonical import digest
from platform_assets.contracts.columns import POSITION_COLUMNS, Column
from platform_assets.contracts.frames import polars_schema
from platform_assets.errors import UnknownThing
from platform_assets.pipeline.admitted_rows import open_admitted
from platform_assets.pipeline.place import Built, place
from platform_assets.pipeline.state import require_open

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from platform_assets.declarations import ConsumerDeclaration, ProductDeclaration
    from platform_assets.identifiers import RunId
    from platform_assets.pipeline.platform import Platform
    from platform_assets.ports.engines import AdmittedRows
    from platform_assets.ports.part_files import PartFile

_Output = TypeVar("_Output")


def build(platform: Platform, run: RunId, product: str) -> dict[str, Any]:
    """Build one product of a run and return the manifest of the generation that holds it.

    Raises:
        UnknownThing: the run has no such product.
        RecordMissing: its stream was not admitted.
        AdmissionInconsistent: what was admitted is not there as its receipt says.
        GenerationConflict: other writers took every number that was tried.
        RunSealed: the run is closed.
    """
    require_open(platform, run)
    configuration = platform.run_configuration(run)
    declared = declared_output(
        configuration.declaration.products,
        product,
        run,
        "Name a product; a consumer's output is made by running the consumer.",
    )
    stream = configuration.declaration.stream_of(declared.event)
    contract = configuration.contracts[configuration.declaration.event(declared.event).contract]
    columns = (*contract.columns, *POSITION_COLUMNS)
    with platform.scratch() as scratch, platform.scratch() as admitted:
        receipt, given = open_admitted(platform, run, stream, declared.event, admitted)  # 1
        parts, content = write_sorted(_rows(given, columns), columns, declared, scratch)  # 2
        return place(  # 3
            platform,
            Built(
                run=run,
                config_digest=configuration.digest,
                product=product,
                producer={"kind": "event", "name": declared.event},
                columns=columns,
                sort=declared.sort,
                key=(),
                content_digest=content,
                parts=parts,
                inputs=[{"kind": "admission", "name": stream, "digest": digest(receipt)}],
                strict=declared.strict,
            ),
        )


def write_sorted(
    rows: pl.DataFrame,
    columns: Sequence[Column],
    declared: ProductDeclaration | ConsumerDeclaration,
    scratch: Path,
) -> tuple[list[PartFile], str]:
    """Sort rows, write them as deterministic parts, and return these with the content digest."""
    ordered = sort_frame(rows, declared.sort)
    written = write_parts(ordered, columns, scratch, part_rows=declared.part_rows)
    return list(written.parts), written.content_digest


def empty_frame(columns: Sequence[Column]) -> pl.DataFrame:
    """Return a frame of no rows with exactly the columns."""
    return pl.DataFrame(schema=polars_schema(columns))


def _rows(admitted: AdmittedRows, columns: Sequence[Column]) -> pl.DataFrame:
    """Return the accepted rows that are not excluded."""
    if not admitted.accepted:
        return empty_frame(columns)
    rows = read_parts(admitted.accepted, columns)
    if admitted.excluded:
        place = ["_partition", "_offset"]
        excluded = pl.concat(
            pl.scan_parquet(path, glob=False, hive_partitioning=False).select(place)
            for path in admitted.excluded
        )
        rows = rows.join(excluded, on=place, how="anti")
    return rows.collect()


def declared_output(outputs: Mapping[str, _Output], name: str, run: RunId, remedy: str) -> _Output:
    """Return the declaration of a product or consumer of a run.

    Raises:
        UnknownThing: the run has none of that name.
    """
    if name not in outputs:
        raise UnknownThing(
            f"{name} of {run}",
            expected=f"one of {', '.join(outputs) or 'nothing; the feed declares none'}",
            found=repr(name),
            remedy=remedy,
        )
    return outputs[name]
