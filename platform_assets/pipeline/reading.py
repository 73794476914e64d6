"""Reading products: the only way in is `open_product`, and what it returns is the proof.

The steps are those of `platform_assets.flow.gate`; steps 0 to 6 are decided there from the bytes that
are collected here, steps 7 and 8 are done here.
"""

from __future__ import annotations

import glob
from typing import TYPE_CHECKING, Any

from platform_assets.adapters.parts import read_parts
from platform_assets.contracts.columns import Column, column_from_json
from platform_assets.errors import PartMissing
from platform_assets.flow.gate import Permit, decide
from platform_assets.pipeline.product_parts import verified_product_parts
from platform_assets.pipeline.standing import collect
from platform_assets.pipeline.teardown_records import refused_for_teardown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import duckdb
    import polars as pl
    import pyarrow.dataset as ds

    from platform_assets.identifiers import RunId
    from platform_assets.pipeline.platform import Platform

_GATE = object()


class CertifiedProduct:
    """A product that may be read: exactly the certified parts of one generation.

    Only the gate makes one. It never globs: every reader gets the manifest's list of files.
    """

    def __init__(self, permit: Permit, paths: Sequence[Path], *, made_by: object) -> None:
        if made_by is not _GATE:
            raise RuntimeError("a CertifiedProduct is made by open_product only")
        self._permit = permit
        self._paths = tuple(paths)

    @property
    def run(self) -> RunId:
        """The run that made the product."""
        return self._permit.run

    @property
    def name(self) -> str:
        """The product's name."""
        return self._permit.product

    @property
    def generation(self) -> int:
        """The generation that is certified."""
        return self._permit.generation

    @property
    def manifest(self) -> Mapping[str, Any]:
        """The manifest that the certificate names."""
        return self._permit.manifest

    @property
    def manifest_digest(self) -> str:
        """The digest of the manifest."""
        return self._permit.manifest_digest

    @property
    def certificate(self) -> Mapping[str, Any]:
        """The certificate under which the product may be read."""
        return self._permit.certificate

    @property
    def certificate_digest(self) -> str:
        """The digest of the signed certificate."""
        return self._permit.certificate_digest

    @property
    def rows(self) -> int:
        """The number of rows of all parts."""
        return int(self._permit.manifest["rows"])

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns, in order."""
        return tuple(column_from_json(column) for column in self._permit.manifest["columns"])

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files of the parts, in order."""
        return self._paths

    def scan(self) -> pl.LazyFrame:
        """Return a Polars lazy frame over exactly the certified parts, in their order."""
        return read_parts(self._paths, self.columns)

    def dataset(self) -> ds.Dataset:
        """Return an Arrow dataset over exactly the certified parts."""
        import pyarrow.dataset as ds  # noqa: PLC0415 - slow to import, and few readers need it

        return ds.dataset([str(path) for path in self._paths], format="parquet")

    def relation(self, connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
        """Return a DuckDB relation over exactly the certified parts."""
        # DuckDB expands patterns in names, and takes columns from folders called `a=b`
        exactly = [glob.escape(str(path)) for path in self._paths]
        return connection.read_parquet(exactly, hive_partitioning=False)


def open_product(
    platform: Platform, run: RunId, product: str, *, strict: bool = False
) -> CertifiedProduct:
    """Open a product through the gate.

    Args:
        platform: the opened home.
        run: the run that made the product.
        product: the product's name.
        strict: hash every part now, whatever is remembered.

    Raises:
        GateRefusal: the product may not be read; the class says why.
        InvalidName, UnknownThing: there is no such product.
        EvidenceInconsistent: the run's seal and its evidence do not belong together.
    """
    found = collect(platform, run, product)
    permit = decide(found, platform.trust)
    try:
        paths = verified_product_parts(platform, found, permit, strict=strict)  # 7
    except PartMissing as error:
        raise refused_for_teardown(platform, error, run) from error
    return CertifiedProduct(permit, paths, made_by=_GATE)  # 8
