"""Parts of strict products between the store, which holds them encrypted, and the steps that use them.

The place of a part, under which it is encrypted, is its folder in the store and the beginning of its
name: what follows is the hash of the encrypted bytes.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from platform_assets.adapters.budget import usable_cores
from platform_assets.adapters.part_encryption import Undecryptable, decrypt_part, encrypt_part
from platform_assets.errors import KeyInvalid
from platform_assets.ports.part_files import PartFile, Plaintext

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from platform_assets.adapters.data_key import DataKey
    from platform_assets.errors import Refusal


def encrypted(part: PartFile, folder: str, key: DataKey, into: Path) -> PartFile:
    """Return an encrypted copy of a part that is to stand in a folder of the store."""
    into.mkdir(mode=0o700, exist_ok=True)
    target = into / f"{part.name}.encrypted"
    return encrypt_part(part, target, key, _place(f"{folder}/{part.name}"))


def decrypted(
    sealed: Sequence[tuple[str, Path, Mapping[str, Any]]],
    key: DataKey | None,
    into: Path,
    *,
    refusal: type[Refusal],
    remedy: str,
) -> list[Path]:
    """Return plaintext files of parts, in order; one that is not encrypted is returned as it is.

    Args:
        sealed: of each part its path in the store, a local file whose hash was compared, and its entry
            in the manifest or receipt.
        key: the data key.
        into: a private folder for the plaintext.
        refusal: what a part that does not decrypt is to the caller.
        remedy: what to do then.

    Raises:
        KeyInvalid: a part is encrypted, and no key is known.
        Refusal: a part is not what was encrypted at its place.
    """

    def plain(numbered: tuple[int, tuple[str, Path, Mapping[str, Any]]]) -> Path:
        number, (path, file, entry) = numbered
        if "plaintext" not in entry:
            return file
        if key is None:
            raise KeyInvalid(
                path, expected="a part in the clear", found="an encrypted one", remedy=remedy
            )
        target = into / f"{number:05d}.parquet"
        held = Plaintext(entry["plaintext"]["size"], entry["plaintext"]["sha256"])
        try:
            decrypt_part(file, target, key, _place(path), held)
        except Undecryptable as error:
            raise refusal(
                path,
                expected=f"a part encrypted there under the key {key.key_id}, with a plaintext of "
                f"sha256 {held.sha256}",
                found=str(error),
                remedy=remedy,
            ) from error
        return target

    with ThreadPoolExecutor(max_workers=usable_cores()) as threads:
        return list(threads.map(plain, enumerate(sealed)))


def _place(path: str) -> str:
    at = PurePosixPath(path)
    return f"{at.parent}/{at.name.partition('.')[0]}"
