"""One bucket as the store's parts share it: its address, its clients, and the words for what fails."""

from __future__ import annotations

from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING

from platform_assets.adapters.object_address import AZURE, GCS, S3, Address
from platform_assets.adapters.object_answers import Asked
from platform_assets.adapters.object_clients import Clients, open_clients
from platform_assets.adapters.object_uploads import S3Uploads

if TYPE_CHECKING:
    from platform_assets.settings import ObjectStoreSettings

_ACTIONS = {
    S3: {
        "create": "s3:PutObject",
        "read": "s3:GetObject",
        "stat": "s3:GetObject",
        "list": "s3:ListBucket",
    },
    GCS: {
        "create": "storage.objects.create",
        "read": "storage.objects.get",
        "stat": "storage.objects.get",
        "list": "storage.objects.list",
    },
    AZURE: {
        "create": "Put Blob",
        "read": "Get Blob",
        "stat": "Get Blob Properties",
        "list": "List Blobs",
    },
}


class Bucket:
    """A bucket that exists; nothing is asked of it before the first object."""

    def __init__(self, address: Address, options: ObjectStoreSettings) -> None:
        self.address = address
        self.options = options
        self._guard = Lock()
        self._opened: Clients | None = None

    @property
    def identity(self) -> str:
        """The address, and the endpoint where it is not the provider's own."""
        at = f" at {self.options.endpoint}" if self.options.endpoint else ""
        return f"{self.address}{at}"

    @property
    def clients(self) -> Clients:
        """The clients, opened when they are first used.

        Raises:
            CredentialMissing: there are no credentials.
        """
        with self._guard:
            if self._opened is None:
                self._opened = open_clients(self.address, self.options)
            return self._opened

    @cached_property
    def uploads(self) -> S3Uploads | None:
        """What only S3 needs; None for the others."""
        s3 = self.clients.s3
        return None if s3 is None else S3Uploads(s3, self.address, self.options)

    def asked(self, act: str, path: str) -> Asked:
        """Return the words for what is asked: the provider's own name of the act, and the object."""
        key = self.address.key(path).removesuffix("/")
        return Asked(_ACTIONS[self.address.scheme][act], self.identity, key)
