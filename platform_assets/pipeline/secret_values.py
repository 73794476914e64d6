"""The secret values of a home: what no record, no text in Dagster and no bundle may hold.

They are the values of the variables that the settings name, the private keys of the home, the passwords
and tokens that a declaration refers to, wherever they are kept, and, where a declaration or the store
leads to a cloud, the credentials for it that stand in the environment. They are read when they are
needed and never kept, so that a renewed token counts. What cannot be read is not used by this process
either.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from platform_assets.adapters.credentials import secret
from platform_assets.declarations import KafkaSource, KinesisSource
from platform_assets.errors import CredentialMissing

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from platform_assets.declarations import FeedDeclaration, SourceDeclaration
    from platform_assets.settings import KeySettings

_OF_AWS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
#: Clouds give secrets of 40 characters and more; a stand-in for them takes a word, which is no secret.
_SHORTEST = 20


_OF_STORES = {
    "s3": _OF_AWS,
    "gs": ("GOOGLE_SERVICE_ACCOUNT_KEY", "GOOGLE_BEARER_TOKEN"),
    "az": (
        "AZURE_STORAGE_ACCOUNT_KEY",
        "AZURE_STORAGE_ACCESS_KEY",
        "AZURE_STORAGE_CLIENT_SECRET",
        "AZURE_CLIENT_SECRET",
        "AZURE_STORAGE_SAS_KEY",
        "AZURE_STORAGE_SAS_TOKEN",
        "AZURE_STORAGE_TOKEN",
    ),
}


def declared_secrets(feeds: Iterable[FeedDeclaration], home: Path) -> frozenset[str]:
    """Return the values of every credential that the sources of some feeds refer to."""
    sources = [source for feed in feeds for source in feed.sources()]
    found = set()
    for reference in (reference for source in sources for reference in source.secrets()):
        with suppress(CredentialMissing):
            found.add(secret(reference, home).strip())  # blanks around it hide nothing
    if any(_leads_to_aws(source) for source in sources):
        found.update(_in_environment(_OF_AWS))
    return frozenset(found - {""})


def key_secrets(keys: KeySettings, home: Path) -> frozenset[str]:
    """Return the private keys that stand in files of the home; one that is not made yet is none."""
    found = []
    for name in (keys.signing, keys.log):
        with suppress(OSError, UnicodeDecodeError):
            found.append((home / name).read_text())
    return frozenset(found) - {""}


def store_secrets(store: str) -> frozenset[str]:
    """Return the credentials in the environment that open the store of the settings."""
    return frozenset(_in_environment(_OF_STORES.get(store.partition("://")[0], ())))


def _in_environment(names: Iterable[str]) -> list[str]:
    given = (os.environ.get(name, "") for name in names)
    return [value for value in given if len(value) >= _SHORTEST]


def _leads_to_aws(source: SourceDeclaration) -> bool:
    if isinstance(source, KafkaSource):
        return source.sasl is not None and source.sasl.mechanism == "AWS_MSK_IAM"
    return isinstance(source, KinesisSource)
