"""Certified parts: what the gate hands out, of a product of one run or of one day.

Whoever holds one holds the proof. It never globs: every reader gets the manifest's list of files.
"""

from __future__ import annotations

import glob
import weakref
from typing import TYPE_CHECKING, Any, Protocol, Self

from platform_assets.adapters.parts import read_parts
from platform_assets.contracts.columns import Column, column_from_json
from platform_assets.contracts.frames import polars_schema
from platform_assets.pipeline.plain_parts import PlainParts, lazily, mapped

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import duckdb
    import polars as pl
    import pyarrow.dataset as ds

#: Who may make certified parts; only the modules of the gate have it.
GATE = object()


class Permitted(Protocol):
    """The proof that the steps of the gate hold for one manifest."""

    @property
    def product(self) -> str:
        """The product's name."""

    @property
    def generation(self) -> int:
        """The generation that is certified."""

    @property
    def manifest(self) -> Mapping[str, Any]:
        """The manifest that the certificate names."""

    @property
    def manifest_digest(self) -> str:
        """The digest of the manifest."""

    @property
    def certificate(self) -> Mapping[str, Any]:
        """The certificate under which the product may be read."""

    @property
    def certificate_digest(self) -> str:
        """The digest of the signed certificate."""


class CertifiedParts:
    """Parts that may be read: exactly the certified ones of one generation. Only the gate makes them.

    The files of a strict product are decrypted when they are first needed, into a private folder that
    goes with this object and with what `scan`, `dataset` and `relation` made of it; used as a context,
    it removes them at the end.
    """

    def __init__(
        self, permit: Permitted, paths: Sequence[Path], *, plain: PlainParts | None, made_by: object
    ) -> None:
        if made_by is not GATE:
            raise RuntimeError(f"a {type(self).__name__} is made by the gate only")
        self._permitted = permit
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
    def name(self) -> str:
        """The product's name."""
        return self._permitted.product

    @property
    def generation(self) -> int:
        """The generation that is certified."""
        return self._permitted.generation

    @property
    def manifest(self) -> Mapping[str, Any]:
        """The manifest that the certificate names."""
        return self._permitted.manifest

    @property
    def manifest_digest(self) -> str:
        """The digest of the manifest."""
        return self._permitted.manifest_digest

    @property
    def certificate(self) -> Mapping[str, Any]:
        """The certificate under which the product may be read."""
        return self._permitted.certificate

    @property
    def certificate_digest(self) -> str:
        """The digest of the signed certificate."""
        return self._permitted.certificate_digest

    @property
    def rows(self) -> int:
        """The number of rows of all parts."""
        return int(self._permitted.manifest["rows"])

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns, in order."""
        return tuple(column_from_json(column) for column in self._permitted.manifest["columns"])

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
