"""Placing a built product as a generation.

1. Where the standing generation holds the same product, converge on it: a part that is missing is put
   back. Where a part or a record of it was changed, do not.
2. Else claim the next generation, put the parts, then the manifest, which completes it.

A claim names the digest of the manifest that it will hold. An attempt that finds its own claim without
a manifest finishes it; one that finds another's claim takes the next number.

The parts of a strict product are encrypted before they are placed, under a key that the claim holds,
wrapped. So an attempt that meets a claim encrypts under its key to tell whether it holds the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from platform_assets.adapters.data_key import DataKey
from platform_assets.adapters.part_encryption import SCHEME
from platform_assets.canonical import digest
from platform_assets.contracts.columns import Column, column_as_json
from platform_assets.errors import (
    GenerationConflict,
    KeyInvalid,
    PartAltered,
    PartNotRegular,
    RecordConflict,
    RecordInvalid,
    RecordMissing,
    RecordNotCanonical,
)
from platform_assets.flow.manifests import manifest_of, same_product
from platform_assets.pipeline import layout
from platform_assets.pipeline.data_keys import claimed, claimed_key
from platform_assets.pipeline.encrypted_parts import encrypted
from platform_assets.pipeline.parts import put_part, require_same
from platform_assets.pipeline.records import read_record, write_record
from platform_assets.pipeline.standing import newest_generation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platform_assets.adapters.parts import PartFile
    from platform_assets.identifiers import RunId
    from platform_assets.pipeline.platform import Platform

_MAX_ATTEMPTS = 100
_MAX_GENERATION = 9999
_DAMAGED = (
    KeyInvalid,
    PartAltered,
    PartNotRegular,
    RecordInvalid,
    RecordMissing,
    RecordNotCanonical,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A product that is written to scratch and not yet placed.

    ``parts`` are in the clear until `under` encrypts those of a strict product.
    """

    run: RunId
    config_digest: str
    product: str
    producer: dict[str, str]
    columns: Sequence[Column]
    sort: Sequence[str]
    key: Sequence[str]
    content_digest: str
    parts: Sequence[PartFile]
    inputs: Sequence[dict[str, str]]
    strict: bool
    encryption: dict[str, str] | None = None

    def under(self, key: DataKey | None, generation: int) -> Built:
        """Return the product as that generation stores it: encrypted where there is a key."""
        if key is None:
            return self
        folder = layout.generation_folder(self.run, self.product, generation)
        into = self.parts[0].path.parent / f"{generation:04d}.{key.key_id}"
        return replace(
            self,
            parts=[encrypted(part, folder, key, into) for part in self.parts],
            encryption={"scheme": SCHEME, "key_id": key.key_id},
        )

    def manifest(self, generation: int, code: dict[str, Any]) -> dict[str, Any]:
        """Return the manifest that the product has as that generation."""
        return manifest_of(
            self.run,
            self.config_digest,
            product=self.product,
            generation=generation,
            producer=self.producer,
            columns=[column_as_json(column) for column in self.columns],
            sort=self.sort,
            key=self.key,
            content_digest=self.content_digest,
            parts=[{"name": part.name, **part.listed()} for part in self.parts],
            inputs=self.inputs,
            code=code,
            encryption=self.encryption,
        )


def place(platform: Platform, built: Built) -> dict[str, Any]:
    """Make a built product a generation, or converge on the one that holds it already.

    Raises:
        GenerationConflict: other writers took every number that was tried.
    """
    code = platform.code()
    for _ in range(_MAX_ATTEMPTS):
        newest = newest_generation(platform, built.run, built.product) or 0
        standing = _standing(platform, built, newest, code) if newest else None
        if standing is not None:
            return standing
        if newest >= _MAX_GENERATION:
            break
        key = DataKey.new() if built.strict else None
        stored = built.under(key, newest + 1)
        manifest = stored.manifest(newest + 1, code)
        if _claim(platform, stored, manifest, key):
            return _complete(platform, stored, manifest)
    raise GenerationConflict(
        f"{built.product} of {built.run}",
        expected=f"a free generation number up to {_MAX_GENERATION}",
        found=f"generation {newest}, taken by others",
        remedy="Stop the other writers, move away what the platform did not write, then materialize "
        "again.",
    )


def _standing(
    platform: Platform, built: Built, generation: int, code: dict[str, Any]
) -> dict[str, Any] | None:
    """Return the generation's manifest where it holds the product, whole, else None."""
    path = layout.manifest_path(built.run, built.product, generation)
    claim_path = layout.generation_claim_path(built.run, built.product, generation)
    try:
        if platform.store.exists(path):
            standing = read_record(platform.store, path, "manifest")
            stored = _as_claimed(platform, built, generation) if built.strict else built
            same = same_product(standing, stored.manifest(generation, code))
            same = same and standing["generation"] == generation
            return _complete(platform, stored, standing) if same else None  # 1
        if not platform.store.exists(claim_path):
            return None
        claim = read_record(platform.store, claim_path, "generation")
        stored = _as_claimed(platform, built, generation) if built.strict else built
        manifest = stored.manifest(generation, code)
        if claim["manifest_digest"] != digest(manifest):
            return None
        return _complete(platform, stored, manifest)
    except _DAMAGED:
        return None


def _as_claimed(platform: Platform, built: Built, generation: int) -> Built:
    """Return the product under the key of a claim that stands."""
    path = layout.generation_claim_path(built.run, built.product, generation)
    claim = read_record(platform.store, path, "generation")
    return built.under(claimed_key(platform, claim), generation)


def _claim(platform: Platform, built: Built, manifest: dict[str, Any], key: DataKey | None) -> bool:
    claim: dict[str, Any] = {
        "record": "generation",
        "version": 1,
        "run_id": str(built.run),
        "config_digest": built.config_digest,
        "product": built.product,
        "generation": manifest["generation"],
        "manifest_digest": digest(manifest),
    }
    if key is not None:
        claim["key"] = claimed(platform, key, manifest)
    path = layout.generation_claim_path(built.run, built.product, manifest["generation"])
    try:
        write_record(platform.store, path, claim)
    except RecordConflict:
        return False
    return True


def _complete(platform: Platform, built: Built, manifest: dict[str, Any]) -> dict[str, Any]:
    generation = manifest["generation"]  # 2
    folder = layout.generation_folder(built.run, built.product, generation)
    # All are compared before any is moved there: another generation may need every one.
    paths = {f"{folder}/{part.name}": part for part in built.parts}
    absent = {p: part for p, part in paths.items() if not require_same(platform.store, p, part)}
    for path, part in absent.items():
        put_part(platform.store, path, part)
    write_record(
        platform.store, layout.manifest_path(built.run, built.product, generation), manifest
    )
    return manifest
