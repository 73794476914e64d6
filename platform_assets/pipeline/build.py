"""Building a product from what was admitted.

1. Read the admission receipt, verify the admitted parts, and decrypt those of strict products.
2. Sort into the total order, write deterministic parts, compute the content digest.
3. Place them as a generation, or converge on the one that holds them already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import polars as pl

from platform_assets.adapters.parts import PartFile, read_parts, sort_frame, write_parts
from platform_assets.adapters.row_encoding import content_digest
from platform_assets.canonical import digest
from platform_assets.contracts.columns import POSITION_COLUMNS, Column
from platform_assets.contracts.frames import polars_schema
from platform_assets.errors import AdmissionInconsistent, UnknownThing
from platform_assets.pipeline import layout
from platform_assets.pipeline.data_keys import staging_key
from platform_assets.pipeline.parts import opened_paths
from platform_assets.pipeline.place import Built, place
from platform_assets.pipeline.records import read_record
from platform_assets.pipeline.state import require_open

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from platform_assets.declarations import ConsumerDeclaration, ProductDeclaration
    from platform_assets.identifiers import RunId
    from platform_assets.pipeline.platform import Platform

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
        receipt, paths = _admitted(platform, run, stream, declared.event, admitted)  # 1
        rows = read_parts(paths, columns).collect() if paths else empty_frame(columns)
        parts, content = write_sorted(rows, columns, declared, scratch)  # 2
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
    content = content_digest(ordered, columns).value
    return write_parts(ordered, columns, scratch, part_rows=declared.part_rows), content


def empty_frame(columns: Sequence[Column]) -> pl.DataFrame:
    """Return a frame of no rows with exactly the columns."""
    return pl.DataFrame(schema=polars_schema(columns))


def _admitted(
    platform: Platform, run: RunId, stream: str, event: str, into: Path
) -> tuple[dict[str, Any], list[Path]]:
    receipt = read_record(platform.store, layout.admission_receipt_path(run, stream), "admission")
    if event not in receipt["events"]:
        raise AdmissionInconsistent(
            f"admission of {stream} in {run}",
            expected=f"events {event}",
            found=f"events {', '.join(receipt['events']) or 'of no type'}",
            remedy="The receipt was changed from outside. Restore the file.",
        )
    paths = opened_paths(
        platform.store,
        layout.run_folder(run),
        receipt["events"][event]["parts"],
        f"admission of {run}",
        key=staging_key(platform, run),
        into=into,
        refusal=AdmissionInconsistent,
    )
    return receipt, paths


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
