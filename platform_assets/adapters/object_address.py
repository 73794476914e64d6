"""Where an object store is: ``s3://bucket/prefix``, ``gs://bucket/prefix`` or ``az://container/prefix``."""

from __future__ import annotations

from dataclasses import dataclass

from platform_assets.adapters.object_paths import check_prefix
from platform_assets.errors import InvalidName, SettingsInvalid

S3 = "s3"
GCS = "gs"
AZURE = "az"
SCHEMES = (S3, GCS, AZURE)


@dataclass(frozen=True, slots=True)
class Address:
    """A bucket (a container, where it is Azure's) and the folder in it that belongs to a store."""

    scheme: str
    bucket: str
    prefix: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.bucket}{'/' if self.prefix else ''}{self.prefix}"

    def key(self, path: str) -> str:
        """Return the whole name of an object in the bucket."""
        return f"{self.prefix}/{path}" if self.prefix else path


def is_address(store: str) -> bool:
    """Tell whether a setting names an object store and not a folder."""
    return "://" in store


def parse_address(store: str) -> Address:
    """Return the parts of an address.

    Raises:
        SettingsInvalid: it is none that a store can be opened at.
    """
    scheme, _, rest = store.partition("://")
    bucket, _, prefix = rest.partition("/")
    try:
        segments = check_prefix(prefix)
    except InvalidName:
        segments = None
    if scheme not in SCHEMES or not bucket or segments is None:
        raise SettingsInvalid(
            f"store {store}",
            expected="a folder, or s3://bucket/prefix, gs://bucket/prefix or az://container/prefix, "
            "with a prefix of segments of A-Z a-z 0-9 _ . = + @ - joined by /, none hidden",
            found=repr(store),
            remedy="Correct `store` in platform.yaml.",
        )
    return Address(scheme, bucket, "/".join(segments))
