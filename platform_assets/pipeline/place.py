"""Placing a built product as a generation.

1. Where the standing generation holds the same product, converge on it: a part that is missing is put
   back. Where a part or a record of it was changed, do not.
2. Else claim the next generation, put the parts and the profile, then the manifest, which completes it.

A claim names the digest of the manifest that it will hold. An attempt that finds its own claim without
a manifest finishes it; one that finds another's claim takes the next number.

The parts of a strict product are encrypted before they are placed, under a key that the claim holds,
wrapped. So an attempt that meets a claim encrypts under its key to tell whether it holds the same. The
profile of a strict product is stored in the clear, and tells how many rows and nulls there are, and of
no value.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, Self

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
from platform_assets.pipeline.standing import newest_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platform_assets.flow.profile import Profile
    from platform_assets.identifiers import RunId
    from platform_assets.pipeline.platform import Platform
    from platform_assets.ports.part_files import PartFile

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


class Placeable(Protocol):
    """What can be placed as a generation: a product of a run, or of a day.

    ``parts`` are in the clear until `under` encrypts those of a strict product.
    """

    @property
    def thing(self) -> str:
        """How errors name it."""

    @property
    def folder(self) -> str:
        """Where its generations stand."""

    @property
    def kinds(self) -> tuple[str, str]:
        """The kinds of its two records: the claim of a generation, and its manifest."""

    @property
    def parts(self) -> Sequence[PartFile]:
        """The parts, in order, in scratch."""

    @property
    def strict(self) -> bool:
        """Whether the parts are to be encrypted."""

    def under(self, key: DataKey | None, generation: int) -> Self:
        """Return it as that generation stores it: encrypted where there is a key."""

    def manifest(self, generation: int, code: dict[str, Any]) -> dict[str, Any]:
        """Return the manifest that it has as that generation."""

    def claim(self, manifest: dict[str, Any]) -> dict[str, Any]:
        """Return the record that claims the generation of a manifest."""

    def beside(self) -> tuple[str, dict[str, Any]] | None:
        """Return the profile that its manifest names, with its path; None where it has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A product of a run that is written to scratch and not yet placed.

    ``parts`` are in the clear until `under` encrypts those of a strict product. ``engine`` is the one
    that wrote them, by name and version.
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
    engine: dict[str, str]
    profile: Profile | None = None
    encryption: dict[str, str] | None = None

    @property
    def thing(self) -> str:
        """How errors name the product."""
        return f"{self.product} of {self.run}"

    @property
    def folder(self) -> str:
        """Where its generations stand."""
        return layout.product_folder(self.run, self.product)

    @property
    def kinds(self) -> tuple[str, str]:
        """The kinds of its two records: the claim of a generation, and its manifest."""
        return "generation", "manifest"

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
        profiled = self.beside()
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
            code={**code, "engine": self.engine},
            encryption=self.encryption,
            profile=None if profiled is None else digest(profiled[1]),
        )

    def beside(self) -> tuple[str, dict[str, Any]] | None:
        """Return the profile that its manifest names, with its path; None where it has none."""
        if self.profile is None:
            return None
        told = self.profile.without_values() if self.strict else self.profile
        record = {
            "record": "profile",
            "version": 1,
            "run_id": str(self.run),
            "config_digest": self.config_digest,
            "product": self.product,
            "content_digest": self.content_digest,
            **told.as_json(),
        }
        return layout.profile_path(self.run, self.product, digest(record)), record

    def claim(self, manifest: dict[str, Any]) -> dict[str, Any]:
        """Return the record that claims the generation of a manifest."""
        return {
            "record": "generation",
            "version": 1,
            "run_id": str(self.run),
            "config_digest": self.config_digest,
            "product": self.product,
            "generation": manifest["generation"],
            "manifest_digest": digest(manifest),
        }


def place(platform: Platform, built: Placeable) -> dict[str, Any]:
    """Make a built product a generation, or converge on the one that holds it already.

    Raises:
        GenerationConflict: other writers took every number that was tried.
    """
    code = platform.code()
    for _ in range(_MAX_ATTEMPTS):
        newest = newest_number(platform, built.folder) or 0
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
        built.thing,
        expected=f"a free generation number up to {_MAX_GENERATION}",
        found=f"generation {newest}, taken by others",
        remedy="Stop the other writers, move away what the platform did not write, then materialize "
        "again.",
    )


def _standing(
    platform: Platform, built: Placeable, generation: int, code: dict[str, Any]
) -> dict[str, Any] | None:
    """Return the generation's manifest where it holds the product, whole, else None."""
    claim_path, path = _paths(built, generation)
    claim_kind, kind = built.kinds
    try:
        if platform.store.exists(path):
            standing = read_record(platform.store, path, kind)
            stored = _as_claimed(platform, built, generation) if built.strict else built
            same = same_product(standing, stored.manifest(generation, code))
            same = same and standing["generation"] == generation
            return _complete(platform, stored, standing) if same else None  # 1
        if not platform.store.exists(claim_path):
            return None
        claim = read_record(platform.store, claim_path, claim_kind)
        stored = _as_claimed(platform, built, generation) if built.strict else built
        manifest = stored.manifest(generation, code)
        if claim["manifest_digest"] != digest(manifest):
            return None
        return _complete(platform, stored, manifest)
    except _DAMAGED:
        return None


def _as_claimed(platform: Platform, built: Placeable, generation: int) -> Placeable:
    """Return the product under the key of a claim that stands."""
    path, _ = _paths(built, generation)
    claim = read_record(platform.store, path, built.kinds[0])
    return built.under(claimed_key(platform, claim), generation)


def _paths(built: Placeable, generation: int) -> tuple[str, str]:
    """Return where claim and manifest of a generation stand."""
    folder = layout.numbered(built.folder, generation)
    return layout.claim_in(folder), layout.manifest_in(folder)


def _claim(
    platform: Platform, built: Placeable, manifest: dict[str, Any], key: DataKey | None
) -> bool:
    claim = built.claim(manifest)
    if key is not None:
        claim["key"] = claimed(platform, key, manifest)
    path, _ = _paths(built, manifest["generation"])
    try:
        write_record(platform.store, path, claim)
    except RecordConflict:
        return False
    return True


def _complete(platform: Platform, built: Placeable, manifest: dict[str, Any]) -> dict[str, Any]:
    folder = layout.numbered(built.folder, manifest["generation"])  # 2
    # All are compared before any is moved there: another generation may need every one.
    paths = {f"{folder}/{part.name}": part for part in built.parts}
    absent = {p: part for p, part in paths.items() if not require_same(platform.store, p, part)}
    for path, part in absent.items():
        put_part(platform.store, path, part)
    profiled = built.beside()
    if profiled is not None and "profile" in manifest:
        write_record(platform.store, *profiled)
    write_record(platform.store, layout.manifest_in(folder), manifest)
    return manifest
