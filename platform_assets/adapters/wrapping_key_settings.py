"""A wrapping key as the settings name it: a file below the home, or a key of AWS KMS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_assets.adapters.wrapping_keys import FileWrappingKey

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets.ports.keys import WrappingKey

_KMS = "aws-kms:"


def open_wrapping_key(setting: str, home: Path) -> WrappingKey:
    """Return the key; a file is read and a service asked when the key is first used."""
    if setting.startswith(_KMS):
        from platform_assets.adapters.kms_keys import KmsWrappingKey  # noqa: PLC0415 - slow to import

        return KmsWrappingKey(setting.removeprefix(_KMS))
    return FileWrappingKey(home / setting)
