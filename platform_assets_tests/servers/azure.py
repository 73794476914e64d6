"""Azurite's blob service as a fixture: one in memory for the session, containers keep tests apart."""

from __future__ import annotations

import base64
import secrets
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from azure.storage.blob import ContainerClient

from platform_assets_tests.servers.leashed import (
    ServerUnavailableError,
    locked_version,
    node_server,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNT = "tests"


@dataclass(frozen=True, slots=True)
class AzureServer:
    """A server that runs."""

    address: str
    key: str

    def new_container(self) -> str:
        """Make a container under a name that nobody else uses."""
        name = f"tests-{uuid.uuid4().hex[:16]}"
        credential = {"account_name": ACCOUNT, "account_key": self.key}
        with ContainerClient(f"{self.address}/{ACCOUNT}", name, credential) as client:
            client.create_container()
        return name


@pytest.fixture(scope="session")
def azure_server() -> Iterator[AzureServer]:
    """Return the session's server."""
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    try:
        with node_server("azurite.js", {"AZURITE_ACCOUNTS": f"{ACCOUNT}:{key}"}) as address:
            yield AzureServer(address, key)
    except ServerUnavailableError as error:
        pytest.skip(f"no Azurite: {error}")


@pytest.fixture
def azure_credentials(azure_server: AzureServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the platform's own adapters find the server, its account and its key, for one test."""
    monkeypatch.setenv("AZURE_STORAGE_USE_EMULATOR", "true")
    monkeypatch.setenv("AZURITE_BLOB_STORAGE_URL", azure_server.address)
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", ACCOUNT)
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", azure_server.key)


def version() -> str:
    """Return the server's name and version as installed."""
    return f"Azurite {locked_version('azurite')}"
