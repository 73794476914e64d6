"""Reading products: the only way in is `open_product`, and what it returns is the proof.

The steps are those of `platform_assets.flow.gate`; steps 0 to 6 are decided there from the bytes that
are collected here, steps 7 and 8 are done here. Of a strict product, step 8 takes the key that the
certificate released, and decrypts when it is first read.
"""

from __future__ import annotations

import glob
import weakref
from typing import TYPE_CHECKING, Any, Self

from platform_assets.adapters.parts import read_parts
from platform_assets.contracts.columns import Column, column_from_json
from platform_assets.contracts.frames import polars_schema
from platform_assets.errors import PartMissing, RunOpen
from platform_assets.flow.gate import Permit, decide
from platform_assets.pipeline.corrections import standing_runs
from platform_assets.pipeline.data_keys import released_key
from platform_assets.pipeline.plain_parts import PlainParts, lazily, mapped
from platform_assets.pipeline.product_parts import verified_product_parts
from platform_assets.pipeline.standing import collect, declared_output
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

    The files of a strict product are decrypted when they are first needed, into a private folder that
    goes with this object and with what `scan`, `dataset` and `relation` made of it; used as a context,
    it removes them at the end.
    """

    def __init__(
        self, permit: Permit, paths: Sequence[Path], *, plain: PlainParts | None, made_by: object
    ) -> None:
        if made_by is not _GATE:
            raise RuntimeError("a CertifiedProduct is made by open_product only")
        self._permit = permit
        self._paths = tuple(paths)
        self._plain = plain

    def __enter__(self) -> Self:
        """Return the product; what was decrypted of it goes with the end of the context."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove what was decrypted; the product cannot be read any more."""
        if self._plain is not None:
            self._plain.close()

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
        """The files of the parts, in order; those of a strict product live as long as this object."""
        return self._paths if self._plain is None else self._plain.files()

    def scan(self) -> pl.LazyFrame:
        """Return a Polars lazy frame over exactly the certified parts, in their order."""
        if self._plain is not None:
            return lazily(self._plain, polars_schema(self.columns))
        return read_parts(self._paths, self.columns)

    def dataset(self) -> ds.Dataset:
        """Return an Arrow dataset over exactly the certified parts."""
        import pyarrow.dataset as ds  # noqa: PLC0415 - slow to import, and few readers need it

        if self._plain is not None:
            return mapped(self._plain)
        return ds.dataset([str(path) for path in self._paths], format="parquet")

    def relation(self, connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
        """Return a DuckDB relation over exactly the certified parts."""
        # DuckDB expands patterns in names, and takes columns from folders called `a=b`
        exactly = [glob.escape(str(path)) for path in self.paths]
        if self._plain is not None:  # a relation holds its connection
            weakref.finalize(connection, _let_go, self._plain)
        return connection.read_parquet(exactly, hive_partitioning=False)


def _let_go(plain: PlainParts) -> None:
    """Be the last to have held the plaintext."""
    del plain


def open_latest(
    platform: Platform, feed: str, product: str, *, strict: bool = False
) -> CertifiedProduct:
    """Open a product of the newest window of a feed that is closed, as its newest closed run has it.

    Where that may not be read, for example because it was revoked, nothing is: an older one is not the
    latest.

    Raises:
        GateRefusal: the product may not be read; the class says why.
        UnknownThing: there is no such feed or product.
        RunOpen: no run of the feed is closed yet.
    """
    declared_output(platform, feed, product)
    standing = standing_runs(platform, feed)
    if not standing:
        raise RunOpen(
            f"the latest {product} of {feed}",
            expected="a closed run",
            found="none",
            remedy=f"Take the first window to its closure: platform-assets run {feed}",
        )
    return open_product(platform, standing[-1], product, strict=strict)


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
        KeyMissing, KeyDenied, KeyInvalid: it is strict, and the release key does not serve here.
        KeyServiceUnreachable: it is strict, and nobody could be asked for its key.
        InvalidName, UnknownThing: there is no such product.
        EvidenceInconsistent: the run's seal and its evidence do not belong together.
    """
    permit, paths = _verified(platform, run, product, strict=strict)
    plain = None
    if "encryption" in permit.manifest:
        plain = PlainParts(platform, permit, released_key(platform, permit.certificate))
    return CertifiedProduct(permit, paths, plain=plain, made_by=_GATE)  # 8


def verify_product(platform: Platform, run: RunId, product: str, *, strict: bool = False) -> Permit:
    """Hold a product against the gate without opening it: steps 0 to 7, for which no key is needed.

    Raises:
        GateRefusal: the product may not be read; the class says why.
        InvalidName, UnknownThing: there is no such product.
        EvidenceInconsistent: the run's seal and its evidence do not belong together.
    """
    return _verified(platform, run, product, strict=strict)[0]


def _verified(
    platform: Platform, run: RunId, product: str, *, strict: bool
) -> tuple[Permit, list[Path]]:
    found = collect(platform, run, product)
    permit = decide(found, platform.trust)
    try:
        paths = verified_product_parts(platform, found, permit, strict=strict)  # 7
    except PartMissing as error:
        raise refused_for_teardown(platform, error, run) from error
    return permit, paths
