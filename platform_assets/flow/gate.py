"""The gate: what must be proven before a product is opened.

A product without a certificate is unreadable. A certificate names exact bytes: one manifest digest,
which in turn names each part by size and SHA-256. Any doubt is a refusal with its reason, and nothing
here takes a flag that weakens a step. Steps 0 to 6 are decided here, from bytes that the caller found;
step 7 compares the parts and step 8 hands them out, both where the parts can be read.

0. Resolve product and run to the newest generation; of a closed run, to the sealed one.
1. The anchors of the run exist and link to their neighbours in the feed's log.
2. The manifest is canonical, valid, and that of the product, run and generation asked for.
3. A certificate exists for exactly this manifest digest.
4. Its signature verifies under a trusted key.
5. Its verdict is PASS, its policy is the declared one, its check set is complete and not empty; it
   releases the key of an encrypted product, and no other key.
6. It is neither superseded and pending nor revoked.
7. Each part has the recorded size and SHA-256, and the folder holds nothing else.
8. Hand out exactly these parts; encrypted ones under the released key, compared with their plaintext.

A revocation names a certificate, and bars more than that: the same product under the same policy, in
whatever generation and whoever certifies it again, because the same bytes that met the same checks
prove nothing new. So starting a run again never lifts a revocation. In an open run, other checks or
other bytes do, once they are certified. A closed run does not change: what is revoked there stays
unreadable, and a correction is a new run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from platform_assets.canonical import digest_bytes
from platform_assets.flow.gate_certificate import certified, passed, releases, standing
from platform_assets.flow.gate_manifest import anchored, manifested, resolved

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from platform_assets.identifiers import RunId
    from platform_assets.ports.signer import Trust


@dataclass(frozen=True, slots=True)
class Sealed:
    """What the evidence of a closed run says of one product."""

    generation: int
    manifest_digest: str
    certificate_digest: str
    policy: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What stands in the store for one product of one run: raw bytes, or None for nothing.

    ``revocations`` are all those of the product in that run, of whatever generation.
    """

    run: RunId
    product: str
    generation: int | None
    anchors: bytes | None
    predecessor: bytes | None
    successor: bytes | None
    manifest: bytes | None
    certificate: bytes | None
    revocations: Sequence[bytes]
    policy: Mapping[str, Any]
    sealed: Sealed | None = None

    @property
    def thing(self) -> str:
        """How errors name the product."""
        return f"{self.product} of {self.run}"

    @property
    def named(self) -> Mapping[str, str]:
        """The fields by which each of its records says what it belongs to."""
        return {"run_id": str(self.run), "product": self.product}

    @property
    def manifest_kind(self) -> str:
        """The kind of record that is its manifest."""
        return "manifest"

    @property
    def certificate_kind(self) -> str:
        """The kind of record that is its certificate."""
        return "certificate"

    @property
    def look(self) -> str:
        """The command that shows its checks."""
        return f"platform-assets show {self.run}"

    def command(self, verb: str) -> str:
        """Return the command that does something to the product."""
        return f"platform-assets {verb} {self.product} --run {self.run}"


@dataclass(frozen=True, slots=True)
class Identified:
    """One manifest for which steps 0 to 2 hold: what it is, not that it may be read."""

    generation: int
    manifest: Mapping[str, Any]
    manifest_digest: str


@dataclass(frozen=True, slots=True)
class Permit:
    """The proof that steps 0 to 6 hold for one manifest. Only `decide` makes one."""

    run: RunId
    product: str
    generation: int
    manifest: Mapping[str, Any]
    manifest_digest: str
    certificate: Mapping[str, Any]
    certificate_digest: str


def identify(found: Found) -> Identified:
    """Return the manifest that stands for the product: what may be certified, and not yet read.

    Raises:
        GateRefusal: step 0, 1 or 2 does not hold; the class says which.
    """
    generation = resolved(found)  # 0
    config_digest = anchored(found)  # 1
    asked = {**found.named, "generation": generation, "config_digest": config_digest}
    manifest = manifested(found, asked)  # 2
    return Identified(generation, manifest, digest_bytes(found.manifest or b""))


def decide(found: Found, trust: Trust) -> Permit:
    """Return the permit for exactly one manifest, or refuse.

    Raises:
        GateRefusal: a step does not hold; the class says which.
    """
    identified = identify(found)  # 0, 1, 2
    certificate = certified(found, identified, trust)  # 3, 4
    passed(found, certificate)  # 5
    releases(found, identified, certificate)  # 5
    standing(found, identified, certificate, trust)  # 6
    return Permit(
        run=found.run,
        product=found.product,
        generation=identified.generation,
        manifest=identified.manifest,
        manifest_digest=identified.manifest_digest,
        certificate=certificate,
        certificate_digest=digest_bytes(found.certificate or b""),
    )
