"""Building a product from what was admitted.

1. Read the admission receipt, verify the admitted parts, and decrypt those of strict products.
2. Have the product's engine sort into the total order, write parts and compute the content digest.
3. Place them as a generation, or converge on the one that holds them already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from platform_assets.canonical import digest
from platform_assets.contracts.columns import POSITION_COLUMNS
from platform_assets.errors import UnknownThing
from platform_assets.pipeline.admitted_rows import open_admitted
from platform_assets.pipeline.engines import engine_of
from platform_assets.pipeline.place import Built, place
from platform_assets.pipeline.state import require_open
from platform_assets.ports.engines import ProductJob

if TYPE_CHECKING:
    from collections.abc import Mapping

    from platform_assets.identifiers import RunId
    from platform_assets.pipeline.platform import Platform

_Output = TypeVar("_Output")


def build(platform: Platform, run: RunId, product: str) -> dict[str, Any]:
    """Build one product of a run and return the manifest of the generation that holds it.

    Raises:
        UnknownThing: the run has no such product.
        RecordMissing: its stream was not admitted.
        AdmissionInconsistent: what was admitted is not there as its receipt says.
        SpillExhausted: there is not enough room for what does not fit in memory.
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
    with (
        platform.spill() as spill,
        platform.scratch() as scratch,
        platform.scratch() as opened,
    ):
        receipt, admitted = open_admitted(platform, run, stream, declared.event, opened)  # 1
        engine = engine_of(platform, run, product, declared, spill)
        job = ProductJob(admitted, columns, declared.sort, declared.part_rows)
        made = engine.make(job, scratch)  # 2
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
                content_digest=made.content_digest,
                parts=made.parts,
                inputs=[{"kind": "admission", "name": stream, "digest": digest(receipt)}],
                strict=declared.strict,
                engine=engine.identity,
                profile=made.profile,
            ),
        )


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
