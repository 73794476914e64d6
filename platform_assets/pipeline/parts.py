"""Parts that a step hands to the next one, named by position and content.

A crashed attempt may leave parts that no receipt names. Because the name holds the content's hash,
a later attempt never meets a part of that name with other bytes. What strict products are made of is
stored encrypted, and is read from a private folder that goes when the step ends.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platform_assets.adapters.budget import usable_cores
from platform_assets.adapters.file_hashes import sha256_file
from platform_assets.errors import (
    AlreadyExists,
    LandingInconsistent,
    ObjectMissing,
    PartAltered,
    UnknownOutcome,
)
from platform_assets.pipeline.encrypted_parts import decrypted, encrypted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from platform_assets.adapters.data_key import DataKey
    from platform_assets.errors import Refusal
    from platform_assets.ports.part_files import PartFile
    from platform_assets.ports.store import Store

_HASH_IN_NAME = 12


def store_parts(
    store: Store,
    run_folder: str,
    folder: str,
    parts: Sequence[PartFile],
    key: DataKey | None = None,
) -> list[dict[str, Any]]:
    """Put parts into a folder of a run and return them as receipts list them.

    With a key, what is stored is encrypted, and the plaintext is gone when this returns.
    """
    listed = []
    for written in parts:
        part = written
        if key is not None:
            part = encrypted(written, folder, key, written.path.parent / "encrypted")
            written.path.unlink()
        name = f"{Path(part.name).stem}.{part.sha256[:_HASH_IN_NAME]}.parquet"
        path = f"{folder}/{name}"
        put_part(store, path, part)
        relative = path.removeprefix(f"{run_folder}/")
        listed.append({"path": relative, **part.listed()})
    return listed


def put_part(store: Store, path: str, part: PartFile) -> None:
    """Put one part; the same bytes standing there already are success.

    Raises:
        PartAltered, PartNotRegular: something else stands at the path.
        UnknownOutcome: the store does not say what stands there.
    """
    try:
        store.create_from(path, part.path)
    except (AlreadyExists, UnknownOutcome):
        if not require_same(store, path, part):
            raise


def require_same(store: Store, path: str, part: PartFile) -> bool:
    """Tell whether the part stands at the path already.

    Raises:
        PartAltered, PartNotRegular: something else stands there.
    """
    if not store.exists(path):
        return False
    standing = sha256_file(store.local_path(path))
    if standing != part.sha256:
        raise PartAltered(
            path,
            expected=f"nothing, or the same bytes (sha256 {part.sha256})",
            found=f"other bytes (sha256 {standing})",
            remedy="The store was changed from outside. Move the file away, then run the step again.",
        )
    return True


def opened_paths(
    store: Store,
    run_folder: str,
    parts: Sequence[Mapping[str, Any]],
    thing: str,
    *,
    key: DataKey | None,
    into: Path,
    refusal: type[Refusal] = LandingInconsistent,
) -> list[Path]:
    """Return local files to be read: verified, and those that are encrypted decrypted into a folder.

    Raises:
        LandingInconsistent, or the given refusal: a part is not what its receipt says.
        PartNotRegular: a part is a link or no regular file.
        KeyInvalid: a part is encrypted, and no key is given.
    """
    files = verified_paths(store, run_folder, parts, thing, refusal=refusal)
    sealed = [
        (f"{run_folder}/{part['path']}", file, part)
        for part, file in zip(parts, files, strict=True)
    ]
    remedy = "The store was changed from outside. Restore the file and its receipt."
    return decrypted(sealed, key, into, refusal=refusal, remedy=remedy)


def verified_paths(
    store: Store,
    run_folder: str,
    parts: Sequence[Mapping[str, Any]],
    thing: str,
    *,
    refusal: type[Refusal] = LandingInconsistent,
) -> list[Path]:
    """Return local files of the listed parts after comparing their hashes, on as many cores as are.

    Raises:
        LandingInconsistent, or the given refusal: a part is not what its receipt says.
        PartNotRegular: a part is a link or no regular file.
    """

    def verified(part: Mapping[str, Any]) -> Path:
        try:
            path = store.local_path(f"{run_folder}/{part['path']}")
            found = f"sha256 {sha256_file(path)}"
        except ObjectMissing:
            found = "nothing"
        if found != f"sha256 {part['sha256']}":
            raise refusal(
                f"{part['path']} of {thing}",
                expected=f"sha256 {part['sha256']}",
                found=found,
                remedy="The store was changed from outside. Restore the file.",
            )
        return path

    with ThreadPoolExecutor(max_workers=usable_cores()) as threads:
        return list(threads.map(verified, parts))
