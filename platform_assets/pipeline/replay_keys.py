"""Keys of strict products in a replay: the home's opens what was recorded, the others are thrown away.

What a replay makes is wrapped by a key that is made for it, so that a replay needs nobody's leave to
wrap and makes no key in a home. Rows are compared in the clear, in the scratch space of the replay, and
are never shown.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from platform_assets.adapters.wrapping_keys import FileWrappingKey
from platform_assets.canonical import parse_canonical
from platform_assets.errors import LandingInconsistent
from platform_assets.pipeline import layout
from platform_assets.pipeline.data_keys import claimed_key, run_key
from platform_assets.pipeline.encrypted_parts import decrypted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from platform_assets.adapters.data_key import DataKey
    from platform_assets.flow.replay import Divergence
    from platform_assets.flow.replay_comparison import Table
    from platform_assets.identifiers import RunId
    from platform_assets.pipeline.platform import Platform
    from platform_assets.ports.keys import Wrapped, WrappingKey

_WITHHELD = "other rows; those of a strict product are not shown"


class ReplayWrappingKey:
    """Wraps with a key that goes with the replay, and unwraps what that or the home's key wrapped."""

    def __init__(self, folder: Path, home: WrappingKey) -> None:
        self._home = home
        self._own = FileWrappingKey(folder / "replay.key")
        self._wrapped: set[str] = set()

    @property
    def name(self) -> str:
        """The home's key, which is what errors are about."""
        return self._home.name

    def wrap(self, secret: bytes, context: Mapping[str, str]) -> Wrapped:
        """Encrypt a data key for this replay alone."""
        wrapped = self._own.wrap(secret, context)
        self._wrapped.add(wrapped.wrapping_key)
        return wrapped

    def unwrap(self, wrapped: Wrapped, context: Mapping[str, str]) -> bytes:
        """Return the data key.

        Raises:
            KeyMissing, KeyDenied, KeyInvalid, KeyServiceUnreachable: the home's key does not serve.
        """
        own = wrapped.wrapping_key in self._wrapped
        return (self._own if own else self._home).unwrap(wrapped, context)

    def secret_values(self) -> frozenset[str]:
        """Return how both keys could be written."""
        return self._own.secret_values() | self._home.secret_values()


def plain_files(
    platform: Platform,
    run: RunId,
    table: Table,
    read: Callable[[str], bytes],
    files: Sequence[Path],
    *,
    into: Path,
) -> list[Path]:
    """Return files in the clear of a table's parts; those that are in the clear as they are.

    Args:
        platform: of the replay.
        run: that is replayed.
        table: whose parts are wanted, by their paths in the store.
        read: returns the bytes of a record that stands beside them.
        files: local files of the parts.
        into: a private folder that is not there yet.

    Raises:
        KeyMissing, KeyDenied, KeyInvalid, KeyServiceUnreachable: the staging key does not serve.
    """
    if not any("plaintext" in part for part in table.parts):
        return list(files)
    into.mkdir(mode=0o700, parents=True)
    sealed = [
        (str(part["path"]), file, part) for part, file in zip(table.parts, files, strict=True)
    ]
    key = _key_of(platform, run, table.parts[0], read)
    remedy = "The evidence or the scratch space was changed meanwhile. Replay it again."
    return decrypted(sealed, key, into, refusal=LandingInconsistent, remedy=remedy)


def without_values(found: Divergence, table: Table) -> Divergence:
    """Return a divergence as it may be shown: of a strict product where it is, and not what."""
    strict = any("plaintext" in part for part in table.parts)
    return replace(found, problem=_WITHHELD) if strict else found


def _key_of(
    platform: Platform, run: RunId, part: Mapping[str, Any], read: Callable[[str], bytes]
) -> DataKey:
    folder = str(PurePosixPath(part["path"]).parent)
    if folder.startswith(f"{layout.run_folder(run)}/products/"):
        path = f"{folder}/claim.json"
        return claimed_key(platform, parse_canonical(read(path), path))
    path = layout.staging_key_path(run)
    return run_key(platform, parse_canonical(read(path), path))
