"""The plaintext of an encrypted product, for as long as somebody reads it.

It is decrypted when it is first asked for, into a scratch folder that only its owner may enter. The
folder goes with this object, at the latest when the process ends; what a killed process leaves is swept
like every scratch folder. Whoever derives something lazy from the files, a frame, a relation or a
dataset, keeps this object alive with it.
"""

from __future__ import annotations

import os
import shutil
import threading
import weakref
from typing import TYPE_CHECKING

from platform_assets.errors import PartAltered
from platform_assets.pipeline import layout
from platform_assets.pipeline.encrypted_parts import decrypted
from platform_assets.pipeline.scratch import make_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import polars as pl
    import pyarrow.dataset as ds

    from platform_assets.adapters.data_key import DataKey
    from platform_assets.flow.gate import Permit
    from platform_assets.pipeline.platform import Platform


class PlainParts:
    """The parts of one encrypted generation under its data key."""

    def __init__(self, platform: Platform, permit: Permit, key: DataKey) -> None:
        self._store = platform.store
        self._scratch = platform.scratch_root
        self._permit = permit
        self._key = key
        self._files: tuple[Path, ...] | None = None
        self._closed = False
        self._lock = threading.Lock()
        self._removal: weakref.finalize[[Path, int], PlainParts] | None = None

    def files(self) -> tuple[Path, ...]:
        """Return the plaintext files, in order.

        Raises:
            PartAltered: a stored part is not what the manifest says; nothing is left of the others.
            RuntimeError: it was closed.
        """
        with self._lock:
            if self._closed:
                raise RuntimeError("the product was closed; open it again to read it")
            if self._files is None:
                try:
                    self._files = tuple(self._decrypt())
                except BaseException:
                    self._remove()
                    raise
            return self._files

    def close(self) -> None:
        """Remove the plaintext; what was derived from it cannot be read any more."""
        with self._lock:
            self._closed = True
            self._remove()

    def _remove(self) -> None:
        if self._removal is not None:
            self._removal()
        self._removal = self._files = None

    def _decrypt(self) -> list[Path]:
        permit = self._permit
        folder = layout.generation_folder(permit.run, permit.product, permit.generation)
        into = make_folder(self._scratch)
        self._removal = weakref.finalize(self, _remove, into, os.getpid())
        paths = [(f"{folder}/{part['name']}", part) for part in permit.manifest["parts"]]
        return decrypted(
            [(path, self._store.local_path(path), part) for path, part in paths],
            self._key,
            into,
            refusal=PartAltered,
            remedy="The store was changed from outside. Restore it from a copy.",
        )


def _remove(folder: Path, process: int) -> None:
    if os.getpid() == process:  # a process that was forked does not own it
        shutil.rmtree(folder, ignore_errors=True)


def mapped(parts: PlainParts) -> ds.Dataset:
    """Return an Arrow dataset over the plaintext.

    It has the files mapped, and so they are there for it and for what is made of it, also when their
    folder is gone.
    """
    import pyarrow as pa  # noqa: PLC0415 - slow to import, and few readers need it
    import pyarrow.dataset as ds  # noqa: PLC0415

    parquet = ds.ParquetFileFormat()
    fragments = [parquet.make_fragment(pa.memory_map(str(file))) for file in parts.files()]
    return ds.FileSystemDataset(fragments, fragments[0].physical_schema, parquet)


def lazily(parts: PlainParts, schema: pl.Schema) -> pl.LazyFrame:
    """Return a lazy frame over the plaintext that keeps the files for as long as any plan needs them.

    Columns, filters and limits that the plan pushes down are applied part by part.
    """
    import polars as pl  # noqa: PLC0415 - slow to import
    from polars.io.plugins import register_io_source  # noqa: PLC0415

    def read(
        columns: list[str] | None,
        predicate: pl.Expr | None,
        limit: int | None,
        batch_size: int | None,
    ) -> Iterator[pl.DataFrame]:
        del batch_size  # a part is a batch
        for file in parts.files():
            rows = pl.scan_parquet(
                file,
                schema=schema,
                glob=False,
                hive_partitioning=False,
                missing_columns="raise",
                extra_columns="raise",
            )
            if predicate is not None:
                rows = rows.filter(predicate)
            if columns is not None:
                rows = rows.select(columns)
            if limit is not None:
                rows = rows.head(limit)
            found = rows.collect()
            yield found
            if limit is not None and (limit := limit - found.height) <= 0:
                return

    return register_io_source(read, schema=dict(schema))
