"""Someone who can change any file of a home, and who may even hold a key, but not a trusted one."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from platform_assets.adapters.key_files import signer_from_file
from platform_assets.canonical import canonical_bytes, digest_bytes
from platform_assets.flow.signing import Statement, Subject, sign_statement
from platform_assets.pipeline import CertifiedProduct, Platform, layout, open_product

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from platform_assets.identifiers import RunId
    from platform_assets.ports.signer import Signer


class Attacker:
    """Changes files of a home behind the platform's back."""

    def __init__(self, home: Path, run: RunId) -> None:
        self.home = home
        self.run = run
        self.store = home / "store"

    def platform(self) -> Platform:
        return Platform.open(self.home)

    def read(self, product: str = "orders") -> CertifiedProduct:
        return open_product(self.platform(), self.run, product)

    def generation(self, product: str = "orders", number: int = 1) -> Path:
        return self.store / layout.generation_folder(self.run, product, number)

    def part(self, product: str = "orders", number: int = 0) -> Path:
        return self.generation(product) / f"part-{number:05d}.parquet"

    def manifest(self, product: str = "orders") -> Path:
        return self.generation(product) / "manifest.json"

    def certificate(self, product: str = "orders", issue: int = 1, generation: int = 1) -> Path:
        return self.store / layout.certificate_path(self.run, product, generation, issue)

    def overwrite(self, path: Path, data: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_bytes(data)

    def signed(self, product: str = "orders") -> dict[str, Any]:
        """Return the certificate as it stands: a sigstore bundle."""
        bundle: dict[str, Any] = json.loads(self.certificate(product).read_bytes())
        return bundle

    def statement(self, product: str = "orders") -> dict[str, Any]:
        payload = self.signed(product)["dsseEnvelope"]["payload"]
        statement: dict[str, Any] = json.loads(base64.b64decode(payload))
        return statement

    def certify_as(
        self,
        change: Callable[[dict[str, Any]], None],
        *,
        signer: Signer | None = None,
        product: str = "orders",
        subject: str | None = None,
    ) -> None:
        """Put a certificate in place of the standing one, changed and signed with the home's key."""
        statement = self.statement(product)
        predicate = statement["predicate"]
        change(predicate["certificate"])
        digest = subject or f"sha256:{statement['subject'][0]['digest']['sha256']}"
        signed = Statement(
            statement["predicateType"],
            (Subject(statement["subject"][0]["name"], digest),),
            predicate,
        )
        signer = signer or signer_from_file(self.home / "keys" / "signing.pem")
        self.overwrite(self.certificate(product), sign_statement(signer, signed))

    def rewrite_manifest(self, change: Callable[[dict[str, Any]], None]) -> str:
        """Change the manifest of the orders and return its new digest."""
        manifest = json.loads(self.manifest().read_bytes())
        change(manifest)
        data = canonical_bytes(manifest)
        self.overwrite(self.manifest(), data)
        return digest_bytes(data)
