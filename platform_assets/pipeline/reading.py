"""Reading products: the only way in is `open_product`, and what it returns is the proof.

The steps are those of `platform_assets.flow.gate`; steps 0 to 6 are decided there from the bytes that
are collected here, steps 7 and 8 are done here. That a part has its recorded hash may be remembered
within the process under the identity of the stored object (inode and times, or object version).
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from platform_assets.adapters.parts import read_parts, sha256_file
from platform_assets.canonical import digest_bytes
from platform_assets.contracts.columns import Column, column_from_json
from platform_assets.errors import (
    ObjectMissing,
    PartAltered,
    PartMissing,
    PartUnlisted,
    UnknownThing,
)
from platform_assets.flow.gate import Found, Permit, Sealed, decide
from platform_assets.flow.policy import policy_of
from platform_assets.identifiers import RunId, check_name
from platform_assets.pipeline import layout
from platform_assets.pipeline.state import sealed_bundle

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import duckdb
    import polars as pl
    import pyarrow.dataset as ds

    from platform_assets.pipeline.platform import Platform

_GATE = object()
_verified: dict[tuple[str, str], str] = {}


class CertifiedProduct:
    """A product that may be read: exactly the certified parts of one generation.

    Only the gate makes one. It never globs: every reader gets the manifest's list of files.
    """

    def __init__(self, permit: Permit, paths: list[Path], *, made_by: object) -> None:
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
        return connection.read_parquet([str(path) for path in self._paths])


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
    """
    found = _collect(platform, run, check_name(product, "product"))
    permit = decide(found, platform.trust)
    paths = _verified_parts(platform, permit, strict=strict)  # 7
    return CertifiedProduct(permit, paths, made_by=_GATE)  # 8


def newest_generation(platform: Platform, run: RunId, product: str) -> int | None:
    """Return the highest generation that was claimed or written, None where there is none."""
    folder = layout.product_folder(run, product)
    numbers = {
        int(match[1])
        for path in platform.store.list(folder)
        if (match := re.match(r"(\d{4})/", path.removeprefix(f"{folder}/")))
    }
    return max(numbers, default=None)


def newest_certificate(
    platform: Platform, run: RunId, product: str, generation: int
) -> bytes | None:
    """Return the newest certificate of a generation, None where there is none."""
    issues = platform.store.list(layout.certificate_folder(run, product, generation))
    return platform.store.read(max(issues)) if issues else None


def declared_policy(platform: Platform, run: RunId, product: str) -> dict[str, Any]:
    """Return the policy that is declared now for a product or a consumer's output.

    Raises:
        UnknownThing: the feed declares no such product.
    """
    outputs = platform.feed(run.feed).outputs()
    if product not in outputs:
        raise UnknownThing(
            f"product {product} of feed {run.feed}",
            expected=f"one of {', '.join(outputs)}",
            found=repr(product),
            remedy="List what the feed declares: platform-assets feeds",
        )
    return policy_of(product, outputs[product].checks)


def _collect(platform: Platform, run: RunId, product: str) -> Found:
    sealed = _sealed_product(platform, run, product)
    generation = sealed.generation if sealed else newest_generation(platform, run, product)
    number = generation or 1
    before = run.predecessor
    return Found(
        run=run,
        product=product,
        generation=generation,
        anchors=_bytes(platform, layout.anchors_path(run)),
        predecessor=_bytes(platform, layout.anchors_path(before)) if before else None,
        successor=_bytes(platform, layout.anchors_path(RunId(run.feed, run.sequence + 1))),
        manifest=_bytes(platform, layout.manifest_path(run, product, number)),
        certificate=_certificate(platform, run, product, number, sealed),
        revocation=_bytes(platform, layout.revocation_path(run, product, number)),
        policy=sealed.policy if sealed else declared_policy(platform, run, product),
        sealed=sealed,
    )


def _certificate(
    platform: Platform, run: RunId, product: str, generation: int, sealed: Sealed | None
) -> bytes | None:
    if sealed is not None:
        for path in platform.store.list(layout.certificate_folder(run, product, generation)):
            data = platform.store.read(path)
            if digest_bytes(data) == sealed.certificate_digest:
                return data
    return newest_certificate(platform, run, product, generation)


def _sealed_product(platform: Platform, run: RunId, product: str) -> Sealed | None:
    bundle = sealed_bundle(platform, run)
    if bundle is None or product not in bundle["products"]:
        return None
    entry = bundle["products"][product]
    return Sealed(
        entry["generation"], entry["manifest_digest"], entry["certificate_digest"], entry["policy"]
    )


def _bytes(platform: Platform, path: str) -> bytes | None:
    try:
        return platform.store.read(path)
    except ObjectMissing:
        return None


def _verified_parts(platform: Platform, permit: Permit, *, strict: bool) -> list[Path]:
    folder = layout.generation_folder(permit.run, permit.product, permit.generation)
    listed = {f"{folder}/{part['name']}": part for part in permit.manifest["parts"]}
    own = {f"{folder}/manifest.json", f"{folder}/claim.json"}
    thing = f"{permit.product} of {permit.run}"
    extra = set(platform.store.list(folder)) - set(listed) - own
    if extra:
        raise PartUnlisted(
            thing,
            expected=f"the {len(listed)} parts that the manifest lists",
            found=f"also {', '.join(sorted(extra))}",
            remedy="Remove what the platform did not write; find out who did.",
        )
    with ThreadPoolExecutor() as pool:
        return list(
            pool.map(
                lambda item: _verified_part(platform, thing, *item, strict=strict), listed.items()
            )
        )


def _verified_part(
    platform: Platform, thing: str, path: str, part: Mapping[str, Any], *, strict: bool
) -> Path:
    try:
        stat, local = platform.store.stat(path), platform.store.local_path(path)
    except ObjectMissing as error:
        raise PartMissing(
            f"{part['name']} of {thing}",
            expected=f"{part['size']} bytes",
            found="nothing",
            remedy="Restore the part, or build a new generation: platform-assets materialize "
            f"{thing.replace(' of ', ' --run ')}",
        ) from error
    remembered = (str(local), stat.version)
    if strict or stat.size != part["size"] or _verified.get(remembered) != part["sha256"]:
        found = sha256_file(local)
        if stat.size != part["size"] or found != part["sha256"]:
            raise PartAltered(
                f"{part['name']} of {thing}",
                expected=f"{part['size']} bytes, sha256 {part['sha256']}",
                found=f"{stat.size} bytes, sha256 {found}",
                remedy="The part was changed after certification. Restore it, or build and certify "
                f"a new generation: platform-assets materialize {thing.replace(' of ', ' --run ')}",
            )
        _verified[remembered] = found
    return local
