"""Evidence of one closed run, exported with its data, under each kind of key."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from platform_assets.adapters.key_files import signer_from_file
from platform_assets.pipeline import Platform, export_run, finish, next_run, supersede
from platform_assets_tests.servers.leashed import ServerUnavailableError, node_packages
from platform_assets_tests.shop import append, make_shop
from platform_assets_tests.third_party.tools import HERE

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Exported:
    """An export that nothing may change: copy it first."""

    folder: Path
    signer: Path
    other: Path

    @property
    def run(self) -> Path:
        return self.folder / "runs" / "shop-00000001"

    def generation(self, product: str) -> Path:
        return self.run / "products" / product / "0001"

    def parts(self, product: str) -> list[Path]:
        return sorted(self.generation(product).glob("part-*.parquet"))

    def signed(self) -> dict[str, tuple[Path, str, list[Path]]]:
        """Each kind of signed file: path, predicate type, the files that it is about."""
        evidence = self.run / "evidence" / "0001"
        manifest = self.generation("orders") / "manifest.json"
        return {
            "seal": (
                self.folder / "seal.json",
                "urn:platform-assets:closure:v1",
                [self.folder / "bundle.json"],
            ),
            "evidence": (
                self.folder / "bundle.json",
                "urn:platform-assets:evidence:v1",
                [manifest, self.generation("turnover") / "manifest.json"],
            ),
            "certificate": (
                self.run / "certificates" / "orders" / "0001" / "0001.json",
                "https://in-toto.io/attestation/test-result/v0.1",
                [manifest],
            ),
            "provenance": (
                evidence / "provenance" / "orders.json",
                "https://slsa.dev/provenance/v1",
                [manifest, *self.parts("orders")],
            ),
            "superseded": (
                self.folder / "superseded.json",
                "urn:platform-assets:supersession:v1",
                [self.folder / "bundle.json"],
            ),
        }


@pytest.fixture(scope="session", params=["ecdsa-p256", "ed25519"])
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return export(tmp_path_factory.mktemp(request.param), ed25519=request.param == "ed25519")


@pytest.fixture(scope="session")
def exported_ecdsa(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return export(tmp_path_factory.mktemp("ecdsa"), ed25519=False)


@pytest.fixture(scope="session")
def sigstore_js_packages() -> None:
    """Install what verify.js needs; where node is there, not having it is a failure."""
    try:
        node_packages(HERE / "node", "sigstore")
    except ServerUnavailableError as error:
        if "kinesis" in os.environ.get("PLATFORM_TESTS_REQUIRE", "").split():  # it needs node too
            pytest.fail(f"node can be had here, and its packages cannot: {error}")
        pytest.skip(str(error))


def export(target: Path, *, ed25519: bool) -> Exported:
    home = make_shop(target / "home", orders=100)
    append(home, "orders", 0, [b"{", b""])
    signer_from_file(home / "keys" / "signing.pem", ed25519=ed25519)
    platform = Platform.open(home)
    run = next_run(platform, "shop")
    assert run is not None
    finish(platform, run)
    finish(platform, supersede(platform, run, "shown to the tools of others"))
    made = Exported(target / "evidence", target / "signer.pem", target / "other.pem")
    export_run(platform, run, made.folder, with_data=True)
    made.signer.write_bytes(platform.signer.public_key_pem)
    other = signer_from_file(target / "other-private.pem", ed25519=ed25519)
    made.other.write_bytes(other.public_key_pem)
    return made
