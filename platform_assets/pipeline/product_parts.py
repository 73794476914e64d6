"""The parts of a product in the store: put there once, and compared with the manifest before use.

A folder of a generation holds its claim, its manifest, the parts that the manifest lists, and nothing
else. Each time, the folder is listed and each object in it is looked at. That an object has a hash may
be remembered within the process under the identity of the stored object (inode and times, or object
version) and of the local file that was hashed, which in front of an object store is a copy; what was
changed or exchanged has another identity. A strict reading hashes it again.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

from platform_assets.adapters.budget import usable_cores
from platform_assets.adapters.file_hashes import sha256_file
from platform_assets.errors import ObjectMissing, PartAltered, PartMissing, PartUnlisted
from platform_assets.pipeline import layout
from platform_assets.pipeline.encrypted_parts import decrypted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from platform_assets.adapters.data_key import DataKey
    from platform_assets.flow.gate import Found, Identified, Permit
    from platform_assets.flow.gate_asked import Asked
    from platform_assets.pipeline.platform import Platform

#: Parts are looked at on so many threads, because they may lie behind a network; hashing holds no lock.
_THREADS = usable_cores() + 4
_FROM_EVIDENCE = "The store was changed after closure. Restore it from exported evidence."
#: How many parts are remembered: those of a large horizon fit in.
_REMEMBERED = 50_000
_verified: dict[tuple[str, str], _Hashed] = {}
_remembering = Lock()


@dataclass(frozen=True, slots=True)
class _Hashed:
    """A local file of an object, as it was when it was hashed."""

    file: Path
    version: str
    sha256: str

    def still(self, sha256: str) -> bool:
        """Tell whether the file is the one that was hashed, and had this hash."""
        try:
            return self.sha256 == sha256 and _file_version(self.file) == self.version
        except OSError:
            return False


def verified_product_parts(
    platform: Platform, found: Found, manifested: Identified | Permit, *, strict: bool
) -> list[Path]:
    """Return local files of exactly the parts that a manifest lists, in order (step 7 of the gate).

    Raises:
        PartMissing, PartAltered, PartNotRegular: a part is not what the manifest says.
        PartUnlisted: the folder holds something else.
    """
    folder = layout.generation_folder(found.run, found.product, manifested.generation)
    return verified_parts_in(platform, folder, found, manifested.manifest, strict=strict)


def verified_parts_in(
    platform: Platform, folder: str, found: Asked, manifest: Mapping[str, Any], *, strict: bool
) -> list[Path]:
    """Return local files of exactly the parts that the manifest in a folder lists, in order.

    Raises:
        PartMissing, PartAltered, PartNotRegular: a part is not what the manifest says.
        PartUnlisted: the folder holds something else.
    """
    listed = {f"{folder}/{part['name']}": part for part in manifest["parts"]}
    own = {layout.manifest_in(folder), layout.claim_in(folder)}
    extra = set(platform.store.list(folder)) - set(listed) - own
    if extra:
        raise PartUnlisted(
            found.thing,
            expected=f"the {len(listed)} parts that the manifest lists",
            found=f"also {', '.join(sorted(extra))}",
            remedy="Move away what the platform did not write; find out who did.",
        )
    parts = list(listed.items())
    size = -(-len(parts) // _THREADS)
    # few large tasks: to look at what is remembered takes less time than to hand it to a thread
    pieces = [parts[at : at + size] for at in range(0, len(parts), max(1, size))]

    def verified(piece: list[tuple[str, Mapping[str, Any]]]) -> list[Path]:
        return [_verified_part(platform, found, *part, strict=strict) for part in piece]

    with ThreadPoolExecutor(_THREADS) as pool:
        return [file for files in pool.map(verified, pieces) for file in files]


def decrypted_product_parts(
    found: Found,
    manifested: Identified | Permit,
    verified: Sequence[Path],
    key: DataKey | None,
    into: Path,
) -> list[Path]:
    """Return files in the clear of verified parts: decrypted into a folder where they are encrypted.

    Raises:
        PartAltered: a part is not what was encrypted under that key.
    """
    folder = layout.generation_folder(found.run, found.product, manifested.generation)
    parts = manifested.manifest["parts"]
    return decrypted(
        [
            (f"{folder}/{part['name']}", file, part)
            for part, file in zip(parts, verified, strict=True)
        ],
        key,
        into,
        refusal=PartAltered,
        remedy=_FROM_EVIDENCE
        if found.sealed
        else f"Build it again, and certify it: {found.command('materialize')}",
    )


def _verified_part(
    platform: Platform, found: Asked, path: str, part: Mapping[str, Any], *, strict: bool
) -> Path:
    try:
        stat = platform.store.stat(path)
        object_version = (f"{platform.store.identity} {path}", stat.version)
        hashed = None if strict else _verified.get(object_version)
        if hashed is not None and stat.size == part["size"] and hashed.still(part["sha256"]):
            return hashed.file
        local = platform.store.local_path(path)
    except ObjectMissing as error:
        raise PartMissing(
            f"{part['name']} of {found.thing}",
            expected=f"{part['size']} bytes",
            found="nothing",
            remedy=_FROM_EVIDENCE
            if found.sealed
            else f"Build it again, which puts the part back: {found.command('materialize')}",
        ) from error
    version, sha256 = _file_version(local), sha256_file(local)
    if (stat.size, sha256) != (part["size"], part["sha256"]):
        raise PartAltered(
            f"{part['name']} of {found.thing}",
            expected=f"{part['size']} bytes, sha256 {part['sha256']}",
            found=f"{stat.size} bytes, sha256 {sha256}",
            remedy=_FROM_EVIDENCE
            if found.sealed
            else "The part was changed after it was built. Build a new generation: "
            f"{found.command('materialize')}. Then certify it: {found.command('certify')}",
        )
    _remember(object_version, _Hashed(local, version, sha256))
    return local


def _remember(object_version: tuple[str, str], hashed: _Hashed) -> None:
    with _remembering:
        while len(_verified) >= _REMEMBERED:
            del _verified[next(iter(_verified))]
        _verified[object_version] = hashed


def _file_version(local: Path) -> str:
    found = local.stat()
    return f"{found.st_ino}:{found.st_mtime_ns}:{found.st_size}"
