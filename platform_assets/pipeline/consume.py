"""Running a consumer: read certified products, make a product, record what was read.

1. Open every input through the gate: of this run, and of the closed runs before it.
2. Call the consumer's function with lazy frames over exactly these products, or make what a ledger or a
   slice is declared to be. The answer is streamed into a file, if it is lazy, and never held whole.
3. Hold the answer against the contract, sort and write it, and place it as a generation.
4. Record the consumption: every input with its manifest and certificate, and the output.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from platform_assets.adapters.embedded_engine import EmbeddedEngine
from platform_assets.adapters.full_disks import disk_problem
from platform_assets.canonical import digest, rfc3339
from platform_assets.errors import (
    ConsumerFailed,
    PlatformError,
    RecordConflict,
    ScopeViolation,
)
from platform_assets.flow.secret_scan import without_known
from platform_assets.pipeline import layout
from platform_assets.pipeline.answers import Answer, require_conforming, written_answer
from platform_assets.pipeline.build import declared_output
from platform_assets.pipeline.functions import load_function
from platform_assets.pipeline.horizon import closed_history
from platform_assets.pipeline.ledgers import made_as_declared
from platform_assets.pipeline.place import Built, place
from platform_assets.pipeline.reading import CertifiedProduct, open_product
from platform_assets.pipeline.records import read_record, write_record
from platform_assets.pipeline.state import is_closed, require_open
from platform_assets.pipeline.withheld_output import secrets_withheld
from platform_assets.ports.engines import AdmittedRows, ProductJob

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from platform_assets.contracts.columns import Column
    from platform_assets.declarations import ConsumerDeclaration
    from platform_assets.identifiers import RunId
    from platform_assets.pipeline.platform import Platform


@dataclass(frozen=True, slots=True)
class _Inputs:
    """The certified products that a consumer reads, by name, earliest run first."""

    products: dict[str, list[CertifiedProduct]]

    def frames(self) -> dict[str, pl.LazyFrame]:
        return {
            name: pl.concat(
                opened.scan().with_columns(_run=pl.lit(str(opened.run))) for opened in products
            )
            for name, products in self.products.items()
        }

    def and_also(self, read: Sequence[CertifiedProduct]) -> _Inputs:
        more = {opened.name: [each for each in read if each.name == opened.name] for opened in read}
        return _Inputs({**self.products, **more})

    def listed(self) -> list[CertifiedProduct]:
        return [opened for products in self.products.values() for opened in products]


def consume(platform: Platform, run: RunId, consumer: str) -> dict[str, Any]:
    """Run one consumer of a run and return the manifest of its output.

    Raises:
        GateRefusal: an input may not be read.
        ConsumerFailed: the function raised, or its answer does not meet its contract.
        UnknownThing: the run has no such consumer.
        RunSealed: the run is closed.
    """
    require_open(platform, run)
    configuration = platform.run_configuration(run)
    declared = declared_output(
        configuration.declaration.consumers,
        consumer,
        run,
        "Name a consumer; list what the feed declares: platform-assets feeds",
    )
    inputs = open_inputs(platform, run, declared)  # 1
    columns = configuration.contracts[declared.contract].columns
    with (
        platform.spill() as spill,
        platform.scratch() as scratch,
        platform.scratch() as answered,
    ):
        engine = EmbeddedEngine(platform.budget, spill)
        into = answered / "answer.parquet"
        if declared.function is None:  # 2
            made = made_as_declared(platform, run, consumer, declared, inputs.frames())
            inputs, as_of = inputs.and_also(made.read), made.as_of
            answer = written_answer(made.rows, columns, into)
        else:
            as_of = {}
            answer = _call(platform, run, consumer, declared, inputs, columns=columns, into=into)
        thing = f"consumer {consumer} of {run}"
        require_conforming(answer, columns, declared.key, engine.room, thing)  # 3
        rows = AdmittedRows([answer.file], (), answer.rows)
        built = engine.make(ProductJob(rows, columns, declared.sort, declared.part_rows), scratch)
        manifest = place(
            platform,
            Built(
                run=run,
                config_digest=configuration.digest,
                product=consumer,
                producer={"kind": "consumer", "name": consumer},
                columns=columns,
                sort=declared.sort,
                key=declared.key,
                content_digest=built.content_digest,
                parts=built.parts,
                inputs=[
                    {
                        "kind": "certificate",
                        "name": f"{opened.name} of {opened.run}",
                        "digest": opened.certificate_digest,
                    }
                    for opened in inputs.listed()
                ],
                strict=declared.strict,
                engine=engine.identity,
                profile=built.profile,
            ),
        )
    _record(platform, run, consumer, inputs, manifest=manifest, as_of=as_of)  # 4
    return manifest


def open_inputs(platform: Platform, run: RunId, declared: ConsumerDeclaration) -> _Inputs:
    """Open what a consumer of a run reads.

    Raises:
        GateRefusal: an input may not be read.
        ScopeViolation: a run before this one, which it reads, is not closed.
        PredecessorOpen: a correction of a window that it reads is open, or such a window itself where
            windows go side by side.
    """
    products: dict[str, list[CertifiedProduct]] = {}
    for given in declared.reads:
        if not given.this_run:
            continue  # whoever makes the output opens what was known
        runs = [*closed_history(platform, run, given.history_runs), run]
        products[given.product] = [
            open_product(platform, _in_scope(platform, run, each), given.product) for each in runs
        ]
    return _Inputs(products)


def _in_scope(platform: Platform, run: RunId, each: RunId) -> RunId:
    if each != run and not is_closed(platform, each):
        raise ScopeViolation(
            f"consumer of {run}",
            expected=f"products of {run}, or of closed runs",
            found=f"{each}, which is open",
            remedy=f"Close it first: platform-assets close {each}",
        )
    return each


def _call(
    platform: Platform,
    run: RunId,
    name: str,
    declared: ConsumerDeclaration,
    inputs: _Inputs,
    *,
    columns: Sequence[Column],
    into: Path,
) -> Answer:
    secrets = platform.secret_values()
    assert declared.function is not None  # what has none is not called
    function = load_function(declared.function, platform.home, secrets)
    try:
        with secrets_withheld(secrets):
            answer = function(inputs.frames(), {**declared.parameters, "run_id": str(run)})
            return written_answer(answer, columns, into)
    except (PlatformError, KeyboardInterrupt):
        raise
    except BaseException as error:  # a function that exits or an engine that panics has failed too
        if disk_problem(error):
            raise
        raise ConsumerFailed(
            f"consumer {name} of {run}",
            expected=f"{declared.function} to return a frame",
            found=without_known(f"{type(error).__name__}: {error}", secrets),
            remedy=f"Mend the function, then run it again: platform-assets materialize {name} "
            f"--run {run}",
        ) from error


def _record(
    platform: Platform,
    run: RunId,
    consumer: str,
    inputs: _Inputs,
    *,
    manifest: dict[str, Any],
    as_of: dict[str, Any],
) -> None:
    path = layout.consumption_path(run, consumer, manifest["generation"])
    record = {
        "record": "consumption",
        "version": 1,
        "run_id": str(run),
        "config_digest": manifest["config_digest"],
        "consumer": consumer,
        "generation": manifest["generation"],
        "inputs": [
            {
                "product": opened.name,
                "run_id": str(opened.run),
                "generation": opened.generation,
                "manifest_digest": opened.manifest_digest,
                "certificate_digest": opened.certificate_digest,
                "rows": opened.rows,
            }
            for opened in inputs.listed()
        ],
        "output": {
            "product": consumer,
            "generation": manifest["generation"],
            "manifest_digest": digest(manifest),
        },
        **({"as_of": as_of} if as_of else {}),
        "recorded_at": rfc3339(platform.clock.now()),
    }
    try:
        write_record(platform.store, path, record)
    except RecordConflict:
        standing = read_record(platform.store, path, "consumption")
        if any(standing[k] != v for k, v in record.items() if k != "recorded_at"):
            raise
