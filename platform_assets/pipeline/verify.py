"""Verifying an exported bundle on any machine, without the home that made it.

With keys that the verifier names, the evidence proves who closed the run. Without, the keys in the
bundle are used; then it proves only that the bundle is whole and consistent, and the result says so.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from platform_assets.adapters.archive import open_bundle
from platform_assets.adapters.key_files import KeyTrust, keyid_of
from platform_assets.errors import CheckpointInvalid, CheckpointUnconnected, SettingsInvalid
from platform_assets.flow.consistency import consistency_problems
from platform_assets.flow.verification import verify

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from platform_assets.flow.checkpoint import Given, LogKey
    from platform_assets.flow.verification import BundleFiles, Verification

_KEY = re.compile(r"runs/[^/]+/evidence/[0-9]{4}/keys/([0-9a-f]{64})\.pem")


def verify_bundle(
    path: Path,
    keys: Sequence[Path] = (),
    checkpoints: Sequence[tuple[str, Given]] = (),
    log_keys: Sequence[LogKey] = (),
) -> Verification:
    """Verify a bundle, a directory or an archive.

    Args:
        path: where it is.
        keys: the public keys whose signatures count; without, its own.
        checkpoints: names and contents of checkpoints of the log, or proofs, from elsewhere.
        log_keys: keys of the log besides the one that the evidence names.

    Raises:
        BundleUnreadable: there is no bundle at the path.
        SettingsInvalid: a given key is no usable public key.
        CheckpointInvalid: no key of the log signed one of the checkpoints.
        CheckpointUnconnected: the evidence is sound, and nothing ties a checkpoint to it.
    """
    files = open_bundle(path)
    trust = trust_in(keys) if keys else KeyTrust(bundled_keys(files))
    result = verify(files, trust, self_asserted=not keys, log_keys=log_keys)
    place = result.place
    if not checkpoints or place is None or place.checkpoint is None:
        return result  # without a place in the log there are findings already
    try:
        problems = consistency_problems(place.checkpoint, checkpoints, place.keys)
    except (CheckpointInvalid, CheckpointUnconnected):
        if result.ok:
            raise
        return result  # what is wrong with the evidence itself comes first
    return result.with_checkpoints(checkpoints, problems)


def trust_in(keys: Sequence[Path]) -> KeyTrust:
    """Trust exactly the given public keys.

    Raises:
        SettingsInvalid: a file is no usable public key.
    """
    return KeyTrust((str(key), _pem(key)) for key in keys)


def bundled_keys(files: BundleFiles) -> Iterable[tuple[str, bytes]]:
    """Return the public keys in a bundle that are what their file names say."""
    for path in files.paths():
        match = _KEY.fullmatch(path)
        if match is not None:
            pem = files.read(path)
            try:
                sound = keyid_of(pem) == match[1]
            except SettingsInvalid:
                sound = False  # its hash is not the listed one either, which is reported
            if sound:
                yield path, pem


def _pem(key: Path) -> bytes:
    try:
        return key.read_bytes()
    except OSError as error:
        raise SettingsInvalid(
            str(key),
            expected="a public key file (PEM)",
            found=error.strerror or str(error),
            remedy="Give the public key of whoever closed the run: --key FILE.pem.",
        ) from error
